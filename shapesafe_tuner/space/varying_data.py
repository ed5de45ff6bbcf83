"""Judging where data depends on hyperparameters: each configuration on the data that it gets."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from shapesafe_tuner.memory import Memory
from shapesafe_tuner.shapes.deferred import demanded
from shapesafe_tuner.tracing.data.spec import DataSpec
from shapesafe_tuner.tracing.data.varying import DataSource, Found
from shapesafe_tuner.tracing.judge import Judge
from shapesafe_tuner.tracing.question import Changes, Question
from shapesafe_tuner.tracing.states.follower import Follower
from shapesafe_tuner.tracing.verdicts import Judged
from shapesafe_tuner.verdict import Verdict

__all__ = ["JudgeByData", "judge_of"]

_MOST = 256
"""Different data for which judges are kept."""


def judge_of(question: Question) -> Judge:
    """What judges the configurations of a question."""
    source = question.source
    return Judge(question) if source is None else JudgeByData(question, source)


class JudgeByData(Judge):
    """Judges each configuration on the data that it gets.

    Args:
        question: what is judged.
        source: tells the data of a configuration.
    """

    def __init__(self, question: Question, source: DataSource) -> None:
        super().__init__(question)
        self._source = source
        self._by_data: Memory[tuple[DataSpec | None, str | None], Judge] = Memory(_MOST)

    def _of(self, found: Found) -> Judge:
        key = (found.data, found.unjudged)
        judge = self._by_data.get(key)
        if judge is None:
            fixed = dataclasses.replace(
                self.question, source=None, data=found.data, unjudged=found.unjudged
            )
            judge = self._by_data[key] = Judge(fixed)
            judge.names_read = self.names_read
        return judge

    def judge(self, values: Mapping[str, Any], space: Any = None) -> Judged:
        """As :meth:`Judge.judge`; what decided about the data counts as read."""
        found = self._source.find(values, space)
        self.names_read.update(found.read)
        judge = self._of(found)
        verdict, read = judge.judge(values, space)
        if judge.varies:
            self._repeating = judge._repeating
        return Judged(verdict, None if read is None else {**found.read, **read})

    def judge_lazily(
        self,
        space: Any,
        values: Mapping[str, Any],
        defer: Callable[[Any], Any],
        follower: Follower | None = None,
    ) -> Verdict | None:
        """As :meth:`Judge.judge_lazily`; a build that is refused is so on any data."""
        built = super().judge_lazily(space, values, defer)
        if demanded() is not None or (built is not None and built.feasible is False):
            return built
        found = self._source.find_lazily(values, space, defer)
        return self._of(found).judge_lazily(space, values, defer)

    def judge_with_keras(
        self, space: Any, values: Mapping[str, Any], defer: Callable[[Any], Any]
    ) -> Verdict | None:
        """As :meth:`Judge.judge_with_keras`."""
        found = self._source.find_lazily(values, space, defer)
        return self._of(found).judge_with_keras(space, values, defer)

    def said_by_keras(self, values: Mapping[str, Any], verdict: Verdict, space: Any) -> Verdict:
        """As :meth:`Judge.said_by_keras`."""
        found = self._source.find(values, space)
        return self._of(found).said_by_keras(values, verdict, space)

    def __reduce__(self) -> Any:
        return judge_of, (self.question,)

    def with_changes(self, changes: Changes) -> Judge:
        """The same with other arguments of some layers."""
        return judge_of(dataclasses.replace(self.question, changes=changes))
