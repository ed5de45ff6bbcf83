"""Judging where data depends on hyperparameters: each configuration on the data that it gets."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Hashable
from typing import Any

from shapesafe_tuner._compat.keras_tuner.configurations import (
    RecordedHyperParameters,
    configuration,
    lazy_configuration,
)
from shapesafe_tuner._compat.types import HyperParameter, HyperParameters, Model, Value, Values
from shapesafe_tuner.memory import Memory
from shapesafe_tuner.shapes.deferred import demanded
from shapesafe_tuner.space.data.groups import Completions, Reads
from shapesafe_tuner.tracing.attribution import Origin, attribute, described
from shapesafe_tuner.tracing.data.spec import DataSpec
from shapesafe_tuner.tracing.data.varying import DataSource, Found, plain_value
from shapesafe_tuner.tracing.environment import Check
from shapesafe_tuner.tracing.following.source import Followed, NotFollowed
from shapesafe_tuner.tracing.judge import Judge
from shapesafe_tuner.tracing.question import Changes, Question
from shapesafe_tuner.tracing.signals import SizesMatter
from shapesafe_tuner.tracing.states.follower import Follower
from shapesafe_tuner.tracing.symbolic import Built
from shapesafe_tuner.tracing.training.fitting import OWN_FIT, one_step
from shapesafe_tuner.tracing.training.step import StepOutcome
from shapesafe_tuner.tracing.verdicts import Judged, undecided
from shapesafe_tuner.verdict import Verdict, kind_of

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
        self._by_data: Memory[Hashable, Judge] = Memory(_MOST)
        self._reads = Reads(source)
        self.met_besides = self._reads.met
        self._whole: TrialJudge | None = None
        if isinstance(source, Followed):
            self._whole = TrialJudge(question, source)
            self._whole.names_read = self.names_read

    def _of(self, found: Found) -> Judge:
        key = (found.data, found.unjudged, found.data and found.data.seen)
        judge = self._by_data.get(key)
        if judge is None:
            given = self.question.given if self._whole is None else None
            fixed = dataclasses.replace(
                self.question, source=None, given=given, data=found.data, unjudged=found.unjudged
            )
            judge = self._by_data[key] = Judge(fixed)
            judge.names_read = self.names_read
        return judge

    def judge(self, values: Values, space: HyperParameters | None = None) -> Judged:
        """As :meth:`Judge.judge`; what decided about the data counts as read."""
        found = self._source.find(values, space)
        self.names_read.update(found.read)
        judge, (verdict, read) = self._judged(found, values, space)
        if judge.varies:
            self._repeating = judge._repeating
        if self._is_caught(verdict, lambda: configuration(space, values)):
            return Judged(_caught(verdict))
        return Judged(verdict, None if read is None else {**found.read, **read})

    def _judged(
        self, found: Found, values: Values, space: HyperParameters | None
    ) -> tuple[Judge, Judged]:
        """Who judges, by these data or by the whole trial, and what that comes to."""
        if not found.whole:
            judge = self._of(found)
            judged = judge.judge(values, space)
            if self._whole is None or not _has_own_fit(judged.verdict):
                return judge, judged
        if self._whole is not None:
            try:
                return self._whole, self._whole.judge(values, space)
            except NotFollowed as why:
                found = dataclasses.replace(found, data=DataSpec(), unjudged=str(why))
        judge = self._of(found)
        return judge, judge.judge(values, space)

    def judge_lazily(
        self,
        space: HyperParameters | None,
        values: Values,
        defer: Callable[[HyperParameter], Value],
        follower: Follower | None = None,
    ) -> Verdict | None:
        """As :meth:`Judge.judge_lazily`; a build that is refused is so on any data."""

        def judge(values: Values, found: Found) -> Verdict | None:
            if found.whole and self._whole is not None:
                return None
            return self._of(found).judge_lazily(space, values, defer)

        verdict = super().judge_lazily(space, values, defer)
        if demanded() is None and (verdict is None or verdict.feasible is not False):
            return self._on_all_data(space, values, defer, judge)
        return self._unless_caught(verdict, space, values, defer)

    @property
    def learning_rates(self) -> frozenset[str]:
        """None: the functions that give the data may ask for any hyperparameter."""
        return frozenset()

    def judge_with_keras(
        self,
        space: HyperParameters | None,
        values: Values,
        defer: Callable[[HyperParameter], Value],
    ) -> Verdict | None:
        """As :meth:`Judge.judge_with_keras`."""

        def plain(parameter: HyperParameter) -> Value:
            return plain_value(defer(parameter))

        def judge(values: Values, found: Found) -> Verdict | None:
            if found.whole and self._whole is not None:
                try:
                    return self._whole.judge_with_keras(space, values, plain)
                except NotFollowed as why:
                    found = Found(DataSpec(), str(why), found.read)
            verdict = self._of(found).judge_with_keras(space, values, defer)
            if self._whole is not None and verdict is not None and _has_own_fit(verdict):
                with contextlib.suppress(NotFollowed):
                    verdict = self._whole.judge_with_keras(space, values, plain)
            return verdict

        return self._on_all_data(space, values, defer, judge)

    def _on_all_data(
        self,
        space: HyperParameters | None,
        values: Values,
        defer: Callable[[HyperParameter], Value],
        judge: Callable[[Values, Found], Verdict | None],
    ) -> Verdict | None:
        """The verdict on whatever data these values come with; chooses more until there is one.

        Args:
            space, values, defer: as of :meth:`judge_lazily`.
            judge: gives the verdict on some data.

        Raises:
            Demand: a value must be chosen first.
        """
        while True:
            known = self._reads.completions(values, space)
            with contextlib.suppress(SizesMatter):
                verdict = self._on_group(known, functools.partial(judge, values))
                return self._unless_caught(verdict, space, values, defer)
            assert known.deciding is not None
            values = {**values, known.deciding.name: plain_value(defer(known.deciding))}

    def _on_group(
        self, known: Completions, judge: Callable[[Found], Verdict | None]
    ) -> Verdict | None:
        """The verdict on all of these data.

        Raises:
            SizesMatter: there is not one for all of them.
        """
        apart: frozenset[int] = frozenset()
        if self.question.constraints and known.deciding is not None:
            raise SizesMatter  # a constraint may read what only the data depend on
        while (group := known.group(apart)) is not None:
            try:
                verdict = judge(group.whole)
                settled = verdict is None or verdict.feasible or len(group.each) < 2
                if settled or demanded() is not None:
                    return verdict
                assert verdict is not None
                others = [judge(one) for one in group.each]
                if all(one is not None and one.feasible is verdict.feasible for one in others):
                    return verdict
                raise SizesMatter
            except SizesMatter as told:
                if not told.sizes - apart:
                    raise
                apart |= told.sizes
        raise SizesMatter

    def _unless_caught(
        self,
        verdict: Verdict | None,
        space: HyperParameters | None,
        values: Values,
        defer: Callable[[HyperParameter], Value],
    ) -> Verdict | None:
        """The verdict, or none where the user's own code keeps going on a refusal."""

        def hp() -> RecordedHyperParameters:
            return lazy_configuration(space, values, (), lambda asked: plain_value(defer(asked)))

        if verdict is None or demanded() is not None or not self._is_caught(verdict, hp):
            return verdict
        return _caught(verdict)

    def _is_caught(self, verdict: Verdict, hp: Callable[[], RecordedHyperParameters]) -> bool:
        """Whether the user's own code keeps going where Keras refuses."""
        source = self._source
        if not isinstance(source, Followed) or not source.may_catch:
            return False
        if verdict.feasible is not False or verdict.stage == "declared":
            return False
        assert verdict.fault is not None
        return not source.lets_out(hp(), of_build=verdict.fault.refused_by == "build")

    def said_by_keras(
        self, values: Values, verdict: Verdict, space: HyperParameters | None
    ) -> Verdict:
        """As :meth:`Judge.said_by_keras`."""
        found = self._source.find(values, space)
        return verdict if found.whole else self._of(found).said_by_keras(values, verdict, space)

    def __reduce__(self) -> Any:
        return judge_of, (self.question,)

    def with_changes(self, changes: Changes) -> Judge:
        """The same with other arguments of some layers."""
        return judge_of(dataclasses.replace(self.question, changes=changes))


def _has_own_fit(verdict: Verdict) -> bool:
    """Whether nothing was said of training, since the model has a ``fit`` of its own."""
    return any(kind_of(note) == OWN_FIT for note in verdict.warnings)


def _caught(verdict: Verdict) -> Verdict:
    """What is left of a refusal that the user's own code catches."""
    assert verdict.fault is not None
    said = undecided(
        f"the code that trains the model catches the error: {verdict.fault.reason.rstrip('.')}"
    )
    notes = (*verdict.warnings, said)
    return Verdict(None, "symbolic", None, notes, layers=verdict.layers)


class TrialJudge(Judge):
    """Judges the model that the user's own code calls ``fit`` on, as it is left there.

    Args:
        question: what is judged.
        source: follows that code.
    """

    def __init__(self, question: Question, source: Followed) -> None:
        super().__init__(dataclasses.replace(question, by_rules=False))
        self._source = source

    def _built(self, hp: RecordedHyperParameters, check: Check) -> Built:
        """Follow a trial to its first ``fit``.

        Raises:
            NotFollowed: it does not come there.
        """
        try:
            return Built(self._source.reach(hp, check))
        except NotFollowed:
            raise
        except Exception as error:
            whose = attribute(error)
            if whose.origin is Origin.UNKNOWN:
                return Built(error=error, undecided=described(error))
            return Built(error=error, attribution=whose, described=described(error))

    def _trained(self, model: Model, hp: RecordedHyperParameters, check: Check) -> StepOutcome:
        question = dataclasses.replace(
            self.question, source=None, data=check.fit_gets, unjudged=None
        )
        return one_step(question, model, check)
