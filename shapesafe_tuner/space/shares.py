"""Fractions of a space: per value, with an interval, and configurations drawn in proportion."""

from __future__ import annotations

import bisect
import itertools
import math
import random
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from shapesafe_tuner._compat.hyperparameters import random_value
from shapesafe_tuner.space.explorer import Leaf

__all__ = ["completed", "interval_of", "sensitivity_of", "wilson"]


def wilson(hits: int, draws: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's score interval of a proportion (*Probable inference*, JASA 1927), 95 %."""
    if not draws:
        return 0.0, 1.0
    share, square = hits / draws, z * z / draws
    middle = (share + square / 2) / (1 + square)
    half = z / (1 + square) * math.sqrt(share * (1 - share) / draws + square / (4 * draws))
    return max(0.0, middle - half), min(1.0, middle + half)


def interval_of(
    settled: Sequence[Leaf], drawn: Sequence[Leaf]
) -> tuple[float, tuple[float, float]]:
    """The feasible share of a space, and its 95 % interval.

    Args:
        settled: leaves that are known, with their shares.
        drawn: leaves of random configurations of the rest; without any, all or none of the rest
            may be feasible.
    """
    known = sum((leaf.share for leaf in settled), Fraction(0))
    feasible = sum((leaf.share for leaf in settled if leaf.feasible is not False), Fraction(0))
    rest = 1 - known
    if not rest:
        return float(feasible), (float(feasible), float(feasible))
    hits = sum(leaf.feasible is not False for leaf in drawn)
    low, high = wilson(hits, len(drawn))
    share = feasible / known if known else Fraction(1)
    if drawn:
        share = feasible + rest * Fraction(hits, len(drawn))
    return float(share), (float(feasible) + float(rest) * low, float(feasible) + float(rest) * high)


def sensitivity_of(
    leaves: Sequence[Leaf], domains: Mapping[str, Mapping[Any, Fraction]]
) -> dict[str, dict[Any, float]]:
    """For each value that decides about shapes, the share of its configurations that is infeasible.

    Args:
        leaves: of the tree.
        domains: of each hyperparameter that decides, its values and how often each is drawn.
    """
    tallies: dict[str, dict[Any, list[float]]] = {name: {} for name in domains}
    for leaf in leaves:
        share = float(leaf.share)
        for name, value in leaf.values.items():
            if name in tallies:
                shares = tallies[name].setdefault(value, [])
                # The sign tells what is infeasible.
                shares.append(-share if leaf.feasible is False else share)
    everything = math.fsum(float(leaf.share) for leaf in leaves)
    refused = math.fsum(float(leaf.share) for leaf in leaves if leaf.feasible is False)
    found: dict[str, dict[Any, float]] = {}
    for name, tally in tallies.items():
        signed = [share for shares in tally.values() for share in shares]
        bad = refused + math.fsum(share for share in signed if share < 0)
        free = everything - math.fsum(map(abs, signed))
        found[name] = {}
        for value, weight in domains[name].items():
            shares = tally.get(value, [])
            reached = math.fsum(map(abs, shares)) + float(weight) * free
            if reached > 0:
                wrong = float(weight) * bad - math.fsum(share for share in shares if share < 0)
                found[name][value] = min(max(wrong / reached, 0.0), 1.0)
    return found


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
        for hp in declared:
            value = random_value(hp, generator.randrange(2**31))
            known = {**configuration, **values}
            if hp.name not in configuration and all(c.is_active(known) for c in hp.conditions):
                configuration[hp.name] = values.get(hp.name, value)
        drawn.append({**configuration, **values})
    return drawn
