"""``validate_search_space``: which part of a space is feasible, and what never fits."""

from __future__ import annotations

import dataclasses
import math
from concurrent.futures import Executor
from typing import Any, Literal

from shapesafe_tuner._compat.interruption import interruptible
from shapesafe_tuner._compat.types import HyperParameters
from shapesafe_tuner.arguments import (
    BatchSize,
    Constraints,
    Hypermodel,
    checked_constraints,
    checked_hypermodel,
)
from shapesafe_tuner.escaping import short
from shapesafe_tuner.report.progress_bar import progress_bar
from shapesafe_tuner.report.search_space import SearchSpaceReport
from shapesafe_tuner.space.data.varying import judge_of
from shapesafe_tuner.space.exploration import Exploration
from shapesafe_tuner.space.explorer import WIDEST
from shapesafe_tuner.tracing.question import about_of, question_of
from shapesafe_tuner.validation.assembling import assembled

__all__ = ["MOST_RUNS", "validate_search_space"]

MOST_RUNS = 200_000
"""Runs of ``build`` before a space is sampled, one that Keras decides counted as 50."""
MOST_FORCED = 2_000_000
"""The same for ``exact=True``; the leaves of more would not fit into memory."""
MOST_BY_STATES = 20_000
"""Runs that ``exact=True`` spends on the states of a space whose tree is larger."""
WIDEST_BY_STATES = 64
"""Values of one hyperparameter beyond which a space that deep has too many states."""


@interruptible
def validate_search_space(
    hypermodel: Hypermodel,
    hyperparameters: HyperParameters | None = None,
    *,
    x: Any = None,
    y: Any = None,
    sample_weight: Any = None,
    validation_data: Any = None,
    batch_size: BatchSize | None = None,
    max_model_size: int | None = None,
    constraints: Constraints = (),
    check_training_step: bool | Literal["follow"] = True,
    exact: bool | None = None,
    samples: int = 1_000,
    seed: int = 0,
    executor: Executor | None = None,
    progress: bool = True,
) -> SearchSpaceReport:
    """Say exactly which part of a search space can be built and trained, and why the rest cannot.

    ``build`` runs with values that are not chosen yet and branches on those that decide about
    shapes, so that a space of 10^13 configurations takes seconds. Where a hyperparameter with too
    many values decides, that part of the space is sampled, in strata, with Wilson's interval
    (*Probable inference*, 1927).

    Args:
        hypermodel: ``build(hp) -> keras.Model`` or a ``keras_tuner.HyperModel``.
        hyperparameters: a ``HyperParameters`` with what is registered in advance.
        x, y, sample_weight, validation_data, batch_size: as for :func:`shapesafe_tuner.check`.
            Without ``x`` the build alone is judged.
        max_model_size, constraints, check_training_step: as for :func:`shapesafe_tuner.check`.
        exact: True never samples, and says before it starts what would take too long; False samples
            at once; None samples where it must.
        samples: how many configurations are drawn where the space is sampled.
        seed: of these draws.
        executor: any of ``concurrent.futures`` (a process pool, Dask's, MPI's) explores the parts
            of the space; the report is the same to the byte.
        progress: show what is settled, on a terminal. Ctrl-C gives the report so far.

    Returns:
        The report; fractions are those of KerasTuner's own random sampling.

    Raises:
        ValueError: ``exact=True``, and the space cannot be explored exactly.
        TypeError: the hypermodel cannot be sent to the processes of the executor.
    """
    checked_hypermodel("validate_search_space", hypermodel)
    constraints = checked_constraints("validate_search_space", constraints)
    question = question_of(
        hypermodel, x, y, sample_weight, validation_data, batch_size, hyperparameters,
        max_model_size, constraints, check_training_step,
    )  # fmt: skip
    judge = judge_of(question)
    known = Exploration(judge, hyperparameters, widest=None if exact else WIDEST)
    why = "exact=False asks for a sample" if exact is False else None
    interrupted = False
    try:
        if exact is not False:
            with progress_bar(progress) as settled:
                if exact:
                    _refuse_what_is_too_large(known)
                known.explore(math.inf if exact else MOST_RUNS, executor, settled)
            why = known.why_not_exact
        if exact and why is not None:
            raise ValueError(f"This space cannot be explored exactly: {why}. {_ADVICE}")
        known.draw(samples, seed)
    except KeyboardInterrupt:
        why, interrupted = "it was interrupted", True
    try:
        report = assembled(known, why, interrupted)
    except KeyboardInterrupt:
        report = assembled(known, "it was interrupted", interrupted=True, at_once=True)
    return dataclasses.replace(report, about=about_of(hypermodel, question))


_ADVICE = "Give such hyperparameters fewer values, or leave exact=None to sample."


def _refuse_what_is_too_large(known: Exploration) -> None:
    """Nothing happens if the space can be explored exactly: its states are few, or its tree."""
    size = known.size
    if size.endless:
        raise ValueError(
            f"This space cannot be explored exactly: {short(size.endless)} may affect shapes and "
            f"has infinitely many values. {_ADVICE}"
        )
    if size.cost <= MOST_FORCED:
        return
    if size.widest > WIDEST_BY_STATES or not known.settle_by_states(MOST_BY_STATES):
        raise ValueError(
            "This space cannot be explored exactly: that would take about "
            f"{size.runs:,.0f} runs of build. {_ADVICE}"
        )
