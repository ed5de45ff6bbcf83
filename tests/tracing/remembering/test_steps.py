"""A training step by Keras's own classes is traced once for models that are alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import shapesafe_tuner as sst
from shapesafe_tuner.tracing.standins import training
from shapesafe_tuner.tracing.training import fitting
from tests.backends import only_on

X, Y = np.zeros((7, 6), "float32"), np.zeros((7, 1), "float32")
FACTOR = np.ones(1, "float32")
HAS_STRINGS = keras.backend.backend() == "tensorflow"
WORDS = layers.StringLookup(vocabulary=["a", "b", "c"]) if HAS_STRINGS else None
LOSS, METRIC = keras.losses.Huber(0.5), keras.metrics.MeanAbsoluteError(name="apart")


def factored(y: Any, p: Any) -> Any:
    return ops.mean(ops.square(y - p) * FACTOR)


class Stepping(keras.Model):  # type: ignore[misc]
    """Trains in its own way, with random numbers of Keras."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.inner = keras.Sequential([layers.Dense(units), layers.Dense(1)])
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x: Any) -> Any:
        return self.inner(x)

    def train_step(self, data: Any) -> Any:
        x, y = data
        noise = keras.random.normal((1, 6), seed=self.seeds)
        return super().train_step((x + noise, y))


class Losing(Stepping):
    """Has its own loss and the step of Keras."""

    train_step = keras.Model.train_step

    def compute_loss(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None, training: bool = True
    ) -> Any:
        return ops.mean(ops.square(y - y_pred))


class Forked(keras.Model):  # type: ignore[misc]
    """Has several outputs."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.inner, self.one, self.other = layers.Dense(units), layers.Dense(1), layers.Dense(1)

    def call(self, x: Any) -> Any:
        x = self.inner(x)
        return self.one(x), self.other(x)


def compiled(model: Any, loss: Any = "mse", **more: Any) -> Any:
    model.compile(optimizer="sgd", loss=loss, **more)
    return model


def stack(hp: Any, *first: Any, **more: Any) -> Any:
    hidden = layers.Dense(hp.Int("units", 2, 9))
    return compiled(keras.Sequential([keras.Input((6,)), *first, hidden, layers.Dense(1)]), **more)


def shared_head(hp: Any) -> Any:
    inputs = keras.Input((6,))
    head = layers.Dense(1)
    both = [head(layers.Dense(hp.Int("units", 2, 9))(inputs)) for _ in range(2)]
    return compiled(keras.Model(inputs, both))


def over_a_tensor(hp: Any) -> Any:
    noisy = layers.GaussianNoise(0.1)(keras.Input((6,)))
    x = layers.Dense(hp.Int("units", 2, 9))(noisy)
    return compiled(keras.Model(noisy, layers.Dense(1)(x)))


def words(hp: Any) -> Any:
    inputs = keras.Input((1,), dtype="string")
    x = layers.Embedding(9, hp.Int("units", 2, 9))(WORDS(inputs))
    return compiled(keras.Model(inputs, layers.Dense(1)(layers.Flatten()(x))))


def texts() -> Any:
    import tensorflow as tf

    return tf.constant([["a"]] * 7)


BUILDS: dict[str, Callable[[Any], Any]] = {
    "own step": lambda hp: compiled(Stepping(hp.Int("units", 2, 9))),
    "own loss": lambda hp: compiled(Losing(hp.Int("units", 2, 9)), loss=None),
    "several outputs": lambda hp: compiled(Forked(hp.Int("units", 2, 9)), loss=["mse", "mae"]),
    "a loss that is a function of Keras": lambda hp: stack(hp, loss=keras.losses.huber),
    "loss and metric made before": lambda hp: stack(hp, loss=LOSS, metrics=[METRIC]),
    "a loss with an array": lambda hp: stack(hp, loss=factored),
    "a shared head": shared_head,
    "a model over a tensor": over_a_tensor,
}
if HAS_STRINGS:
    BUILDS["strings"] = words


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was traced in training, a word each time."""
    seen: list[str] = []
    for module in (fitting, training):
        trace = module.trace_training  # type: ignore[attr-defined]

        def counted(*args: Any, _trace: Any = trace, **kwargs: Any) -> Any:
            seen.append("trace")
            return _trace(*args, **kwargs)

        monkeypatch.setattr(module, "trace_training", counted)
    return seen


def check(build: Any, units: int, y: Any = Y, x: Any = X) -> sst.Verdict:
    return sst.check(build, {"units": units}, x=x, y=y)


@only_on("tensorflow", "others have no strings")
@pytest.mark.parametrize("name", BUILDS)
def test_a_second_check_traces_nothing(name: str, traces: list[str]) -> None:
    build = BUILDS[name]
    several = name in ("several outputs", "a shared head")
    data: dict[str, Any] = {
        "y": [Y, Y] if several else Y, "x": texts() if name == "strings" else X
    }  # fmt: skip
    first = check(build, 4, **data)
    assert first.feasible, first
    traced = len(traces)
    assert check(build, 4, **data) == first
    assert len(traces) == traced
    other = check(build, 5, **data)
    assert other.feasible
    assert other.layers != first.layers


@only_on("tensorflow", "others ask for the value of a number in a trace")
@pytest.mark.parametrize(
    "loss",
    [
        lambda hp: keras.losses.Huber(hp.Float("scale", 0.1, 2.0)),
        lambda hp: keras.losses.BinaryCrossentropy(label_smoothing=hp.Float("scale", 0.0, 0.2)),
        lambda hp: scaled(keras.losses.MeanSquaredError(), hp.Float("scale", 0.0, 1.0)),
    ],
)
def test_a_number_of_a_loss_is_not_asked_for(loss: Any, traces: list[str]) -> None:
    report = sst.validate_search_space(
        lambda hp: stack(hp, loss=loss(hp)), x=X, y=Y, progress=False
    )
    assert (report.exact, report.feasible_fraction) == (True, 1.0)
    assert {"scale", "units"} == set(report.irrelevant)
    assert len(traces) == 1


def scaled(inner: Any, factor: Any) -> Any:
    return lambda y, p: inner(y, p) * factor


def test_each_refused_number_of_a_metric_is_found() -> None:
    def build(hp: Any) -> Any:
        threshold = hp.Choice("threshold", [0.1, 0.5, 1.5, 2.0])
        return stack(hp, metrics=[keras.metrics.Precision(thresholds=threshold)])

    report = sst.validate_search_space(build, x=X, y=Y, progress=False)
    assert (report.exact, report.feasible_fraction) == (True, 0.5)
    assert report.conflicts[0].values == {"threshold": (1.5, 2.0)}


def test_what_is_refused_is_remembered_with_its_own_values(traces: list[str]) -> None:
    def build(hp: Any) -> Any:
        hp.Int("seed", 0, 9)
        return compiled(Losing(hp.Int("units", 2, 9)), loss=None, metrics=[factored])

    wide = np.zeros((7, 3, 2), "float32")
    first, second = (sst.check(build, {"units": 4, "seed": s}, x=X, y=wide) for s in (1, 2))
    assert first.feasible is second.feasible is False
    assert first.fault is not None
    assert second.fault is not None
    assert first.fault.reason == second.fault.reason
    assert len(traces) == 1
    assert second.fault.hyperparameters.items() <= {"units": 4, "seed": 2}.items()


def test_what_the_step_reads_is_read_anew(
    traces: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    build = BUILDS["a loss with an array"]
    assert check(build, 4).feasible
    monkeypatch.setitem(globals(), "FACTOR", np.ones((5, 5), "float32"))
    wide = check(build, 4)
    assert wide.feasible is False
    monkeypatch.undo()
    assert check(build, 4).feasible
    own = BUILDS["own step"]
    assert check(own, 4).feasible
    monkeypatch.setattr(Stepping, "train_step", lambda self, data: ops.matmul(data[0], data[1]))
    assert check(own, 4).feasible is False
