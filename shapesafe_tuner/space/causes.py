"""Where configurations fail: groups of what is infeasible that add up to it."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from shapesafe_tuner.findings import Cause, Conflict, Suggestion
from shapesafe_tuner.space.diagram.diagram import Diagram, End
from shapesafe_tuner.space.diagram.relevance import deciding
from shapesafe_tuner.verdict import ShapeFault

__all__ = ["MOST_CAUSES", "Causes", "causes_of"]

Weights: TypeAlias = Mapping[str, Mapping[Any, Fraction]]
MOST_CAUSES = 12
"""Groups beyond which layers, then sentences, are no longer kept separate."""


_NOTHING = 1e-9
"""What is left of a difference of floats that are equal."""


class Causes(NamedTuple):
    """Why configurations are refused.

    Attributes:
        found: the costliest first.
        by_end: the place among them of each end of the diagram, by the identity of the end.
    """

    found: Sequence[Cause] = ()
    by_end: Mapping[int, int] = MappingProxyType({})


def causes_of(
    diagram: Diagram,
    conflicts: Sequence[Conflict],
    suggestions: Sequence[Suggestion],
    among: Iterable[str],
    declared: Iterable[str],
    weights: Weights,
) -> Causes:
    """The causes of a space.

    Args:
        diagram: of the space.
        conflicts: of the report.
        suggestions: of the report.
        among: the hyperparameters that can change any verdict.
        declared: all hyperparameters.
        weights: how often each value of what decides is drawn.
    """
    key, groups = _grouped(diagram, declared)
    matter = list(among)
    group = {id(end): number for number, each in enumerate(groups.values()) for end, _ in each}
    small = diagram.reduced(lambda end: group.get(id(end)))
    shares = [sum((flow for _, flow in members), Fraction(0)) for members in groups.values()]
    feasible = float(sum(diagram.shares(lambda end: end.feasible is True)[:1]))
    gained = {
        at: _gains(diagram, one, weights, group)
        for at, one in enumerate(suggestions)
        if one.bound is not None or one.values
    }
    found = []
    for number, (place, members) in enumerate(groups.items()):
        names = deciding(small, lambda end, n=number: group.get(id(end)) == n)  # type: ignore[misc]
        mine = tuple(c for c in conflicts if _belongs(key(c.fault, c.fault.layer), place))
        if not mine:  # its conflicts fail in other ways too, and tell of one of these
            followed = conflicts[:_MOST_FOLLOWED]
            mine = tuple(c for c in followed if number in _groups_in(diagram, c, group))
        gains = {
            at: gained[at].get(number, 0.0)
            if at in gained
            else min(
                float(shares[number]),
                math.fsum(conflicts[n].fraction for n in one.removes if conflicts[n] in mine),
            )
            for at, one in enumerate(suggestions)
        }
        helping = [at for at, gain in gains.items() if gain > _NOTHING]
        helping.sort(key=lambda at, g=gains: -round(g[at] - suggestions[at].lost * feasible, 9))  # type: ignore[misc]
        end, _ = max(members, key=lambda member: member[1])
        assert end.fault is not None
        found.append(
            Cause(
                layer=_common({end.layer for end, _ in members}),
                layer_type=_common({end.fault.layer_type for end, _ in members if end.fault}),
                reason=end.fault.reason,
                fraction=float(shares[number]),
                decided_by=tuple(name for name in matter if name in names),
                conflicts=mine,
                suggestions=tuple(suggestions[at] for at in helping),
            )
        )
    return Causes(found, group)


def _gains(
    diagram: Diagram, one: Suggestion, weights: Weights, group: Mapping[int, int]
) -> Mapping[int, float]:
    """By how much the share of each group falls where a condition on some values is met.

    What a condition removes of a group and of all else alike, as one on a value that is read only
    after the group has failed, is no gain.
    """
    bound = one.bound
    names = tuple(one.values) if bound is None else (bound.left, bound.right)

    def keeps(*values: Any) -> bool:
        if bound is not None:
            return bound.holds(*values)
        return all(value in one.values[n] for n, value in zip(names, values, strict=True))

    flows: list[dict[tuple[Any, ...], float]] = [defaultdict(float) for _ in diagram.ends]
    flows[0][(_OPEN,) * len(names)] = 1.0
    failed: dict[int, float] = defaultdict(float)
    left: dict[int, float] = defaultdict(float)
    kept = 0.0
    for place, edges in enumerate(diagram.edges):
        end, read = diagram.ends[place], diagram.names[place]
        for known, flow in flows[place].items():
            if end is not None:
                meeting = flow * (1 - _failing(known, names, keeps, weights))
                kept += meeting
                if id(end) in group:
                    failed[group[id(end)]] += flow
                    left[group[id(end)]] += meeting
                continue
            for edge in edges:
                chosen = tuple(
                    edge.value if each == read else value
                    for each, value in zip(names, known, strict=True)
                )
                flows[edge.child][chosen] += flow * float(edge.weight)
    return {one: failed[one] - left[one] / kept for one in failed} if kept else {}


_OPEN = object()
"""In place of a value that is not chosen yet."""


def _failing(
    known: tuple[Any, ...], names: Sequence[str], keeps: Callable[..., bool], weights: Weights
) -> float:
    """How likely a condition is not met, where some values are not chosen."""
    choices: list[list[tuple[Any, Fraction]]] = [
        list(weights[name].items()) if value is _OPEN else [(value, Fraction(1))]
        for name, value in zip(names, known, strict=True)
    ]
    return math.fsum(
        math.prod(float(weight) for _, weight in pairs)
        for pairs in itertools.product(*choices)
        if not keeps(*(value for value, _ in pairs))
    )


def _grouped(
    diagram: Diagram, declared: Iterable[str]
) -> tuple[Callable[[ShapeFault | None, str | None], Key], dict[Key, list[tuple[End, Fraction]]]]:
    """What is refused, in groups with their shares, the costliest first; what a group shares."""
    keys = _keys(frozenset(declared))
    refused = [
        (end, flow)
        for end, flow in zip(diagram.ends, diagram.flows(), strict=True)
        if end is not None and end.feasible is False and flow
    ]
    groups: dict[Key, list[tuple[End, Fraction]]] = {}
    key = keys[-1]
    for key in keys:
        groups = {}
        for end, flow in refused:
            groups.setdefault(key(end.fault, end.layer), []).append((end, flow))
        if len(groups) <= MOST_CAUSES:
            break
    share = {one: sum((flow for _, flow in group), Fraction(0)) for one, group in groups.items()}
    return key, {one: groups[one] for one in sorted(groups, key=lambda one: -share[one])}


def _common(found: set[str | None]) -> str | None:
    return next(iter(found)) if len(found) == 1 else None


_MOST_FOLLOWED = 40
"""Conflicts that are followed to all their ends."""


def _groups_in(diagram: Diagram, conflict: Conflict, group: Mapping[int, int]) -> set[int]:
    """The groups that configurations of a conflict end in."""
    allowed = {
        name: {(type(value), value) for value in values} for name, values in conflict.values.items()
    }
    found: set[int] = set()
    seen, stack = {0}, [0]
    while stack:
        place = stack.pop()
        end = diagram.ends[place]
        if end is not None and id(end) in group:
            found.add(group[id(end)])
        mine = allowed.get(diagram.names[place] or "")
        for edge in diagram.edges[place]:
            if edge.child not in seen and (mine is None or (type(edge.value), edge.value) in mine):
                seen.add(edge.child)
                stack.append(edge.child)
    return found


def _belongs(conflict: Key, cause: Key) -> bool:
    """Whether a conflict ends in a cause; that of one whose layer is not known may be any."""
    return conflict == cause if cause.layer else conflict[1:] == cause[1:]


class Key(NamedTuple):
    """What the configurations of a cause have in common."""

    layer: str | None = None
    layer_type: str | None = None
    sentence: str = ""


_QUOTED = re.compile(r"'[^']*'")
_NUMBER = re.compile(r"-?\b\d+(\.\d+)?")
_WORD = re.compile(r"[^\W\d]\w*")
_FORMULA = re.compile(r": floor\(.*")


def _keys(names: frozenset[str]) -> Sequence[Callable[[ShapeFault | None, str | None], Key]]:
    """Ways to group what is refused, each coarser than the one before.

    Args:
        names: of hyperparameters.
    """

    @functools.cache
    def sentence(reason: str) -> str:
        """What is refused, whatever the numbers, and the names of the layer and the values."""
        said = _FORMULA.sub("", _QUOTED.sub("''", reason))
        said = _WORD.sub(lambda word: "#" if word[0] in names else word[0], said)
        return _NUMBER.sub("#", said)

    def by_layer(fault: ShapeFault | None, layer: str | None) -> Key:
        return by_sentence(fault, layer)._replace(layer=layer)

    def by_sentence(fault: ShapeFault | None, layer: str | None) -> Key:
        said = "" if fault is None else sentence(fault.reason)
        return by_type(fault, layer)._replace(sentence=said)

    def by_type(fault: ShapeFault | None, layer: str | None) -> Key:
        return Key(layer_type=None if fault is None else fault.layer_type)

    def all_as_one(fault: ShapeFault | None, layer: str | None) -> Key:
        return Key()

    return by_layer, by_sentence, by_type, all_as_one
