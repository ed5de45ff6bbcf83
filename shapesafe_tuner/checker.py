"""What is remembered between checks, and ``check`` for one configuration."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shapesafe_tuner._compat.keras_tuner.hypermodels import as_hypermodel, overrides
from shapesafe_tuner.space.explorer import Explorer
from shapesafe_tuner.space.nearest import Nearest, nearest_by_conflicts
from shapesafe_tuner.space.smallest import Narrowing
from shapesafe_tuner.tracing.data.reading import read_data
from shapesafe_tuner.tracing.stages import Stages
from shapesafe_tuner.verdict import Verdict

__all__ = ["Checker", "check", "prepare", "prepare_stages", "values_of"]


_REMEMBERED = 4096
"""Verdicts and conflicts kept; beyond that the oldest are forgotten, and found again."""


class Checker:
    """Judges configurations of one hypermodel on one set of data, each once.

    Threads may share it: what is iterated is copied first, and a configuration that two of them
    judge at once is judged twice.

    Args:
        build: ``hp -> keras.Model``, as a trial builds; or the stages themselves.
        space: the ``HyperParameters`` registered so far, or None.
        **stages: as for :class:`shapesafe_tuner.tracing.stages.Stages`.
    """

    def __init__(self, build: Any, *, space: Any = None, **stages: Any) -> None:
        self.stages = build if isinstance(build, Stages) else Stages(build, **stages)
        self.space = space
        self._judged = 0
        self._verdicts: OrderedDict[str, Verdict] = OrderedDict()
        self._conflicts: OrderedDict[tuple[str, ...], dict[str, Verdict]] = OrderedDict()
        self._smallest: dict[tuple[str, ...], set[str]] = {}
        self._narrowing: tuple[Any, Narrowing] | None = None

    @property
    def judged(self) -> int:
        """How many configurations were judged by a check, not by memory."""
        return self._judged

    @property
    def always_fails(self) -> Verdict | None:
        """The verdict on every configuration, where ``build`` fails before it reads any value."""
        return next(iter(self._conflicts.get((), {}).values()), None)

    def is_known_infeasible(self, values: Mapping[str, Any]) -> bool:
        """Whether a known conflict refuses these values, however they are completed."""
        return self._known_conflict(values) is not None or self._known_smallest(values) is not None

    def judge(self, values: Mapping[str, Any]) -> Verdict:
        """The verdict on a configuration; judged once, remembered afterwards.

        Raises:
            KeyboardInterrupt: when the user interrupts the build.
        """
        key = _key(values, values)
        known = self._verdicts.get(key) or self._known_conflict(values)
        if known is not None:
            return known
        self._judged += 1
        verdict, read = self.stages.judge(self.space, values)
        if read is not None:
            verdict, read = self._narrowed(values, verdict, read)
            if self.stages.varies:
                verdict = self.stages.undecided(verdict)
            else:
                self._learn(verdict, read)
        if self.stages.varies:
            self._forget()
        self._verdicts[key] = verdict
        if len(self._verdicts) > _REMEMBERED:
            self._verdicts.popitem(last=False)
        return verdict

    def judge_alone(self, values: Mapping[str, Any]) -> Verdict:
        """The verdict on a configuration that nothing is learned from.

        Which hyperparameters cause a refusal is worked out when somebody asks.

        Raises:
            KeyboardInterrupt: when the user interrupts the build.
        """
        self._judged += 1
        verdict, read = self.stages.judge(self.space, values)
        if read is None or verdict.fault is None:
            return verdict
        later = verdict.fault.with_cause(lambda: self._cause_now(values, verdict, read))
        return dataclasses.replace(verdict, fault=later)

    def _cause_now(
        self, values: Mapping[str, Any], verdict: Verdict, read: dict[str, Any]
    ) -> Mapping[str, Any]:
        """What causes a refusal; what was read, where ``build`` is no longer what it was then."""
        again, _ = self.stages.judge(self.space, values)
        assert verdict.fault is not None
        if again.fault is None or again.fault.reason != verdict.fault.reason:
            return read
        named, _ = self._narrowed(values, verdict, read)
        assert named.fault is not None
        return named.fault.hyperparameters

    def _forget(self) -> None:
        """Nothing that was learned holds where ``build`` varies."""
        self._verdicts.clear()
        self._conflicts.clear()
        self._smallest.clear()
        self._narrowing = None

    def _narrowed(
        self, values: Mapping[str, Any], verdict: Verdict, read: dict[str, Any]
    ) -> tuple[Verdict, dict[str, Any]]:
        """A refusal that names the fewest values that cause it, and what decided about it."""
        fault = verdict.fault
        assert fault is not None
        narrowing = self._narrowing_of_space()
        decided = narrowing.demanded(values)
        if decided is None or not decided.items() <= read.items():
            decided = read
        cause = self._known_smallest(decided)
        if cause is None:
            cause = narrowing.smallest(decided)
            names = tuple(cause)
            self._smallest.setdefault(names, set()).add(_key(cause, names))
        return dataclasses.replace(
            verdict, fault=dataclasses.replace(fault, hyperparameters=cause)
        ), decided

    def _narrowing_of_space(self) -> Narrowing:
        """What was explored of the space as it is registered now."""
        state = (id(self.space), 0 if self.space is None else len(self.space.space))
        if self._narrowing is None or self._narrowing[0] != state:
            self._narrowing = (state, Narrowing(Explorer(self.stages, self.space)))
        return self._narrowing[1]

    def _known_smallest(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """The few of these values that no completion can rescue, where that is known."""
        for names, keys in list(self._smallest.items()):
            if all(name in values for name in names) and _key(values, names) in keys:
                return {name: values[name] for name in names}
        return None

    def nearest(
        self,
        values: Mapping[str, Any],
        may_be: Callable[[dict[str, Any]], bool] = lambda values: True,
        most: int = 2_000,
    ) -> Nearest:
        """The feasible configuration nearest to ``values``; arguments as of the search for it."""
        return nearest_by_conflicts(values, self.judge, self._declared, may_be=may_be, most=most)

    def _declared(self) -> list[Any]:
        return list(self._narrowing_of_space().explorer.declared.values())

    def said_by_keras(self, values: Mapping[str, Any], verdict: Verdict) -> Verdict:
        """A refusal that a rule proved, with the words that Keras has for it."""
        return self.stages.said_by_keras(self.space, values, verdict)

    def _known_conflict(self, values: Mapping[str, Any]) -> Verdict | None:
        """``build`` is a function of what it reads: the same values read, the same fault."""
        for names, by_values in list(self._conflicts.items()):
            if all(name in values for name in names):
                verdict = by_values.get(_key(values, names))
                if verdict is not None:
                    return dataclasses.replace(verdict, stage="conflict")
        return None

    def _learn(self, verdict: Verdict, read: Mapping[str, Any]) -> None:
        names = tuple(read)
        self._conflicts.setdefault(names, {})[_key(read, names)] = verdict
        if len(self._conflicts) > _REMEMBERED:
            self._conflicts.popitem(last=False)


def _key(values: Mapping[str, Any], names: Any) -> str:
    """Exact and typed: 1, 1.0, True and "1" are four different values."""
    return repr([(name, type(values[name]).__name__, repr(values[name])) for name in sorted(names)])


def check(
    hypermodel: Any,
    values: Any,
    *,
    x: Any = None,
    y: Any = None,
    sample_weight: Any = None,
    validation_data: Any = None,
    batch_size: int | None = None,
    hyperparameters: Any = None,
    max_model_size: int | None = None,
    constraints: Sequence[Callable[[Any], bool]] = (),
) -> Verdict:
    """Decide whether one configuration can be built, and trained for one step on this data.

    No weight is allocated, no trial is made and nothing outlives the call.

    Args:
        hypermodel: ``build(hp) -> keras.Model`` or a ``keras_tuner.HyperModel``.
        values: dict of hyperparameter values, or a ``HyperParameters``. Missing ones take their
            defaults, unknown ones are ignored.
        x, y, sample_weight, validation_data, batch_size: as for ``Model.fit``. For data that is
            not at hand, ``keras.KerasTensor``, ``keras.InputSpec`` or ``jax.ShapeDtypeStruct``,
            whose first axis is the number of samples or None. Without ``x`` the build is judged.
        hyperparameters: a ``HyperParameters`` with what is registered in advance.
        max_model_size: largest number of trainable parameters.
        constraints: callables ``hp -> bool``; one that returns False refuses.

    Returns:
        The verdict; ``verdict.feasible`` is None where it cannot be decided.

    Raises:
        TypeError: ``values`` is neither a dict nor a ``HyperParameters``.
    """
    checker, chosen = prepare(
        hypermodel, values, x, y, sample_weight, validation_data, batch_size, hyperparameters,
        max_model_size, constraints,
    )  # fmt: skip
    return checker.judge_alone(chosen)


def prepare(
    hypermodel: Any, values: Any, *given: Any, **named: Any
) -> tuple[Checker, dict[str, Any]]:
    """A checker for these data, and the values as a dict; arguments as of :func:`check`."""
    chosen = values_of(values)
    names = ("x", "y", "sample_weight", "validation_data", "batch_size", "hyperparameters")
    named.update(zip((*names, "max_model_size", "constraints"), given, strict=False))
    if named.get("hyperparameters") is None and not isinstance(values, Mapping):
        named["hyperparameters"] = values
    stages = prepare_stages(hypermodel, **named)
    return Checker(stages, space=named.get("hyperparameters")), chosen


def prepare_stages(
    hypermodel: Any,
    x: Any = None,
    y: Any = None,
    sample_weight: Any = None,
    validation_data: Any = None,
    batch_size: int | None = None,
    hyperparameters: Any = None,
    max_model_size: int | None = None,
    constraints: Sequence[Callable[[Any], bool]] = (),
) -> Stages:
    """The stages for these data; arguments as of :func:`check`."""
    model = as_hypermodel(hypermodel)
    data = read_data(x, y, sample_weight, validation_data, batch_size=batch_size)
    own_fit = overrides(model, "fit")
    return Stages(
        model.build,
        in_advance=[] if hyperparameters is None else [hp.name for hp in hyperparameters.space],
        data=data,
        unjudged=f"{type(model).__name__}.fit may change the data" if own_fit else None,
        max_model_size=max_model_size,
        constraints=constraints,
    )


def values_of(values: Any) -> dict[str, Any]:
    """Values as a dict, from a dict or a ``HyperParameters``.

    Raises:
        TypeError: they are neither.
    """
    if isinstance(values, Mapping):
        return dict(values)
    if hasattr(values, "space") and hasattr(values, "values"):
        return dict(values.values)
    raise TypeError(
        f"values must be a dict or a HyperParameters, not {type(values).__name__}: "
        'for example {"kernel": 3}.'
    )
