"""Fractions of a space and draws from it, from leaves made by hand and against counting."""

from __future__ import annotations

import collections
import itertools
import math
from fractions import Fraction
from typing import Any

import keras_tuner
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shapesafe_tuner.space.explorer import Leaf
from shapesafe_tuner.space.shares import Domains, completed, outcomes_of, sensitivity_of, wilson


@pytest.mark.parametrize(("hits", "draws"), [(0, 10), (3, 10), (500, 1_000)])
def test_wilsons_interval_solves_its_equation(hits: int, draws: int) -> None:
    """Both ends are the proportions from which the draws are 1.96 standard deviations away."""
    share, z = hits / draws, 1.959963984540054
    for end in wilson(hits, draws):
        away = z * math.sqrt(end * (1 - end) / draws)
        assert abs(share - end) == pytest.approx(away, abs=1e-12)


def test_without_draws_nothing_is_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    settled = [Leaf({}, Fraction(1, 4), True), Leaf({}, Fraction(1, 4), False)]
    found = outcomes_of(settled, [])
    assert (found.feasible, found.infeasible) == (Fraction(1, 4), Fraction(1, 4))
    assert (found.undecided, found.unseen) == (Fraction(1, 2), Fraction(1, 2))
    assert found.interval == (0.25, 0.75)


@given(st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=9), st.integers(1, 99))
def test_draws_stand_for_the_rest_and_shares_add_up(drawn: list[Any], percent: int) -> None:
    settled = [Leaf({}, Fraction(percent, 100), False)]
    found = outcomes_of(settled, [Leaf({}, Fraction(0), feasible) for feasible in drawn])
    assert found.feasible + found.infeasible + found.undecided == 1
    assert found.feasible == Fraction(100 - percent, 100) * Fraction(drawn.count(True), len(drawn))
    assert found.unseen == 0
    low, high = found.interval
    assert low - 1e-9 <= found.feasible <= high + 1e-9


def space() -> keras_tuner.HyperParameters:
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["conv", "dense"])
    with hp.conditional_scope("kind", ["conv"]):
        hp.Int("kernel", 1, 4)
    hp.Float("rate", 0.0, 1.0)
    return hp


LEAVES = [
    Leaf({"kind": "dense"}, Fraction(1, 2), True),
    *(Leaf({"kind": "conv", "kernel": k}, Fraction(1, 8), k < 3) for k in (1, 2, 3, 4)),
]


def test_the_share_of_a_value_is_that_of_its_configurations() -> None:
    domains = Domains(["kind", "kernel"], space().space, 1_000)
    assert sensitivity_of(LEAVES, domains) == {
        "kind": {"conv": pytest.approx(0.5), "dense": pytest.approx(0.0)},
        "kernel": {1: 0.0, 2: 0.0, 3: pytest.approx(1.0), 4: pytest.approx(1.0)},
    }


def test_how_likely_a_hyperparameter_is_in_use() -> None:
    domains = Domains(["kind", "kernel"], space().space, 1_000)
    assert domains.active("kind", {}) == 1.0
    assert domains.active("kernel", {}) == 0.5
    assert domains.active("kernel", {"kind": "conv"}) == 1.0
    assert domains.active("kernel", {"kind": "dense"}) == 0.0


def test_samples_are_feasible_and_drawn_in_proportion() -> None:
    drawn = completed(LEAVES, space().space, 4_000, seed=1)
    kinds = collections.Counter(values["kind"] for values in drawn)
    # Of the feasible part two thirds are dense.
    assert kinds["dense"] / 4_000 == pytest.approx(2 / 3, abs=0.03)
    for values in itertools.islice(drawn, 500):
        assert ("kernel" in values) == (values["kind"] == "conv")
        assert values.get("kernel", 1) < 3
        assert 0.0 <= values["rate"] <= 1.0
    assert drawn == completed(LEAVES, space().space, 4_000, seed=1)
    assert drawn != completed(LEAVES, space().space, 4_000, seed=2)


def test_nothing_feasible_cannot_be_sampled() -> None:
    with pytest.raises(ValueError, match="no feasible configuration"):
        completed([Leaf({}, Fraction(1), False)], [], 1, seed=0)
