"""From what a pass found to a :class:`~shapesafe_tuner.verdict.Verdict`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shapesafe_tuner._compat.keras_tuner.configurations import RecordedHyperParameters
from shapesafe_tuner._compat.types import Model
from shapesafe_tuner.escaping import short
from shapesafe_tuner.tracing.attribution import Attribution, Origin, described, type_name
from shapesafe_tuner.tracing.environment import Check
from shapesafe_tuner.tracing.reasons import describe
from shapesafe_tuner.tracing.shape_table import count_parameters, shapes_of, with_unknown_batch
from shapesafe_tuner.tracing.standins.analysed import Analysed
from shapesafe_tuner.tracing.symbolic import Built
from shapesafe_tuner.tracing.training.step import NOT_SAVED, StepOutcome
from shapesafe_tuner.verdict import UNDECIDED, LayerShape, Note, Shape, ShapeFault, Stage, Verdict

__all__ = ["Judged", "of_analysis", "of_failed_build", "of_model", "undecided", "with_notes"]


class Judged(NamedTuple):
    """A verdict on one configuration.

    Attributes:
        verdict: on it.
        read: what ``build`` read before it failed: every configuration that agrees on that fails
            too. None where no such thing is known.
    """

    verdict: Verdict
    read: Mapping[str, Any] | None = None


def of_analysis(found: Analysed, step: StepOutcome) -> Verdict:
    """What rules proved.

    Args:
        found: by an analytic run.
        step: of training; what is to be said of it where it was not judged.
    """
    layers, fault = found.layers, found.fault
    stage: Stage = "analytic"
    notes: tuple[str, ...] = ()
    if found.refused_as is not None:
        fault = _fault(found.refused_as, found.hp, None)
    elif fault is None:
        notes = step.warnings
        if step.attribution is not None:
            fault, stage = _fault(step.attribution, found.hp, None, step), "training_step"
            layers = (*layers, *_failed_rows(fault))
        elif not found.built:
            notes = (*notes, _NOT_BUILT)
    return Verdict(fault is None, stage, fault, notes, found.output_shape, found.parameters, layers)


def of_model(
    model: Model,
    parameters: int | None,
    shape: Shape,
    step: StepOutcome,
    hp: RecordedHyperParameters,
    check: Check,
) -> Verdict:
    """What is said of a model that Keras has built.

    Args:
        model: weightless.
        parameters: number of its weights before its training step.
        shape: of its outputs, where it was known before.
        step: what became of that step.
        hp: the configuration, which recorded what was read.
        check: the check in which it was built.
    """
    if step.attribution is not None and step.attribution.origin is not Origin.BUG:
        fault = _fault(step.attribution, hp, check, step)
        table = check.recorder.table(*_failed_rows(fault))
        return Verdict(False, "training_step", fault, step.warnings, shape, parameters, table)
    if step.outputs is not None:
        parameters = count_parameters(model)
        shape = shape or with_unknown_batch(shapes_of(step.outputs))
    notes = (*step.warnings, *check.warnings)
    why = check.undecided or step.undecided
    if step.attribution is not None:
        why = step.attribution.message
        if step.error is not None:
            why = described(step.error)
    if why is not None:
        notes = (*notes, undecided(why))
    elif not model.built and NOT_SAVED not in notes:
        notes = (*notes, _NOT_BUILT)
    feasible = True if why is None else None
    table = check.recorder.table()
    return Verdict(feasible, "symbolic", None, notes, shape, parameters, table)


def of_failed_build(built: Built, hp: RecordedHyperParameters, check: Check) -> Verdict:
    """What is said where ``build`` gave no model.

    Args:
        built: what stopped it.
        hp: the configuration, which recorded what was read.
        check: the check in which it was built.
    """
    attribution = built.attribution
    why = None
    if attribution is None or attribution.origin is Origin.BUG:
        why = built.undecided or built.described
    elif check.undecided is not None and attribution.operation is None:
        why = check.undecided
    if attribution is None or why is not None:
        notes = (undecided(str(why)),)
        return Verdict(None, "symbolic", None, notes, layers=check.recorder.table())
    fault = _fault(attribution, hp, check)
    stage: Stage = "declared" if attribution.origin is Origin.DECLARED else "symbolic"
    return Verdict(False, stage, fault, layers=check.recorder.table(*_failed_rows(fault)))


def undecided(why: str) -> Note:
    """The note on a verdict that is none."""
    return Note(f"{UNDECIDED} {why}.", "undecided")


def with_notes(verdict: Verdict, hp: RecordedHyperParameters, outside: Sequence[str]) -> Judged:
    """What the values themselves give to say, and what was read of them.

    Args:
        verdict: on the configuration.
        hp: the configuration, which recorded what was read.
        outside: the values that are outside their domain, a sentence each.
    """
    reregistered = hp.values.reregistered.items()
    notes = [*outside, *(frozen_bounds_note(name, *ranges) for name, ranges in reregistered)]
    if notes:
        verdict = dataclasses.replace(verdict, warnings=(*verdict.warnings, *notes))
    return Judged(verdict, hp.values.read() if verdict.feasible is False else None)


def frozen_bounds_note(name: str, first: str, later: str) -> Note:
    """What to say of a hyperparameter that is registered twice, with different ranges."""
    return Note(
        f"Frozen bounds: {short(name)} was first registered as {short(first)}; KerasTuner ignores "
        f"the later {short(later)}, "
        "so values may lie outside it. Register one range, or use another name.",
        "frozen bounds",
    )


_NOT_BUILT = "The model is not built, so its shapes were not checked: pass x."


def _fault(
    attribution: Attribution,
    hp: RecordedHyperParameters,
    check: Check | None,
    step: StepOutcome | None = None,
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


def _failed_rows(fault: ShapeFault) -> list[LayerShape]:
    """The row of the layer that fails, where it has a name."""
    if fault.layer is None or fault.layer_type is None:
        return []
    return [LayerShape(fault.layer, fault.layer_type, fault.input_shapes, failed=True)]
