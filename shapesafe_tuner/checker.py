"""What is remembered between checks, and ``check`` for one configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias, TypeVar, Unpack, cast

from shapesafe_tuner._compat.interruption import interruptible
from shapesafe_tuner.arguments import (
    BatchSize,
    Constraints,
    Hypermodel,
    Values,
    checked_constraints,
    checked_hypermodel,
    checked_values,
)
from shapesafe_tuner.memory import ConfigurationKey, Memory, configuration_key
from shapesafe_tuner.space.data.varying import judge_of
from shapesafe_tuner.space.explorer import Explorer
from shapesafe_tuner.space.names import refuse_unknown
from shapesafe_tuner.space.nearest import Nearest, nearest_by_conflicts
from shapesafe_tuner.space.noted import Named
from shapesafe_tuner.space.smallest import Narrowing, fault_key
from shapesafe_tuner.tracing.question import Given, Question, question_of
from shapesafe_tuner.tracing.verdicts import Judged
from shapesafe_tuner.verdict import Verdict

__all__ = ["Checker", "check", "prepare"]


_REMEMBERED = 4096
"""Verdicts and conflicts kept; beyond that older ones are forgotten, and found again."""
_Said = TypeVar("_Said")
_ByNames: TypeAlias = Memory[tuple[str, ...], Memory[ConfigurationKey, _Said]]
"""What is said of partial configurations: by the names of their values, then by the values."""


class Checker:
    """Judges configurations of one hypermodel on one set of data, each once.

    Threads may share it: what is iterated is copied first, and a configuration that two of them
    judge at once is judged twice.

    Args:
        question: what is judged.

    Attributes:
        passes: judges one configuration after the other, and remembers none.
    """

    def __init__(self, question: Question) -> None:
        self.passes = judge_of(question)
        self._judged = 0
        self._verdicts: Memory[ConfigurationKey, Verdict] = Memory(_REMEMBERED)
        self._conflicts: _ByNames[Verdict] = Memory(_REMEMBERED)
        self._smallest: _ByNames[tuple[str | None, ...]] = Memory(_REMEMBERED)
        self._narrowing: tuple[Any, Narrowing] | None = None
        self._named = Named(self.passes)

    @property
    def judged(self) -> int:
        """How many configurations were judged by a check, not by memory."""
        return self._judged

    @property
    def always_fails(self) -> Verdict | None:
        """The verdict on every configuration, where ``build`` fails before it reads any value."""
        return next(iter((self._conflicts.get(()) or {}).values()), None)

    def is_known_infeasible(self, values: Mapping[str, Any]) -> bool:
        """Whether a known conflict refuses these values, however they are completed."""
        return self._known_conflict(values) is not None or self._known_smallest(values) is not None

    def judge(self, values: Mapping[str, Any], space: Any = None) -> Verdict:
        """The verdict on a configuration; judged once, remembered afterwards.

        Args:
            values: the configuration.
            space: the ``HyperParameters`` registered so far, or None.

        Raises:
            KeyboardInterrupt: when the user interrupts the build.
        """
        key = configuration_key(values)
        known = self._verdicts.get(key) or self._known_conflict(values)
        if known is not None:
            return known
        self._judged += 1
        verdict, read = self._judged_now(values, space)
        if read is not None:
            verdict, decided = self._narrowed(values, space, verdict, read)
            if self.passes.varies:
                verdict = self.passes.undecided(verdict)
            else:
                # What is refused whatever was read has a reason of its own for each value of it.
                self._learn(verdict, decided or read)
        if self.passes.varies:
            self._forget()
        self._verdicts[key] = verdict
        return verdict

    def judge_alone(self, values: Mapping[str, Any], space: Any = None) -> Verdict:
        """The verdict on a configuration that nothing is learned from.

        Which hyperparameters cause a refusal is worked out when somebody asks.

        Raises:
            KeyboardInterrupt: when the user interrupts the build.
        """
        self._judged += 1
        verdict, read = self._judged_now(values, space)
        if read is None or verdict.fault is None:
            return verdict
        later = verdict.fault.with_cause(lambda: self._cause_now(values, space, verdict, read))
        return dataclasses.replace(verdict, fault=later)

    def _judged_now(self, values: Mapping[str, Any], space: Any) -> Judged:
        """As the passes judge it, with the hyperparameters that decide about suspicious notes."""
        judged = self.passes.judge(values, space)
        said = judged.verdict.warnings
        notes = self._named.notes(said, values, space) if said else said
        if notes == said:
            return judged
        return Judged(dataclasses.replace(judged.verdict, warnings=notes), judged.read)

    def _cause_now(
        self, values: Mapping[str, Any], space: Any, verdict: Verdict, read: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """What causes a refusal; what was read, where ``build`` is no longer what it was then."""
        again, _ = self.passes.judge(values, space)
        assert verdict.fault is not None
        if again.fault is None or again.fault.reason != verdict.fault.reason:
            return read
        named, _ = self._narrowed(values, space, verdict, read)
        assert named.fault is not None
        return named.fault.hyperparameters

    def _forget(self) -> None:
        """Nothing that was learned holds where ``build`` varies."""
        self._verdicts.clear()
        self._conflicts.clear()
        self._smallest.clear()
        self._narrowing = None

    def _narrowed(
        self, values: Mapping[str, Any], space: Any, verdict: Verdict, read: Mapping[str, Any]
    ) -> tuple[Verdict, Mapping[str, Any]]:
        """A refusal that names the fewest values that cause it, and what decided about it."""
        fault = verdict.fault
        assert fault is not None
        narrowing = self._narrowing_of(space)
        demanded = narrowing.demanded(values)
        decided = read
        if demanded is not None and demanded.items() <= read.items():
            decided = demanded
        about = fault_key(verdict)
        cause = self._known_smallest(decided, about)
        if cause is None:
            cause = narrowing.smallest(decided, verdict)
            known = self._smallest.setdefault(tuple(cause), Memory(_REMEMBERED))
            known[configuration_key(cause)] = about
        return dataclasses.replace(
            verdict, fault=dataclasses.replace(fault, hyperparameters=cause)
        ), decided

    def _narrowing_of(self, space: Any) -> Narrowing:
        """What was explored of the space as it is registered now."""
        state = (id(space), 0 if space is None else len(space.space))
        if self._narrowing is None or self._narrowing[0] != state:
            self._narrowing = (state, Narrowing(Explorer(self.passes, space)))
        return self._narrowing[1]

    def _known_smallest(
        self, values: Mapping[str, Any], about: tuple[str | None, ...] | None = None
    ) -> dict[str, Any] | None:
        """The few of these values that no completion can rescue, where that is known.

        Args:
            values: a configuration.
            about: the key of the fault that they are to cause; None for any.
        """
        for names, known in list(self._smallest.items()):
            if all(name in values for name in names):
                found = known.get(configuration_key(values, names))
                if found is not None and about in (None, found):
                    return {name: values[name] for name in names}
        return None

    def nearest(
        self,
        values: Mapping[str, Any],
        space: Any = None,
        may_be: Callable[[dict[str, Any]], bool] = lambda values: True,
        most: int = 2_000,
    ) -> Nearest:
        """The feasible configuration nearest to ``values``; arguments as of the search for it."""
        return nearest_by_conflicts(
            values,
            lambda some: self.judge(some, space),
            lambda: list(self._narrowing_of(space).explorer.declared.values()),
            may_be=may_be,
            most=most,
        )

    def refuse_unknown(
        self, function: str, values: Mapping[str, Any], verdict: Verdict, space: Any = None
    ) -> None:
        """Nothing happens if ``build`` reads each of these names on some path.

        Args:
            function: the public one that was called.
            values: what it was given.
            verdict: on them.
            space: the ``HyperParameters`` registered in advance, or None.

        Raises:
            UnknownHyperparameterError: it does not.
        """
        if self.passes.question.reads_unseen:
            return
        if not self.passes.names_read.issuperset(values):
            refuse_unknown(function, self.passes, values, space, verdict)

    def said_by_keras(
        self, values: Mapping[str, Any], verdict: Verdict, space: Any = None
    ) -> Verdict:
        """A refusal that a rule proved, with the words that Keras has for it."""
        return self.passes.said_by_keras(values, verdict, space)

    def _known_conflict(self, values: Mapping[str, Any]) -> Verdict | None:
        """``build`` is a function of what it reads: the same values read, the same fault."""
        for names, by_values in list(self._conflicts.items()):
            if all(name in values for name in names):
                verdict = by_values.get(configuration_key(values, names))
                if verdict is not None:
                    return dataclasses.replace(verdict, stage="conflict")
        return None

    def _learn(self, verdict: Verdict, read: Mapping[str, Any]) -> None:
        known = self._conflicts.setdefault(tuple(read), Memory(_REMEMBERED))
        known[configuration_key(read)] = verdict


@interruptible
def check(
    hypermodel: Hypermodel,
    values: Values,
    *,
    x: Any = None,
    y: Any = None,
    sample_weight: Any = None,
    validation_data: Any = None,
    batch_size: BatchSize | None = None,
    hyperparameters: Any = None,
    max_model_size: int | None = None,
    constraints: Constraints = (),
    check_training_step: bool | Literal["follow"] = True,
) -> Verdict:
    """Decide whether one configuration can be built, and trained for one step on this data.

    No weight is allocated, no trial is made and nothing outlives the call.

    Args:
        hypermodel: ``build(hp) -> keras.Model`` or a ``keras_tuner.HyperModel``.
        values: dict of hyperparameter values, or a ``HyperParameters``. Missing ones take their
            defaults; those that only another path of ``build`` reads do nothing.
        x, y, sample_weight, validation_data, batch_size: as for ``Model.fit``. For data that is
            not at hand, ``keras.KerasTensor``, ``keras.InputSpec`` or ``jax.ShapeDtypeStruct``,
            whose first axis is the number of samples or None. Without ``x`` the build is judged.
        hyperparameters: a ``HyperParameters`` with what is registered in advance.
        max_model_size: largest number of trainable parameters.
        constraints: callables ``hp -> bool``; one that returns False refuses.
        check_training_step: True follows a ``HyperModel.fit``, or a ``fit`` of the model's own, to
            the ``fit`` of Keras where it is known to have no side effect before; "follow" follows
            any, guarded; False judges the build alone.

    Returns:
        The verdict; ``verdict.feasible`` is None where it cannot be decided.

    Raises:
        TypeError: ``hypermodel`` is neither a function nor a ``HyperModel``, or ``values`` is
            neither a dict nor a ``HyperParameters``.
        UnknownHyperparameterError: no path of ``build`` reads a name of ``values``.
    """
    checker, chosen, space = prepare(
        "check", hypermodel, values, x=x, y=y, sample_weight=sample_weight,
        validation_data=validation_data, batch_size=batch_size, hyperparameters=hyperparameters,
        max_model_size=max_model_size, constraints=constraints,
        check_training_step=check_training_step,
    )  # fmt: skip
    verdict = checker.judge_alone(chosen, space)
    checker.refuse_unknown("check", chosen, verdict, space)
    return verdict


def prepare(
    function: str, hypermodel: Hypermodel, values: Values, **given: Unpack[Given]
) -> tuple[Checker, dict[str, Any], Any]:
    """A checker for these data, the values as a dict, and the space they are of.

    Args:
        function: the public one that was called.
        hypermodel, values, **given: as for :func:`check`.
    """
    checked_hypermodel(function, hypermodel)
    chosen = checked_values(function, values)
    given["constraints"] = checked_constraints(function, given.get("constraints", ()))
    if given.get("hyperparameters") is None and not isinstance(values, (dict, Mapping)):
        given["hyperparameters"] = cast(Any, values)
    checker = Checker(question_of(hypermodel, **given))
    return checker, chosen, given.get("hyperparameters")
