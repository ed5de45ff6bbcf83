"""Models that train and that KerasTuner cannot save: said as what saving them really comes to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest

import shapesafe_tuner as sst
from shapesafe_tuner.tracing.following.given import GivenData
from shapesafe_tuner.verdict import kind_of
from tests import toys
from tests.backends import only_on

pytestmark = [
    only_on("tensorflow", "a train_step of TensorFlow's form"),
    *(pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS),
]

X, Y = np.zeros((8, 3), "float32"), np.zeros((8, 1), "float32")


class Inner(keras.Model):  # type: ignore[misc]
    """Its step calls what it holds, as that of a physics-informed network."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])

    def train_step(self, data: Any) -> Any:
        return {"loss": keras.ops.mean(keras.ops.square(self.inner(data[0])))}

    def test_step(self, data: Any) -> Any:
        return self.train_step(data)


class WithCall(Inner):
    """A call that nobody calls."""

    def call(self, x: Any) -> Any:
        return self.inner(x)


class Unbuilt(Inner):
    """What it holds is built in the step."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = keras.Sequential([keras.layers.Dense(1)])


class Whole(WithCall):
    def train_step(self, data: Any) -> Any:
        return {"loss": keras.ops.mean(keras.ops.square(self(data[0], training=True)))}


class Validated(WithCall):
    """Validation calls it."""

    def test_step(self, data: Any) -> Any:
        return {"loss": keras.ops.mean(self(data[0]))}


class Stack(keras.Sequential):  # type: ignore[misc]
    """A stack of layers whose step calls another one."""

    def train_step(self, data: Any) -> Any:
        return {"loss": keras.ops.mean(keras.ops.square(self.layers[0](data[0])))}

    def test_step(self, data: Any) -> Any:
        return self.train_step(data)


def _built() -> Any:
    model = WithCall()
    model.build((None, 3))
    return model


MODELS = {
    "inner": Inner,
    "with call": WithCall,
    "unbuilt": Unbuilt,
    "whole": Whole,
    "validated": Validated,
    "stack": lambda: Stack([keras.layers.Dense(1)]),
    "stack with input": lambda: Stack([keras.Input((3,)), keras.layers.Dense(1)]),
    "built": _built,
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("validates", [False, True])
def test_said_where_keras_refuses_to_save(name: str, validates: bool, tmp_path: Path) -> None:
    def build(hp: Any) -> Any:
        hp.Int("n", 1, 2)
        model = MODELS[name]()
        model.compile("sgd")
        return model

    held_out = {"validation_data": (X, Y)} if validates else {}
    model = build(keras_tuner.HyperParameters())
    model.fit(X, Y, verbose=0, **held_out)
    try:
        model.save_weights(str(tmp_path / "some.weights.h5"))
        is_saved = True
    except ValueError:
        is_saved = False
    verdict = sst.check(build, {}, x=X, y=Y, **held_out)
    assert verdict.feasible is True
    assert ("not saved" in map(kind_of, verdict.warnings)) is not is_saved
    assert not any("pass x" in note for note in verdict.warnings)


def mixed(hp: Any) -> Any:
    model = MODELS[hp.Choice("name", ["with call", "whole"])]()
    model.compile("sgd")
    return model


def test_a_space_says_so_and_a_search_runs_what_can_be_saved(tmp_path: Path) -> None:
    report = sst.validate_search_space(mixed, x=X, y=Y, progress=False)
    assert report.feasible_fraction == 1
    assert "not saved" in map(kind_of, report.notes)
    assert "Keras refuses to save" in sst.explain(mixed, {}, x=X, y=Y).to_text().replace("\n", " ")
    tuner = sst.RandomSearch(
        mixed, keras_tuner.Objective("loss", "min"), max_trials=2, directory=str(tmp_path)
    )
    tuner.search(X, Y, verbose=0)
    trials = tuner.oracle.trials.values()
    assert [trial.hyperparameters.values for trial in trials] == [{"name": "whole"}]
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert "does not call the model itself" in tuner.rejections[0].verdict.reason


class WithFit(keras_tuner.HyperModel):  # type: ignore[misc]
    """Whether its ``fit`` hands on the callback that saves is not known."""

    def build(self, hp: Any) -> Any:
        return mixed(hp)

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        return model.fit(*args, batch_size=hp.Choice("batch", [4, 8]), **kwargs)


def test_a_search_warns_where_a_fit_may_not_save(tmp_path: Path) -> None:
    tuner = sst.RandomSearch(
        WithFit(), keras_tuner.Objective("loss", "min"), max_trials=1, directory=str(tmp_path)
    )
    with GivenData((X, Y), {}) as given:
        tuner._judge_on(None, tuner._rehearsal(given))
        verdict = tuner._judging_oracle._checker.judge({"name": "with call", "batch": 4})
    assert verdict.feasible is True
    with pytest.warns(UserWarning, match="Keras refuses to save"):
        tuner._judging_oracle.draws.judged(verdict)
