"""What one configuration shows of every trial: the metrics ``fit`` reports, what can be saved."""

from __future__ import annotations

import dataclasses
import inspect

import keras

from shapesafe_tuner._compat.keras import trainer
from shapesafe_tuner._compat.keras_tuner.configurations import configuration
from shapesafe_tuner._compat.types import HyperParameters, Objective
from shapesafe_tuner.escaping import listed, short
from shapesafe_tuner.search.arguments import FitArguments, refusal_of_search
from shapesafe_tuner.space.enumeration import sample
from shapesafe_tuner.tracing.data.spec import DataSpec
from shapesafe_tuner.tracing.environment import Check, check_environment
from shapesafe_tuner.tracing.question import Build
from shapesafe_tuner.tracing.symbolic import build_model
from shapesafe_tuner.tracing.training.step import NOT_SAVED, trace_training

__all__ = ["Preview", "assert_reported", "assert_saved", "preview"]

ATTEMPTS = 10
"""Configurations that are tried until one can be built and trained."""

_LOGS_UNTOUCHED = frozenset(
    {
        "BackupAndRestore", "CSVLogger", "EarlyStopping", "History", "ModelCheckpoint",
        "ProgbarLogger", "TensorBoard", "TerminateOnNaN",
    }
)  # fmt: skip
"""Callbacks of Keras that add nothing to what ``fit`` reports."""


@dataclasses.dataclass(frozen=True)
class Preview:
    """What a model shows before it trains.

    Attributes:
        fit: the signature of a ``fit`` of the model's own; None where it is Keras's.
        reported: what an epoch of training reports; None where only a run tells.
        is_saved: whether KerasTuner can save what was trained.
    """

    fit: inspect.Signature | None = None
    reported: tuple[str, ...] | None = None
    is_saved: bool = True


def preview(build: Build, space: HyperParameters, data: DataSpec | None) -> Preview | None:
    """Build one configuration without weights, and trace its training.

    Args:
        build: as a trial builds.
        space: the ``HyperParameters`` registered so far.
        data: the batches, as far as they are known.

    Returns:
        None where none of a few configurations can be built and trained; one that can be saved,
        where there is one.
    """
    not_saved: Preview | None = None
    for attempt in range(ATTEMPTS):
        values = sample(space, attempt) if attempt else {}
        check = Check()
        with check_environment(check):
            built = build_model(build, configuration(space, values), check)
            if built.model is None:
                continue
            if trainer.overrides(built.model, "fit"):
                return Preview(fit=inspect.signature(type(built.model).fit))
            if data is None or not data.batches:
                return Preview()
            step = trace_training(built.model, data, check)
            if step.undecided is not None:
                return Preview()
            if step.attribution is None and trainer.can_be_saved(built.model):
                return Preview(reported=trainer.reported(built.model))
            if step.attribution is None:
                not_saved = Preview(is_saved=False)
    return not_saved


def assert_saved(shown: Preview) -> None:
    """KerasTuner saves the weights of every trial.

    Raises:
        FatalValueError: Keras saves none of a model that was not built.
    """
    if not shown.is_saved:
        raise refusal_of_search(NOT_SAVED)


def assert_reported(objective: Objective, shown: Preview, given: FitArguments) -> None:
    """A trial without its objective fails after it was trained.

    Raises:
        FatalValueError: no trial reports the objective.
    """
    if shown.reported is None or not _only_fit_reports(given):
        return
    found = shown.reported
    if given.validates:
        found = (*found, *(f"val_{name}" for name in found))
    wanted = [part.name for part in getattr(objective, "objectives", [objective])]
    missing = [name for name in wanted if name not in found]
    if not missing:
        return
    names = listed(missing)
    if missing == ["default_objective"]:
        words = "no objective was given, and fit returns several results."
    elif not given.validates and all(name.removeprefix("val_") in found for name in missing):
        words = (
            f"the objective {names} needs validation data; give search validation_data or "
            "validation_split."
        )
    else:
        words = f"the objective {names} is not among what fit reports; compile such a metric."
    raise refusal_of_search(f"{words} Reported: {short(listed(found))}.")


def _only_fit_reports(given: FitArguments) -> bool:
    """Whether nothing but Keras writes into the logs of an epoch, and every epoch validates."""
    callbacks = keras.tree.flatten(given["callbacks"] or [])
    own = any(
        type(item).__module__.split(".")[0] != "keras" or type(item).__name__ not in _LOGS_UNTOUCHED
        for item in callbacks
    )
    return not own and (given["validation_freq"] or 1) == 1
