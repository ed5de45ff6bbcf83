"""A ``fit`` of the user's own in the public functions, without a search."""

from __future__ import annotations

import itertools
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import pytest

import shapesafe_tuner as sst
from shapesafe_tuner.tracing.following.given import GivenData
from tests.search.recipes import IMAGE_TARGETS, IMAGES, RECIPES, Recipe, Reshaping, X, Y

OF_HYPERMODELS = [
    recipe
    for recipe in RECIPES
    if str(recipe) in ("Batches", "LastSteps", "Pipeline", "Freezes", "Augments", "OwnFit")
]


@pytest.mark.parametrize("recipe", OF_HYPERMODELS, ids=str)
def test_a_check_says_what_a_trial_comes_to(recipe: Recipe) -> None:
    hypermodel = recipe.hypermodel and recipe.hypermodel()
    x, y = recipe.data
    for chosen in itertools.product(*recipe.space.values()):
        values = dict(zip(recipe.space, chosen, strict=True))
        verdict = sst.check(hypermodel, values, x=x, y=y)
        assert verdict.feasible is (chosen not in recipe.fails), (values, verdict)


def _recipe(name: str) -> Any:
    return next(recipe.hypermodel for recipe in RECIPES if str(recipe) == name)()


def test_what_fit_reads_is_part_of_the_space() -> None:
    report = sst.validate_search_space(_recipe("LastSteps"), x=X, y=Y, progress=False)
    assert report.exact
    assert report.feasible_fraction == pytest.approx(1 / 3)
    assert {name for conflict in report.conflicts for name in conflict.values} == {"columns"}
    assert report.irrelevant == ("units",)
    assert sst.repair(_recipe("LastSteps"), {"columns": 5}, x=X, y=Y) == {"columns": 6}
    assert sst.explain(_recipe("LastSteps"), {"columns": 5}, x=X, y=Y).conflict == {"columns": 5}


def test_false_judges_the_build() -> None:
    verdict = sst.check(_recipe("LastSteps"), {"columns": 5}, x=X, y=Y, check_training_step=False)
    assert verdict.feasible
    assert "check_training_step is False" in str(verdict.warnings)


class Noting(type(_recipe("LastSteps"))):  # type: ignore[misc]
    log: list[int] = []  # noqa: RUF012

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        self.log.append(len(x))
        return super().fit(hp, model, x, y, **kwargs)


def test_what_has_side_effects_is_followed_when_asked_for() -> None:
    kept = sst.check(Noting(), {"columns": 5}, x=X, y=Y)
    assert kept.feasible
    assert "test_without_a_search.py:" in str(kept.warnings)
    assert Noting.log == []
    assert not sst.check(Noting(), {"columns": 5}, x=X, y=Y, check_training_step="follow")


def test_specifications_of_data_are_not_followed() -> None:
    x = keras.KerasTensor((24, 6))
    verdict = sst.check(_recipe("LastSteps"), {"columns": 5}, x=x, y=Y)
    assert verdict.feasible
    assert "not at hand" in str(verdict.warnings)


def build_own(hp: Any) -> Any:
    model = Reshaping(hp.Choice("units", [1, 3]))
    model.compile("sgd", "categorical_crossentropy")
    return model


def test_a_fit_of_the_models_own_is_followed() -> None:
    y = np.concatenate([IMAGE_TARGETS] * 3, axis=1)
    assert sst.check(build_own, {"units": 3}, x=IMAGES, y=y).feasible is True
    assert sst.check(build_own, {"units": 1}, x=IMAGES, y=y).feasible is False


def test_functions_of_hp_go_with_a_fit_of_the_users_own() -> None:
    for given, share in (
        ({"x": lambda hp: X[:, : hp.Choice("width", [5, 6])]}, 1 / 6),
        ({"y": lambda hp: Y[:, : hp.Choice("targets", [1])]}, 1 / 3),
        ({"validation_data": lambda hp: (X[:, : hp.Choice("width", [5, 6])], Y)}, 1 / 6),
        ({"batch_size": lambda hp: hp.Int("batch", 1, 50)}, 1 / 3),
    ):
        data = {"x": X, "y": Y, **given}
        assert not sst.check(_recipe("LastSteps"), {"columns": 5}, **data)
        report = sst.validate_search_space(_recipe("LastSteps"), progress=False, **data)
        assert report.exact
        assert report.feasible_fraction == pytest.approx(share)
        assert "units" in report.irrelevant


def test_functions_of_hp_go_with_a_fit_of_the_models_own() -> None:
    def targets(hp: Any) -> Any:
        return np.concatenate([IMAGE_TARGETS] * 3, axis=1)[:, : hp.Choice("targets", [1, 3])]

    def images(hp: Any) -> Any:
        return IMAGES[:, : hp.Choice("rows", [6, 8])]

    assert sst.check(build_own, {"units": 3, "targets": 3}, x=images, y=targets).feasible is True
    assert sst.check(build_own, {"units": 1, "targets": 3}, x=images, y=targets).feasible is False
    report = sst.validate_search_space(build_own, x=images, y=targets, progress=False)
    assert report.feasible_fraction == pytest.approx(1 / 2)


def test_an_executor_gets_the_data_where_a_fit_needs_them() -> None:
    y = np.concatenate([IMAGE_TARGETS] * 3, axis=1)
    with ThreadPoolExecutor(1) as executor:
        own = sst.validate_search_space(build_own, x=IMAGES, y=y, executor=executor, progress=False)
        followed = sst.validate_search_space(
            _recipe("LastSteps"), x=X, y=Y, executor=executor, progress=False
        )
    assert own.feasible_fraction == pytest.approx(1 / 2)
    assert followed.feasible_fraction == pytest.approx(1 / 3)
    kept = GivenData((X, Y), {})
    assert len(pickle.dumps(kept)) < 200, "data that no code of the user's needs stay here"
    assert len(pickle.dumps(kept.need())) > X.nbytes
