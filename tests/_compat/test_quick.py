"""The quick ``HyperParameters`` answers scopes as KerasTuner's own does."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import keras_tuner
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner._compat.keras_tuner.configurations import configuration
from shapesafe_tuner._compat.keras_tuner.domains import place_of
from shapesafe_tuner._compat.keras_tuner.quick import QuickHyperParameters, StockNeeded
from shapesafe_tuner._compat.keras_tuner.source import HyperParametersSource


def scopes(hp: Any) -> list[Any]:
    """Scopes beside, within and again; one name in two of them, one in another range."""
    said = [hp.Choice("kind", ["cnn", "mlp"]), hp.Boolean("deep")]
    with hp.conditional_scope("kind", ["cnn"]):
        said += [hp.Int("width", 1, 9), hp.Boolean("inner")]
        with hp.conditional_scope("inner", [True]):
            said += [hp.Int("kernel", 2, 5), hp.Fixed("fixed", "a")]
    with hp.conditional_scope("kind", "mlp"):
        said += [hp.Int("width", 3, 7, default=5), hp.Float("rate", 0.0, 0.5)]
    with hp.conditional_scope("deep", [True]):
        said.append(hp.Int("depth", 1, 3))
    with hp.conditional_scope("deep", [True]):
        said.append(hp.Int("depth", 1, 4))
    return [*said, hp.Int("width", 1, 2)]


def registered() -> Any:
    space = keras_tuner.HyperParameters()
    scopes(space)
    return space


GIVEN: list[dict[str, Any]] = [
    dict(zip(("kind", "deep", "inner"), values, strict=True), **more)
    for values in itertools.product(["cnn", "mlp"], [True, False], [True, False])
    for more in ({}, {"width": 7, "kernel": 4, "depth": 2})
]


def both(build: Any, space: Any, given: dict[str, Any]) -> tuple[QuickHyperParameters, Any]:
    """The quick ones and KerasTuner's own, which have answered alike."""
    stock = configuration(space, given)
    stock.values.names_read.clear()
    quick = HyperParametersSource(()).chosen(space, given)
    assert isinstance(quick, QuickHyperParameters)
    assert build(quick) == build(stock)
    assert dict(dict.items(quick.values)) == dict(dict.items(stock.values))
    assert set(quick.values.names_read) == set(stock.values.names_read)
    assert quick.values.reregistered == stock.values.reregistered
    assert [place_of(asked) for asked, _ in quick.asked.values()] == list(
        map(place_of, stock.space)
    )
    assert (quick.active_scopes, quick.inactive_scopes) == (
        stock.active_scopes,
        stock.inactive_scopes,
    )
    return quick, stock


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("given", [{}, *GIVEN])
def test_scopes(given: dict[str, Any], known: bool) -> None:
    both(scopes, registered() if known else None, given)


def of_nobody(hp: Any) -> None:
    with hp.conditional_scope("nobody", [1]):
        pass


def own_parent(hp: Any) -> None:
    hp.Boolean("deep")
    with hp.conditional_scope("deep", [True]):
        hp.Boolean("deep")


def parent_outside(hp: Any) -> None:
    hp.Boolean("deep")
    hp.Boolean("other")
    with hp.conditional_scope("deep", [True]), hp.conditional_scope("other", [True]):
        pass


@pytest.mark.parametrize("build", [of_nobody, own_parent, parent_outside])
def test_what_kerastuner_refuses_is_left_to_it(build: Any) -> None:
    quick = HyperParametersSource(()).chosen(None, {})
    with pytest.raises(StockNeeded):
        build(quick)
    with pytest.raises(ValueError, match=r"deep|defined"):
        build(configuration(None, {}))


def conditional(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((9, 1))])
    kind = hp.Choice("kind", ["cnn", "mlp"])
    with hp.conditional_scope("kind", ["cnn"]):
        kernel = hp.Int("kernel", 1, 12)
        if kind == "cnn":
            model.add(layers.Conv1D(2, kernel))
    model.add(layers.Dense(1))
    return model


def test_a_check_with_a_scope_runs_once_and_quickly() -> None:
    kinds: list[type] = []

    def build(hp: Any) -> Any:
        kinds.append(type(hp))
        return conditional(hp)

    assert sst.check(build, {"kind": "cnn", "kernel": 3}).feasible
    assert kinds == [QuickHyperParameters]
    verdict = sst.check(build, {"kind": "cnn", "kernel": 10})
    assert verdict.fault is not None
    assert verdict.fault.hyperparameters == {"kind": "cnn", "kernel": 10}
    assert sst.check(build, {"kind": "mlp", "kernel": 10}).feasible


def test_a_validation_with_scopes_is_exact() -> None:
    report = sst.validate_search_space(conditional)
    assert report.exact
    assert report.feasible_fraction == pytest.approx(0.5 + 0.5 * 9 / 12)


def named(hp: Any) -> list[Any]:
    """Name scopes beside and within others and conditional scopes, and parents by argument."""
    said = [hp.Choice("kind", ["cnn", "mlp"])]
    for place in range(2):
        with hp.name_scope(f"block_{place}"):
            said += [hp.Int("width", 1, 9), hp.Boolean("deep")]
            with hp.name_scope("inner"), hp.name_scope("most"):
                said.append(hp.Float("rate", 0.0, 0.5))
            with hp.conditional_scope("deep", [True]):
                said.append(hp.Int("depth", 1, 3))
    said.append(hp.Int("kernel", 2, 5, parent_name="kind", parent_values=["cnn"]))
    said.append(hp.Int("kernel", 2, 7, parent_name="kind", parent_values="mlp"))
    return [*said, hp.Int("width", 1, 2, parent_name=None)]


NAMED: list[dict[str, Any]] = [
    {"kind": kind, "block_1/deep": deep, "kernel": 4, "block_0/inner/most/rate": 0.25}
    for kind in ("cnn", "mlp")
    for deep in (False, True)
]


@pytest.mark.parametrize("given", [{}, *NAMED])
def test_name_scopes_and_parents_by_argument(given: dict[str, Any]) -> None:
    quick, stock = both(named, None, given)
    assert list(quick.values.names_read) == list(stock.values.names_read)
