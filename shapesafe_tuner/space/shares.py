"""Fractions of a space: per value, with an interval, and configurations drawn in proportion."""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from shapesafe_tuner._compat.keras_tuner.domains import (
    is_active,
    narrowed,
    value_at,
    weighted_domain,
)
from shapesafe_tuner.space.explorer import Leaf

__all__ = [
    "Domains", "Outcomes", "Source", "completed", "outcomes_of", "sensitivity_of", "wilson",
]  # fmt: skip


def wilson(hits: int, draws: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's score interval of a proportion (*Probable inference*, JASA 1927), 95 %."""
    if not draws:
        return 0.0, 1.0
    share, square = hits / draws, z * z / draws
    middle = (share + square / 2) / (1 + square)
    half = z / (1 + square) * math.sqrt(share * (1 - share) / draws + square / (4 * draws))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclasses.dataclass(frozen=True)
class Outcomes:
    """How the configurations of a space end; the first three shares add up to one.

    Attributes:
        feasible, infeasible: what is proved, or estimated from draws.
        undecided: the rest.
        unseen: the part of it that nobody looked at.
        interval: of the feasible share, 95 %.
    """

    feasible: Fraction
    infeasible: Fraction
    undecided: Fraction
    unseen: Fraction
    interval: tuple[float, float]


def outcomes_of(settled: Sequence[Leaf], drawn: Sequence[Leaf]) -> Outcomes:
    """The shares of a space by their outcome.

    Args:
        settled: leaves that are known, with their shares.
        drawn: leaves of random configurations of the rest; without any, nothing is known of it.
    """
    shares: dict[bool | None, Fraction] = {True: Fraction(0), False: Fraction(0), None: Fraction(0)}
    for leaf in settled:
        shares[leaf.feasible] += leaf.share
    rest = 1 - sum(shares.values(), Fraction(0))
    proved = shares[True]
    low, high = wilson(sum(leaf.feasible is True for leaf in drawn), len(drawn))
    interval = float(proved) + float(rest) * low, float(proved) + float(rest) * high
    for leaf in drawn:
        shares[leaf.feasible] += rest * Fraction(1, len(drawn))
    unseen = Fraction(0) if drawn else rest
    return Outcomes(shares[True], shares[False], shares[None] + unseen, unseen, interval)


class Domains:
    """The hyperparameters that decide: their values, how often each is drawn, when they are active.

    Args:
        names: of those that decide.
        declared: all hyperparameters.
        widest: how many values are listed one by one.

    Attributes:
        weights: by name, the share of each value; without those that have too many values.
    """

    def __init__(self, names: Iterable[str], declared: Sequence[Any], widest: int) -> None:
        by_name: dict[str, list[Any]] = {}
        for parameter in declared:
            by_name.setdefault(parameter.name, []).append(parameter)
        self._conditions = {
            name: [parameter.conditions for parameter in parameters]
            for name, parameters in by_name.items()
            if all(parameter.conditions for parameter in parameters)
        }
        self.weights: dict[str, dict[Any, Fraction]] = {}
        for name in names:
            pairs = weighted_domain(by_name[name][0], widest)
            if pairs is not None:
                self.weights[name] = dict(pairs)

    def active(self, name: str, values: Mapping[str, Any]) -> float:
        """How likely a hyperparameter is in use, given some values."""
        if name not in self._conditions:
            return 1.0
        return max(
            math.prod(self._likely(condition, values) for condition in conditions)
            for conditions in self._conditions[name]
        )

    def _likely(self, condition: Any, values: Mapping[str, Any]) -> float:
        parent = condition.name
        if parent in values:
            return float(condition.is_active({parent: values[parent]}))
        weights = self.weights.get(parent, {})
        share = sum(
            (w for v, w in weights.items() if condition.is_active({parent: v})), Fraction(0)
        )
        return float(share) if weights else 1.0


def sensitivity_of(leaves: Sequence[Leaf], domains: Domains) -> dict[str, dict[Any, float]]:
    """For each value that decides about shapes, the share of its configurations that is infeasible.

    Args:
        leaves: of the tree.
        domains: of the hyperparameters that decide.
    """
    found: dict[str, dict[Any, float]] = {}
    for name, weights in domains.weights.items():
        reached: dict[Any, list[float]] = {}
        refused: dict[Any, list[float]] = {}
        for leaf in leaves:
            share = float(leaf.share)
            if name not in leaf.values:
                value, share = _ANY, share * domains.active(name, leaf.values)
            else:
                value = leaf.values[name]
            reached.setdefault(value, []).append(share)
            if leaf.feasible is False:
                refused.setdefault(value, []).append(share)
        anywhere, bad = math.fsum(reached.get(_ANY, ())), math.fsum(refused.get(_ANY, ()))
        found[name] = {}
        for value, weight in weights.items():
            total = math.fsum(reached.get(value, ())) + float(weight) * anywhere
            if total > 0:
                wrong = math.fsum(refused.get(value, ())) + float(weight) * bad
                found[name][value] = wrong / total
    return found


_ANY = object()


def completed(
    leaves: Sequence[Leaf], declared: Sequence[Any], n: int, seed: int
) -> list[dict[str, Any]]:
    """Configurations from the space's own distribution, given that they are feasible.

    Args:
        leaves: of the tree.
        declared: the hyperparameters, in the order of their first reading.
        n: how many.
        seed: of the draws.

    Raises:
        ValueError: nothing is feasible.
    """
    feasible = [leaf for leaf in leaves if leaf.feasible is not False]
    if not feasible:
        raise ValueError("There is no feasible configuration to sample.")
    generator = random.Random(seed)
    ends = list(itertools.accumulate(float(leaf.share) for leaf in feasible))
    drawn = []
    for _ in range(n):
        place = bisect.bisect_left(ends, generator.random() * ends[-1])
        values = dict(feasible[min(place, len(feasible) - 1)].values)
        configuration: dict[str, Any] = {}
        for parameter in declared:
            name = parameter.name
            if name in configuration:
                continue
            if parameter.conditions:
                known = {**configuration, **values}
                if not is_active(parameter, known):
                    continue
            is_known = name in values
            configuration[name] = (
                values[name] if is_known else value_at(parameter, generator.random())
            )
        drawn.append({**configuration, **values})
    return drawn


@dataclasses.dataclass(frozen=True)
class Source:
    """What a report needs of its space, to draw from it and to narrow it; it can be pickled.

    Attributes:
        leaves: those that are feasible.
        declared: the hyperparameters, in the order of their first reading.
    """

    leaves: tuple[Leaf, ...]
    declared: tuple[Any, ...]

    def sample(self, n: int, seed: int) -> list[dict[str, Any]]:
        """Feasible configurations; arguments as of :func:`completed`."""
        return completed(self.leaves, self.declared, n, seed)

    def narrowed(self, values: Mapping[str, tuple[Any, ...]]) -> Any:
        """The ``HyperParameters`` with fewer values."""
        return narrowed(self.declared, values)
