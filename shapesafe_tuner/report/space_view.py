"""What the page of a search space shows, put into words and widths for its template."""

from __future__ import annotations

import math
from typing import Any

from shapesafe_tuner.findings import SpaceFindings, Undecided
from shapesafe_tuner.report.grouping import grouped
from shapesafe_tuner.report.parallel import parallel_of
from shapesafe_tuner.report.space_causes import (
    shown_causes,
    shown_conflicts,
    shown_suggestions,
    width,
)
from shapesafe_tuner.report.space_charts import points, shown_charts, shown_importance, shown_maps
from shapesafe_tuner.report.wording import abridged, counted, percent, sentence, times, value_words

__all__ = ["space_view"]

_SHOWN, _FOLDED = 8, 40
"""Conflicts that are shown, and those, or notes, up to which a click lists more."""
_NOTES = 4
_MOST_CHARTS = 30


def space_view(report: SpaceFindings) -> dict[str, Any]:
    """The view.

    Args:
        report: the findings.
    """
    causes = shown_causes(report)
    conflicts = shown_conflicts(report, _SHOWN + _FOLDED, with_examples=not causes)
    idle = set(report.irrelevant)
    charts = shown_charts({n: shares for n, shares in report.sensitivity.items() if n not in idle})
    notes = [sentence(note) for note in grouped(report.notes)]
    left = report.conflicts[_SHOWN + _FOLDED :]
    headline = _headline(report)
    about = report.about
    name = "" if about is None else abridged(about.hypermodel, 80)
    return {
        "title": f"{headline['share']} feasible{f': {name}' if name else ''}",
        "hypermodel": name,
        "data": sentence(about.data) if about is not None else "",
        "versions": sentence(about.versions) if about is not None else "",
        **headline,
        "causes": causes[:_SHOWN],
        "folded_causes": causes[_SHOWN:],
        "conflicts": conflicts[:_SHOWN],
        "folded": conflicts[_SHOWN:],
        "left_out": len(left),
        "left_out_share": percent(math.fsum(conflict.fraction for conflict in left)),
        "suggestions": shown_suggestions(report, _SHOWN),
        "maps": shown_maps(report),
        "parallel": parallel_of(report),
        "importance": shown_importance(report),
        "filters": _filters(report),
        "charts": charts[:6],
        "folded_charts": charts[6:_MOST_CHARTS],
        "charts_left_out": max(0, len(charts) - _MOST_CHARTS),
        "notes": notes[:_NOTES],
        "folded_notes": notes[_NOTES:_FOLDED],
        "notes_left_out": max(0, len(notes) - _FOLDED),
        "irrelevant": [abridged(name) for name in report.irrelevant],
    }


def _headline(report: SpaceFindings) -> dict[str, Any]:
    low, high = report.confidence_interval
    undecided, unseen = report.undecided_fraction, report.unseen_fraction
    sampled = low < high and not unseen
    return {
        "share": f"at least {percent(low)}" if unseen else percent(report.feasible_fraction),
        "infeasible": percent(report.infeasible_fraction) if report.infeasible_fraction else "",
        "exact": report.exact,
        "interval": f"{percent(low)} to {percent(high)}" if sampled else "",
        "total": _total(report.total),
        "runs": times(report.runs),
        "why_not_exact": report.why_not_exact and sentence(report.why_not_exact),
        "undecided": percent(undecided - unseen) if undecided > unseen else "",
        "unseen": percent(unseen) if unseen else "",
        "reasons": [_undecided(report, part) for part in report.undecided[:_SHOWN]],
        "more_reasons": len(report.undecided[_SHOWN:]),
        "bar": {
            "sure": points(report.feasible_fraction),
            "undecided": points(undecided),
            "low": points(low),
            "spread": points(high - low),
        },
    }


def _total(total: float) -> str:
    if total == math.inf:  # isinf takes no integers as large as these may be
        return "infinitely many configurations"
    if total < _PRINTED:
        return counted(int(total), "configuration")
    digits = str(int(total))  # too large for a float, maybe
    return f"about {digits[0]}.{digits[1:3]} x 10^{len(digits) - 1} configurations"


_PRINTED = 10**15


def _undecided(report: SpaceFindings, part: Undecided) -> dict[str, Any]:
    return {
        "share": percent(part.fraction),
        "width": width(report, part.fraction),
        "reason": sentence(part.reason),
        "values": [f"{abridged(name)}={value_words(value)}" for name, value in part.values.items()],
    }


def _filters(report: SpaceFindings) -> dict[str, Any] | None:
    """What the page can be narrowed to; None where there is nothing to choose from."""
    names = dict.fromkeys(name for cause in report.causes for name in cause.decided_by)
    names.update(dict.fromkeys(name for one in report.conflicts for name in one.values))
    if len(report.causes) < 2 and len(report.conflicts) < 3:
        return None
    shown = ({"number": n, "reason": abridged(c.reason, 60)} for n, c in enumerate(report.causes))
    return {"causes": list(shown), "names": [abridged(name) for name in names][:_MOST_NAMES]}


_MOST_NAMES = 60
