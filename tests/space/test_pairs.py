"""The shares of pairs of values against the real build of every configuration."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import keras
import keras_tuner
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner._compat.keras_tuner.domains import weighted_domain
from shapesafe_tuner.space import pairs as pairs_module
from tests.test_validation import SPACES, brute

# The same process that builds these spaces for the other tests.
pytestmark = pytest.mark.xdist_group("brute force")


def late_scopes(hp: Any) -> Any:
    """What fails at once leaves open whether the scopes are entered, two of them together."""
    x = inputs = keras.Input((6, 2))
    x = layers.Conv1D(2, hp.Int("first", 4, 7))(x)
    kind = hp.Choice("kind", ["a", "a", "b"])
    with hp.conditional_scope("kind", ["a"]):
        if kind == "a":
            x = layers.Conv1D(1, hp.Int("left", 1, 3))(x)
            deep = hp.Boolean("deep")
            with hp.conditional_scope("deep", [True]):
                if deep:
                    x = layers.Conv1D(1, hp.Int("right", 1, 2))(x)
    return keras.Model(inputs, x)


def wide(hp: Any) -> Any:
    """15 and 14 values: bins, some of two values."""
    x = inputs = keras.Input((12, 1))
    x = layers.Conv1D(1, hp.Int("kernel", 1, 15, sampling="log"))(x)
    x = layers.Cropping1D((hp.Int("crop", 0, 13), 0))(x)
    return keras.Model(inputs, x)


BUILDS = {**SPACES, "late_scopes": (late_scopes, None), "wide": (wide, None)}


def declared_in(report: Any, build: Any) -> dict[str, Any]:
    """The hyperparameters of a space, parents first."""
    hp = keras_tuner.HyperParameters()
    for values in report.sample(60, seed=5):
        hp.values = dict(values)
        build(hp)
    return {item.name: item for item in hp.space}


def completions(
    values: dict[str, Any], share: Fraction, open_names: list[Any]
) -> Iterator[tuple[dict[str, Any], Fraction]]:
    """Every choice of what a partial configuration leaves open, value by value."""
    if not open_names:
        yield values, share
        return
    hp, *rest = open_names
    active = all(condition.is_active(values) for condition in hp.conditions)
    if hp.name in values or not active:
        yield from completions(values, share, rest)
        return
    for value, weight in weighted_domain(hp) or ():
        yield from completions({**values, hp.name: value}, share * weight, rest)


@pytest.mark.parametrize("name", sorted(BUILDS))
def test_shares_are_those_of_brute_force(name: str) -> None:
    build, data = BUILDS[name]
    report = sst.validate_search_space(build, **(data or {}), **({"batch_size": 4} if data else {}))
    _, known = brute(build, data)
    declared = declared_in(report, build)
    bins = {axis.name: axis.bins for axis in report.axes}
    assert len(report.pairs) == len(bins) * (len(bins) - 1) // 2
    assert bool(report.pairs) == (name not in ("logarithmic", "looks_at_types", "with_data"))
    for pair in report.pairs:
        asked = {pair.down, pair.across}
        parents = {c.name for n in asked for c in declared[n].conditions}
        parents |= {c.name for n in parents for c in declared[n].conditions}
        names = [hp for n, hp in declared.items() if n in asked | parents]
        sums: dict[tuple[int, int], list[Fraction]] = {}
        for values, fits, share in known.values():
            for whole, part in completions(values, share, names):
                if asked <= whole.keys():
                    key = tuple(
                        next(
                            place
                            for place, (first, last) in enumerate(bins[n])
                            if whole[n] in (first, last) or between(first, whole[n], last)
                        )
                        for n in (pair.down, pair.across)
                    )
                    cell = sums.setdefault(key, [Fraction(0), Fraction(0)])
                    cell[0] += part * fits
                    cell[1] += part
        for row, column in itertools.product(
            range(len(bins[pair.down])), range(len(bins[pair.across]))
        ):
            share = pair.shares[row][column]
            if (row, column) not in sums:
                assert share is None
                continue
            feasible, seen = sums[row, column]
            assert share == pytest.approx(float(feasible / seen), abs=1e-9), (pair, row, column)


def between(first: Any, value: Any, last: Any) -> bool:
    return not isinstance(value, str) and first < value < last


def test_scopes_that_a_refusal_leaves_open_count_together() -> None:
    report = sst.validate_search_space(late_scopes)
    (pair,) = [p for p in report.pairs if {p.down, p.across} == {"left", "right"}]
    # first = 7 (a quarter) fails before any scope; 4, 5, 6 leave maps of 3, 2 and 1.
    fits = {(left, right): sum(7 - k >= left + right - 1 for k in (4, 5, 6)) / 4
            for left in (1, 2, 3) for right in (1, 2)}  # fmt: skip
    for row, column in itertools.product(range(len(pair.shares)), range(len(pair.shares[0]))):
        place = (row + 1, column + 1) if pair.down == "left" else (column + 1, row + 1)
        assert pair.shares[row][column] == pytest.approx(fits[place])


def test_what_is_sampled_is_divided_into_equally_likely_bins() -> None:
    def build(hp: Any) -> Any:
        rate = hp.Float("rate", 1e-3, 1.0, sampling="log")
        x = inputs = keras.Input((8, 1))
        if rate > 0.1:
            x = layers.Conv1D(1, hp.Choice("kernel", [3, 9]))(x)
        return keras.Model(inputs, x)

    report = sst.validate_search_space(build, samples=600)
    assert not report.exact
    (pair,) = report.pairs
    by_name = {axis.name: axis for axis in report.axes}
    rates = by_name["rate"].bins
    assert len(rates) == pairs_module.MOST_BINS
    assert rates[0][0] == pytest.approx(1e-3)
    assert rates[8] == (pytest.approx(0.1), pytest.approx(10 ** (-3 + 9 * 0.25)))
    shares = pair.shares if pair.down == "rate" else list(zip(*pair.shares, strict=True))
    for place, (narrow, broad) in enumerate(shares):
        assert narrow == 1
        assert broad == (0 if place >= 8 else 1)


def test_at_most_eight_hyperparameters_are_paired_the_costliest_first() -> None:
    def build(hp: Any) -> Any:
        x = inputs = keras.Input((30, 1))
        for number in range(10):
            x = layers.Conv1D(1, hp.Choice(f"kernel_{number}", [1, 2 + number]))(x)
        return keras.Model(inputs, x)

    report = sst.validate_search_space(build)
    assert len(report.axes) == pairs_module.MOST_AXES
    assert len(report.pairs) == 28
    costs = [sum(c.fraction for c in report.conflicts if a.name in c.values) for a in report.axes]
    assert costs == sorted(costs, reverse=True)


def test_a_name_with_two_ranges_has_no_map() -> None:
    def build(hp: Any) -> Any:
        x = inputs = keras.Input((6, 1))
        kind = hp.Choice("kind", ["a", "b"])
        for one, most in (("a", 4), ("b", 9)):
            with hp.conditional_scope("kind", [one]):
                if kind == one:
                    x = layers.Conv1D(1, hp.Int("kernel", 1, most))(x)
        return keras.Model(inputs, layers.Conv1D(1, hp.Int("last", 1, 3))(x))

    report = sst.validate_search_space(build)
    assert {axis.name for axis in report.axes} == {"kind", "last"}
