"""All that a report says of a space whose states were merged, but for suggestions and causes."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import random
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from shapesafe_tuner._compat.keras_tuner.domains import narrowed, position, value_at
from shapesafe_tuner._compat.types import HyperParameter, Value
from shapesafe_tuner.findings import Axis, Conflict, PairShares
from shapesafe_tuner.space.diagram.conflicts import costliest_conflicts
from shapesafe_tuner.space.diagram.diagram import Diagram, End
from shapesafe_tuner.space.diagram.questions import Draws, joint_shares, shares_by_value
from shapesafe_tuner.space.diagram.relevance import deciding
from shapesafe_tuner.space.pairs import MOST_AXES, MOST_BINS

__all__ = ["MergedSource", "Summary", "nearest_in"]

Values = dict[str, Any]


class Summary:
    """What follows from a diagram.

    Args:
        diagram: of the whole space.
        declared: the hyperparameters, in the order of their first reading.
    """

    def __init__(self, diagram: Diagram, declared: Sequence[Any]) -> None:
        self.diagram = diagram
        self._declared = declared
        self._tables: dict[tuple[str, str], Any] = {}

    @functools.cached_property
    def weights(self) -> dict[str, dict[Any, Fraction]]:
        """How often each value of what decides is drawn."""
        found: dict[str, dict[Any, Fraction]] = {}
        for name, edges in zip(self.diagram.names, self.diagram.edges, strict=True):
            if name in self.deciding and name not in found:
                found[name] = {edge.value: edge.weight for edge in edges}
        return {hp.name: found[hp.name] for hp in self._declared if hp.name in found}

    @functools.cached_property
    def deciding(self) -> set[str]:
        """The hyperparameters that can change a verdict."""
        return deciding(self.diagram, _verdict)

    @functools.cached_property
    def feasible(self) -> Fraction:
        """The share that is feasible, or undecided."""
        return 1 - self.diagram.shares(lambda end: end.feasible is False)[0]

    @functools.cached_property
    def undecided(self) -> Fraction:
        """The share that is undecided."""
        return self.diagram.shares(lambda end: end.feasible is None)[0]

    @functools.cached_property
    def sensitivity(self) -> dict[str, dict[Any, float]]:
        """For each value that decides, the share of its configurations that is infeasible."""
        found = shares_by_value(self.diagram)
        return {name: found[name] for name in self.weights}

    @functools.cached_property
    def conflicts(self) -> list[Conflict]:
        """The minimal conflicts that cost most."""
        return costliest_conflicts(self.diagram, self.weights)

    @functools.cached_property
    def notes(self) -> tuple[str, ...]:
        """What else the user should know."""
        ends = [end for end in self.diagram.ends if end is not None]
        return tuple(dict.fromkeys(note for end in ends for note in end.notes))

    def draw(self, n: int, seed: int) -> list[Values]:
        """Configurations from the space's own distribution, given that they are feasible.

        Raises:
            ValueError: nothing is feasible.
        """
        draws = self._draws
        if not draws.possible:
            raise ValueError("There is no feasible configuration to sample.")
        generator = random.Random(seed)
        found = []
        for _ in range(n):
            values, _ = draws.draw(generator)
            drawn: Values = {}
            for hp in self._declared:
                name = hp.name
                if name in values:
                    drawn[name] = values[name]
                elif name not in drawn:
                    drawn[name] = value_at(hp, generator.random())
            found.append(drawn)
        return found

    @functools.cached_property
    def _draws(self) -> Draws:
        return Draws(self.diagram, self.diagram.shares(lambda end: end.feasible is not False))

    def lost(self, names: tuple[str, ...], keeps: Callable[..., bool]) -> float:
        """The share of what is feasible that a condition on some values gives up."""
        feasible, _ = self._outside(names, keeps)
        return feasible / float(self.feasible) if self.feasible else 0.0

    def removed(self, names: tuple[str, ...], keeps: Callable[..., bool]) -> float:
        """The share of the space that is infeasible and does not meet the condition."""
        feasible, all_of_it = self._outside(names, keeps)
        return max(0.0, all_of_it - feasible)

    def _outside(self, names: tuple[str, ...], keeps: Callable[..., bool]) -> tuple[float, float]:
        """What does not meet a condition on some values: the feasible share, and the whole."""
        down, across = names[0], names[-1]
        weights, others = self.weights[down], self.weights[across]
        table = self._joint(down, across)
        outside = [
            (float(weight) * float(other if down != across else 1), table[row, column])
            for row, (v, weight) in enumerate(weights.items())
            for column, (u, other) in enumerate(others.items())
            if (down != across or v == u) and not keeps(*((v,) if down == across else (v, u)))
        ]
        return math.fsum(w * share for w, share in outside), math.fsum(w for w, _ in outside)

    def _joint(self, down: str, across: str) -> Any:
        places = [{v: at for at, v in enumerate(self.weights[name])} for name in (down, across)]
        if (down, across) not in self._tables:
            self._tables[down, across] = joint_shares(self.diagram, down, across, *places)
        return self._tables[down, across]

    def maps(self) -> tuple[tuple[Axis, ...], tuple[PairShares, ...]]:
        """The feasible share over the values of two hyperparameters that cost most."""
        costs = {
            name: math.fsum(c.fraction for c in self.conflicts if name in c.values)
            for name, weights in self.weights.items()
            if len(weights) <= MOST_BINS
        }
        names = sorted(costs, key=lambda name: -costs[name])[:MOST_AXES]
        axes = tuple(Axis(name, tuple((v, v) for v in self.weights[name])) for name in names)
        pairs = []
        for down, across in itertools.combinations(names, 2):
            table = self._joint(down, across)
            rows = tuple(tuple(float(share) for share in row) for row in table)
            pairs.append(PairShares(down, across, rows))
        return axes, tuple(pairs)


@dataclasses.dataclass(frozen=True)
class MergedSource:
    """What a report needs of its space, to draw from it and to narrow it; it can be pickled.

    Attributes:
        diagram: of the whole space.
        declared: the hyperparameters, in the order of their first reading.
    """

    diagram: Diagram
    declared: tuple[Any, ...]

    def sample(self, n: int, seed: int) -> list[Values]:
        """Feasible configurations."""
        return Summary(self.diagram, self.declared).draw(n, seed)

    def narrowed(self, values: Mapping[str, tuple[Any, ...]]) -> Any:
        """The ``HyperParameters`` with fewer values."""
        return narrowed(self.declared, values)


def _verdict(end: End) -> bool | None:
    return end.feasible


def nearest_in(
    diagram: Diagram, values: Mapping[str, Any], declared: Sequence[Any]
) -> Values | None:
    """The values with the fewest changes that make them feasible, then with the smallest steps.

    Args:
        diagram: of the whole space.
        values: the configuration; missing ones stand for their defaults.
        declared: the hyperparameters.

    Returns:
        ``values`` with some of them changed, or None where nothing is feasible.
    """
    by_name = {hp.name: hp for hp in reversed(declared)}
    chosen = {**{name: hp.default for name, hp in by_name.items()}, **values}
    costs: list[tuple[int, float] | None] = [None] * len(diagram)
    best: list[int] = [0] * len(diagram)
    for place in range(len(diagram) - 1, -1, -1):
        end = diagram.ends[place]
        if end is not None:
            costs[place] = None if end.feasible is False else (0, 0.0)
            continue
        name = diagram.names[place] or ""
        for number, edge in enumerate(diagram.edges[place]):
            below = costs[edge.child]
            if below is None:
                continue
            step = _step(by_name[name], chosen.get(name), edge.value)
            cost = (below[0] + (step is not None), below[1] + (step or 0.0))
            mine = costs[place]
            if mine is None or cost < mine:
                costs[place], best[place] = cost, number
    if costs[0] is None:
        return None
    found, place = dict(values), 0
    while diagram.ends[place] is None:
        name = diagram.names[place] or ""
        edge = diagram.edges[place][best[place]]
        if _step(by_name[name], chosen.get(name), edge.value) is not None:
            found[name] = edge.value
        place = edge.child
    return found


def _step(hp: HyperParameter, before: Value, after: Value) -> float | None:
    """How far apart two values are, at most 1; None where they are the same."""
    if before == after and isinstance(before, str) == isinstance(after, str):
        return None
    first, second = position(hp, before), position(hp, after)
    return 1.0 if first is None or second is None else abs(first - second)
