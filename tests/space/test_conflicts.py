"""Combinations that never fit, from leaves made by hand: small, merged, each share counted once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import keras_tuner
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shapesafe_tuner.findings import Conflict
from shapesafe_tuner.space import conflicts
from shapesafe_tuner.space.conflicts import Boxes, places
from shapesafe_tuner.space.explorer import Leaf, Part
from shapesafe_tuner.space.shares import Domains
from shapesafe_tuner.verdict import ShapeFault

VALUES = (1, 2, 3)


def conflicts_of(items: list[Leaf | Part]) -> list[Conflict]:
    hp = keras_tuner.HyperParameters()
    for name in "abc":
        hp.Choice(name, list(VALUES))
    return conflicts.conflicts_of(items, Domains("abc", hp.space, 100))


def fault(layer_type: str = "Conv2D") -> ShapeFault:
    return ShapeFault("layer", layer_type, f"{layer_type} does not fit.", None, {})


def tree(refuses: Any, names: str = "ab") -> list[Leaf | Part]:
    """One leaf for each combination of three values."""
    share = Fraction(1, len(VALUES) ** len(names))
    leaves: list[Leaf | Part] = []
    for combination in itertools.product(VALUES, repeat=len(names)):
        values = dict(zip(names, combination, strict=True))
        wrong = refuses(values)
        leaves.append(Leaf(values, share, not wrong, fault() if wrong else None))
    return leaves


def test_a_value_that_never_fits_is_a_conflict_by_itself() -> None:
    (found,) = conflicts_of(tree(lambda values: values["b"] == 3))
    assert found.values == {"b": (3,)}
    assert found.fraction == pytest.approx(1 / 3)
    assert found.fault.hyperparameters == {"b": 3}


def test_neighbours_become_one_range_and_the_costliest_comes_first() -> None:
    found = conflicts_of(
        tree(lambda values: (values["a"] >= 2 and values["b"] >= 2) or values["c"] == 1, "abc")
    )
    assert [conflict.values for conflict in found] == [{"a": (2, 3), "b": (2, 3)}, {"c": (1,)}]
    assert found[0].fraction == pytest.approx(4 / 9)
    # What both refuse counts once.
    assert found[1].fraction == pytest.approx(1 / 3 * 5 / 9)


def test_what_is_not_settled_may_be_feasible() -> None:
    leaves = [leaf for leaf in tree(lambda values: values["b"] == 3) if leaf.values["a"] < 3]
    (found,) = conflicts_of([*leaves, Part({"a": 3}, Fraction(1, 3))])
    assert found.values == {"a": (1, 2), "b": (3,)}
    assert found.fraction == pytest.approx(2 / 9)


def test_one_sentence_does_not_speak_for_two_kinds_of_layers() -> None:
    leaves = [
        Leaf({"a": 1}, Fraction(1, 3), False, fault("Conv2D")),
        Leaf({"a": 2}, Fraction(1, 3), False, fault("Dense")),
        Leaf({"a": 3}, Fraction(1, 3), True),
    ]
    found = {conflict.fault.layer_type: conflict.values for conflict in conflicts_of(leaves)}
    assert found == {"Conv2D": {"a": (1,)}, "Dense": {"a": (2,)}}


def test_true_is_not_one() -> None:
    boxes = Boxes([Leaf({"a": True}, Fraction(1, 2), True), Leaf({"a": 1}, Fraction(1, 2), True)])
    assert list(places(boxes.touching({"a": True}))) == [0]
    assert list(places(boxes.touching({"a": 1}))) == [1]
    assert list(places(boxes.touching({"other": 1}))) == [0, 1]


@given(st.sets(st.tuples(*[st.sampled_from(VALUES)] * 3)))
def test_conflicts_are_minimal_and_their_shares_add_up(wrong: set[tuple[int, ...]]) -> None:
    leaves = tree(lambda values: tuple(values.values()) in wrong, "abc")
    found = conflicts_of(leaves)
    assert sum(conflict.fraction for conflict in found) == pytest.approx(len(wrong) / 27)
    feasible = [leaf.values for leaf in leaves if leaf.feasible]
    for conflict in found:
        point = conflict.fault.hyperparameters
        for left_out in (None, *point):
            rest = {name: value for name, value in point.items() if name != left_out}
            rescued = any(rest.items() <= values.items() for values in feasible)
            assert rescued is (left_out is not None)


def grown(draw: Any, values: dict[str, int], wrong: set[tuple[int, ...]]) -> Iterator[Leaf | Part]:
    """A tree whose leaves end as soon as all that is left fails or fits, or later."""
    names = [name for name in "abc" if name not in values]
    inside = [
        all(point["abc".index(name)] == value for name, value in values.items()) for point in POINTS
    ]
    ends = {point in wrong for point, it_is in zip(POINTS, inside, strict=True) if it_is}
    if len(ends) == 1 and (not names or draw(st.booleans())):
        fails = ends.pop()
        share = Fraction(1, 3 ** len(values))
        yield Leaf(values, share, not fails, fault() if fails else None)
        return
    name = draw(st.sampled_from(names))
    for value in VALUES:
        yield from grown(draw, {**values, name: value}, wrong)


POINTS = list(itertools.product(VALUES, repeat=3))


@given(st.data(), st.sets(st.sampled_from(POINTS)))
def test_each_share_is_what_a_conflict_adds_to_those_before_it(
    data: st.DataObject, wrong: set[tuple[int, ...]]
) -> None:
    counted: set[tuple[int, ...]] = set()
    found = conflicts_of(list(grown(data.draw, {}, wrong)))
    for conflict in found:
        box = [conflict.values.get(name, VALUES) for name in "abc"]
        mine = set(itertools.product(*box)) - counted
        assert conflict.fraction == pytest.approx(len(mine) / 27)
        counted |= mine
    assert counted == wrong
    assert [c.fraction for c in found] == sorted((c.fraction for c in found), reverse=True)
