"""Where configurations fail: groups of what is infeasible that add up to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

from shapesafe_tuner.findings import Cause, Conflict, Suggestion
from shapesafe_tuner.space.diagram.diagram import Diagram, End
from shapesafe_tuner.space.diagram.relevance import deciding
from shapesafe_tuner.verdict import ShapeFault

__all__ = ["MOST_CAUSES", "causes_of"]

MOST_CAUSES = 12
"""Groups beyond which layers, then sentences, are no longer told apart."""


def causes_of(
    diagram: Diagram,
    conflicts: Sequence[Conflict],
    suggestions: Sequence[Suggestion],
    among: Iterable[str],
) -> list[Cause]:
    """The causes of a space, the costliest first.

    Args:
        diagram: of the space.
        conflicts: of the report.
        suggestions: of the report.
        among: the hyperparameters that can change any verdict.
    """
    flows = diagram.flows()
    refused = [
        (end, flow)
        for end, flow in zip(diagram.ends, flows, strict=True)
        if end is not None and end.feasible is False and flow
    ]
    groups: dict[Any, list[tuple[End, Fraction]]] = {}
    key = _KEYS[-1]
    for key in _KEYS:
        groups = {}
        for end, flow in refused:
            groups.setdefault(key(end.fault, end.layer), []).append((end, flow))
        if len(groups) <= MOST_CAUSES:
            break
    matter = list(among)
    group = {id(end): number for number, each in enumerate(groups.values()) for end, _ in each}
    small = diagram.reduced(lambda end: group.get(id(end)))
    found = []
    for number, (place, members) in enumerate(groups.items()):
        names = deciding(small, lambda end, n=number: group.get(id(end)) == n)  # type: ignore[misc]
        mine = tuple(c for c in conflicts if key(c.fault, c.fault.layer)[1:] == place[1:])
        removing = tuple(s for s in suggestions if any(conflicts[n] in mine for n in s.removes))
        end, _ = max(members, key=lambda member: member[1])
        assert end.fault is not None
        found.append(
            Cause(
                layer=_common({end.layer for end, _ in members}),
                layer_type=_common({end.fault.layer_type for end, _ in members if end.fault}),
                reason=end.fault.reason,
                fraction=float(sum((flow for _, flow in members), Fraction(0))),
                decided_by=tuple(name for name in matter if name in names),
                conflicts=mine,
                suggestions=removing,
            )
        )
    return sorted(found, key=lambda cause: -cause.fraction)


def _common(found: set[str | None]) -> str | None:
    return next(iter(found)) if len(found) == 1 else None


_NAMED = re.compile(r"'[^']*'")
_NUMBER = re.compile(r"\d+(\.\d+)?")


def _sentence(fault: ShapeFault | None) -> str:
    """What is refused, whatever the numbers and the name."""
    if fault is None:
        return ""
    return _NUMBER.sub("#", _NAMED.sub("''", fault.reason))


def _kind(fault: ShapeFault | None) -> str | None:
    return None if fault is None else fault.layer_type


def _by_layer(fault: ShapeFault | None, layer: str | None) -> Key:
    return layer, _kind(fault), _sentence(fault)


def _by_sentence(fault: ShapeFault | None, layer: str | None) -> Key:
    return None, _kind(fault), _sentence(fault)


def _by_type(fault: ShapeFault | None, layer: str | None) -> Key:
    return None, _kind(fault), ""


def _all_as_one(fault: ShapeFault | None, layer: str | None) -> Key:
    return None, None, ""


Key = tuple[str | None, str | None, str]
_KEYS: tuple[Callable[[ShapeFault | None, str | None], Key], ...] = (
    _by_layer,
    _by_sentence,
    _by_type,
    _all_as_one,
)
