"""What the page of a search space shows, put into words and widths for its template."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from shapesafe_tuner.findings import (
    Cause,
    Example,
    PairShares,
    SpaceFindings,
    Suggestion,
    in_order,
)
from shapesafe_tuner.report.advice import advice_for, code_of, ranked, saved_by
from shapesafe_tuner.report.ladder import ladder_of
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
    charts = _charts(report.sensitivity)
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
        "total": "infinitely many" if math.isinf(report.total) else f"{report.total:,}",
        "runs": times(report.runs),
        "why_not_exact": report.why_not_exact and sentence(report.why_not_exact),
        "undecided": percent(undecided - unseen) if undecided > unseen else "",
        "unseen": percent(unseen) if unseen else "",
        "reasons": [
            {"share": percent(part.fraction), "reason": sentence(part.reason)}
            for part in report.undecided[:_SHOWN]
        ],
        "bar": {
            "sure": _points(report.feasible_fraction),
            "undecided": _points(undecided),
            "low": _points(low),
            "spread": _points(high - low),
        },
    }


def _points(share: float) -> float:
    """A share in per cent, for the width of a bar."""
    return round(100 * share, 3)


def _causes(report: SpaceFindings) -> list[dict[str, Any]]:
    """Where configurations fail, with bars of the same scale as those of the conflicts."""
    found = []
    for cause in report.causes:
        advice = advice_for(report, cause)
        example = next((one for one in report.examples if _fails_in(one, cause)), None)
        found.append(
            {
                "share": percent(cause.fraction),
                "width": _width(report, cause.fraction),
                "reason": sentence(cause.reason),
                "decided_by": [abridged(name) for name in cause.decided_by[:_NAMES]],
                "more_names": len(cause.decided_by[_NAMES:]),
                "advice": None if advice is None else _suggestion(report, advice),
                "example": None if example is None else _example(example),
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
    """Of a bar: all that is infeasible is as wide as can be."""
    return _points(min(1.0, share / (report.infeasible_fraction or 1)))


def _conflicts(report: SpaceFindings, *, with_examples: bool) -> list[dict[str, Any]]:
    shown = report.conflicts[: _SHOWN + _FOLDED]
    examples = {example.conflict: _example(example) for example in report.examples}
    return [
        {
            "share": percent(conflict.fraction),
            "width": _width(report, conflict.fraction),
            "words": conflict_words(conflict, report.domains),
            "reason": "" if report.causes else sentence(conflict.fault.reason),
            "example": examples.get(number) if with_examples else None,
        }
        for number, conflict in enumerate(shown)
    ]


def _example(example: Example) -> dict[str, Any] | None:
    ladder = ladder_of(example.verdict.layers)
    if ladder is None:
        return None
    fault = example.verdict.fault
    values = [f"{abridged(name)}={value_words(value)}" for name, value in example.values.items()]
    return {
        "values": values,
        "ladder": ladder,
        "reason": "" if fault is None else sentence(fault.reason),
    }


def _suggestions(report: SpaceFindings) -> list[dict[str, Any]]:
    return [_suggestion(report, suggestion) for suggestion in ranked(report)[:_SHOWN]]


def _suggestion(report: SpaceFindings, suggestion: Suggestion) -> dict[str, Any]:
    return {
        "text": abridged(suggestion.text, 160),
        "code": abridged(code_of(suggestion), _LONGEST_CODE),
        "saved": percent(saved_by(report, suggestion)),
        "lost": percent(suggestion.lost),
    }


_LONGEST_CODE = 300


def _maps(report: SpaceFindings) -> dict[str, Any] | None:
    """The maps as the script of the page reads them, and the first as the template does."""
    if not report.pairs:
        return None
    places = {axis.name: place for place, axis in enumerate(report.axes)}
    axes = [{"name": abridged(axis.name), "labels": bin_labels(axis)} for axis in report.axes]
    pairs = [
        {
            "down": places[pair.down],
            "across": places[pair.across],
            "said": _said(pair, axes[places[pair.down]], axes[places[pair.across]]),
            "cells": [[[whole_percent(s), level(s)] for s in row] for row in pair.shares],
        }
        for pair in report.pairs
    ]
    return {"axes": axes, "pairs": pairs}


def _said(pair: PairShares, down: Mapping[str, Any], across: Mapping[str, Any]) -> str:
    known = [share for row in pair.shares for share in row if share is not None]
    never, always = known.count(0.0), known.count(1.0)
    return (
        f"{down['name']} and {across['name']}: of {counted(len(known), 'combination')}, {never} "
        f"never {'fits' if never == 1 else 'fit'} and {always} always "
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
