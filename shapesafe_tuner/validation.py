"""``validate_search_space``: which part of a space is feasible, and what never fits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from fractions import Fraction
from typing import Any

from shapesafe_tuner._compat.keras_tuner.domains import narrowed, size_of
from shapesafe_tuner._compat.types import HyperModel, HyperParameters, Values
from shapesafe_tuner.escaping import short
from shapesafe_tuner.findings import Conflict, Suggestion
from shapesafe_tuner.report.progress_bar import progress_bar
from shapesafe_tuner.report.search_space import SearchSpaceReport
from shapesafe_tuner.space.conflicts import conflicts_of
from shapesafe_tuner.space.examples import examples_of
from shapesafe_tuner.space.exploration import Exploration
from shapesafe_tuner.space.explorer import WIDEST
from shapesafe_tuner.space.pairs import axes_of, pair_shares
from shapesafe_tuner.space.shares import Domains, completed, interval_of, sensitivity_of
from shapesafe_tuner.space.size import estimated_runs
from shapesafe_tuner.space.suggestions import suggestions_of
from shapesafe_tuner.space.varying_data import judge_of
from shapesafe_tuner.tracing.judge import Judge
from shapesafe_tuner.tracing.question import Changes, question_of

__all__ = ["MOST_RUNS", "validate_search_space"]

MOST_RUNS = 200_000
"""Runs of ``build`` before a space is sampled, one that Keras decides counted as 50."""
MOST_FORCED = 2_000_000
"""The same for ``exact=True``; the leaves of more would not fit into memory."""


def validate_search_space(
    hypermodel: HyperModel,
    hyperparameters: HyperParameters | None = None,
    *,
    x: Any = None,
    y: Any = None,
    sample_weight: Any = None,
    validation_data: Any = None,
    batch_size: int | str | Callable[[Any], int] | None = None,
    max_model_size: int | None = None,
    constraints: Sequence[Callable[[HyperParameters], bool]] = (),
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
        x, y, sample_weight, validation_data, batch_size, max_model_size, constraints: as for
            :func:`shapesafe_tuner.check`. Without ``x`` the build alone is judged.
        exact: True never samples, False samples at once, None samples where it must.
        samples: how many configurations are drawn where the space is sampled.
        seed: of these draws.
        executor: any of ``concurrent.futures`` (a process pool, Dask's, MPI's) explores the parts
            of the space; the report is the same to the byte.
        progress: show what is settled, on a terminal. Ctrl-C gives the report so far.

    Returns:
        The report; fractions are those of KerasTuner's own random sampling.

    Raises:
        ValueError: ``exact=True``, and the space cannot be told exactly.
        TypeError: the hypermodel cannot be sent to the processes of the executor.
    """
    question = question_of(
        hypermodel, x, y, sample_weight, validation_data, batch_size, hyperparameters,
        max_model_size, constraints,
    )  # fmt: skip
    judge = judge_of(question)
    spent = _refuse_what_is_too_large(judge, hyperparameters) if exact else 0
    known = Exploration(judge, hyperparameters, widest=None if exact else WIDEST)
    why = "it was asked for" if exact is False else None
    try:
        if exact is not False:
            with progress_bar(progress) as settled:
                known.explore(math.inf if exact else MOST_RUNS, executor, settled)
            why = known.why_not_exact
        if exact and why is not None:
            raise ValueError(f"This space cannot be told exactly: {why}. {_ADVICE}")
        known.draw(samples, seed)
    except KeyboardInterrupt:
        why = _INTERRUPTED
    return _report(known, why, spent)


_INTERRUPTED = "it was interrupted"
_ADVICE = "Give such hyperparameters fewer values, or leave exact=None to sample."


def _refuse_what_is_too_large(judge: Judge, space: HyperParameters | None) -> int:
    """How many runs it took to know that the space can be told exactly."""
    size = estimated_runs(judge, space)
    if size.endless:
        raise ValueError(
            f"This space cannot be told exactly: {short(size.endless)} decides about shapes and "
            f"has infinitely many values. {_ADVICE}"
        )
    if size.cost > MOST_FORCED:
        raise ValueError(
            f"This space cannot be told exactly: that would take some {size.runs:,.0f} runs of "
            f"build. {_ADVICE}"
        )
    return size.spent


def _report(known: Exploration, why: str | None, spent: int = 0) -> SearchSpaceReport:
    leaves = [*known.leaves, *known.drawn]
    declared = known.declared
    names = dict.fromkeys(name for leaf in leaves for name in leaf.values)
    domains = Domains(names, declared, WIDEST)
    seen = sum((leaf.share for leaf in leaves), Fraction(0))
    undecided = sum((leaf.share for leaf in leaves if leaf.feasible is None), Fraction(0))
    fraction, interval = interval_of(known.leaves, known.drawn)
    conflicts = conflicts_of(known.items, known.drawn)
    suggestions, tried = ([], 0) if why else _suggestions(known, conflicts, domains)
    # A user who interrupts wants the report now, without further runs of build.
    wanted = () if why == _INTERRUPTED else conflicts
    examples = tuple(examples_of(known.judge, known.space, wanted))
    axes, pairs = pair_shares(leaves, declared, axes_of(leaves, declared, conflicts))
    return SearchSpaceReport(
        total=size_of(declared),
        exact=why is None,
        feasible_fraction=fraction,
        confidence_interval=interval,
        conflicts=tuple(conflicts),
        sensitivity=sensitivity_of(leaves, domains),
        suggestions=tuple(suggestions),
        domains={name: tuple(weights) for name, weights in domains.weights.items()},
        undecided_fraction=float(undecided / seen) if seen else 0.0,
        irrelevant=tuple(dict.fromkeys(item.name for item in declared if item.name not in names)),
        notes=tuple(dict.fromkeys(note for leaf in leaves for note in leaf.notes)),
        runs=known.runs + spent + tried + len(examples),
        why_not_exact=why,
        axes=axes,
        pairs=pairs,
        examples=examples,
        _draw=lambda n, seed: completed(leaves, declared, n, seed),
        _narrow=lambda values: narrowed(declared, values),
    )


def _suggestions(
    known: Exploration, conflicts: list[Conflict], domains: Domains
) -> tuple[list[Suggestion], int]:
    """Changes that remove conflicts, and the runs it took to check them."""
    tried = 0

    def changed(changes: Changes) -> Callable[[Values], bool]:
        judge = known.judge.with_changes(changes)

        def fits(values: Values) -> bool:
            nonlocal tried
            tried += 1
            return judge.judge(values, known.space).verdict.feasible is True

        return fits

    feasible = [leaf for leaf in known.leaves if leaf.feasible is not False]
    found = suggestions_of(conflicts, feasible, known.declared, domains, changed)
    return found, tried
