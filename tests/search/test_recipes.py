"""Recipes of KerasTuner's users: the verdict on each configuration is what stock comes to."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras_tuner
import pytest

import shapesafe_tuner as sst
from shapesafe_tuner.tracing.following.given import GivenData
from tests import toys
from tests.search.data_recipes import DATA_RECIPES
from tests.search.recipes import RECIPES, Recipe

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]


def _made(recipe: Recipe, cls: Any, folder: Path, **settings: Any) -> Any:
    hypermodel = [] if recipe.hypermodel is None else [recipe.hypermodel()]
    return cls(
        *hypermodel,
        objective=keras_tuner.Objective("loss", "min"),
        directory=str(folder),
        max_consecutive_failed_trials=1,
        **settings,
    )


def _combinations(recipe: Recipe) -> Iterator[tuple[Any, ...]]:
    return itertools.product(*recipe.space.values())


ALL = [*RECIPES, *DATA_RECIPES]
JUDGED = [recipe for recipe in ALL if recipe.judged]


@pytest.mark.parametrize("recipe", JUDGED, ids=str)
def test_verdicts_are_what_trials_come_to(recipe: Recipe, tmp_path: Path) -> None:
    tuner = _made(recipe, sst.shape_safe(recipe.tuner), tmp_path, max_trials=1)
    with GivenData(recipe.data, {"verbose": 0} if recipe.quiet else {}) as given:
        rehearsal = tuner._rehearsal(given)
        assert rehearsal.unjudged is None
        tuner._judge_on(None, rehearsal, given)
        known = {item.name for item in tuner.oracle.hyperparameters.space}
        assert known >= set(recipe.space), "what fit reads is in the space before the first draw"
        for chosen in _combinations(recipe):
            values = dict(zip(recipe.space, chosen, strict=True))
            verdict = tuner._judging_oracle._checker.judge_alone(values)
            if recipe.catches and verdict.feasible is None:
                assert "catches the error" in str(verdict.warnings)
            else:
                assert verdict.feasible is (chosen not in recipe.fails), (values, verdict)


@pytest.mark.deep
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("recipe", ALL, ids=str)
def test_stock_comes_to_what_the_recipe_says(recipe: Recipe, tmp_path: Path) -> None:
    quiet = {"verbose": 0} if recipe.quiet else {}
    for number, chosen in enumerate(_combinations(recipe)):
        hp = keras_tuner.HyperParameters()
        for name, value in zip(recipe.space, chosen, strict=True):
            hp.Fixed(name, value)
        try:
            folder = tmp_path / str(number)
            stock = _made(recipe, recipe.tuner, folder, max_trials=1, hyperparameters=hp)
            stock.search(*recipe.data, **quiet)
            completed = toys.statuses(stock) == {"COMPLETED"}
        except Exception:
            completed = False
        if not recipe.catches:
            assert completed is (chosen not in recipe.fails), chosen


@pytest.mark.deep
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("recipe", ALL, ids=str)
def test_every_trial_completes(recipe: Recipe, tmp_path: Path) -> None:
    tuner = _made(recipe, sst.shape_safe(recipe.tuner), tmp_path, max_trials=3, seed=1)
    tuner.search(*recipe.data, **({"verbose": 0} if recipe.quiet else {}))
    assert toys.statuses(tuner) == {"COMPLETED"}
