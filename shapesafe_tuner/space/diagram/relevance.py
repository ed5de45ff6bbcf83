"""Which hyperparameters an outcome depends on.

A demand whose values all lead to the same is idle, and left out. What is then left may still
cancel out along different ways. That is settled by the value of the outcome's polynomial at a
random point (Blum, Chandra and Wegman, *Equivalence of free Boolean graphs can be decided
probabilistically in polynomial time*, Information Processing Letters 1980): modulo a prime of 61
bits an error is less likely than one in 10^14.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from typing import Any

from shapesafe_tuner._compat.types import Value
from shapesafe_tuner.space.diagram.diagram import Diagram, End

__all__ = ["deciding"]

_PRIME = 2**61 - 1


def deciding(diagram: Diagram, label: Callable[[End], Hashable]) -> set[str]:
    """The hyperparameters without which the label of some configuration would be another.

    Args:
        diagram: of the space.
        label: of an end.
    """
    small = diagram.reduced(label)
    left = {name for name in small.names if name is not None}
    return left - _idle(small, label) if small.whole else left


def _idle(diagram: Diagram, label: Callable[[End], Hashable]) -> set[str]:
    """Those of which every value gives the same polynomial."""
    generator = random.Random(0)
    domains: dict[str, set[Any]] = {}
    for name, edges in zip(diagram.names, diagram.edges, strict=True):
        if name is not None:
            domains.setdefault(name, set()).add(tuple((type(e.value), e.value) for e in edges))
    single = {name: next(iter(found)) for name, found in domains.items() if len(found) == 1}
    weights: dict[str, dict[Any, int]] = {}
    for name, found in domains.items():
        # Values of one name may differ from vertex to vertex: those are not settled here.
        values = sorted({value for each in found for value in each}, key=repr)
        drawn = [generator.randrange(1, _PRIME) for _ in values[1:]]
        weights[name] = dict(zip(values, [(1 - sum(drawn)) % _PRIME, *drawn], strict=True))
    points: dict[Hashable, int] = {}

    def of_end(end: End) -> int:
        return points.setdefault(label(end), generator.randrange(_PRIME))

    def of_edges(name: str, pairs: Any) -> int:
        total: int = sum(_weight(weights, name, e.value) * point for e, point in pairs)
        return total % _PRIME

    up = diagram.up(of_end, of_edges)
    down = [0] * len(diagram)
    down[0] = 1
    through: dict[str, dict[Any, int]] = {}
    for place, edges in enumerate(diagram.edges):
        name = diagram.names[place]
        if name is None:
            continue
        mine = through.setdefault(name, {})
        for edge in edges:
            weight = _weight(weights, name, edge.value)
            down[edge.child] = (down[edge.child] + down[place] * weight) % _PRIME
            key = (type(edge.value), edge.value)
            mine[key] = (mine.get(key, 0) + down[place] * up[edge.child]) % _PRIME
    return {name for name in single if len(set(through[name].values())) == 1}


def _weight(weights: dict[str, dict[Any, int]], name: str, value: Value) -> int:
    return weights[name][type(value), value]
