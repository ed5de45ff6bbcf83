"""Whether a finished diagram may be trusted: what should have been a part of its states."""

from __future__ import annotations

from collections import Counter

from shapesafe_tuner.space.diagram.vertices import Passed, Vertex, topological_order

__all__ = ["twice_in", "what_counts"]

_OPEN = object()
"""In place of the value of what is not chosen."""


def what_counts(root: Vertex, first: Passed) -> set[str]:
    """What one path meets twice, and runs that were merged differ in.

    A name that is read twice matters only if it is demanded somewhere: as long as it is not,
    it has no value that a second reading could repeat.

    Args:
        root: of the diagram.
        first: what every run did before it.
    """
    order = topological_order(root)
    chosen = {vertex.hp.name for vertex in order if vertex.hp is not None}
    before: dict[int, tuple[set[str], set[str]]] = {id(v): (set(), set()) for v in order}
    before[id(root)] = (set(first.asked), set(first.named))
    prefixes: set[str] = set()
    given: set[str] = set(first.named)
    twice = twice_in(first.asked)
    more: set[str] = set()
    for vertex in order:
        asked, named = before[id(vertex)]
        prefixes.update(vertex.counted, vertex.unsure)
        for value, child in vertex.edges.items():
            reads, names, _ = vertex.passed[value]
            given.update(names)
            twice |= twice_in(reads) | asked.intersection(reads)
            if named.intersection(names) or len(set(names)) < len(names):
                more |= {"models", "counters"}
            before[id(child)][0].update(asked, reads)
            before[id(child)][1].update(named, names)
    if any(_is_like(name, prefixes) for name in given):
        more |= {"models", "counters"}
    return more | (twice & chosen) | _undecided(order)


def _undecided(order: list[Vertex]) -> set[str]:
    """What a scope looks at where runs with different values of it have been merged."""
    edges = [(v, value, child) for v in order for value, child in v.edges.items()]
    looked = {name for v, value, _ in edges for name in v.passed[value].looked}
    found = set()
    for name in looked:
        known: dict[int, set[object]] = {id(vertex): set() for vertex in order}
        known[id(order[0])].add(_OPEN)
        for vertex, value, child in edges:
            decides = vertex.hp.name == name
            if not decides and len(known[id(vertex)]) > 1 and name in vertex.passed[value].looked:
                found.add(name)
            known[id(child)] |= {repr(value)} if decides else known[id(vertex)]
    return found


def twice_in(names: list[str]) -> set[str]:
    """The names that stand there more than once."""
    return {name for name, times in Counter(names).items() if times > 1}


def _is_like(name: str, prefixes: set[str]) -> bool:
    """Whether Keras may give this name itself."""
    stem, _, number = name.rpartition("_")
    return name in prefixes or (number.isdigit() and stem in prefixes)
