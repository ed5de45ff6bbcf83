"""The numbers of a page as bars and maps: feasible shares, by one value or by two."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from shapesafe_tuner.findings import PairShares, SpaceFindings, in_order
from shapesafe_tuner.report.wording import (
    abridged,
    bin_labels,
    counted,
    percent,
    range_words,
    whole_percent,
)

__all__ = ["level", "points", "shown_charts", "shown_importance", "shown_maps"]

_MOST_ROWS = 12


def points(share: float) -> float:
    """A share in per cent, for the width of a bar."""
    return round(100 * share, 3)


def shown_importance(report: SpaceFindings) -> list[dict[str, Any]]:
    """A bar for each hyperparameter, by how much of the outcome it decides."""
    largest = max(report.importance.values(), default=0) or 1
    return [
        {
            "label": abridged(name),
            "share": f"{share:.0%}" if share >= 0.01 or not share else "<1%",
            "width": points(share / largest),
        }
        for name, share in list(report.importance.items())[:_MOST_ROWS]
    ]


def shown_maps(report: SpaceFindings) -> dict[str, Any] | None:
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


def shown_charts(sensitivity: Mapping[str, Mapping[Any, float]]) -> list[dict[str, Any]]:
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
                "width": points(shares[run[0]]),
            }
            for run in runs
        ],
        "shown": "" if whole else f"{len(runs)} of {len(values):,} values",
    }
