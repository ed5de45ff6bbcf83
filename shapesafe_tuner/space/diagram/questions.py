"""Questions about a whole diagram, each answered by one sweep over it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from shapesafe_tuner.space.accounting import Box
from shapesafe_tuner.space.diagram.diagram import Diagram, Edge, End

__all__ = ["Completions", "Draws", "joint_shares", "shares_by_value"]


def _may_be_feasible(end: End) -> bool:
    return end.feasible is not False


class Completions:
    """Whether some values have a completion that may be feasible.

    Args:
        diagram: of the space.
    """

    def __init__(self, diagram: Diagram) -> None:
        self._small = diagram.reduced(_may_be_feasible)

    def fit(self, values: Mapping[str, Any]) -> bool:
        """Whether they do; names that are not demanded do not matter."""
        return self.fit_some({name: (value,) for name, value in values.items()})

    def fit_some(self, box: Box) -> bool:
        """The same of any combination of some values."""
        small = self._small
        allowed = {name: frozenset(values) for name, values in box.items()}
        reached = [False] * len(small)
        reached[0] = True
        for place, edges in enumerate(small.edges):
            if not reached[place]:
                continue
            end = small.ends[place]
            if end is not None:
                if _may_be_feasible(end):
                    return True
                continue
            name = small.names[place] or ""
            if name in allowed:
                wanted = allowed[name]
                for edge in edges:
                    if edge.value in wanted:
                        reached[edge.child] = True
            else:
                for edge in edges:
                    reached[edge.child] = True
        return False


class Draws:
    """Draws ways through a diagram, in proportion to how often they end where they should.

    Args:
        diagram: of the space.
        shares: for each vertex the share of its configurations that does.
    """

    def __init__(self, diagram: Diagram, shares: Sequence[Fraction]) -> None:
        self._diagram = diagram
        self._steps: list[tuple[str, list[Edge], list[float]] | None] = []
        self.possible = shares[0] > 0
        for place, edges in enumerate(diagram.edges):
            name = diagram.names[place]
            total = shares[place]
            if name is None or not total:
                self._steps.append(None)
                continue
            kept = [edge for edge in edges if edge.weight * shares[edge.child]]
            weights = [float(edge.weight * shares[edge.child] / total) for edge in kept]
            sums = list(np.cumsum(weights).tolist())
            self._steps.append((name, kept, sums))

    def draw(self, generator: random.Random) -> tuple[dict[str, Any], End]:
        """The values on one way, and its end."""
        values: dict[str, Any] = {}
        place = 0
        while True:
            step = self._steps[place]
            if step is None:
                end = self._diagram.ends[place]
                assert end is not None
                return values, end
            name, edges, sums = step
            at = generator.random() * sums[-1]
            number = next((n for n, total in enumerate(sums) if at < total), len(sums) - 1)
            values[name] = edges[number].value
            place = edges[number].child


def shares_by_value(diagram: Diagram) -> dict[str, dict[Any, float]]:
    """For each value that is demanded somewhere, the share of its configurations that never fit."""
    bad = diagram.shares(lambda end: end.feasible is False)
    flows = diagram.flows()
    on: dict[str, list[Fraction]] = {}
    by_value: dict[str, dict[Any, list[Fraction]]] = {}
    weights: dict[str, dict[Any, Fraction]] = {}
    for place, edges in enumerate(diagram.edges):
        name = diagram.names[place]
        if name is None:
            continue
        mine = on.setdefault(name, [Fraction(0), Fraction(0)])
        mine[0] += flows[place]
        mine[1] += flows[place] * bad[place]
        for value, weight, child in edges:
            weights.setdefault(name, {})[value] = weight
            row = by_value.setdefault(name, {}).setdefault(value, [Fraction(0), Fraction(0)])
            row[0] += flows[place] * weight
            row[1] += flows[place] * weight * bad[child]
    found: dict[str, dict[Any, float]] = {}
    for name, rows in by_value.items():
        off, bad_off = 1 - on[name][0], bad[0] - on[name][1]
        found[name] = {
            value: float((rows[value][1] + weight * bad_off) / (rows[value][0] + weight * off))
            for value, weight in weights[name].items()
        }
    return found


def joint_shares(
    diagram: Diagram, down: str, across: str, rows: Mapping[Any, int], columns: Mapping[Any, int]
) -> Any:
    """The feasible share of each combination of two hyperparameters' values.

    Args:
        diagram: of the space.
        down, across: names.
        rows, columns: by value, its place.

    Returns:
        An array; a combination is taken as chosen, and all else is summed over.
    """
    shape = (len(rows), len(columns))
    full = np.ones(shape)

    def of_end(end: End) -> Any:
        return full * (1.0 if _may_be_feasible(end) else 0.0)

    def of_edges(name: str, pairs: Any) -> Any:
        if name not in (down, across):
            return sum(float(edge.weight) * share for edge, share in pairs)
        found = np.zeros(shape)
        for edge, share in pairs:
            if name == down:
                found[rows[edge.value], :] = share[rows[edge.value], :]
            else:
                found[:, columns[edge.value]] = share[:, columns[edge.value]]
        return found

    return diagram.up(of_end, of_edges)[0]
