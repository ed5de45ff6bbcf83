"""The two walkers of nested structures: what they look into, and what is a leaf."""

from __future__ import annotations

import collections
import doctest
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapesafe_tuner import structures
from shapesafe_tuner.structures import leaves, map_leaves


class Pair(NamedTuple):
    """A tuple that means something of its own."""

    one: int
    two: int


NESTED = st.recursive(
    st.integers() | st.none() | st.text(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=30)
@given(NESTED)
def test_each_leaf_is_converted_where_it_stands(structure: Any) -> None:
    assert map_leaves(lambda leaf: leaf, structure) == structure
    wrapped = map_leaves(lambda leaf: Pair(0, leaf), structure)
    assert [pair.two for pair in leaves(wrapped)] == leaves(structure)
    assert map_leaves(lambda pair: pair.two, wrapped) == structure


@pytest.mark.parametrize(
    "leaf",
    [Pair(1, 2), collections.OrderedDict(a=1), None, "text", {1, 2}, type("L", (list,), {})()],
    ids=["a tuple with names", "an ordered dict", "None", "a string", "a set", "a list of a kind"],
)
def test_what_is_no_plain_container_is_a_leaf(leaf: Any) -> None:
    assert leaves([leaf]) == [leaf]
    assert map_leaves(lambda item: item is leaf, (leaf,)) == (True,)


def test_the_example_of_the_module() -> None:
    assert doctest.testmod(structures).failed == 0
