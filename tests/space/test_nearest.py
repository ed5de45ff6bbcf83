"""The nearest feasible configuration: against looking at all of them, and what is proved."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import keras_tuner
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shapesafe_tuner.space.explorer import Leaf
from shapesafe_tuner.space.nearest import Nearest, nearest_by_conflicts, nearest_leaf
from shapesafe_tuner.verdict import ShapeFault, Verdict

NAMES, VALUES = "abc", (1, 2, 3, 4)


def declared() -> list[Any]:
    hp = keras_tuner.HyperParameters()
    for name in NAMES:
        hp.Int(name, VALUES[0], VALUES[-1])
    return list(hp.space)


def refused(**values: Any) -> Verdict:
    return Verdict(False, "analytic", ShapeFault("layer", "Dense", "does not fit.", None, values))


ALL = [dict(zip(NAMES, values, strict=True)) for values in itertools.product(VALUES, repeat=3)]


def cost(values: dict[str, Any], other: dict[str, Any]) -> tuple[int, float]:
    """Changes, then the way on the scale of each; four values lie a quarter apart."""
    steps = [abs(values[name] - other[name]) / 4 for name in NAMES]
    return sum(step > 0 for step in steps), sum(steps)


@given(st.sets(st.integers(0, len(ALL) - 1), max_size=60), st.integers(0, len(ALL) - 1))
def test_it_is_as_near_as_the_nearest_of_all(feasible: set[int], start: int) -> None:
    values = ALL[start]

    def judge(chosen: dict[str, Any]) -> Verdict:
        fits = ALL.index(chosen) in feasible
        return Verdict(True, "analytic") if fits else refused(**chosen)

    found = nearest_by_conflicts(values, judge, declared)
    assert found.proved
    if not feasible:
        assert found.values is None
    else:
        assert found.values is not None
        assert ALL.index(found.values) in feasible
        best = min(cost(values, ALL[place]) for place in feasible)
        assert cost(values, found.values) == pytest.approx(best)
    leaves = [Leaf(point, Fraction(1, 64), place in feasible) for place, point in enumerate(ALL)]
    known = nearest_leaf(values, leaves, declared())
    assert (known is None) == (found.values is None)
    if known is not None and found.values is not None:
        assert cost(values, known) == pytest.approx(cost(values, found.values))


def test_only_what_causes_a_refusal_is_changed() -> None:
    judged: list[dict[str, Any]] = []

    def judge(chosen: dict[str, Any]) -> Verdict:
        judged.append(chosen)
        return Verdict(True, "analytic") if chosen["b"] < 3 else refused(b=chosen["b"])

    found = nearest_by_conflicts({"a": 1, "b": 4, "c": 1}, judge, declared)
    assert found == Nearest({"a": 1, "b": 2, "c": 1}, proved=True)
    assert {(values["a"], values["c"]) for values in judged} == {(1, 1)}


def test_what_may_not_be_taken_is_passed_over() -> None:
    fits = Verdict(True, "analytic")
    found = nearest_by_conflicts(
        {"a": 1, "b": 1, "c": 1}, lambda _: fits, declared, may_be=lambda values: values["a"] > 2
    )
    assert found.values == {"a": 3, "b": 1, "c": 1}


def test_an_allowance_that_is_spent_proves_nothing() -> None:
    found = nearest_by_conflicts(ALL[0], lambda chosen: refused(**chosen), declared, most=5)
    assert found == Nearest(None, proved=False)


def test_a_number_is_not_a_string() -> None:
    hp = keras_tuner.HyperParameters()
    hp.Choice("a", ["1", "2"])
    (found,) = [nearest_leaf({"a": 1}, [Leaf({"a": "1"}, Fraction(1), True)], hp.space)]
    assert found == {"a": "1"}
