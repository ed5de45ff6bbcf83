"""The arguments of ``search``, looked at once: each beside what Keras's ``fit`` does with them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import pandas as pd
import pytest

import shapesafe_tuner as sst
from shapesafe_tuner.search.arguments import FitArguments
from tests import toys
from tests.backends import only_on

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]

X = np.linspace(0.0, 1.0, 24).reshape(8, 3).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def _build(hp: Any) -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(hp.Int("units", 1, 9))])
    model.add(keras.layers.Dense(1))
    model.compile("sgd", "mse", metrics=["mae"])
    return model


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    def __init__(self, count: int | None = 2) -> None:
        super().__init__()
        self._count = count

    @property
    def num_batches(self) -> int | None:
        return self._count

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return X[:4], Y[:4]


def _generated(count: int) -> Iterator[tuple[Any, Any]]:
    for _ in range(count):
        yield X[:4], Y[:4]


def _dataset() -> Any:
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)


TABLE = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2]})
WITH_TEXT = TABLE.assign(c=list("abcdabcd"))
Given = dict[str, Any]
TAKEN: dict[str, Callable[[], Given]] = {
    "arrays": lambda: {"x": X, "y": Y},
    "a table": lambda: {"x": TABLE, "y": pd.Series(Y[:, 0])},
    "a split": lambda: {"x": X, "y": Y, "validation_split": 0.01},
    "batch size 0": lambda: {"x": X, "y": Y, "batch_size": 0},
    "a PyDataset": lambda: {"x": Batches()},
    "a PyDataset without an end": lambda: {"x": Batches(None), "steps_per_epoch": 2},
    "one to validate": lambda: {"x": X, "y": Y, "validation_data": Batches()},
    "a generator": lambda: {"x": _generated(9), "steps_per_epoch": 2},
    "lists of arrays to validate": lambda: {"x": X, "y": Y, "validation_data": [X, Y]},
    "class weights that miss a class": lambda: {
        "x": X, "y": np.arange(8) % 3, "class_weight": {0: 1.0, 1: 2.0},
    },
    "callbacks": lambda: {"x": X, "y": Y, "callbacks": [keras.callbacks.TerminateOnNaN()]},
}  # fmt: skip
REFUSED: dict[str, tuple[Callable[[], Given], str]] = {
    "an unknown name": (lambda: {"x": X, "y": Y, "generator": 1}, "argument 'generator'"),
    "no data": (lambda: {}, "search got no x"),
    "a list of targets": (lambda: {"x": X, "y": [1.0] * 8}, "y is a list of float"),
    "a list of weights": (
        lambda: {"x": X, "y": Y, "sample_weight": [1.0] * 8}, "sample_weight is a list of float",
    ),
    "nested lists": (lambda: {"x": X.tolist(), "y": Y}, "x is a list of float"),
    "a number of targets": (lambda: {"x": X, "y": 3}, "y is an int"),
    "lists to validate": (
        lambda: {"x": X, "y": Y, "validation_data": (X, [1.0] * 8)},
        "y of validation_data is a list of float",
    ),
    "fewer targets": (lambda: {"x": X, "y": Y[:4]}, "Data cardinality is ambiguous"),
    "fewer to validate": (
        lambda: {"x": X, "y": Y, "validation_data": (X, Y[:3])}, "cardinality is ambiguous",
    ),
    "a split that leaves nothing": (
        lambda: {"x": X, "y": Y, "validation_split": 1.0}, "contains 8 samples, which is not",
    ),
    "a split of a PyDataset": (
        lambda: {"x": Batches(), "validation_split": 0.2}, "x is a Batches; give validation_data",
    ),
    "targets of a PyDataset": (lambda: {"x": Batches(), "y": Y}, "`y` should not be passed"),
    "targets of a generator": (
        lambda: {"x": _generated(9), "y": Y}, "`y` should not be passed",
    ),
    "an empty PyDataset": (lambda: {"x": Batches(0)}, "x is empty"),
    "an empty generator": (lambda: {"x": _generated(0)}, "the generator yields no batch"),
    "text in a table": (
        lambda: {"x": WITH_TEXT, "y": Y}, "Columns that hold no numbers: c.",
    ),
    "text for targets": (lambda: {"x": X, "y": np.array(list("abcdabcd"))}, "Invalid dtype"),
    "weights of both kinds": (
        lambda: {"x": X, "y": Y, "class_weight": {0: 1.0}, "sample_weight": np.ones(8)},
        "You cannot `class_weight` and `sample_weight`",
    ),
    "a negative batch size": (lambda: {"x": X, "y": Y, "batch_size": -1}, "batch_size=-1"),
    "half a sample": (lambda: {"x": X, "y": Y, "batch_size": 2.5}, "batch_size=2.5"),
    "a word for a callback": (
        lambda: {"x": X, "y": Y, "callbacks": ["stop"]}, "callbacks holds a str",
    ),
}  # fmt: skip
ON_TENSORFLOW: dict[str, tuple[Callable[[], Given], str]] = {
    "targets of a dataset": (lambda: {"x": _dataset(), "y": Y}, "`y` should not be passed"),
    "weights of a dataset": (
        lambda: {"x": _dataset(), "sample_weight": np.ones(8)}, "should not be passed",
    ),
    "a split of a dataset": (
        lambda: {"x": _dataset(), "validation_split": 0.2}, "give validation_data",
    ),
}  # fmt: skip
ALWAYS_FAILS: dict[str, tuple[Callable[[], Given], str]] = {
    "empty arrays": (lambda: {"x": X[:0], "y": Y[:0]}, "x is empty"),
    "empty to validate": (
        lambda: {"x": X, "y": Y, "validation_data": (X[:0], Y[:0])}, "validation_data is empty",
    ),
    "callbacks that are none": (
        lambda: {"x": X, "y": Y, "validation_data": (X, Y), "callbacks": None},
        "callbacks is None; give a list",
    ),
    "one callback": (
        lambda: {
            "x": X, "y": Y, "validation_data": (X, Y),
            "callbacks": keras.callbacks.TerminateOnNaN(),
        },
        "callbacks is a TerminateOnNaN; give a list",
    ),
}  # fmt: skip
"""What ``fit`` itself takes, and no trial of KerasTuner's."""


@pytest.mark.parametrize("case", TAKEN)
def test_what_fit_takes_is_taken(case: str) -> None:
    trained = _build(keras_tuner.HyperParameters()).fit(**TAKEN[case](), verbose=0)
    assert trained.history
    given = FitArguments((), TAKEN[case]())
    given.assert_taken()
    assert given.data is not None


@pytest.mark.parametrize("case", REFUSED)
def test_what_fit_refuses_is_refused_before_the_first_trial(case: str) -> None:
    given, words = REFUSED[case]
    with pytest.raises(Exception, match=r".") as truth:
        _build(keras_tuner.HyperParameters()).fit(**given(), verbose=0)
    _assert_refused(given(), words)
    if issubclass(truth.type, TypeError) and case == "an unknown name":
        with pytest.raises(TypeError):
            FitArguments((), given()).assert_taken()


@only_on("tensorflow", "a tf.data.Dataset")
@pytest.mark.parametrize("case", ON_TENSORFLOW)
def test_what_fit_refuses_beside_a_dataset(case: str) -> None:
    given, words = ON_TENSORFLOW[case]
    with pytest.raises(ValueError, match=r"."):
        _build(keras_tuner.HyperParameters()).fit(**given(), verbose=0)
    _assert_refused(given(), words)


@pytest.mark.parametrize("case", ALWAYS_FAILS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_no_trial_survives_is_refused(case: str, tmp_path: Path) -> None:
    given, words = ALWAYS_FAILS[case]
    stock = keras_tuner.RandomSearch(_build, "val_loss", max_trials=1, directory=str(tmp_path))
    with pytest.raises(Exception, match=r".") if given().get("callbacks", 0) != 0 else _nothing():
        stock.search(**given(), verbose=0)
        assert all(trial.status == "COMPLETED" for trial in stock.oracle.trials.values())
    assert not any(trial.status == "COMPLETED" for trial in stock.oracle.trials.values())
    _assert_refused(given(), words)


class _nothing:
    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, *rest: object) -> bool:
        return kind is AssertionError


def _assert_refused(given: Given, words: str) -> None:
    with pytest.raises(keras_tuner.errors.FatalError) as caught:
        FitArguments((), given).assert_taken()
    said = str(caught.value)
    assert said.startswith("No trial of this search could run: ")
    assert words in said
    assert "\n" not in said
    assert len(said) < 600


def test_a_search_says_it_and_makes_no_trial(tmp_path: Path) -> None:
    tuner = sst.RandomSearch(_build, "loss", max_trials=3, directory=str(tmp_path))
    with pytest.raises(ValueError, match="y is a list of float"):
        tuner.search(X, [1.0] * 8, verbose=0)
    assert not tuner.oracle.trials
    tuner.search(X, Y, verbose=0)
    assert toys.statuses(tuner) == {"COMPLETED"}


def test_looking_reads_no_data_and_draws_no_number() -> None:
    generated = _generated(9)
    before = random.getstate(), np.random.get_state()[1].copy()  # type: ignore[union-attr]
    FitArguments((generated,), {"steps_per_epoch": 2}).assert_taken()
    assert random.getstate() == before[0]
    assert (np.random.get_state()[1] == before[1]).all()  # type: ignore[union-attr]


def test_looking_at_much_data_takes_no_memory() -> None:
    import tracemalloc

    x = np.zeros((5_000_000, 2))
    tracemalloc.start()
    given = {"validation_split": 0.2, "class_weight": {0: 1.0, 1: 2.0}}
    FitArguments((x, x[:, 0]), given).assert_taken()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**20


# ---------------------------------------------------------------- what every trial shows


class F1(keras.callbacks.Callback):  # type: ignore[misc]
    """A callback that reports a metric of its own."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["val_f1"] = 0.5


VALIDATED = {"validation_data": (X, Y)}
REPORTED: dict[str, tuple[Any, Given]] = {
    "loss": ("loss", {}),
    "a metric": ("mae", {}),
    "validation": ("val_mae", VALIDATED),
    "a split": ("val_loss", {"validation_split": 0.25}),
    "a callback": (keras_tuner.Objective("val_f1", "max"), {"callbacks": [F1()]}),
    "several": (["loss", "val_mae"], VALIDATED),
}
NOT_REPORTED: dict[str, tuple[Any, Given, str]] = {
    "no validation": ("val_loss", {}, "the objective val_loss needs validation data"),
    "no such metric": ("val_accuracy", VALIDATED, "val_accuracy is not among what fit reports"),
    "another name": (keras_tuner.Objective("mse", "min"), {}, "Reported: loss, mae."),
    "one of several": (["loss", "val_loss"], {}, "val_loss needs validation data"),
    "none": (None, {}, "no objective was given"),
}


@pytest.mark.parametrize("case", REPORTED)
def test_an_objective_that_is_reported_is_searched(case: str, tmp_path: Path) -> None:
    objective, given = REPORTED[case]
    tuner = sst.RandomSearch(_build, objective, max_trials=1, directory=str(tmp_path))
    tuner.search(X, Y, verbose=0, **given)
    assert toys.statuses(tuner) == {"COMPLETED"}


@pytest.mark.parametrize("case", NOT_REPORTED)
def test_an_objective_that_no_trial_reports_is_refused(case: str, tmp_path: Path) -> None:
    objective, given, words = NOT_REPORTED[case]
    stock = keras_tuner.RandomSearch(
        _build, objective, max_trials=1, directory=str(tmp_path / "stock")
    )
    try:
        stock.search(X, Y, verbose=0, **given)
    except keras_tuner.errors.FatalTypeError:
        assert objective is None
    assert "COMPLETED" not in {trial.status for trial in stock.oracle.trials.values()}
    tuner = sst.RandomSearch(_build, objective, max_trials=1, directory=str(tmp_path / "ours"))
    with pytest.raises(keras_tuner.errors.FatalValueError, match=words):
        tuner.search(X, Y, verbose=0, **given)
    assert not tuner.oracle.trials


class Adversarial(keras.Model):  # type: ignore[misc]
    """A training step that never calls the model itself, as of a GAN."""

    def __init__(self, units: int, *, is_built: bool = False) -> None:
        super().__init__()
        self.inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])
        if is_built:
            self.built = True

    def call(self, x: Any) -> Any:
        return self.inner(x)

    def train_step(self, data: Any) -> Any:
        x, _ = data
        return {"loss": keras.ops.mean(keras.ops.square(self.inner(x)))}


@only_on("tensorflow", "a train_step of TensorFlow's form")
@pytest.mark.parametrize("is_built", [False, True])
def test_a_model_that_cannot_be_saved_is_said_before_the_first_trial(
    is_built: bool, tmp_path: Path
) -> None:
    def build(hp: Any) -> Any:
        model = Adversarial(hp.Int("units", 1, 9), is_built=is_built)
        model.compile("sgd")
        return model

    stock = keras_tuner.RandomSearch(build, "loss", max_trials=1, directory=str(tmp_path / "s"))
    stock.search(X, Y, verbose=0)
    assert toys.statuses(stock) == ({"COMPLETED"} if is_built else {"FAILED"})
    tuner = sst.RandomSearch(build, "loss", max_trials=1, directory=str(tmp_path / "o"))
    if is_built:
        tuner.search(X, Y, verbose=0)
        assert toys.statuses(tuner) == {"COMPLETED"}
        return
    with pytest.raises(ValueError, match="Keras refuses to save this model"):
        tuner.search(X, Y, verbose=0)
    assert not tuner.oracle.trials


class Reshaping(keras.Model):  # type: ignore[misc]
    """A ``fit`` of its own, with an argument of its own."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.inner = keras.Sequential([keras.layers.Dense(units), keras.layers.Dense(1)])

    def call(self, x: Any) -> Any:
        keras.ops.reshape(x, (-1, 3))
        return self.inner(x)

    def fit(  # type: ignore[override]
        self, x: Any, y: Any, *, rows: int = 2, callbacks: Any = None, verbose: int = 1
    ) -> Any:
        return super().fit(x.reshape(-1, 3), y, callbacks=callbacks, verbose=verbose)


def test_a_fit_of_the_models_own_may_change_the_data(tmp_path: Path) -> None:
    def build(hp: Any) -> Any:
        model = Reshaping(hp.Int("units", 1, 9))
        model.compile("sgd", "mse")
        return model

    wide = X.reshape(4, 6)
    tuner = sst.RandomSearch(build, "loss", max_trials=2, directory=str(tmp_path / "o"))
    tuner.search(wide, Y, rows=4, verbose=0)
    assert toys.statuses(tuner) == {"COMPLETED"}
    again = sst.RandomSearch(build, "loss", max_trials=2, directory=str(tmp_path / "t"))
    with pytest.raises(TypeError, match="unexpected keyword argument 'columns'"):
        again.search(wide, Y, columns=4, verbose=0)


def test_without_the_training_step_nothing_is_looked_at(tmp_path: Path) -> None:
    tuner = sst.RandomSearch(
        toys.Scored(_build), toys.SCORE, max_trials=1, directory=str(tmp_path),
        check_training_step=False,
    )  # fmt: skip
    tuner.search(X, [1.0] * 8, verbose=0)
    assert toys.statuses(tuner) == {"COMPLETED"}
