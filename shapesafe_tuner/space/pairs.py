"""The feasible share over the values of any two hyperparameters, from the boxes of the tree."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from shapesafe_tuner._compat.keras_tuner.domains import (
    domain,
    is_active,
    position,
    range_of,
    value_at,
    weighted_domain,
)
from shapesafe_tuner._compat.types import HyperParameter, Value
from shapesafe_tuner.findings import Axis, Conflict, PairShares, in_order
from shapesafe_tuner.space.explorer import WIDEST, Leaf

__all__ = ["axes_of", "pair_shares"]

MOST_AXES = 8
"""Hyperparameters that are paired with each other: 28 pairs."""
MOST_BINS = 12
"""Values of one hyperparameter that are shown one by one; wider domains have so many bins."""
_LISTED = 10 * WIDEST
"""Values up to which a domain is listed; a wider one has bins that are drawn equally often."""


class _Scale:
    """The bins of a hyperparameter, and how often KerasTuner's random sampling draws from each.

    Args:
        parameter: the hyperparameter.
        most: how many bins.
    """

    def __init__(self, parameter: HyperParameter, most: int) -> None:
        self._parameter = parameter
        self._place: dict[Any, int] | None = None
        known = domain(parameter)
        if known is None or len(known) > _LISTED:
            edges = [value_at(parameter, place / most) for place in range(most + 1)]
            self.bins = tuple(itertools.pairwise(edges))
            self.weights = [1 / most] * most
            return
        weights = dict(weighted_domain(parameter) or ())
        pairs = [(value, weights[value]) for value in in_order(tuple(weights))]
        count = min(most, len(pairs))
        ends = [len(pairs) * place // count for place in range(count + 1)]
        groups = [pairs[start:end] for start, end in itertools.pairwise(ends)]
        self.bins = tuple((group[0][0], group[-1][0]) for group in groups)
        self.weights = [float(sum(weight for _, weight in group)) for group in groups]
        self._place = {v: place for place, group in enumerate(groups) for v, _ in group}

    def place(self, value: Value) -> int:
        """The bin that a value lies in."""
        if self._place is not None and value in self._place:
            return self._place[value]
        at = position(self._parameter, value)
        if at is None:  # a draw that rounding took over the border
            at = 0.0 if value <= self.bins[0][0] else 1.0
        return min(int(at * len(self.bins)), len(self.bins) - 1)


class _Space:
    """Hyperparameters by name, with what they depend on.

    Args:
        declared: all of them, parents before what depends on them.
    """

    def __init__(self, declared: Sequence[Any]) -> None:
        self._by_name: dict[str, list[Any]] = {}
        for parameter in declared:
            self._by_name.setdefault(parameter.name, []).append(parameter)
        self._order = {name: place for place, name in enumerate(self._by_name)}

    def scale(self, name: str, most: int) -> _Scale:
        """The bins of a hyperparameter."""
        return _Scale(self._by_name[name][0], most)

    def active(self, name: str, values: Mapping[str, Any]) -> bool:
        """Whether it is in use, where everything that it depends on is chosen."""
        return any(is_active(parameter, values) for parameter in self._by_name[name])

    def parents(self, names: Iterable[str]) -> set[str]:
        """What decides whether these are in use."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            for parameter in self._by_name.get(waiting.pop(), ()):
                new = {condition.name for condition in parameter.conditions} - found
                found |= new
                waiting += new
        return found

    def in_order(self, names: Iterable[str]) -> list[str]:
        """Parents before what depends on them."""
        return sorted(names, key=self._order.__getitem__)

    def may_be_axis(self, name: str) -> bool:
        """Whether it has one range of two or more values, and its parents can be listed."""
        values = domain(self._by_name[name][0])
        if len({range_of(parameter) for parameter in self._by_name[name]}) > 1:
            return False
        parents = self.parents([name])
        return (values is None or len(values) > 1) and all(map(self._is_listed, parents))

    def _is_listed(self, name: str) -> bool:
        values = domain(self._by_name[name][0]) if name in self._by_name else None
        return values is not None and len(values) <= WIDEST


def axes_of(
    leaves: Iterable[Leaf], declared: Sequence[Any], conflicts: Sequence[Conflict]
) -> list[str]:
    """The hyperparameters worth a map, at most ``MOST_AXES``: those in the costliest conflicts.

    Args:
        leaves: of the tree.
        declared: the hyperparameters.
        conflicts: of the space.
    """
    space = _Space(declared)
    decide = dict.fromkeys(name for leaf in leaves for name in leaf.values)
    costs = {name: math.fsum(c.fraction for c in conflicts if name in c.values) for name in decide}
    names = [name for name in decide if space.may_be_axis(name)]
    return sorted(names, key=lambda name: -costs[name])[:MOST_AXES]


def pair_shares(
    leaves: Sequence[Leaf], declared: Sequence[Any], names: Sequence[str]
) -> tuple[tuple[Axis, ...], tuple[PairShares, ...]]:
    """The feasible share of each combination of two hyperparameters' values, for every pair.

    A share is that of the configurations in which both are in use. What a leaf does not fix is
    summed over its domain, and over that of what decides whether it is in use; so the shares are
    exact where the leaves are.

    Args:
        leaves: of the tree.
        declared: the hyperparameters.
        names: as :func:`axes_of` gives them.
    """
    space = _Space(declared)
    tables = _Tables(leaves, space)
    axes = tuple(Axis(name, space.scale(name, MOST_BINS).bins) for name in names)
    return axes, tuple(
        PairShares(down, across, tables.of(down, across))
        for down, across in itertools.combinations(names, 2)
    )


class _Tables:
    def __init__(self, leaves: Sequence[Leaf], space: _Space) -> None:
        self._leaves = leaves
        self._space = space
        self._shares = np.array([float(leaf.share) for leaf in leaves])
        feasible = np.array([leaf.feasible is True for leaf in leaves], dtype=float)
        self._feasible = self._shares * feasible
        self._known: dict[tuple[str, int], tuple[_Scale, Any]] = {}

    def of(self, down: str, across: str) -> tuple[tuple[float | None, ...], ...]:
        """The shares; None where both are never in use, or nothing was seen."""
        parents = self._space.parents((down, across))
        names = self._space.in_order({down, across} | parents)
        known = [self._codes(name, WIDEST if name in parents else MOST_BINS) for name in names]
        scales = [scale for scale, _ in known]
        # Leaves that fix these alike are one: their shares add up.
        sizes = tuple(len(scale.bins) + 1 for scale in scales)
        keys = np.ravel_multi_index(tuple(codes for _, codes in known), sizes)
        distinct, inverse = np.unique(keys, return_inverse=True)
        seen = np.bincount(inverse, self._shares)
        feasible = np.bincount(inverse, self._feasible)
        rows, columns = (self._codes(name, MOST_BINS)[0] for name in (down, across))
        totals = np.zeros((2, len(rows.bins), len(columns.bins)))
        for key, *sums in zip(distinct, seen, feasible, strict=True):
            fixed = [int(code) for code in np.unravel_index(key, sizes)]
            for values, weight in self._completions(names, scales, fixed):
                if down in values and across in values:
                    row, column = rows.place(values[down]), columns.place(values[across])
                    totals[:, row, column] += weight * np.array(sums)
        return tuple(
            tuple(float(min(1.0, f / s)) if s > 0 else None for s, f in zip(*row, strict=True))
            for row in zip(*totals, strict=True)
        )

    def _codes(self, name: str, most: int) -> tuple[_Scale, Any]:
        """For each leaf the bin of a value; the number of bins where the leaf leaves it open."""
        if (name, most) not in self._known:
            scale = self._space.scale(name, most)
            free = len(scale.bins)
            codes = [
                scale.place(leaf.values[name]) if name in leaf.values else free
                for leaf in self._leaves
            ]
            self._known[name, most] = (scale, np.array(codes, dtype=np.int64))
        return self._known[name, most]

    def _completions(
        self, names: list[str], scales: list[_Scale], fixed: list[int]
    ) -> Iterator[tuple[dict[str, Any], float]]:
        """One value of each bin for what is in use, and how likely that is."""
        found: list[tuple[dict[str, Any], float]] = [({}, 1.0)]
        for name, scale, code in zip(names, scales, fixed, strict=True):
            if code < len(scale.bins):
                found = [({**values, name: scale.bins[code][0]}, w) for values, w in found]
                continue
            choices = [(bounds[0], w) for bounds, w in zip(scale.bins, scale.weights, strict=True)]
            found = [
                (values if value is _UNUSED else {**values, name: value}, before * weight)
                for values, before in found
                for value, weight in (
                    choices if self._space.active(name, values) else [(_UNUSED, 1.0)]
                )
            ]
        return iter(found)


_UNUSED = object()
