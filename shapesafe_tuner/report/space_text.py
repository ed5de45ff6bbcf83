"""The report of a whole search space as text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from shapesafe_tuner.escaping import listed, visible
from shapesafe_tuner.findings import Conflict, SpaceFindings, words

__all__ = ["conflict_text", "counted", "heading", "headline", "percent", "space_text"]


def space_text(report: SpaceFindings, most: int) -> str:
    """The text.

    Args:
        report: the findings.
        most: how many conflicts to list.
    """
    lines = [*heading(report), *_conflicts(report, most), *_suggestions(report, most)]
    return "\n".join(visible(line) for line in lines)


def headline(report: SpaceFindings) -> str:
    """What is feasible, infeasible and undecided, as far as it is known.

    Args:
        report: a ``SearchSpaceReport``.
    """
    if report.unseen_fraction:
        undecided = report.undecided_fraction - report.unseen_fraction
        known = [
            f"at least {percent(share)} {word}"
            for share, word in (
                (report.feasible_fraction, "feasible"),
                (report.infeasible_fraction, "infeasible"),
                (undecided, "undecided"),
            )
            if share > _NOTHING
        ]
        if not known:
            return "nothing was looked at"
        return f"{', '.join(known)}, the rest was not looked at"
    parts = [f"{percent(report.feasible_fraction)} feasible"]
    low, high = report.confidence_interval
    if report.exact:
        parts[0] += " (exact)"
    elif low < high:
        parts[0] += f" (95 % interval {percent(low)} to {percent(high)})"
    if report.undecided_fraction:
        parts.append(f"{percent(report.infeasible_fraction)} infeasible")
        parts.append(f"{percent(report.undecided_fraction)} undecided")
    return ", ".join(parts)


_NOTHING = 1e-12


def heading(report: SpaceFindings) -> Iterator[str]:
    """The lines before the conflicts: what is known of the space, and what else was noticed."""
    total = _count(report.total)
    if report.undecided_fraction == 1 and len(report.undecided) == 1:
        yield f"Every configuration is undecided: {report.undecided[0].reason}"
    times = "once" if report.runs == 1 else f"{report.runs:,} times"
    kind = "configuration" if report.total == 1 else "configurations"
    yield f"Search space: {total} {kind}, {headline(report)}; build ran {times}."
    if report.why_not_exact:
        yield f"Not exact, because {report.why_not_exact}."
    if report.undecided_fraction < 1 or len(report.undecided) > 1:
        for part in report.undecided[:_MOST_REASONS]:
            yield f"Undecided, {percent(part.fraction)}: {part.reason}"
    if len(report.undecided) > _MOST_REASONS:
        yield f"and {counted(len(report.undecided) - _MOST_REASONS, 'other reason')}."
    if report.undecided:
        yield "The trials of what is undecided will run."
    if report.irrelevant:
        yield "Cannot change a shape: " + listed(report.irrelevant)
    yield from report.notes


_MOST_REASONS = 5


def percent(share: float) -> str:
    """A share with two decimals; what is little is not nothing, and nearly all is not all."""
    if 0 < share < 0.00005:
        return "<0.01%"
    if 0.99995 <= share < 1:
        return ">99.99%"
    return f"{share:.2%}"


def _count(total: float) -> str:
    if total == math.inf:
        return "endless"
    return f"{total:,}" if total < _PRINTED else f"some 10^{math.log10(total):.0f}"


_PRINTED = 10**30


def _conflicts(report: SpaceFindings, most: int) -> Iterator[str]:
    dead = [conflict for conflict in report.conflicts if len(conflict.values) == 1]
    for conflict in dead:
        said = conflict_text(conflict, report.domains)
        yield f"Always infeasible, {conflict.fraction:.2%}: {said}"
        yield f"    {conflict.fault.reason}"
    others = [conflict for conflict in report.conflicts if len(conflict.values) != 1]
    if others:
        yield "Conflicts, with the share of the space that each costs beyond those above:"
    for conflict in others[:most]:
        yield f"  {conflict.fraction:7.2%}  {conflict_text(conflict, report.domains)}"
        yield f"           {conflict.fault.reason}"
    if len(others) > most:
        rest = math.fsum(conflict.fraction for conflict in others[most:])
        yield f"  {rest:7.2%}  in {counted(len(others) - most, 'smaller conflict')}"


def conflict_text(conflict: Conflict, domains: Mapping[str, tuple[Any, ...]]) -> str:
    """The values of a conflict in words."""
    if not conflict.values:
        return "every configuration"
    return " and ".join(
        words(name, values, domains.get(name, ())) for name, values in conflict.values.items()
    )


def counted(number: int, what: str) -> str:
    """A number of things."""
    return f"1 {what}" if number == 1 else f"{number} {what}s"


def _suggestions(report: SpaceFindings, most: int) -> Iterator[str]:
    if report.suggestions:
        yield "To remove conflicts, at what share of the feasible configurations:"
    for suggestion in report.suggestions[:most]:
        saved = math.fsum(report.conflicts[number].fraction for number in suggestion.removes)
        what = counted(len(suggestion.removes), "conflict")
        yield (
            f"  {suggestion.text}: removes {what}, {saved:.2%} of the space; "
            f"gives up {suggestion.lost:.2%}"
        )
