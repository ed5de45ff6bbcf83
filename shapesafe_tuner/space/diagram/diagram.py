"""What is known of a space, as a diagram: each vertex is a demand, each end a verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from shapesafe_tuner._compat.types import Value
from shapesafe_tuner.space.diagram.vertices import Vertex, topological_order
from shapesafe_tuner.space.explorer import Leaf, Part
from shapesafe_tuner.verdict import ShapeFault

__all__ = ["Diagram", "Edge", "End"]


@dataclasses.dataclass(frozen=True, eq=False)
class End:
    """Where nothing more is demanded.

    Attributes:
        feasible: the verdict; None where it is undecided, or nobody looked.
        fault: why it is infeasible.
        notes: what else the user should know.
        layer: the name of the layer that refuses, where it is the same for all that end here.
        known: False where nobody looked.
    """

    feasible: bool | None
    fault: ShapeFault | None = None
    notes: tuple[str, ...] = ()
    layer: str | None = None
    known: bool = True


class Edge(NamedTuple):
    """One value: how often it is drawn, and where it leads."""

    value: Value
    weight: Fraction
    child: int


class Diagram:
    """Vertices in an order in which each comes before those it leads to; the first is the root.

    Args:
        names: what each demands; None for ends.
        edges: of each.
        ends: the ends; None for all others.
        whole: every value of every demand is there.
    """

    def __init__(
        self,
        names: Sequence[str | None],
        edges: Sequence[Sequence[Edge]],
        ends: Sequence[End | None],
        *,
        whole: bool,
    ) -> None:
        self.names = names
        self.edges = edges
        self.ends = ends
        self.whole = whole

    @classmethod
    def of_vertices(cls, root: Vertex) -> Diagram:
        """The diagram of an exploration that merged states."""
        order = topological_order(root)
        place = {id(vertex): number for number, vertex in enumerate(order)}
        unsure: dict[int, set[str]] = {id(vertex): set(vertex.unsure) for vertex in order}
        for vertex in order:
            for child in vertex.edges.values():
                unsure[id(child)] |= unsure[id(vertex)]
        names = [None if vertex.hp is None else vertex.hp.name for vertex in order]
        edges = [
            [Edge(value, weight, place[id(vertex.edges[value])]) for value, weight in vertex.pairs]
            for vertex in order
        ]
        ends = [_end(vertex, unsure[id(vertex)]) for vertex in order]
        return cls(names, edges, ends, whole=True)

    @classmethod
    def of_leaves(cls, items: Iterable[Leaf | Part]) -> Diagram:
        """The same of a tree, from its leaves; parts that nobody looked at are ends too."""
        names: list[str | None] = []
        kids: list[dict[Any, int]] = []
        ends: list[End | None] = []
        shares: list[Fraction] = []
        whole = True

        def new() -> int:
            names.append(None)
            kids.append({})
            ends.append(None)
            shares.append(Fraction(0))
            return len(names) - 1

        new()
        values: list[dict[Any, Any]] = [{}]
        for item in items:
            place = 0
            shares[0] += item.share
            for name, value in item.values.items():
                names[place] = names[place] or name
                key = (name, type(value), value)
                if key not in kids[place]:
                    kids[place][key] = new()
                    values.append({})
                    values[place][key] = value
                place = kids[place][key]
                shares[place] += item.share
            if isinstance(item, Part):
                whole = False
                ends[place] = End(None, known=False)
            else:
                layer = None if item.fault is None else item.fault.layer
                ends[place] = End(item.feasible, item.fault, item.notes, layer)
        edges = [
            [Edge(values[place][key], _part(shares[kid], shares[place]), kid) for key, kid in known]
            for place, known in enumerate([list(each.items()) for each in kids])
        ]
        return cls(names, edges, _closed(edges, ends), whole=whole)

    def __len__(self) -> int:
        return len(self.names)

    def up(self, of_end: Callable[[End], Any], of_edges: Callable[[str, Any], Any]) -> list[Any]:
        """Something for each vertex, worked out from the ends.

        Args:
            of_end: for an end.
            of_edges: for a demand, from its name and pairs of an edge and what its child has.
        """
        found: list[Any] = [None] * len(self)
        for place in range(len(self) - 1, -1, -1):
            end = self.ends[place]
            if end is not None:
                found[place] = of_end(end)
            else:
                name = self.names[place]
                assert name is not None
                found[place] = of_edges(name, [(e, found[e.child]) for e in self.edges[place]])
        return found

    def shares(self, counts: Callable[[End], bool]) -> list[Fraction]:
        """For each vertex the share of its configurations that end where this holds."""
        return self.up(
            lambda end: Fraction(counts(end)),
            lambda name, pairs: sum((e.weight * s for e, s in pairs if s), Fraction(0)),
        )

    def flows(self) -> list[Fraction]:
        """For each vertex the share of all configurations that come there."""
        found = [Fraction(0)] * len(self)
        found[0] = Fraction(1)
        for place, edges in enumerate(self.edges):
            for edge in edges:
                found[edge.child] += found[place] * edge.weight
        return found

    def reduced(self, label: Callable[[End], Hashable]) -> Diagram:
        """The smallest diagram with the same labels: equal vertices are one, idle demands gone.

        Args:
            label: of an end; of those that have the same, one stays.
        """
        kinds: dict[Any, int] = {}
        alias: list[int] = [0] * len(self)
        for place in range(len(self) - 1, -1, -1):
            end = self.ends[place]
            if end is not None:
                key: Any = ("end", label(end))
            else:
                below = [(e.value, type(e.value), alias[e.child]) for e in self.edges[place]]
                if len({child for *_, child in below}) == 1 and self.whole:
                    alias[place] = below[0][2]
                    continue
                key = (self.names[place], *below)
            alias[place] = kinds.setdefault(key, place)
        order = self._reached(alias)
        at = {place: number for number, place in enumerate(order)}
        return Diagram(
            [self.names[place] for place in order],
            [[e._replace(child=at[alias[e.child]]) for e in self.edges[p]] for p in order],
            [self.ends[place] for place in order],
            whole=self.whole,
        )

    def _reached(self, alias: Sequence[int]) -> list[int]:
        """What stays, each before those that it leads to."""
        found: list[int] = []
        seen: set[int] = set()
        stack = [(alias[0], False)]
        while stack:
            place, is_done = stack.pop()
            if is_done:
                found.append(place)
            elif place not in seen:
                seen.add(place)
                stack.append((place, True))
                stack += [(alias[edge.child], False) for edge in self.edges[place]]
        return found[::-1]

    def end_of(self, values: Mapping[str, Any]) -> End | None:
        """Where a configuration ends; None where that is not known."""
        place = 0
        while self.ends[place] is None:
            value = values.get(self.names[place] or "")
            edges = self.edges[place]
            found = next((e.child for e in edges if _same(e.value, value)), None)
            if found is None:
                return None
            place = found
        return self.ends[place]


def _part(share: Fraction, of: Fraction) -> Fraction:
    return share / of if of else Fraction(0)


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, str) == isinstance(other, str)


def _end(vertex: Vertex, unsure: set[str]) -> End | None:
    verdict = vertex.verdict
    if verdict is None:
        return None
    fault = verdict.fault
    layer = None if fault is None else fault.layer
    stem, _, number = (layer or "").rpartition("_")
    if layer in unsure or (number.isdigit() and stem in unsure):
        layer = None
    if fault is not None:
        fault = dataclasses.replace(fault, hyperparameters=dict(vertex.first))
    return End(verdict.feasible, fault, verdict.warnings, layer)


def _closed(edges: list[list[Edge]], ends: list[End | None]) -> list[End | None]:
    """What leads nowhere is an end that nobody looked at."""
    return [
        None if known else end or End(None, known=False)
        for known, end in zip(edges, ends, strict=True)
    ]
