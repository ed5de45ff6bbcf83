"""The systematic walk through a space, and single draws from it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import keras_tuner
import pytest

from shapesafe_tuner.space.enumeration import WIDEST, Walk, sample


def nothing_pruned(values: Mapping[str, Any]) -> bool:
    return False


def flat(hp: Any) -> None:
    hp.Int("a", 1, 3)
    hp.Choice("c", ["x", "y"])
    hp.Boolean("b")
    hp.Fixed("f", 7)


def nested(hp: Any) -> None:
    hp.Choice("kind", ["plain", "deep"])
    with hp.conditional_scope("kind", ["deep"]):
        hp.Int("layers", 1, 2)
        with hp.conditional_scope("layers", [2]):
            hp.Choice("second", [10, 20, 30])
    hp.Boolean("bias")


def shared_name(hp: Any) -> None:
    hp.Choice("kind", ["small", "large"])
    with hp.conditional_scope("kind", ["small"]):
        hp.Int("units", 1, 2)
    with hp.conditional_scope("kind", ["large"]):
        hp.Int("units", 30, 50, step=10)


def stepped(hp: Any) -> None:
    hp.Int("power", 4, 32, step=2, sampling="log")
    hp.Float("rate", 0.0, 0.5, step=0.25)


SPACES: dict[Callable[[Any], None], list[dict[str, Any]]] = {
    flat: [
        {"a": a, "c": c, "b": b, "f": 7}
        for a, c, b in itertools.product((1, 2, 3), "xy", (True, False))
    ],
    nested: [
        {**chosen, "bias": bias}
        for bias in (True, False)
        for chosen in (
            {"kind": "plain"},
            {"kind": "deep", "layers": 1},
            *({"kind": "deep", "layers": 2, "second": size} for size in (10, 20, 30)),
        )
    ],
    shared_name: [
        {"kind": kind, "units": units}
        for kind, all_units in (("small", (1, 2)), ("large", (30, 40, 50)))
        for units in all_units
    ],
    stepped: [
        {"power": power, "rate": rate} for power in (4, 8, 16, 32) for rate in (0.0, 0.25, 0.5)
    ],
}


def made(declare: Callable[[Any], None]) -> Any:
    hp = keras_tuner.HyperParameters()
    declare(hp)
    return hp


def key(values: Mapping[str, Any]) -> str:
    return repr(sorted(values.items()))


@pytest.mark.parametrize("declare", SPACES, ids=lambda declare: declare.__name__)
def test_each_configuration_is_walked_once(declare: Callable[[Any], None]) -> None:
    walk = Walk(made(declare), 1, nothing_pruned)
    walked = [key(values) for values in walk]
    assert sorted(walked) == sorted(key(values) for values in SPACES[declare])
    assert walk.complete


def test_an_empty_space_has_one_configuration() -> None:
    assert list(Walk(keras_tuner.HyperParameters(), 1, nothing_pruned)) == [{}]


def test_the_seed_decides_the_order() -> None:
    space = made(flat)
    orders = [list(Walk(space, seed, nothing_pruned)) for seed in (1, 1, 2)]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]


def test_what_is_pruned_is_not_entered() -> None:
    asked: list[dict[str, Any]] = []

    def pruned(values: Mapping[str, Any]) -> bool:
        asked.append(dict(values))
        return values.get("a", 0) >= 3

    hp = keras_tuner.HyperParameters()
    hp.Int("a", 0, 9)
    for index in range(20):
        hp.Int(f"other_{index}", 0, 0)
    hp.Int("last", 0, 1)
    walk = Walk(hp, 1, pruned)
    walked = list(walk)
    assert {values["a"] for values in walked} == {0, 1, 2}
    assert len(walked) == 6
    assert walk.complete
    assert all(len(values) == 1 for values in asked if values.get("a", 0) >= 3)


def test_a_pruned_space_yields_nothing() -> None:
    walk = Walk(made(flat), 1, lambda values: True)
    assert list(walk) == []
    assert walk.complete


@pytest.mark.parametrize(
    ("declare", "complete"),
    [
        (lambda hp: hp.Float("rate", 0.0, 1.0), False),
        (lambda hp: hp.Int("a", 1, WIDEST + 1), False),
        (lambda hp: hp.Int("a", 1, WIDEST), True),
        (lambda hp: hp.Int("a", 0, 10 * WIDEST, step=10), False),
        (lambda hp: hp.Choice("a", list(range(WIDEST))), True),
    ],
    ids=["continuous", "too wide", "widest", "too many steps", "long choice"],
)
def test_a_domain_too_wide_to_walk_is_sampled_and_said(
    declare: Callable[[Any], None], complete: bool
) -> None:
    walk = Walk(made(declare), 1, nothing_pruned)
    walked = [key(values) for values in walk]
    assert walk.complete is complete
    assert len(set(walked)) == len(walked)
    assert len(walked) == (WIDEST if complete else len(walked))
    assert walked


def test_a_wide_domain_that_is_never_reached_leaves_the_walk_complete() -> None:
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["a", "b"])
    with hp.conditional_scope("kind", ["b"]):
        hp.Float("rate", 0.0, 1.0)
    walk = Walk(hp, 1, lambda values: values.get("kind") == "b")
    assert list(walk) == [{"kind": "a"}]
    assert walk.complete


@pytest.mark.parametrize("declare", SPACES, ids=lambda declare: declare.__name__)
def test_a_sample_is_a_configuration_of_the_space(declare: Callable[[Any], None]) -> None:
    space = made(declare)
    known = {key(values) for values in SPACES[declare]}
    drawn = {key(sample(space, seed)) for seed in range(60)}
    assert drawn <= known
    assert len(drawn) > len(known) // 2


def test_a_sample_is_a_function_of_its_seed_and_keeps_fixed_values() -> None:
    space = made(nested)
    fixed = {"kind": "deep", "layers": 2}
    first, again = sample(space, 3, fixed), sample(space, 3, fixed)
    assert first == again
    assert {**first, **fixed} == first
    assert first["second"] in (10, 20, 30)
    assert fixed == {"kind": "deep", "layers": 2}
    assert len({sample(space, seed, fixed)["second"] for seed in range(20)}) == 3
