"""Which suggestion goes with a cause, what each is worth, and how to follow it in code."""

from __future__ import annotations

import itertools
from typing import Any

from shapesafe_tuner.findings import Cause, SpaceFindings, Suggestion, in_order

__all__ = ["advice_for", "code_of", "ranked"]


def ranked(report: SpaceFindings) -> list[Suggestion]:
    """The suggestions, first those that remove more than they give up."""
    return sorted(
        report.suggestions,
        key=lambda one: -round(one.removed - _lost(report, one), 9),
    )


def advice_for(cause: Cause) -> Suggestion | None:
    """The suggestion that helps most against a cause; None where none does."""
    return cause.suggestions[0] if cause.suggestions else None


def _lost(report: SpaceFindings, suggestion: Suggestion) -> float:
    """The feasible share of the space that a suggestion gives up."""
    return suggestion.lost * report.feasible_fraction


def code_of(suggestion: Suggestion) -> str:
    """A line of Python that follows a suggestion.

    What a layer gets, what ``build`` registers in place of what it does, or for a relation of two
    hyperparameters an argument of a tuner.
    """
    if suggestion.layer is not None:
        kind, given = suggestion.layer
        return f"layers.{kind}(..., {', '.join(f'{k}={v!r}' for k, v in given.items())})"
    bound = suggestion.bound
    if bound is None:
        return "; ".join(_registered(name, values) for name, values in suggestion.values.items())
    left, right = f"hp.values[{bound.left!r}]", f"hp.values[{bound.right!r}]"
    relation = bound.formula(left, right)
    if bound.relation == "multiple":
        relation = f"({right} and {relation})"
    absent = f"not {{{bound.left!r}, {bound.right!r}}} <= hp.values.keys()"
    return f"constraints=[lambda hp: {absent} or {relation}]"


def _registered(name: str, values: tuple[Any, ...]) -> str:
    """The call that registers a hyperparameter with these values."""
    values = in_order(values)
    first, last = values[0], values[-1]
    if len(values) == 1:
        return f"hp.Fixed({name!r}, {first!r})"
    steps = {later - value for value, later in itertools.pairwise(values)} if _whole(values) else ()
    if len(steps) != 1 or min(steps) < 1:
        return f"hp.Choice({name!r}, {list(values)!r})"
    step = min(steps)
    return f"hp.Int({name!r}, {first}, {last}{f', step={step}' if step > 1 else ''})"


def _whole(values: tuple[Any, ...]) -> bool:
    return all(type(value) is int for value in values)
