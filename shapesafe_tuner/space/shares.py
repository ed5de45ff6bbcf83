"""Fractions of a space: per value, with an interval, and configurations drawn in proportion."""

from __future__ import annotations

import bisect
import itertools
import math
import random
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from shapesafe_tuner._compat.hyperparameters import random_value, weighted_domain
from shapesafe_tuner.space.explorer import Leaf

__all__ = ["completed", "sensitivity_of", "wilson"]


def wilson(hits: int, draws: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's score interval of a proportion (*Probable inference*, JASA 1927), 95 %."""
    if not draws:
        return 0.0, 1.0
    share, square = hits / draws, z * z / draws
    middle = (share + square / 2) / (1 + square)
    half = z / (1 + square) * math.sqrt(share * (1 - share) / draws + square / (4 * draws))
    return max(0.0, middle - half), min(1.0, middle + half)


def sensitivity_of(
    leaves: Sequence[Leaf], declared: Mapping[str, Any]
) -> dict[str, dict[Any, float]]:
    """For each value that decides about shapes, the share of its configurations that is infeasible.

    Args:
        leaves: of the tree.
        declared: the hyperparameters, by name.
    """
    names = list(dict.fromkeys(name for leaf in leaves for name in leaf.values))
    found: dict[str, dict[Any, float]] = {}
    for name in names:
        refused: dict[Any, Fraction] = {}
        reached: dict[Any, Fraction] = {}
        for leaf in leaves:
            if name in leaf.values:
                value = leaf.values[name]
                reached[value] = reached.get(value, Fraction(0)) + leaf.share
                if leaf.verdict.feasible is False:
                    refused[value] = refused.get(value, Fraction(0)) + leaf.share
        free = [leaf for leaf in leaves if name not in leaf.values]
        rest = sum((leaf.share for leaf in free), Fraction(0))
        bad = sum((leaf.share for leaf in free if not leaf.verdict), Fraction(0))
        chances = dict(weighted_domain(declared[name]) or ())
        shares = {}
        for value, share in reached.items():
            weight = chances.get(value, Fraction(0))
            total = share + weight * rest
            shares[value] = float((refused.get(value, Fraction(0)) + weight * bad) / total)
        found[name] = dict(sorted(shares.items(), key=lambda item: _order(declared[name], item[0])))
    return found


def _order(hp: Any, value: Any) -> Any:
    values = [known for known, _ in weighted_domain(hp) or ()]
    return values.index(value) if value in values else len(values)


def completed(
    leaves: Sequence[Leaf], declared: Mapping[str, Any], n: int, seed: int
) -> list[dict[str, Any]]:
    """Configurations from the space's own distribution, given that they are feasible.

    Args:
        leaves: of the tree.
        declared: the hyperparameters, by name, in the order of their first reading.
        n: how many.
        seed: of the draws.

    Raises:
        ValueError: nothing is feasible.
    """
    feasible = [leaf for leaf in leaves if leaf.verdict.feasible is not False]
    if not feasible:
        raise ValueError("There is no feasible configuration to sample.")
    generator = random.Random(seed)
    ends = list(itertools.accumulate(float(leaf.share) for leaf in feasible))
    drawn = []
    for _ in range(n):
        place = bisect.bisect_left(ends, generator.random() * ends[-1])
        values = dict(feasible[min(place, len(feasible) - 1)].values)
        configuration: dict[str, Any] = {}
        for name, hp in declared.items():
            value = random_value(hp, generator.randrange(2**31))
            known = {**configuration, **values}
            if name in values or all(c.is_active(known) for c in hp.conditions):
                configuration[name] = values.get(name, value)
        drawn.append({**configuration, **values})
    return drawn
