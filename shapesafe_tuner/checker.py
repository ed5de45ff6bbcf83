"""The stages of a verdict in their order, and what is remembered between checks."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from shapesafe_tuner._compat import keras_tuner_internals as kt_internals
from shapesafe_tuner._compat.hyperparameters import configuration, outside_domain
from shapesafe_tuner.tracing.attribution import Attribution, Origin
from shapesafe_tuner.tracing.data_reading import read_data
from shapesafe_tuner.tracing.data_spec import DataSpec
from shapesafe_tuner.tracing.environment import Check, check_environment
from shapesafe_tuner.tracing.reasons import describe, type_name
from shapesafe_tuner.tracing.recorder import shapes_of
from shapesafe_tuner.tracing.symbolic import (
    Built,
    build_model,
    count_parameters,
    model_output_shape,
)
from shapesafe_tuner.tracing.training_step import StepOutcome, trace_training
from shapesafe_tuner.verdict import LayerShape, ShapeFault, Stage, Verdict

__all__ = ["FROZEN", "Checker", "check"]

FROZEN = "Frozen bounds:"

_REMEMBERED = 4096
"""Verdicts and conflicts kept; beyond that the oldest are forgotten, and found again."""


class Checker:
    """Judges configurations of one hypermodel on one set of data.

    Args:
        build: ``hp -> keras.Model``, as a trial builds.
        space: the ``HyperParameters`` registered so far, or None.
        in_advance: names that the user registered before ``build``, with the range that holds.
        data: the batches to be trained on, or None to judge the build alone.
        unjudged: why training is not judged although there is data; None if it is.
        max_model_size: largest number of trainable parameters, or None.
        constraints: callables ``hp -> bool``; False refuses.
    """

    def __init__(
        self,
        build: Callable[[Any], Any],
        *,
        space: Any = None,
        in_advance: Collection[str] = (),
        data: DataSpec | None = None,
        unjudged: str | None = None,
        max_model_size: int | None = None,
        constraints: Sequence[Callable[[Any], bool]] = (),
    ) -> None:
        self._build = build
        self.space = space
        self._in_advance = frozenset(in_advance)
        self._data = data
        self._unjudged = unjudged
        self._max_model_size = max_model_size
        self._constraints = tuple(constraints)
        self._judged = 0
        self._verdicts: OrderedDict[str, Verdict] = OrderedDict()
        self._conflicts: OrderedDict[tuple[str, ...], dict[str, Verdict]] = OrderedDict()

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
        return self._known_conflict(values) is not None

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
        verdict = self._judge(values)
        self._verdicts[key] = verdict
        if len(self._verdicts) > _REMEMBERED:
            self._verdicts.popitem(last=False)
        return verdict

    def _known_conflict(self, values: Mapping[str, Any]) -> Verdict | None:
        """``build`` is a function of what it reads: the same values read, the same fault."""
        for names, by_values in self._conflicts.items():
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

    def _judge(self, values: Mapping[str, Any]) -> Verdict:
        check = Check()
        with check_environment(check):
            hp = configuration(self.space, values, self._in_advance)
            declared = self._refused_by_constraint(hp)
            if declared is not None:
                return declared
            hp.values.names_read.clear()
            built = build_model(self._build, hp, check)
            verdict = self._verdict(built, hp, check)
            outside = [
                f"{known.name}={values[known.name]!r} is outside its domain."
                for known in hp.space
                if known.name in values and outside_domain(known, values[known.name])
            ]
        notes = [*outside, *(_frozen(name, *ranges) for name, ranges in hp.values.frozen.items())]
        if notes:
            verdict = dataclasses.replace(verdict, warnings=(*verdict.warnings, *notes))
        if verdict.feasible is False:
            self._learn(verdict, hp.values.read())
        return verdict

    def _refused_by_constraint(self, hp: Any) -> Verdict | None:
        for constraint in self._constraints:
            if not constraint(hp):
                name = getattr(constraint, "__name__", type(constraint).__name__)
                fault = ShapeFault(
                    layer=None,
                    layer_type=None,
                    reason=f"The constraint {name} refuses this configuration.",
                    hyperparameters=hp.values.read() or dict(hp.values),
                )
                return Verdict(False, "declared", fault)
        return None

    def _verdict(self, built: Built, hp: Any, check: Check) -> Verdict:
        if built.model is None:
            return self._without_model(built, hp, check)
        model = built.model
        facts = {
            "parameters": count_parameters(model),
            "output_shape": model_output_shape(model),
        }
        oversized = self._oversized(model, hp)
        if oversized is not None:
            return Verdict(False, "limit", oversized, layers=check.recorder.table(), **facts)
        step = self._train(model, check)
        if step.attribution is not None and step.attribution.origin is not Origin.BUG:
            fault = _fault(step.attribution, hp, check, step)
            table = check.recorder.table(_failed_row(fault))
            return Verdict(False, "training_step", fault, step.warnings, layers=table, **facts)
        if step.outputs is not None:
            facts["parameters"] = count_parameters(model)
            facts["output_shape"] = facts["output_shape"] or _without_batch(shapes_of(step.outputs))
        notes = (*step.warnings, *check.warnings)
        undecided = check.undecided or step.undecided
        if step.attribution is not None:
            undecided = f"{type(step.error).__name__}: {step.attribution.message}"
        if undecided is None and not model.built:
            notes = (*notes, "The model is not built, so its shapes were not checked: pass x.")
        return Verdict(
            feasible=True if undecided is None else None,
            stage="symbolic",
            warnings=notes if undecided is None else (*notes, f"Undecided: {undecided}."),
            layers=check.recorder.table(),
            **facts,
        )

    def _without_model(self, built: Built, hp: Any, check: Check) -> Verdict:
        table = check.recorder.table()
        attribution = built.attribution
        if attribution is None or attribution.origin is Origin.BUG:
            why = built.undecided or f"{type(built.error).__name__}: {built.error}"
            return Verdict(None, "symbolic", None, (f"Undecided: {why}.",), layers=table)
        if check.undecided is not None and attribution.operation is None:
            return Verdict(
                None, "symbolic", None, (f"Undecided: {check.undecided}.",), layers=table
            )
        fault = _fault(attribution, hp, check)
        stage: Stage = "declared" if attribution.origin is Origin.DECLARED else "symbolic"
        return Verdict(False, stage, fault, layers=check.recorder.table(_failed_row(fault)))

    def _oversized(self, model: Any, hp: Any) -> ShapeFault | None:
        size = count_parameters(model, trainable_only=True)
        if not self._max_model_size or size is None or size <= self._max_model_size:
            return None
        return ShapeFault(
            layer=None,
            layer_type=None,
            reason=(
                f"Oversized model: {size:,} trainable parameters, "
                f"more than max_model_size={self._max_model_size:,}."
            ),
            hyperparameters=hp.values.read(),
        )

    def _train(self, model: Any, check: Check) -> StepOutcome:
        if self._data is None:
            return StepOutcome()
        if self._unjudged is not None:
            return StepOutcome(warnings=(f"Training was not judged: {self._unjudged}.",))
        if self._data.problem is not None:
            said = Attribution(Origin.FAULT, None, self._data.problem, by_user_code=False)
            return StepOutcome(said)
        if not self._data.batches:
            why = "; ".join(self._data.notes) or "the data has no samples"
            return StepOutcome(warnings=(f"Training was not judged: {why}.",))
        return trace_training(model, self._data, check)


def _fault(
    attribution: Attribution, hp: Any, check: Check, step: StepOutcome | None = None
) -> ShapeFault:
    operation = attribution.operation
    inputs = attribution.inputs or check.recorder.inputs_of(operation)
    return ShapeFault(
        layer=None if operation is None else getattr(operation, "name", None),
        layer_type=None if operation is None else type_name(operation),
        reason=describe(attribution, inputs, None if step is None else step.batch),
        input_shapes=inputs,
        hyperparameters=hp.values.read(),
        error=attribution.message,
        refused_by="build" if step is None else "train",
    )


def _frozen(name: str, first: str, later: str) -> str:
    return (
        f"{FROZEN} {name} was first registered as {first}; KerasTuner ignores the later {later}, "
        "so it does not keep values within it. Register one range, or use another name."
    )


def _failed_row(fault: ShapeFault) -> LayerShape | None:
    if fault.layer is None or fault.layer_type is None:
        return None
    return LayerShape(fault.layer, fault.layer_type, fault.input_shapes, failed=True)


def _without_batch(shapes: Any) -> Any:
    if isinstance(shapes, dict):
        return {key: _without_batch(item) for key, item in shapes.items()}
    if isinstance(shapes, list):
        return [_without_batch(item) for item in shapes]
    return (None, *shapes[1:]) if shapes else shapes


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
    model = kt_internals.as_hypermodel(hypermodel)
    chosen = _values(values)
    if hyperparameters is None and not isinstance(values, Mapping):
        hyperparameters = values
    data = read_data(x, y, sample_weight, validation_data, batch_size=batch_size)
    own_fit = kt_internals.overrides(model, "fit")
    checker = Checker(
        model.build,
        space=hyperparameters,
        in_advance=[] if hyperparameters is None else [hp.name for hp in hyperparameters.space],
        data=data,
        unjudged=f"{type(model).__name__}.fit may change the data" if own_fit else None,
        max_model_size=max_model_size,
        constraints=constraints,
    )
    return checker.judge(chosen)


def _values(values: Any) -> dict[str, Any]:
    if isinstance(values, Mapping):
        return dict(values)
    if hasattr(values, "space") and hasattr(values, "values"):
        return dict(values.values)
    raise TypeError(
        f"values must be a dict or a HyperParameters, not {type(values).__name__}: "
        'for example {"kernel": 3}.'
    )
