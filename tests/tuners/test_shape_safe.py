"""``shape_safe`` on tuners of the user's own, whatever their constructor does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
import pytest

import shapesafe_tuner as sst
from tests import toys

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]


def _random_oracle(trials: int = 3) -> Any:
    return keras_tuner.oracles.RandomSearchOracle(objective=toys.SCORE, max_trials=trials, seed=1)


class CrossValidation(keras_tuner.Tuner):  # type: ignore[misc]
    """The recipe of keras.io and of many answers: folds in ``run_trial``, no constructor."""

    def run_trial(self, trial: Any, x: Any, y: Any, folds: int = 2, **kwargs: Any) -> Any:
        scores = []
        for fold in range(folds):
            held_out = np.arange(len(x)) % folds == fold
            model = self.hypermodel.build(trial.hyperparameters)
            model.fit(x[~held_out], y[~held_out], **kwargs)
            scores.append(model.evaluate(x[held_out], y[held_out], verbose=0))
        return {"score": float(np.mean(scores))}


class WithConstructor(CrossValidation):
    def __init__(self, hypermodel: Any, trials: int, **kwargs: Any) -> None:
        self.note = "mine"
        super().__init__(_random_oracle(trials), hypermodel, **kwargs)


class CallsKerasTunerByName(CrossValidation):
    def __init__(self, hypermodel: Any, trials: int, directory: str) -> None:
        keras_tuner.Tuner.__init__(
            self, oracle=_random_oracle(trials), hypermodel=hypermodel, directory=directory
        )


class OfRandomSearch(keras_tuner.RandomSearch):  # type: ignore[misc]
    def __init__(self, hypermodel: Any, trials: int, directory: str) -> None:
        super().__init__(
            hypermodel, objective=toys.SCORE, max_trials=trials, seed=1, directory=directory
        )

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> float:
        return toys.score_of(trial.hyperparameters.values)


def _with_an_oracle(cls: Any, build: Any, folder: Path, **settings: Any) -> Any:
    return cls(
        oracle=_random_oracle(), hypermodel=build, directory=str(folder), overwrite=True, **settings
    )


def _with_trials(cls: Any, build: Any, folder: Path, **settings: Any) -> Any:
    return cls(build, 3, directory=str(folder), **settings)


MADE: list[tuple[Any, Callable[..., Any]]] = [
    (keras_tuner.Tuner, _with_an_oracle),
    (CrossValidation, _with_an_oracle),
    (WithConstructor, _with_trials),
    (CallsKerasTunerByName, _with_trials),
    (OfRandomSearch, _with_trials),
]


@pytest.mark.parametrize(("cls", "make"), MADE, ids=lambda item: getattr(item, "__name__", ""))
def test_every_tuner_searches_only_what_can_be_built(
    cls: Any, make: Callable[..., Any], tmp_path: Path
) -> None:
    safe = sst.shape_safe(cls)
    assert issubclass(safe, cls)
    build = toys.Scored(toys.square) if cls is keras_tuner.Tuner else toys.square
    tuner = make(safe, build, tmp_path)
    tuner.search(toys.X, toys.Y, verbose=0)
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert len(tuner.oracle.trials) == 3
    assert all(toys.fits(values) for values in toys.values_of(tuner))
    assert tuner.rejections
    assert not any(toys.fits(values) for values in toys.rejected(tuner))


@pytest.mark.parametrize(("cls", "make"), MADE, ids=lambda item: getattr(item, "__name__", ""))
def test_every_tuner_takes_the_settings(cls: Any, make: Callable[..., Any], tmp_path: Path) -> None:
    build = toys.Scored(toys.square) if cls is keras_tuner.Tuner else toys.square
    tuner = make(
        sst.shape_safe(cls),
        build,
        tmp_path,
        on_infeasible="repair",
        constraints=(lambda hp: hp.Int("a", 0, 9) % 2 == 0,),
        check_training_step=False,
    )
    tuner.search(toys.X, toys.Y, verbose=0)
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert all(values["a"] % 2 == 0 for values in toys.values_of(tuner))
    assert any(rejection.repaired_to for rejection in tuner.rejections)


@pytest.mark.parametrize(("cls", "make"), MADE[1:], ids=lambda item: getattr(item, "__name__", ""))
def test_every_tuner_goes_on_with_its_project(
    cls: Any, make: Callable[..., Any], tmp_path: Path
) -> None:
    def resumed(safe: Any) -> Any:
        if make is _with_trials:
            return make(safe, toys.square, tmp_path)
        return safe(oracle=_random_oracle(), hypermodel=toys.square, directory=str(tmp_path))

    safe = sst.shape_safe(cls)
    first = resumed(safe)
    first.search(toys.X, toys.Y, verbose=0)
    again = resumed(safe)
    assert toys.values_of(again) == toys.values_of(first)
    assert again.rejections == first.rejections


def test_a_subclass_of_ours_may_call_keras_tuners_constructor(tmp_path: Path) -> None:
    class Own(sst.RandomSearch):
        def __init__(self, hypermodel: Any, directory: str) -> None:
            keras_tuner.Tuner.__init__(
                self, oracle=_random_oracle(), hypermodel=hypermodel, directory=directory
            )

    tuner = Own(toys.Scored(toys.square), str(tmp_path))
    tuner.search(toys.X, toys.Y, verbose=0)
    assert all(toys.fits(values) for values in toys.values_of(tuner))
    assert tuner.rejections


def test_an_instance_is_told_from_another_class() -> None:
    with pytest.raises(TypeError, match="pass the class itself"):
        sst.shape_safe(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="which int is not"):
        sst.shape_safe(int)  # type: ignore[type-var]
