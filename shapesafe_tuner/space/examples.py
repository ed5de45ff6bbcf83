"""For the costliest conflicts and causes a configuration that fails, with its shapes by layer."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from shapesafe_tuner._compat.types import HyperParameters, Values
from shapesafe_tuner.findings import Conflict, Example
from shapesafe_tuner.plain import plain
from shapesafe_tuner.space.causes import Causes
from shapesafe_tuner.space.diagram.diagram import Diagram
from shapesafe_tuner.space.diagram.questions import Draws
from shapesafe_tuner.tracing.judge import Judge
from shapesafe_tuner.verdict import Verdict

__all__ = ["MOST_EXAMPLES", "examples_of", "examples_of_causes"]

MOST_EXAMPLES = 5


def examples_of(
    judge: Judge, space: HyperParameters | None, conflicts: Sequence[Conflict]
) -> Iterator[Example]:
    """One configuration of each of the first conflicts; what it does not name has its default.

    Args:
        judge: judges configurations.
        space: the ``HyperParameters`` registered so far, or None.
        conflicts: the costliest first.
    """
    for number, conflict in enumerate(conflicts[:MOST_EXAMPLES]):
        yield from _example(judge, space, number, conflict.fault.hyperparameters)


def examples_of_causes(
    judge: Judge,
    space: HyperParameters | None,
    diagram: Diagram,
    causes: Causes,
    known: Sequence[Example],
) -> Iterator[Example]:
    """One random configuration of each of the first causes that has no example yet.

    Args:
        judge, space: as of :func:`examples_of`.
        diagram: of the space.
        causes: of the space.
        known: the examples of conflicts.
    """
    shown = {_place(example.verdict) for example in known}
    ends = causes.by_end
    for number, cause in enumerate(causes.found[:MOST_EXAMPLES]):
        if cause.layer is None or (cause.layer, cause.layer_type) in shown:
            continue
        draws = Draws(diagram, diagram.shares(lambda end, n=number: ends.get(id(end)) == n))  # type: ignore[misc]
        if draws.possible:
            values, _ = draws.draw(random.Random(0))
            yield from _example(judge, space, None, values)


def _place(verdict: Verdict) -> tuple[str | None, str | None]:
    fault = verdict.fault
    return (None, None) if fault is None else (fault.layer, fault.layer_type)


def _example(
    judge: Judge, space: HyperParameters | None, conflict: int | None, values: Values
) -> Iterator[Example]:
    verdict, _ = judge.judge(values, space)
    if verdict.feasible is False:
        # As JSON gives it back, so that a report that was saved is the same.
        yield Example(conflict, plain(values), Verdict.from_dict(verdict.to_dict()))
