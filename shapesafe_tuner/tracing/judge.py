"""The passes over one configuration, in their order.

Constraints, then rules (:mod:`~shapesafe_tuner.tracing.analytic`), then, where rules cannot decide,
Keras itself without weights (:mod:`~shapesafe_tuner.tracing.symbolic`), with the training step on
the data. The first that proves infeasibility ends it.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from shapesafe_tuner._compat.keras_tuner.configurations import (
    RecordedHyperParameters,
    configuration,
    lazy_configuration,
)
from shapesafe_tuner._compat.keras_tuner.domains import outside_domain
from shapesafe_tuner._compat.types import HyperParameter, HyperParameters, Model, Value, Values
from shapesafe_tuner.shapes.deferred import demanded
from shapesafe_tuner.tracing.analytic import AnalyticPass
from shapesafe_tuner.tracing.code_memory import facts_of
from shapesafe_tuner.tracing.environment import Check, check_environment
from shapesafe_tuner.tracing.lazy import Proxy
from shapesafe_tuner.tracing.learning_rates import learning_rates_of
from shapesafe_tuner.tracing.limits import oversized, refused_by
from shapesafe_tuner.tracing.question import Changes, Question
from shapesafe_tuner.tracing.remembering.steps import Remembered
from shapesafe_tuner.tracing.repeating import Repeating
from shapesafe_tuner.tracing.shape_table import count_parameters
from shapesafe_tuner.tracing.standins.analysed import Analysed, outside_of_domain
from shapesafe_tuner.tracing.standins.training import Training
from shapesafe_tuner.tracing.states.follower import Follower
from shapesafe_tuner.tracing.symbolic import Built, build_model, model_output_shape
from shapesafe_tuner.tracing.training.fitting import trained, unjudged
from shapesafe_tuner.tracing.training.step import StepOutcome
from shapesafe_tuner.tracing.verdicts import (
    Judged,
    of_analysis,
    of_failed_build,
    of_model,
    with_notes,
)
from shapesafe_tuner.verdict import Verdict

__all__ = ["Judge"]

_MOST_NAMES = 100_000


class Judge:
    """Judges one configuration at a time and remembers no verdict.

    Args:
        question: what is judged.

    Attributes:
        question: what is judged.
        facts: what the code of ``build`` says.
        names_read: of hyperparameters, by all runs.
        met_besides: hyperparameters that code besides ``build`` reads, by their places.
    """

    met_besides: Mapping[tuple[str, str], HyperParameter] = MappingProxyType({})

    def __init__(self, question: Question) -> None:
        self.question = question
        self.names_read: set[str] = set()
        self.facts = facts = facts_of(question.build)
        self._repeating = Repeating(facts)
        self._lazy = question.by_rules and not facts.sees_types
        training = None
        if question.data is not None and question.judges_training:
            training = Training(question.data)
        self._analytic: AnalyticPass | None = None
        if question.by_rules:
            self._analytic = AnalyticPass(question, training, poses=not facts.sees_types)

    def judge(self, values: Values, space: HyperParameters | None = None) -> Judged:
        """Run the passes until one proves infeasibility.

        Args:
            values: the configuration.
            space: the ``HyperParameters`` registered so far, or None.
        """
        declared = self._refused_by_constraint(space, values)
        if declared is not None:
            return Judged(declared)
        judged = self._judge_once(space, values)
        # What rules could not decide once is not put to them again: that would be two more runs.
        again = self._judge_once if judged.verdict.slow_because is None else self._by_keras
        tested = self._repeating.tested(judged.verdict, lambda: again(space, values).verdict)
        return judged if tested is judged.verdict else Judged(tested)

    @property
    def varies(self) -> bool:
        """Whether runs of ``build`` with the same values came to different verdicts."""
        return self._repeating.varies

    def undecided(self, verdict: Verdict) -> Verdict:
        """What is left of a verdict where ``build`` varies."""
        return self._repeating.undecided(verdict)

    def _judge_once(self, space: HyperParameters | None, values: Values) -> Judged:
        if self._analytic is None:
            return self._by_keras(space, values)
        found = self._analytic.judge(space, values)
        if isinstance(found, Analysed):
            return self._by_rules(found)
        verdict, read = self._by_keras(space, values)
        return Judged(dataclasses.replace(verdict, slow_because=found.why), read)

    def _tested_part(
        self, space: HyperParameters | None, hp: RecordedHyperParameters, verdict: Verdict
    ) -> Verdict:
        """A refusal of many configurations, if one of them is refused again."""
        if verdict.feasible is not False:
            return verdict
        known = dict.items(hp.values)
        chosen = {name: value for name, value in known if not issubclass(type(value), Proxy)}
        return self._repeating.tested(
            verdict, lambda: self._judge_once(space, chosen).verdict, suspects_all=False
        )

    def __reduce__(self) -> Any:
        return Judge, (self.question,)

    def with_changes(self, changes: Changes) -> Judge:
        """The same with other arguments of some layers."""
        return Judge(dataclasses.replace(self.question, changes=changes))

    def _by_keras(
        self,
        space: HyperParameters | None,
        values: Values,
        hp: RecordedHyperParameters | None = None,
    ) -> Judged:
        """The verdict that the classes of Keras themselves give."""
        question = self.question
        if question.changes:
            return Judged(Verdict(None, "symbolic"))
        check = Check()
        with check_environment(check):
            if hp is None:
                hp = configuration(space, values, question.in_advance)
            hp.values.names_read.clear()
            built = self._built(hp, check)
            if built.model is None:
                verdict = of_failed_build(built, hp, check)
            else:
                verdict = self._on_model(built.model, hp, check)
            outside = [
                outside_of_domain(known.name, values[known.name])
                for known in hp.space
                if known.name in values and outside_domain(known, values[known.name])
            ]
        return self._noted(verdict, hp, outside)

    def _built(self, hp: RecordedHyperParameters, check: Check) -> Built:
        """The model that is judged, or what stopped its making."""
        return build_model(self.question.build, hp, check)

    @property
    def may_follow(self) -> bool:
        """Whether a verdict depends on nothing but what a followed run meets."""
        question = self.question
        whole = question.constraints or question.max_model_size or question.source is not None
        return self._analytic is not None and not whole

    @functools.cached_property
    def learning_rates(self) -> frozenset[str]:
        """Hyperparameters that can change no verdict, although Keras itself is given them.

        Where other code than ``build`` gets the hyperparameters, it may ask for any of them.
        """
        if self.question.constraints or self.question.source is not None:
            return frozenset()
        return learning_rates_of(self.question.build)

    @property
    def may_defer(self) -> bool:
        """Whether ``build`` cannot tell a value from its proxy."""
        return self._lazy

    def judge_lazily(
        self,
        space: HyperParameters | None,
        values: Values,
        defer: Callable[[HyperParameter], Value],
        follower: Follower | None = None,
    ) -> Verdict | None:
        """The verdict for all values of what is not chosen, unless one of them was demanded.

        Args:
            space: the ``HyperParameters`` registered so far, or None.
            values: what is chosen.
            defer: gives the others, when they are read.
            follower: follows the run, if any.

        Returns:
            None where rules cannot decide.
        """
        if self._analytic is None:
            return None
        analysed = self._analytic.judge_lazily(space, values, defer, follower)
        if analysed is None or demanded() is not None:
            return None
        declared = refused_by(self.question.constraints, analysed.hp)
        if declared is not None:
            return declared
        return self._tested_part(space, analysed.hp, self._by_rules(analysed).verdict)

    def judge_with_keras(
        self,
        space: HyperParameters | None,
        values: Values,
        defer: Callable[[HyperParameter], Value],
    ) -> Verdict | None:
        """As :meth:`judge_lazily`, by the classes of Keras; None where a value was demanded."""
        hp = lazy_configuration(space, values, self.question.in_advance, defer)
        verdict = self._by_keras(space, values, hp).verdict
        if demanded() is not None:
            return None
        declared = refused_by(self.question.constraints, hp)
        return self._tested_part(space, hp, verdict) if declared is None else declared

    def said_by_keras(
        self, values: Values, verdict: Verdict, space: HyperParameters | None
    ) -> Verdict:
        """A refusal that a rule proved, with the words that Keras has for it."""
        fault = verdict.fault
        if fault is None or fault.error is not None or verdict.stage != "analytic":
            return verdict
        spoken = self._by_keras(space, values).verdict
        if spoken.fault is None or spoken.fault.error is None:
            return verdict
        return dataclasses.replace(
            verdict, fault=dataclasses.replace(fault, error=spoken.fault.error)
        )

    def _by_rules(self, found: Analysed) -> Judged:
        verdict = of_analysis(found, found.step or unjudged(self.question))
        return self._noted(verdict, found.hp, found.outside)

    def _noted(self, verdict: Verdict, hp: Any, outside: Sequence[str]) -> Judged:
        if len(self.names_read) < _MOST_NAMES:
            self.names_read.update(hp.values.names_read)
        return with_notes(verdict, hp, outside)

    def _refused_by_constraint(
        self, space: HyperParameters | None, values: Values
    ) -> Verdict | None:
        if not self.question.constraints:
            return None
        hp = configuration(space, values, self.question.in_advance)
        try:
            return refused_by(self.question.constraints, hp)
        except KeyError:  # it asks for a name that build has not registered yet
            return refused_by(self.question.constraints, self._registered(space, values))

    def _registered(self, space: HyperParameters | None, values: Values) -> RecordedHyperParameters:
        """The configuration with all that ``build`` registers, at its defaults."""
        found = None if self._analytic is None else self._analytic.judge(space, values)
        hp: RecordedHyperParameters
        if isinstance(found, Analysed):
            hp = found.hp
        else:
            hp = configuration(space, values, self.question.in_advance)
            self._by_keras(space, values, hp)
        return hp

    def _on_model(self, model: Model, hp: RecordedHyperParameters, check: Check) -> Verdict:
        """The verdict on what ``build`` gave: its size, then its training step."""
        parameters, shape = count_parameters(model), model_output_shape(model)
        too_large = oversized(model, hp, self.question.max_model_size)
        if too_large is not None:
            table = check.recorder.table()
            return Verdict(False, "limit", too_large, (), shape, parameters, table)
        place = Remembered(model, self.question, check)
        known = place.verdict(hp)
        if known is None:
            known = of_model(model, parameters, shape, self._trained(model, hp, check), hp, check)
            place.keep(known)
        return known

    def _trained(self, model: Model, hp: RecordedHyperParameters, check: Check) -> StepOutcome:
        return trained(self.question, model, hp, check)
