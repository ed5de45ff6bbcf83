"""What the page of a search space shows, put into words and widths for its template."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from shapesafe_tuner.findings import (
    Cause,
    Example,
    PairShares,
    SpaceFindings,
    Suggestion,
    Undecided,
    in_order,
)
from shapesafe_tuner.report.advice import advice_for, code_of, ranked
from shapesafe_tuner.report.ladder import ladder_of
from shapesafe_tuner.report.parallel import parallel_of
from shapesafe_tuner.report.space_text import advice_words
from shapesafe_tuner.report.wording import (
    abridged,
    bin_labels,
    conflict_words,
    counted,
    percent,
    range_words,
    sentence,
    times,
    value_words,
    whole_percent,
)

__all__ = ["level", "space_view"]

_SHOWN, _FOLDED = 8, 40
"""Conflicts that are shown, and those, or notes, up to which a click lists more."""
_NOTES = 4
_MOST_ROWS = 12
_MOST_CHARTS = 30


def space_view(report: SpaceFindings) -> dict[str, Any]:
    """The view.

    Args:
        report: the findings.
    """
    causes = _causes(report)
    conflicts = _conflicts(report, with_examples=not causes)
    idle = set(report.irrelevant)
    charts = _charts({n: shares for n, shares in report.sensitivity.items() if n not in idle})
    notes = [sentence(note) for note in report.notes]
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
        "suggestions": _suggestions(report),
        "maps": _maps(report),
        "parallel": parallel_of(report),
        "importance": _importance(report),
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
            "sure": _points(report.feasible_fraction),
            "undecided": _points(undecided),
            "low": _points(low),
            "spread": _points(high - low),
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
        "width": _width(report, part.fraction),
        "reason": sentence(part.reason),
        "values": [f"{abridged(name)}={value_words(value)}" for name, value in part.values.items()],
    }


def _points(share: float) -> float:
    """A share in per cent, for the width of a bar."""
    return round(100 * share, 3)


def _causes(report: SpaceFindings) -> list[dict[str, Any]]:
    """Where configurations fail, with bars of the same scale as those of the conflicts."""
    found = []
    for number, cause in enumerate(report.causes):
        advice = advice_for(cause)
        example = next((one for one in report.examples if _fails_in(one, cause)), None)
        found.append(
            {
                "number": number,
                "names": _joined(cause.decided_by),
                "share": percent(cause.fraction),
                "width": _width(report, cause.fraction),
                "reason": sentence(cause.reason),
                "decided_by": [abridged(name) for name in cause.decided_by[:_NAMES]],
                "more_names": len(cause.decided_by[_NAMES:]),
                "advice": None if advice is None else _suggestion(report, advice),
                "example": None if example is None else _example(example, with_reason=False),
            }
        )
    return found


_NAMES = 8
"""Hyperparameters of a cause that are named."""


def _fails_in(example: Example, cause: Cause) -> bool:
    fault = example.verdict.fault
    if fault is None or cause.layer is None:
        return False
    return (fault.layer, fault.layer_type) == (cause.layer, cause.layer_type)


def _width(report: SpaceFindings, share: float) -> float:
    """How wide a bar is: all that is infeasible, or undecided if that is more, is 100."""
    looked_at = report.undecided_fraction - report.unseen_fraction
    return _points(min(1.0, share / (max(report.infeasible_fraction, looked_at) or 1)))


def _conflicts(report: SpaceFindings, *, with_examples: bool) -> list[dict[str, Any]]:
    shown = report.conflicts[: _SHOWN + _FOLDED]
    examples = {one.conflict: _example(one, with_reason=True) for one in report.examples}
    of_cause: dict[int, list[str]] = {}
    for place, cause in enumerate(report.causes):
        for conflict in cause.conflicts:
            of_cause.setdefault(id(conflict), []).append(str(place))
    return [
        {
            "causes": " ".join(of_cause.get(id(conflict), ())),
            "names": _joined(conflict.values),
            "share": percent(conflict.fraction),
            "width": _width(report, conflict.fraction),
            "words": conflict_words(conflict, report.domains),
            "reason": "" if report.causes else sentence(conflict.fault.reason),
            "example": examples.get(number) if with_examples else None,
        }
        for number, conflict in enumerate(shown)
    ]


def _joined(names: Iterable[str]) -> str:
    """Names in an attribute of an element; none of them can have a line break in it."""
    return "\n".join(abridged(name) for name in names)


def _filters(report: SpaceFindings) -> dict[str, Any] | None:
    """What the page can be narrowed to; None where there is nothing to choose from."""
    names = dict.fromkeys(name for cause in report.causes for name in cause.decided_by)
    names.update(dict.fromkeys(name for one in report.conflicts for name in one.values))
    if len(report.causes) < 2 and len(report.conflicts) < 3:
        return None
    shown = ({"number": n, "reason": abridged(c.reason, 60)} for n, c in enumerate(report.causes))
    return {"causes": list(shown), "names": [abridged(name) for name in names][:_MOST_NAMES]}


_MOST_NAMES = 60


def _importance(report: SpaceFindings) -> list[dict[str, Any]]:
    largest = max(report.importance.values(), default=0) or 1
    return [
        {
            "label": abridged(name),
            "share": f"{share:.0%}" if share >= 0.01 or not share else "<1%",
            "width": _points(share / largest),
        }
        for name, share in list(report.importance.items())[:_MOST_ROWS]
    ]


def _example(example: Example, *, with_reason: bool) -> dict[str, Any] | None:
    """A configuration; its reason where there is no sentence for all that fail like it."""
    ladder = ladder_of(example.verdict.layers)
    if ladder is None:
        return None
    fault = example.verdict.fault
    values = [f"{abridged(name)}={value_words(value)}" for name, value in example.values.items()]
    return {
        "values": values,
        "ladder": ladder,
        "reason": sentence(fault.reason) if fault is not None and with_reason else "",
    }


def _suggestions(report: SpaceFindings) -> list[dict[str, Any]]:
    return [_suggestion(report, suggestion) for suggestion in ranked(report)[:_SHOWN]]


def _suggestion(report: SpaceFindings, suggestion: Suggestion) -> dict[str, Any]:
    return {
        "text": abridged(suggestion.text, 160),
        "code": abridged(code_of(suggestion), _LONGEST_CODE),
        "saved": percent(suggestion.removed),
        "lost": percent(suggestion.lost) if suggestion.lost else "nothing",
        "worth": advice_words(report, suggestion),
    }


_LONGEST_CODE = 300


def _maps(report: SpaceFindings) -> dict[str, Any] | None:
    """The maps as the script of the page reads them, and the first as the template does."""
    if not report.pairs:
        return None
    places = {axis.name: place for place, axis in enumerate(report.axes)}
    axes: list[dict[str, Any]] = [
        {"name": abridged(axis.name), "labels": bin_labels(axis)} for axis in report.axes
    ]
    pairs = [
        {
            "down": places[pair.down],
            "across": places[pair.across],
            "said": _said(
                pair,
                axes[places[pair.down]]["name"],
                axes[places[pair.across]]["name"],
                is_decided=not report.undecided_fraction,
            ),
            "cells": [[[whole_percent(s), level(s)] for s in row] for row in pair.shares],
        }
        for pair in report.pairs
    ]
    return {"axes": axes, "pairs": pairs}


def _said(pair: PairShares, down: str, across: str, *, is_decided: bool) -> str:
    known = [share for row in pair.shares for share in row if share is not None]
    never, always = known.count(0.0), known.count(1.0)
    of = f"{down} and {across}: of {counted(len(known), 'combination')}"
    if not is_decided:  # nothing feasible may also mean that all is undecided
        return f"{of}, {never} with nothing that is known to fit, and {always} that always fit."
    return (
        f"{of}, {never} never {'fits' if never == 1 else 'fit'} and {always} always "
        f"{'does' if always == 1 else 'do'}."
    )


def level(share: float | None) -> int:
    """The shade of a cell, from 0 (never fits) to 10 (always); -1 where there is nothing."""
    if share is None:
        return -1
    if share in (0, 1):
        return int(10 * share)
    return min(9, max(1, round(10 * share)))


def _charts(sensitivity: Mapping[str, Mapping[Any, float]]) -> list[dict[str, Any]]:
    """One chart a hyperparameter, first those whose values differ most."""
    spread = {
        name: max(shares.values()) - min(shares.values())
        for name, shares in sensitivity.items()
        if shares
    }
    if any(spread.values()):  # those whose values do not differ say nothing
        spread = {name: most for name, most in spread.items() if most}
    return [
        {"name": abridged(name), **_rows(sensitivity[name])}
        for name in sorted(spread, key=lambda name: -spread[name])
    ]


def _rows(shares: Mapping[Any, float]) -> dict[str, Any]:
    """Neighbouring values with the same share are one row; of too many rows some are shown."""
    values = list(in_order(tuple(shares)))
    runs: list[list[Any]] = []
    for value in values:
        if runs and math.isclose(shares[value], shares[runs[-1][0]], abs_tol=1e-9):
            runs[-1].append(value)
        else:
            runs.append([value])
    whole = len(runs) <= _MOST_ROWS
    if not whole:
        last = len(values) - 1
        picked = dict.fromkeys(last * n // (_MOST_ROWS - 1) for n in range(_MOST_ROWS))
        runs = [[values[place]] for place in picked]
    elif len(values) <= _MOST_ROWS:
        runs = [[value] for value in values]
    return {
        "rows": [
            {
                "label": range_words(run[0], run[-1]),
                "share": percent(shares[run[0]]),
                "width": _points(shares[run[0]]),
            }
            for run in runs
        ],
        "shown": "" if whole else f"{len(runs)} of {len(values):,} values",
    }
