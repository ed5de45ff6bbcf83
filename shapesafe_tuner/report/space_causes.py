"""What a page says of the configurations that fail: causes, conflicts, examples, suggestions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shapesafe_tuner.findings import Cause, Example, SpaceFindings, Suggestion
from shapesafe_tuner.report.advice import advice_for, code_of, ranked
from shapesafe_tuner.report.ladder import ladder_of
from shapesafe_tuner.report.space_charts import points
from shapesafe_tuner.report.space_text import advice_words
from shapesafe_tuner.report.wording import (
    abridged,
    conflict_words,
    percent,
    sentence,
    value_words,
)

__all__ = ["shown_causes", "shown_conflicts", "shown_suggestions", "width"]

_NAMES = 8
"""Hyperparameters of a cause that are named."""
_LONGEST_CODE = 300


def shown_causes(report: SpaceFindings) -> list[dict[str, Any]]:
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
                "width": width(report, cause.fraction),
                "reason": sentence(cause.reason),
                "decided_by": [abridged(name) for name in cause.decided_by[:_NAMES]],
                "more_names": len(cause.decided_by[_NAMES:]),
                "advice": None if advice is None else _suggestion(report, advice),
                "example": None if example is None else _example(example, with_reason=False),
            }
        )
    return found


def _fails_in(example: Example, cause: Cause) -> bool:
    fault = example.verdict.fault
    if fault is None or cause.layer is None:
        return False
    return (fault.layer, fault.layer_type) == (cause.layer, cause.layer_type)


def shown_conflicts(
    report: SpaceFindings, most: int, *, with_examples: bool
) -> list[dict[str, Any]]:
    """The costliest conflicts."""
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
            "width": width(report, conflict.fraction),
            "words": conflict_words(conflict, report.domains),
            "reason": "" if report.causes else sentence(conflict.fault.reason),
            "example": examples.get(number) if with_examples else None,
        }
        for number, conflict in enumerate(report.conflicts[:most])
    ]


def _joined(names: Iterable[str]) -> str:
    """Names in an attribute of an element; none of them can have a line break in it."""
    return "\n".join(abridged(name) for name in names)


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


def shown_suggestions(report: SpaceFindings, most: int) -> list[dict[str, Any]]:
    """The suggestions that are worth most."""
    return [_suggestion(report, suggestion) for suggestion in ranked(report)[:most]]


def _suggestion(report: SpaceFindings, suggestion: Suggestion) -> dict[str, Any]:
    return {
        "text": abridged(suggestion.text, 160),
        "code": abridged(code_of(suggestion), _LONGEST_CODE),
        "saved": percent(suggestion.removed),
        "lost": percent(suggestion.lost) if suggestion.lost else "nothing",
        "worth": advice_words(report, suggestion),
    }


def width(report: SpaceFindings, share: float) -> float:
    """How wide a bar is: all that is infeasible, or undecided if that is more, is 100."""
    looked_at = report.undecided_fraction - report.unseen_fraction
    return points(min(1.0, share / (max(report.infeasible_fraction, looked_at) or 1)))
