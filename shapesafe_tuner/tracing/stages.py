"""The stages of one verdict, in their order: constraints, build, size, training step."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from shapesafe_tuner._compat.keras_tuner.configurations import configuration, lazy_configuration
from shapesafe_tuner._compat.keras_tuner.domains import outside_domain
from shapesafe_tuner.escaping import short
from shapesafe_tuner.shapes.deferred import demanded
from shapesafe_tuner.tracing.analytic import Analysed, AnalyticPass, outside_of_domain
from shapesafe_tuner.tracing.attribution import Attribution, Origin
from shapesafe_tuner.tracing.code_memory import facts_of
from shapesafe_tuner.tracing.data.spec import DataSpec
from shapesafe_tuner.tracing.environment import Check, check_environment
from shapesafe_tuner.tracing.lazy import Proxy
from shapesafe_tuner.tracing.reasons import describe, type_name
from shapesafe_tuner.tracing.repeating import Repeating
from shapesafe_tuner.tracing.shape_table import count_parameters, shapes_of, with_unknown_batch
from shapesafe_tuner.tracing.standins.training import Training
from shapesafe_tuner.tracing.symbolic import (
    Built,
    build_model,
    model_output_shape,
)
from shapesafe_tuner.tracing.training_step import StepOutcome, trace_forward, trace_training
from shapesafe_tuner.verdict import LayerShape, ShapeFault, Stage, Verdict

__all__ = ["FROZEN", "Stages"]

FROZEN = "Frozen bounds:"


class Stages:
    """Judges one configuration at a time and remembers no verdict.

    Args:
        build: ``hp -> keras.Model``, as a trial builds.
        in_advance: names that the user registered before ``build``, with the range that holds.
        data: the batches to be trained on, or None to judge the build alone.
        unjudged: why training is not judged although there is data; None if it is.
        max_model_size: largest number of trainable parameters, or None.
        constraints: callables ``hp -> bool``; False refuses.
        analytic: ask rules first.
        changes: by the name of a layer's class, arguments to replace in every constructor call;
            what rules cannot decide is then undecided.
    """

    def __init__(
        self,
        build: Callable[[Any], Any],
        *,
        in_advance: Collection[str] = (),
        data: DataSpec | None = None,
        unjudged: str | None = None,
        max_model_size: int | None = None,
        constraints: Sequence[Callable[[Any], bool]] = (),
        analytic: bool = True,
        changes: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self._given: dict[str, Any] = {
            "build": build, "in_advance": tuple(in_advance), "data": data, "unjudged": unjudged,
            "max_model_size": max_model_size, "constraints": tuple(constraints),
            "analytic": analytic, "changes": changes,
        }  # fmt: skip
        self._build = build
        facts = facts_of(build)
        self._repeating = Repeating(facts)
        self._in_advance = frozenset(in_advance)
        self._data = data
        self._unjudged = unjudged
        self._max_model_size = max_model_size
        self._constraints = tuple(constraints)
        training = Training(data) if data is not None and self._judges_training else None
        self._lazy = analytic and not facts.sees_types
        self._analytic = (
            AnalyticPass(build, self._in_advance, training, max_model_size, changes or {})
            if analytic
            else None
        )

    def judge(self, space: Any, values: Mapping[str, Any]) -> tuple[Verdict, dict[str, Any] | None]:
        """Run the stages until one proves infeasibility.

        Args:
            space: the ``HyperParameters`` registered so far, or None.
            values: the configuration.

        Returns:
            The verdict, and what ``build`` read before it failed: every configuration that agrees
            on that fails too. None where no such thing is known.
        """
        if self._constraints:
            with check_environment(Check()):
                declared = self._refused_by_constraint(
                    configuration(space, values, self._in_advance)
                )
            if declared is not None:
                return declared, None
        verdict, read = self._judge_once(space, values)
        tested = self._repeating.tested(verdict, lambda: self._judge_once(space, values)[0])
        return tested, read if tested is verdict else None

    @property
    def varies(self) -> bool:
        """Whether runs of ``build`` with the same values came to different verdicts."""
        return self._repeating.varies

    def undecided(self, verdict: Verdict) -> Verdict:
        """What is left of a verdict where ``build`` varies."""
        return self._repeating.undecided(verdict)

    def _judge_once(
        self, space: Any, values: Mapping[str, Any]
    ) -> tuple[Verdict, dict[str, Any] | None]:
        analysed = None if self._analytic is None else self._analytic.judge(space, values)
        if analysed is not None:
            return self._analytic_verdict(analysed)
        return self._real(space, values)

    def _tested_part(self, space: Any, hp: Any, verdict: Verdict) -> Verdict:
        """A refusal of many configurations, if one of them is refused again."""
        if verdict.feasible is not False:
            return verdict
        known = dict.items(hp.values)
        chosen = {name: value for name, value in known if not issubclass(type(value), Proxy)}
        return self._repeating.tested(
            verdict, lambda: self._judge_once(space, chosen)[0], suspects_all=False
        )

    def __reduce__(self) -> Any:
        return functools.partial(Stages, **self._given), ()

    def with_changes(self, changes: Mapping[str, Mapping[str, Any]]) -> Stages:
        """The same with other arguments of some layers."""
        return Stages(**{**self._given, "changes": changes})

    def _real(
        self, space: Any, values: Mapping[str, Any], hp: Any = None
    ) -> tuple[Verdict, dict[str, Any] | None]:
        """The verdict that the classes of Keras themselves give."""
        if self._given["changes"]:
            return Verdict(None, "symbolic"), None
        check = Check()
        with check_environment(check):
            if hp is None:
                hp = configuration(space, values, self._in_advance)
            hp.values.names_read.clear()
            built = build_model(self._build, hp, check)
            verdict = self._verdict(built, hp, check)
            outside = [
                outside_of_domain(known.name, values[known.name])
                for known in hp.space
                if known.name in values and outside_domain(known, values[known.name])
            ]
        return _with_notes(verdict, hp, outside)

    @property
    def may_defer(self) -> bool:
        """Whether ``build`` cannot tell a value from its proxy."""
        return self._lazy

    def judge_lazily(
        self, space: Any, values: Mapping[str, Any], defer: Callable[[Any], Any]
    ) -> Verdict | None:
        """The verdict for all values of what is not chosen, unless one of them was demanded.

        Args:
            space: the ``HyperParameters`` registered so far, or None.
            values: what is chosen.
            defer: gives the others, when they are read.

        Returns:
            None where rules cannot decide.
        """
        if self._analytic is None:
            return None
        analysed = self._analytic.judge_lazily(space, values, defer)
        if analysed is None or demanded() is not None:
            return None
        if self._constraints:
            declared = self._refused_by_constraint(analysed.hp)
            if declared is not None:
                return declared
        return self._tested_part(space, analysed.hp, self._analytic_verdict(analysed)[0])

    def judge_with_keras(
        self, space: Any, values: Mapping[str, Any], defer: Callable[[Any], Any]
    ) -> Verdict | None:
        """As :meth:`judge_lazily`, by the classes of Keras; None where a value was demanded."""
        hp = lazy_configuration(space, values, self._in_advance, defer)
        verdict, _ = self._real(space, values, hp)
        if demanded() is not None:
            return None
        declared = self._refused_by_constraint(hp)
        return self._tested_part(space, hp, verdict) if declared is None else declared

    def said_by_keras(self, space: Any, values: Mapping[str, Any], verdict: Verdict) -> Verdict:
        """A refusal that a rule proved, with the words that Keras has for it."""
        fault = verdict.fault
        if fault is None or fault.error is not None or verdict.stage != "analytic":
            return verdict
        spoken, _ = self._real(space, values)
        if spoken.fault is None or spoken.fault.error is None:
            return verdict
        return dataclasses.replace(
            verdict, fault=dataclasses.replace(fault, error=spoken.fault.error)
        )

    def _analytic_verdict(self, found: Analysed) -> tuple[Verdict, dict[str, Any] | None]:
        facts: dict[str, Any] = {
            "parameters": found.parameters,
            "output_shape": found.output_shape,
            "layers": found.layers,
        }
        step = found.step or self._unjudged_step()
        if found.fault is not None:
            verdict = Verdict(False, "analytic", found.fault, **facts)
        elif step.attribution is not None:
            fault = _fault(step.attribution, found.hp, None, step)
            facts["layers"] = (*found.layers, *filter(None, [_failed_row(fault)]))
            verdict = Verdict(False, "training_step", fault, step.warnings, **facts)
        else:
            notes = step.warnings
            if not found.built:
                notes = (*notes, _NOT_BUILT)
            verdict = Verdict(True, "analytic", None, notes, **facts)
        return _with_notes(verdict, found.hp, found.outside)

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
            facts["output_shape"] = facts["output_shape"] or with_unknown_batch(
                shapes_of(step.outputs)
            )
        notes = (*step.warnings, *check.warnings)
        undecided = check.undecided or step.undecided
        if step.attribution is not None:
            undecided = f"{type(step.error).__name__}: {step.attribution.message}"
        if undecided is None and not model.built:
            notes = (*notes, _NOT_BUILT)
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
        if self._data is not None and self._judges_training:
            return trace_training(model, self._data, check)
        step = self._unjudged_step()
        if step.attribution is None and check.recorder.empty_map:
            forward = trace_forward(model, check)
            step = dataclasses.replace(forward, warnings=(*step.warnings, *forward.warnings))
        return step

    @property
    def _judges_training(self) -> bool:
        data = self._data
        return bool(data and self._unjudged is None and data.problem is None and data.batches)

    def _unjudged_step(self) -> StepOutcome:
        """What is to be said where there is nothing to trace."""
        if self._data is None or self._judges_training:
            return StepOutcome()
        if self._unjudged is not None:
            return StepOutcome(warnings=(f"Training was not judged: {self._unjudged}.",))
        if self._data.problem is not None:
            said = Attribution(Origin.FAULT, None, self._data.problem, by_user_code=False)
            return StepOutcome(said)
        if not self._data.batches:
            why = "; ".join(self._data.notes) or "the data has no samples"
            return StepOutcome(warnings=(f"Training was not judged: {why}.",))
        return StepOutcome()


def _fault(
    attribution: Attribution, hp: Any, check: Check | None, step: StepOutcome | None = None
) -> ShapeFault:
    operation = attribution.operation
    inputs = attribution.inputs
    if inputs is None and check is not None:
        inputs = check.recorder.inputs_of(operation)
    return ShapeFault(
        layer=None if operation is None else getattr(operation, "name", None),
        layer_type=None if operation is None else type_name(operation),
        reason=describe(attribution, inputs, None if step is None else step.batch),
        input_shapes=inputs,
        hyperparameters=hp.values.read(),
        error=attribution.message,
        refused_by="build" if step is None else "train",
    )


_NOT_BUILT = "The model is not built, so its shapes were not checked: pass x."


def _with_notes(
    verdict: Verdict, hp: Any, outside: Sequence[str]
) -> tuple[Verdict, dict[str, Any] | None]:
    """What the values themselves give to say, and what was read of them."""
    notes = [*outside, *(_frozen(name, *ranges) for name, ranges in hp.values.reregistered.items())]
    if notes:
        verdict = dataclasses.replace(verdict, warnings=(*verdict.warnings, *notes))
    return verdict, hp.values.read() if verdict.feasible is False else None


def _frozen(name: str, first: str, later: str) -> str:
    return (
        f"{FROZEN} {short(name)} was first registered as {short(first)}; KerasTuner ignores the "
        f"later {short(later)}, "
        "so it does not keep values within it. Register one range, or use another name."
    )


def _failed_row(fault: ShapeFault) -> LayerShape | None:
    if fault.layer is None or fault.layer_type is None:
        return None
    return LayerShape(fault.layer, fault.layer_type, fault.input_shapes, failed=True)
