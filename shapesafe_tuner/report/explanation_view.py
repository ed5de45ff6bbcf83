"""What the page of one configuration shows, put into words for its template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from shapesafe_tuner.report.ladder import ladder_of
from shapesafe_tuner.report.text import outcome_of
from shapesafe_tuner.report.wording import abridged, sentence, value_words
from shapesafe_tuner.verdict import Verdict

__all__ = ["Explained", "explanation_view"]


class Explained(Protocol):
    """What the page shows."""

    @property
    def values(self) -> Mapping[str, Any]:
        """The configuration that was asked about."""

    @property
    def verdict(self) -> Verdict:
        """What the check said."""

    @property
    def nearest(self) -> Mapping[str, Any] | None:
        """The nearest feasible configuration, where one is known."""


def explanation_view(explanation: Explained) -> dict[str, Any]:
    """The view.

    Args:
        explanation: a verdict and what was asked for.
    """
    verdict, nearest = explanation.verdict, explanation.nearest
    fault = verdict.fault
    outcome, _ = outcome_of(verdict)
    cause = {} if fault is None else fault.hyperparameters
    return {
        "title": outcome.split(":")[0],
        "outcome": sentence(outcome),
        "state": {True: "fits", False: "refused", None: "undecided"}[verdict.feasible],
        "values": _values(explanation.values, cause, nearest),
        "caused": bool(cause),
        "suggested": nearest is not None,
        "reason": "" if fault is None else sentence(fault.reason),
        "error": "" if fault is None else sentence(fault.further_error),
        "ladder": ladder_of(verdict.layers),
        "parameters": "" if verdict.parameters is None else f"{verdict.parameters:,}",
        "notes": [sentence(note) for note in verdict.notes],
    }


def _values(
    values: Mapping[str, Any], cause: Mapping[str, Any], nearest: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """A row for each hyperparameter: its value, whether it causes the fault, what would fit."""
    known = {**values, **{name: value for name, value in cause.items() if name not in values}}
    other = dict(nearest or {})
    rows = []
    for name in dict.fromkeys([*known, *other]):
        change = name in other and (name not in known or other[name] != known[name])
        rows.append(
            {
                "name": abridged(name),
                "value": value_words(known[name]) if name in known else "default",
                "cause": name in cause,
                "nearest": value_words(other[name]) if change else "",
            }
        )
    return rows
