"""Batch sizes that come to one verdict are judged as one, and others are told apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest

import shapesafe_tuner as sst
from tests import toys

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]

X = np.linspace(0.0, 1.0, 1000 * 4).reshape(1000, 4).astype("float32")
Y = X.sum(axis=1, keepdims=True)
LABELS = np.arange(1000) % 3
builds = 0


def _model(hp: Any, *layers: Any, loss: Any = "mse", most: int = 64) -> Any:
    global builds
    builds += 1
    inputs = keras.Input((4,))
    x = keras.layers.Dense(hp.Int("units", 1, most))(inputs)
    for layer in layers:
        x = layer(x)
    model = keras.Model(inputs, x)
    model.compile("sgd", loss)
    return model


def dense(hp: Any) -> Any:
    return _model(
        hp, keras.layers.BatchNormalization(), keras.layers.Dropout(0.1), keras.layers.Dense(1)
    )


def classes(hp: Any) -> Any:
    return _model(hp, keras.layers.Dense(3), loss="sparse_categorical_crossentropy")


def broadcast(hp: Any) -> Any:
    """Targets of one axis against two: batches of 1 and of 3 train, in silence."""
    return _model(hp, keras.layers.Dense(3), loss=keras.losses.MeanSquaredError())


def refused(hp: Any) -> Any:
    return _model(hp, keras.layers.Dense(3), loss="categorical_crossentropy")


class Eights(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x * keras.ops.ones((8, 1))


def of_eights(hp: Any) -> Any:
    return _model(hp, Eights(), keras.layers.Dense(1), most=1)


def fixed(hp: Any) -> Any:
    """A batch size that the input declares."""
    inputs = keras.Input(batch_shape=(8, 4))
    hp.Int("units", 1, 2)
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    model.compile("sgd", "mse")
    return model


def halves(y: Any, outputs: Any) -> Any:
    return keras.ops.mean(keras.ops.reshape(y - outputs, (-1, 2)), axis=-1)


def of_even_sizes(hp: Any) -> Any:
    """A loss of the user's own."""
    return _model(hp, keras.layers.Dense(1), loss=halves)


class Fits(keras_tuner.HyperModel):  # type: ignore[misc]
    def __init__(self, build: Any, batches: list[int]) -> None:
        super().__init__()
        self._build, self._batches = build, batches

    def build(self, hp: Any) -> Any:
        return self._build(hp)

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        return model.fit(*args, batch_size=hp.Choice("batch", self._batches), **kwargs)


def test_a_hundred_batch_sizes_cost_one_judgement() -> None:
    global builds
    hypermodel = Fits(dense, list(range(1, 101)))
    for given in ({}, {"batch_size": lambda hp: hp.Int("batch", 1, 100)}):
        builds = 0
        model = dense if given else hypermodel
        report = sst.validate_search_space(model, x=X, y=Y, progress=False, **given)
        assert report.exact
        assert report.feasible_fraction == 1
        assert report.total == 6400
        assert report.irrelevant == ("units", "batch")
        assert (report.runs, builds) == (1, 2), "without data, and with all of it"


def named(hp: Any) -> Any:
    hp.Int("batch", 1, 100)
    return dense(hp)


def test_so_does_a_batch_size_that_has_a_name() -> None:
    global builds
    sst.validate_search_space(named, x=X, y=Y, batch_size="batch", progress=False)
    builds = 0
    report = sst.validate_search_space(named, x=X, y=Y, batch_size="batch", progress=False)
    assert report.feasible_fraction == 1
    assert report.irrelevant == ("batch", "units")
    assert builds <= 4


def test_a_refusal_of_all_sizes_is_one() -> None:
    global builds
    builds = 0
    report = sst.validate_search_space(Fits(refused, list(range(1, 101))), x=X, y=Y, progress=False)
    assert report.exact
    assert report.infeasible_fraction == 1
    assert [cause.decided_by for cause in report.causes] == [()]
    assert builds < 100


SHORT = [1, 3, 5]
LONG = [1, 2, 3, 4, 5, 6, 8, 12]
CASES: list[tuple[Callable[[Any], Any], Any]] = [
    (dense, Y), (classes, LABELS), (broadcast, Y[:, 0]), (of_eights, Y), (fixed, Y),
    (of_even_sizes, Y),
]  # fmt: skip


def _assert_like_fit(build: Any, y: Any, sizes: list[int]) -> None:
    x, y = X[:24], y[:24]
    report = sst.validate_search_space(Fits(build, sizes), x=x, y=y, progress=False)
    assert report.exact
    feasible = []
    for size in sizes:
        model = build(keras_tuner.HyperParameters())
        try:
            model.fit(x, y, batch_size=size, verbose=0)
        except Exception:
            continue
        feasible.append(size)
    assert report.feasible_fraction == pytest.approx(len(feasible) / len(sizes))
    refusing = report.sensitivity.get("batch", {})
    assert [size for size in sizes if refusing.get(size, 1 - report.feasible_fraction) == 0] == (
        feasible
    )


@pytest.mark.parametrize(("build", "y"), [CASES[2]])
def test_sizes_are_told_apart_as_fit_does(build: Any, y: Any) -> None:
    _assert_like_fit(build, y, SHORT)


@pytest.mark.deep
@pytest.mark.parametrize(("build", "y"), CASES)
def test_all_sizes_are_told_apart_as_fit_does(build: Any, y: Any) -> None:
    _assert_like_fit(build, y, LONG)
