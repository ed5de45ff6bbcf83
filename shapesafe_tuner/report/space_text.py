"""The report of a whole search space as text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shapesafe_tuner.escaping import listed, visible
from shapesafe_tuner.findings import Cause, Conflict, SpaceFindings, Suggestion, words
from shapesafe_tuner.report.advice import advice_for, ranked
from shapesafe_tuner.report.grouping import grouped
from shapesafe_tuner.report.wording import counted, percent, times

__all__ = [
    "MOST_CAUSES", "MOST_SUGGESTIONS", "advice_words", "conflict_text", "deciding_words",
    "heading", "headline", "remarks", "share_of", "space_text",
]  # fmt: skip

MOST_CAUSES, MOST_SUGGESTIONS = 6, 4
_MOST_DECIDING = 5
"""Hyperparameters of a cause that are named."""


def space_text(report: SpaceFindings, most: int) -> str:
    """The text.

    Args:
        report: the findings.
        most: how many conflicts to list.
    """
    lines = [
        *heading(report),
        *_causes(report),
        *_conflicts(report, most),
        *_suggestions(report),
        *remarks(report),
    ]
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
    """The lines before the causes: what is known of the space, and what is not."""
    if report.undecided_fraction == 1 and len(report.undecided) == 1:
        yield f"Every configuration is undecided: {report.undecided[0].reason}"
    size = _configurations(report.total)
    yield f"Search space: {size}, {headline(report)}; build ran {times(report.runs)}."
    if report.why_not_exact:
        yield f"This is not exact, because {report.why_not_exact}."
    if report.undecided_fraction < 1 or len(report.undecided) > 1:
        for part in report.undecided[:_MOST_REASONS]:
            yield f"Undecided, {percent(part.fraction)}: {part.reason}"
    if len(report.undecided) > _MOST_REASONS:
        yield f"and {counted(len(report.undecided) - _MOST_REASONS, 'other reason')}."
    if report.undecided:
        yield "Undecided configurations are not refused: their trials run."


_MOST_REASONS = 5


def remarks(report: SpaceFindings) -> Iterator[str]:
    """The lines at the end: what does not matter, and what else was noticed."""
    if report.irrelevant:
        yield f"No effect on feasibility: {listed(report.irrelevant)}"
    yield from grouped(report.notes)


def share_of(found: Sequence[Cause] | Sequence[Conflict]) -> str:
    """The share that some causes or conflicts have together."""
    return percent(math.fsum(one.fraction for one in found))


def _configurations(total: float) -> str:
    if total == math.inf:
        return "infinitely many configurations"
    if total >= _PRINTED:
        return f"about 10^{math.log10(total):.0f} configurations"
    return counted(int(total), "configuration")


_PRINTED = 10**30


def _causes(report: SpaceFindings) -> Iterator[str]:
    """Where configurations fail, what decides about it, and what helps."""
    if report.causes:
        yield "Why configurations fail, with the share of the space:"
    for cause in report.causes[:MOST_CAUSES]:
        yield f"  {percent(cause.fraction):>7}  {cause.reason}"
        advice = advice_for(cause)
        said = [deciding_words(cause), "" if advice is None else f"would help: {advice.text}"]
        if any(said):
            yield f"           {'; '.join(filter(None, said))}"
    rest = report.causes[MOST_CAUSES:]
    if rest:
        yield f"  {share_of(rest):>7}  for {counted(len(rest), 'other reason')}"


def deciding_words(cause: Cause) -> str:
    """What a cause depends on, as far as it can be said in a line."""
    if not cause.decided_by:
        return ""
    return f"depends on {listed(cause.decided_by, _MOST_DECIDING)}"


def _conflicts(report: SpaceFindings, most: int) -> Iterator[str]:
    if report.conflicts:
        yield "What never fits, whatever the other values are, and the share that each adds:"
    for conflict in report.conflicts[:most]:
        yield f"  {percent(conflict.fraction):>7}  {conflict_text(conflict, report.domains)}"
        if not report.causes:
            yield f"           {conflict.fault.reason}"
    rest = report.conflicts[most:]
    if rest:
        yield f"  {share_of(rest):>7}  in {counted(len(rest), 'smaller conflict')}"


def conflict_text(conflict: Conflict, domains: Mapping[str, tuple[Any, ...]]) -> str:
    """The values of a conflict in words."""
    if not conflict.values:
        return "every configuration"
    return " and ".join(
        words(name, values, domains.get(name, ())) for name, values in conflict.values.items()
    )


def _suggestions(report: SpaceFindings) -> Iterator[str]:
    shown = ranked(report)[:MOST_SUGGESTIONS]
    if shown:
        yield "Changes of the space that help:"
    for suggestion in shown:
        yield f"  {suggestion.text}: {advice_words(report, suggestion)}"


def advice_words(report: SpaceFindings, suggestion: Suggestion) -> str:
    """What a suggestion removes and what it gives up."""
    lost = f"{percent(suggestion.lost)} of what is feasible" if suggestion.lost else "nothing"
    return f"removes {percent(suggestion.removed)} of the space, gives up {lost}"
