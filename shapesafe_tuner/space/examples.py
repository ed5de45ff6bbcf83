"""For the costliest conflicts a configuration that fails, with its shapes layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from shapesafe_tuner.findings import Conflict, Example
from shapesafe_tuner.plain import plain
from shapesafe_tuner.tracing.judge import Judge
from shapesafe_tuner.verdict import Verdict

__all__ = ["MOST_EXAMPLES", "examples_of"]

MOST_EXAMPLES = 5


def examples_of(judge: Judge, space: Any, conflicts: Sequence[Conflict]) -> Iterator[Example]:
    """One configuration of each of the first conflicts; what it does not name has its default.

    Args:
        judge: judges configurations.
        space: the ``HyperParameters`` registered so far, or None.
        conflicts: the costliest first.
    """
    for number, conflict in enumerate(conflicts[:MOST_EXAMPLES]):
        values = conflict.fault.hyperparameters
        verdict, _ = judge.judge(values, space)
        if verdict.feasible is False:
            # As JSON gives it back, so that a report that was saved is the same.
            yield Example(number, plain(values), Verdict.from_dict(verdict.to_dict()))
