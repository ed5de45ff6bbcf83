"""What training does to a model: by Keras's ``fit``, by a ``fit`` of its own, or not at all."""

from __future__ import annotations

import dataclasses

from shapesafe_tuner._compat.keras import trainer
from shapesafe_tuner._compat.keras_tuner.configurations import RecordedHyperParameters
from shapesafe_tuner._compat.types import Model
from shapesafe_tuner.tracing.attribution import Attribution, Origin, attribute
from shapesafe_tuner.tracing.data.noticing import facts_of_model, noticed
from shapesafe_tuner.tracing.environment import Check
from shapesafe_tuner.tracing.following.source import NotFollowed
from shapesafe_tuner.tracing.question import Question
from shapesafe_tuner.tracing.training.step import (
    NOT_SAVED,
    StepOutcome,
    trace_forward,
    trace_training,
)
from shapesafe_tuner.verdict import Note

__all__ = ["OWN_FIT", "one_step", "trained", "unjudged"]

OWN_FIT = "own fit"
"""The kind of note on a model whose own ``fit`` may do anything with the data."""


def trained(
    question: Question, model: Model, hp: RecordedHyperParameters, check: Check
) -> StepOutcome:
    """What the training of a model comes to.

    Args:
        question: what is judged.
        model: what ``build`` gave.
        hp: its configuration.
        check: the active check.
    """
    if question.judges_training and trainer.overrides(model, "fit"):
        return _trained_by_itself(question, model, hp, check)
    return one_step(question, model, check)


def _trained_by_itself(
    question: Question, model: Model, hp: RecordedHyperParameters, check: Check
) -> StepOutcome:
    """What becomes of a model with a ``fit`` of its own, by what Keras's gets there."""
    given = question.given
    if given is None:
        why = f"{type(model).__name__}.fit may change the data"
        return StepOutcome(warnings=(Note(f"Training was not judged: {why}.", OWN_FIT),))
    try:
        reached = given.reach(model, check, hp)
    except NotFollowed as why:
        return StepOutcome(warnings=(f"Training was not judged: {why}.",))
    except Exception as error:
        whose = attribute(error)
        if whose.origin is Origin.UNKNOWN:
            return StepOutcome(undecided=whose.message)
        return StepOutcome(whose, error)
    question = dataclasses.replace(question, data=check.fit_gets, unjudged=None)
    return one_step(question, reached, check)


def one_step(question: Question, model: Model, check: Check) -> StepOutcome:
    """The training step of a model on the data of this question."""
    if question.data is not None and question.judges_training:
        step = trace_training(model, question.data, check)
        if question.saves and NOT_SAVED in step.warnings:
            said = Attribution(Origin.FAULT, None, str(NOT_SAVED), by_user_code=False)
            return StepOutcome(said, outputs=step.outputs)
        if step.attribution is None and step.undecided is None:
            first = question.data.batches[0]
            facts = facts_of_model(model, first, step.outputs, check.recorder)
            notes = noticed(question.data, facts)
            step = dataclasses.replace(step, warnings=(*step.warnings, *notes))
        return step
    step = unjudged(question)
    if step.attribution is None and check.recorder.empty_map:
        forward = trace_forward(model, check)
        step = dataclasses.replace(forward, warnings=(*step.warnings, *forward.warnings))
    return step


def unjudged(question: Question) -> StepOutcome:
    """What is to be said where there is nothing to trace."""
    data, why = question.data, question.unjudged
    if data is None or question.judges_training:
        return StepOutcome()
    if why is None and data.problem is not None:
        said = Attribution(Origin.FAULT, None, data.problem, by_user_code=False)
        return StepOutcome(said)
    why = why or "; ".join(data.notes) or "the data has no samples"
    return StepOutcome(warnings=(f"Training was not judged: {why}.",))
