"""A user's own ``fit`` and ``run_trial``, followed: against what they really do."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
from sklearn.model_selection import KFold

import shapesafe_tuner as sst
from shapesafe_tuner.tracing.following.given import GivenData
from tests import toys

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]

X = np.linspace(0.0, 1.0, 16 * 6).reshape(16, 6).astype("float32")
Y = X.sum(axis=1, keepdims=True)


class Flat(keras_tuner.HyperModel):  # type: ignore[misc]
    """A model of as many features as it is built for."""

    def build(self, hp: Any) -> Any:
        model = keras.Sequential([keras.Input((hp.Int("features", 2, 6, step=2),))])
        model.add(keras.layers.Dense(1))
        model.compile("sgd", "mse")
        return model


class OfSomeFeatures(Flat):
    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        return model.fit(x[:, : hp.Int("kept", 2, 4, step=2)], y, **kwargs)


class Stateful(keras_tuner.HyperModel):  # type: ignore[misc]
    """Takes batches of 8, and no others."""

    def build(self, hp: Any) -> Any:
        inputs = keras.Input(batch_shape=(8, 6))
        x = keras.layers.Reshape((6, 1))(inputs)
        x = keras.layers.LSTM(hp.Int("units", 1, 2), stateful=True)(x)
        model = keras.Model(inputs, keras.layers.Dense(1)(x))
        model.compile("sgd", "mse")
        return model


class OfBatches(Stateful):
    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        return model.fit(*args, batch_size=hp.Choice("batch", [4, 8]), **kwargs)


class BatchesOfATrial(keras_tuner.RandomSearch):  # type: ignore[misc]
    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs["batch_size"] = trial.hyperparameters.Choice("batch", [4, 8])
        return super().run_trial(trial, *args, **kwargs)


class Folds(keras_tuner.RandomSearch):  # type: ignore[misc]
    def run_trial(self, trial: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        scores = []
        for train, _ in KFold(2).split(x):
            model = self.hypermodel.build(trial.hyperparameters)
            model.fit(x[train], y[train], verbose=0)
            scores.append(float(model.evaluate(x[train], y[train], verbose=0)))
        return float(np.mean(scores))


def _tuner(cls: Any, hypermodel: Any, folder: Path, **settings: Any) -> Any:
    return sst.shape_safe(cls)(
        hypermodel, objective=keras_tuner.Objective("loss", "min"), max_trials=3, seed=1,
        directory=str(folder), max_consecutive_failed_trials=1, **settings,
    )  # fmt: skip


def _given(tuner: Any, **kwargs: Any) -> GivenData:
    return GivenData((X, Y), kwargs, everything=tuner._check_training_step == "follow")


FOLLOWED: list[tuple[Any, Any, dict[str, list[int]]]] = [
    (keras_tuner.RandomSearch, OfSomeFeatures, {"features": [2, 4, 6], "kept": [2, 4]}),
    (keras_tuner.RandomSearch, OfBatches, {"units": [1], "batch": [4, 8]}),
    (BatchesOfATrial, Stateful, {"units": [1], "batch": [4, 8]}),
    (Folds, Flat, {"features": [2, 4, 6]}),
]


@pytest.mark.parametrize(("cls", "hypermodel", "space"), FOLLOWED)
def test_a_verdict_is_what_the_trial_really_comes_to(
    cls: Any, hypermodel: Any, space: dict[str, list[int]], tmp_path: Path
) -> None:
    outcomes = {}
    for number, chosen in enumerate(itertools.product(*space.values())):
        values = dict(zip(space, chosen, strict=True))
        hp = keras_tuner.HyperParameters()
        for name, value in values.items():
            hp.Fixed(name, value)
        stock = cls(
            hypermodel(), objective=keras_tuner.Objective("loss", "min"), max_trials=1,
            hyperparameters=hp, directory=str(tmp_path / str(number)),
        )  # fmt: skip
        stock.search(X, Y, verbose=0)
        outcomes[chosen] = toys.statuses(stock) == {"COMPLETED"}
    assert set(outcomes.values()) == {True, False}
    tuner = _tuner(cls, hypermodel(), tmp_path / "ours")
    tuner.search(X, Y, verbose=0)
    assert toys.statuses(tuner) == {"COMPLETED"}
    tuner._judge_on(None, tuner._rehearsal(_given(tuner)))
    checker = tuner._judging_oracle._checker
    for chosen, completed in outcomes.items():
        verdict = checker.judge(dict(zip(space, chosen, strict=True)))
        assert verdict.feasible is completed, (chosen, verdict)


def test_what_only_fit_reads_is_in_the_space_before_the_first_draw(tmp_path: Path) -> None:
    tuner = _tuner(keras_tuner.RandomSearch, OfBatches(), tmp_path)
    seen = []
    tuner.on_trial_begin = lambda trial: seen.append(dict(trial.hyperparameters.values))
    tuner.search(X, Y, verbose=0)
    assert all(values["batch"] == 8 for values in seen)
    assert {rejection.values["batch"] for rejection in tuner.rejections} <= {4}
    assert tuner._judging_oracle.draws.unjudged is None


class Traces(Flat):
    """Everything that a run of its ``fit`` leaves behind."""

    log: list[Any] = []  # noqa: RUF012

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        print("fitting")
        self.log.append(random.random())
        (Path(kwargs.pop("folder")) / "log").write_text("a")
        return {"loss": float(hp.get("features"))}


def test_side_effects_leave_no_trace_and_the_line_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tuner = _tuner(keras_tuner.RandomSearch, Traces(), tmp_path / "project")
    state = random.getstate()
    rehearsal = tuner._rehearsal(_given(tuner, folder=str(tmp_path)))
    assert rehearsal.source is None
    assert "Traces.fit" in str(rehearsal.unjudged)
    assert "test_rehearsal.py:" in str(rehearsal.unjudged)
    assert random.getstate() == state
    assert Traces.log == []
    assert not (tmp_path / "log").exists()
    assert "fitting" not in capsys.readouterr().out


def test_follow_stops_at_the_first_write(tmp_path: Path) -> None:
    tuner = _tuner(
        keras_tuner.RandomSearch, Traces(), tmp_path / "project", check_training_step="follow"
    )
    rehearsal = tuner._rehearsal(_given(tuner, folder=str(tmp_path)))
    assert "it comes to open" in str(rehearsal.unjudged)
    assert not (tmp_path / "log").exists()
    Traces.log.clear()


class Changing(Flat):
    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        x -= x.mean()
        return model.fit(x, y, **kwargs)


def test_data_is_not_written_to(tmp_path: Path) -> None:
    tuner = _tuner(keras_tuner.RandomSearch, Changing(), tmp_path, check_training_step="follow")
    before = X.copy()
    rehearsal = tuner._rehearsal(_given(tuner))
    assert "read-only" in str(rehearsal.unjudged)
    assert (before == X).all()


def test_a_batch_size_given_twice_is_said_before_the_first_trial(tmp_path: Path) -> None:
    tuner = _tuner(keras_tuner.RandomSearch, OfBatches(), tmp_path)
    with pytest.raises(ValueError, match="multiple values for keyword argument 'batch_size'"):
        tuner.search(X, Y, batch_size=4, verbose=0)
    assert not tuner.oracle.trials


class Preparing(keras_tuner.RandomSearch):  # type: ignore[misc]
    """Tells the hypermodel about the data before it builds, as AutoKeras does."""

    def run_trial(self, trial: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        self.hypermodel.width = x.shape[1]
        return super().run_trial(trial, x, y, **kwargs)


class Prepared(Flat):
    width = 0

    def build(self, hp: Any) -> Any:
        model = keras.Sequential([keras.Input((self.width,)), keras.layers.Dense(1)])
        hp.Int("units", 1, 9)
        if self.width == 0:
            model.add(keras.layers.Reshape((7, 7)))
        model.compile("sgd", "mse")
        return model


def test_a_build_that_the_tuner_prepares_is_not_judged_alone(tmp_path: Path) -> None:
    tuner = sst.shape_safe(Preparing)(
        Prepared(), objective=keras_tuner.Objective("loss", "min"), max_trials=2,
        directory=str(tmp_path), hyperparameters=_units(),
    )  # fmt: skip
    tuner.search(X, Y, verbose=0)
    assert toys.statuses(tuner) == {"COMPLETED"}


def _units() -> Any:
    hp = keras_tuner.HyperParameters()
    hp.Int("units", 1, 9)
    return hp
