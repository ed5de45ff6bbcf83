"""The report of a whole search space as text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from shapesafe_tuner.escaping import listed, visible
from shapesafe_tuner.findings import Conflict, SpaceFindings, words

__all__ = ["space_text"]


def space_text(report: SpaceFindings, most: int) -> str:
    """The text.

    Args:
        report: the findings.
        most: how many conflicts to list.
    """
    lines = [*_heading(report), *_conflicts(report, most), *_suggestions(report, most)]
    return "\n".join(visible(line) for line in lines)


def _heading(report: SpaceFindings) -> Iterator[str]:
    total = _count(report.total)
    low, high = report.confidence_interval
    share = f"{report.feasible_fraction:.2%} feasible"
    share += " (exact)" if report.exact else f" (95 % interval {low:.2%} to {high:.2%})"
    yield f"Search space: {total} configurations, {share}; build ran {report.runs:,} times."
    if report.why_not_exact:
        yield f"Not exact, because {report.why_not_exact}."
    if report.undecided_fraction:
        yield f"Undecided: {report.undecided_fraction:.2%}; their trials will run."
    if report.irrelevant:
        yield "Cannot change a shape: " + listed(report.irrelevant)
    yield from report.notes


def _count(total: float) -> str:
    if total == math.inf:
        return "endless"
    return f"{total:,}" if total < _PRINTED else f"some 10^{math.log10(total):.0f}"


_PRINTED = 10**30


def _conflicts(report: SpaceFindings, most: int) -> Iterator[str]:
    dead = [conflict for conflict in report.conflicts if len(conflict.values) == 1]
    for conflict in dead:
        yield f"Always infeasible, {conflict.fraction:.2%}: {_words(conflict, report.domains)}"
        yield f"    {conflict.fault.reason}"
    others = [conflict for conflict in report.conflicts if len(conflict.values) != 1]
    if others:
        yield "Conflicts, with the share of the space that each costs beyond those above:"
    for conflict in others[:most]:
        yield f"  {conflict.fraction:7.2%}  {_words(conflict, report.domains)}"
        yield f"           {conflict.fault.reason}"
    if len(others) > most:
        rest = math.fsum(conflict.fraction for conflict in others[most:])
        yield f"  {rest:7.2%}  in {_counted(len(others) - most, 'smaller conflict')}"


def _words(conflict: Conflict, domains: Mapping[str, tuple[Any, ...]]) -> str:
    if not conflict.values:
        return "every configuration"
    return " and ".join(
        words(name, values, domains.get(name, ())) for name, values in conflict.values.items()
    )


def _counted(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"


def _suggestions(report: SpaceFindings, most: int) -> Iterator[str]:
    if report.suggestions:
        yield "To remove conflicts, at what share of the feasible configurations:"
    for suggestion in report.suggestions[:most]:
        saved = math.fsum(report.conflicts[number].fraction for number in suggestion.removes)
        what = _counted(len(suggestion.removes), "conflict")
        yield (
            f"  {suggestion.text}: removes {what}, {saved:.2%} of the space; "
            f"gives up {suggestion.lost:.2%}"
        )
