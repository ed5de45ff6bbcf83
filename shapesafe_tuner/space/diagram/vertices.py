"""The vertices that an exploration by states finds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from shapesafe_tuner.verdict import Verdict

__all__ = ["Passed", "Vertex", "topological_order"]


class Passed(NamedTuple):
    """What a run did, or one part of it.

    Attributes:
        asked: the hyperparameters that it read.
        named: the names that it gave to layers.
        looked: the hyperparameters whose values decided whether a scope is active.
    """

    asked: list[str]
    named: list[str]
    looked: list[str]

    @property
    def length(self) -> tuple[int, ...]:
        """How far it is."""
        return tuple(map(len, self))

    def part(self, start: tuple[int, ...], end: tuple[int, ...]) -> Passed:
        """What it did between two lengths."""
        return Passed(*[items[a:b] for items, a, b in zip(self, start, end, strict=True)])


@dataclasses.dataclass(eq=False)
class Vertex:
    """What is demanded in one state, or the verdict at the end.

    Attributes:
        hp: what is demanded; None at the end.
        pairs: its values, with the share of each.
        verdict: at the end.
        edges: by value, where the run goes on.
        passed: by value, what was done on the way there.
        first: the values that led here first.
        counted: how many names Keras had given by prefix, when a run came here first.
        unsure: prefixes whose counts are not the same for all runs that come here.
    """

    hp: Any = None
    pairs: list[tuple[Any, Fraction]] = dataclasses.field(default_factory=list)
    verdict: Verdict | None = None
    edges: dict[Any, Vertex] = dataclasses.field(default_factory=dict)
    passed: dict[Any, Passed] = dataclasses.field(default_factory=dict)
    first: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    counted: dict[str, int] = dataclasses.field(default_factory=dict)
    unsure: set[str] = dataclasses.field(default_factory=set)

    def meet(self, counted: Mapping[str, int]) -> None:
        """Another run comes here."""
        mine = self.counted
        if counted != mine:
            both = {*counted, *mine}
            self.unsure.update(name for name in both if counted.get(name) != mine.get(name))


def topological_order(root: Vertex) -> list[Vertex]:
    """All vertices, each before those that it leads to."""
    found: list[Vertex] = []
    state: dict[int, bool] = {}
    stack = [(root, False)]
    while stack:
        vertex, is_done = stack.pop()
        if is_done:
            state[id(vertex)] = True
            found.append(vertex)
        elif id(vertex) not in state:
            state[id(vertex)] = False
            stack.append((vertex, True))
            for child in reversed(list(vertex.edges.values())):
                assert state.get(id(child)) is not False, "a cycle: states that differ were merged"
                if id(child) not in state:
                    stack.append((child, False))
    return found[::-1]
