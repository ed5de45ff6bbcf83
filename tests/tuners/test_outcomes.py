"""Outcomes of a search that are said in words: always broken, suspicious, frozen bounds, bugs."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
from keras import layers

import shapesafe_tuner as sst
from tests import toys
from tests.backends import only_on

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]

X = np.zeros((8, toys.LENGTH, 1), "float32")


def raw_tensorflow(hp: Any) -> keras.Model:
    import tensorflow as tf

    inputs = keras.Input((toys.LENGTH, 1))
    mean = tf.reduce_mean(inputs, axis=1)
    return toys.finish(layers.Dense(hp.Int("units", 1, 9))(mean), inputs)


def wrong_input(hp: Any) -> keras.Model:
    inputs = keras.Input((toys.LENGTH + 1, 1))
    return toys.finish(layers.Dense(hp.Int("units", 1, 9))(inputs), inputs)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        pytest.param(
            raw_tensorflow,
            "A KerasTensor cannot be used as input to a TensorFlow function",
            marks=only_on("tensorflow", "an operation of TensorFlow"),
        ),
        (wrong_input, f"expected shape=(None, {toys.LENGTH + 1}, 1)"),
    ],
)
@pytest.mark.parametrize("name", toys.TUNERS)
def test_what_is_always_broken_is_said_once_at_the_start(
    name: str, build: Any, said: str, tmp_path: Path
) -> None:
    tuner = toys.make(name, build, tmp_path)
    with pytest.raises(sst.NoFeasibleConfigurationError) as caught:
        tuner.search(X, np.zeros((8, 1)), verbose=0)
    assert "every configuration fails the same way" in str(caught.value)
    assert said in str(caught.value)
    assert caught.value.always_broken is not None
    assert toys.trials_of(tuner) == []
    assert len({str(item.values) for item in tuner.rejections}) <= 9


def test_different_faults_are_not_called_the_same(tmp_path: Path) -> None:
    tuner = toys.make("RandomSearch", toys.never, tmp_path)
    with pytest.raises(sst.NoFeasibleConfigurationError) as caught:
        tuner.search(X, np.zeros((8, 1)), verbose=0)
    assert caught.value.always_broken is None
    assert caught.value.exhaustive
    assert caught.value.tried == 4
    assert "all 4 that were checked (the whole space) are infeasible" in str(caught.value)


def broadcasting(hp: Any) -> keras.Model:
    inputs = keras.Input((toys.LENGTH, 1))
    outputs = layers.Dense(1, activation=hp.Choice("activation", ["relu", "tanh", "elu"]))(inputs)
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse")
    return model


def test_a_suspicious_loss_is_warned_of_once_and_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tuner = toys.make("GridSearch", broadcasting, tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tuner.search(X, np.zeros(8), verbose=0)
    ours = [str(item.message) for item in caught if "Suspicious" in str(item.message)]
    assert len(ours) == 1
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert len(toys.trials_of(tuner)) == 3
    capsys.readouterr()
    tuner.feasibility_summary()
    assert "Suspicious: the loss mse silently broadcasts" in capsys.readouterr().out


def bounded(hp: Any) -> keras.Model:
    """The second range follows from a shape, and KerasTuner keeps the first it met."""
    inputs = keras.Input((toys.LENGTH, 1))
    x = layers.Cropping1D((hp.Int("a", 0, 5), 0))(inputs)
    return toys.finish(layers.Cropping1D((hp.Int("b", 0, x.shape[1] - 1), 0))(x), inputs)


def test_frozen_bounds_are_named_in_the_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tuner = toys.make("RandomSearch", bounded, tmp_path, trials=12)
    with pytest.warns(UserWarning, match="Frozen bounds: b was first registered as 0 to 7"):
        tuner.search(X, np.zeros((8, 1)), verbose=0)
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert tuner.rejections
    capsys.readouterr()
    tuner.feasibility_summary()
    assert "Frozen bounds: b was first registered as 0 to 7" in capsys.readouterr().out


FATAL = (
    keras_tuner.errors.FatalError, keras_tuner.errors.FatalValueError,
    keras_tuner.errors.FatalTypeError, keras_tuner.errors.FatalRuntimeError,
)  # fmt: skip


@pytest.mark.parametrize("kind", FATAL)
def test_a_fatal_error_ends_the_search_as_in_stock(kind: Any, tmp_path: Path) -> None:
    def build(hp: Any) -> Any:
        if hp.Int("a", 0, 3) > 0:
            raise kind("the end")
        return toys.crop(0, 0)

    assert sst.check(build, {"a": 1}).feasible is None
    for folder in ("stock", "ours"):
        tuner = toys.make(
            "RandomSearch", toys.Scored(build), tmp_path / folder, stock=folder == "stock"
        )
        with pytest.raises(kind, match="the end"):
            tuner.search(verbose=0)


def _outside_its_scope(hp: Any) -> Any:
    kind = hp.Choice("kind", ["pool", "crop"])
    with hp.conditional_scope("kind", ["pool"]):
        hp.Int("window", 2, 4)
    if kind == "crop":
        hp.get("window")
    return toys.crop(hp.Int("a", 0, 3), 0)


def _scope_of_what_is_unknown(hp: Any) -> Any:
    if hp.Choice("kind", ["pool", "crop"]) == "crop":
        with hp.conditional_scope("deep", [True]):
            hp.Int("more", 1, 3)
    return toys.crop(hp.Int("a", 0, 3), 0)


@pytest.mark.parametrize("build", [_outside_its_scope, _scope_of_what_is_unknown])
def test_an_error_of_keras_tuners_own_about_scopes_is_no_fault(build: Any) -> None:
    hp = keras_tuner.HyperParameters()
    hp.values["kind"] = "crop"
    with pytest.raises(ValueError, match=r".") as stock:
        build(hp)
    verdict = sst.check(build, {"kind": "crop"})
    assert verdict.feasible is None
    assert str(stock.value).rstrip(".") in " ".join(verdict.warnings)
    report = sst.validate_search_space(build)
    assert report.undecided_fraction == pytest.approx(0.5)
    assert not report.conflicts


def test_a_bug_met_in_the_search_fails_its_trial_as_in_stock(tmp_path: Path) -> None:
    def build(hp: Any) -> Any:
        if hp.Int("a", 0, 3) == 1:
            return undefined  # type: ignore[name-defined] # noqa: F821
        return toys.crop(hp.get("a"), 0)

    tuner = toys.make("GridSearch", build, tmp_path, trials=9)
    tuner.search(X, np.zeros((8, 1)), verbose=0)
    by_value = {trial.hyperparameters.values["a"]: trial for trial in toys.trials_of(tuner)}
    assert {a: trial.status for a, trial in by_value.items()} == {
        0: "COMPLETED",
        1: "FAILED",
        2: "COMPLETED",
        3: "COMPLETED",
    }
    assert "NameError" in by_value[1].message
    assert tuner.rejections == []
