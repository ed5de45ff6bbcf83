"""``validate_search_space``: which part of a space is feasible, and what never fits."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from fractions import Fraction
from typing import Any, Literal

from shapesafe_tuner._compat.interruption import interruptible
from shapesafe_tuner._compat.keras_tuner.domains import size_of
from shapesafe_tuner._compat.types import HyperParameters, Values
from shapesafe_tuner.arguments import (
    BatchSize,
    Constraints,
    Hypermodel,
    checked_constraints,
    checked_hypermodel,
)
from shapesafe_tuner.escaping import short
from shapesafe_tuner.findings import Axis, Cause, Conflict, Example, Sample, Suggestion, Undecided
from shapesafe_tuner.report.progress_bar import progress_bar
from shapesafe_tuner.report.search_space import SearchSpaceReport
from shapesafe_tuner.space.causes import causes_by_end, causes_of
from shapesafe_tuner.space.conflicts import conflicts_of
from shapesafe_tuner.space.data.varying import judge_of
from shapesafe_tuner.space.diagram.diagram import Diagram, End
from shapesafe_tuner.space.diagram.relevance import deciding
from shapesafe_tuner.space.diagram.summary import MergedSource, Summary
from shapesafe_tuner.space.effects import importance_of, samples_of
from shapesafe_tuner.space.examples import examples_of, examples_of_causes
from shapesafe_tuner.space.exploration import Exploration
from shapesafe_tuner.space.explorer import WIDEST, Leaf
from shapesafe_tuner.space.noted import Named
from shapesafe_tuner.space.pairs import axes_of, pair_shares
from shapesafe_tuner.space.shares import Domains, Source, outcomes_of, sensitivity_of
from shapesafe_tuner.space.size import Size
from shapesafe_tuner.space.suggestions import Tables, suggestions_of
from shapesafe_tuner.tracing.question import Changes, about_of, question_of
from shapesafe_tuner.verdict import kind_of, reason_of

__all__ = ["MOST_RUNS", "validate_search_space"]

MOST_RUNS = 200_000
"""Runs of ``build`` before a space is sampled, one that Keras decides counted as 50."""
MOST_FORCED = 2_000_000
"""The same for ``exact=True``; the leaves of more would not fit into memory."""


@interruptible()
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
        exact: True never samples, False samples at once, None samples where it must.
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
                    _refuse_what_is_too_large(known.size)
                known.explore(math.inf if exact else MOST_RUNS, executor, settled)
            why = known.why_not_exact
        if exact and why is not None:
            raise ValueError(f"This space cannot be explored exactly: {why}. {_ADVICE}")
        known.draw(samples, seed)
    except KeyboardInterrupt:
        why, interrupted = "it was interrupted", True
    try:
        report = _report(known, why, interrupted)
    except KeyboardInterrupt:
        report = _report(known, "it was interrupted", interrupted=True, at_once=True)
    return dataclasses.replace(report, about=about_of(hypermodel, question))


_ADVICE = "Give such hyperparameters fewer values, or leave exact=None to sample."


def _refuse_what_is_too_large(size: Size) -> None:
    """Nothing happens if the space can be explored exactly."""
    if size.endless:
        raise ValueError(
            f"This space cannot be explored exactly: {short(size.endless)} affects shapes and "
            f"has infinitely many values. {_ADVICE}"
        )
    if size.cost > MOST_FORCED:
        raise ValueError(
            "This space cannot be explored exactly: that would take about "
            f"{size.runs:,.0f} runs of build. {_ADVICE}"
        )


def _report_of_diagram(
    known: Exploration, diagram: Diagram, *, at_once: bool = False
) -> SearchSpaceReport:
    """The report of a space whose states were merged: all of it is exact."""
    declared = known.declared
    summary = Summary(diagram, declared)
    share = float(summary.feasible)
    conflicts = summary.conflicts
    drawn = summary.draw(_DRAWN, 0) if summary.feasible else []
    leaves = [Leaf(values, Fraction(1, len(drawn)), True) for values in drawn]
    domains = Domains(summary.weights, declared, WIDEST)
    suggestions, tried = (
        ([], 0) if at_once else _suggestions(known, conflicts, leaves, domains, summary)
    )
    axes, pairs = summary.maps()
    all_names = [hp.name for hp in declared]
    matter = [name for name in all_names if name in summary.deciding]
    causes = causes_of(diagram, conflicts, suggestions, dict.fromkeys(matter), all_names)
    examples, samples = ((), ()) if at_once else _pictured(known, diagram, conflicts, causes, axes)
    return SearchSpaceReport(
        total=size_of(declared),
        exact=True,
        feasible_fraction=share,
        infeasible_fraction=float(1 - summary.feasible),
        confidence_interval=(share, share),
        causes=tuple(causes),
        conflicts=tuple(conflicts),
        sensitivity=summary.sensitivity,
        suggestions=tuple(suggestions),
        domains={name: tuple(weights) for name, weights in summary.weights.items()},
        irrelevant=tuple(dict.fromkeys(name for name in all_names if name not in matter)),
        notes=summary.notes,
        runs=known.runs + tried + len(examples),
        axes=axes,
        pairs=pairs,
        examples=examples,
        importance={} if at_once else importance_of(diagram, matter),
        samples=samples,
        _space=MergedSource(diagram, tuple(declared)),
    )


def _settled(end: End) -> object:
    """The verdict of an end; what is undecided may be one or the other."""
    return end if end.feasible is None else end.feasible


_DRAWN = 400
"""Feasible configurations that a change of a layer is tried on."""


def _report(
    known: Exploration,
    why: str | None,
    interrupted: bool = False,
    at_once: bool = False,
) -> SearchSpaceReport:
    """What is known, put together.

    Args:
        known: of the space.
        why: it is not exact; None if it is.
        interrupted: the user does not want to wait for further runs of ``build``.
        at_once: nor for anything else: the shares alone.
    """
    if known.diagram is not None:
        return _report_of_diagram(known, known.diagram, at_once=interrupted)
    settled, drawn = _held(known.leaves, known.drawn)
    leaves = [*settled, *drawn]
    declared = known.declared
    names = dict.fromkeys(name for leaf in leaves for name in leaf.values)
    domains = Domains(names, declared, WIDEST)
    shares = outcomes_of(settled, drawn)
    undecided = _undecided(leaves)
    if why is None and undecided:
        why = "part of it cannot be decided"
    conflicts = [] if at_once else conflicts_of([*settled, *known.parts], drawn)
    partial = bool(known.drawn) or interrupted
    suggestions, tried = (
        ([], 0)
        if partial
        else _suggestions(known, conflicts, [leaf for leaf in settled if leaf.feasible], domains)
    )
    diagram = Diagram.of_leaves([*settled, *(drawn or known.parts)])
    all_names = dict.fromkeys(hp.name for hp in declared)
    decisive = names if partial else deciding(diagram, _settled)
    matter = [name for name in names if name in decisive]
    chosen = [] if at_once else axes_of(leaves, declared, conflicts)
    axes, pairs = pair_shares(leaves, declared, [name for name in chosen if name in decisive])
    causes = [] if at_once else causes_of(diagram, conflicts, suggestions, matter, all_names)
    examples, samples = (
        ((), ()) if interrupted else _pictured(known, diagram, conflicts, causes, axes)
    )
    feasible = tuple(leaf for leaf in leaves if leaf.feasible)
    return SearchSpaceReport(
        total=size_of(declared),
        exact=why is None,
        feasible_fraction=float(shares.feasible),
        infeasible_fraction=float(shares.infeasible),
        undecided_fraction=float(shares.undecided),
        unseen_fraction=float(shares.unseen),
        confidence_interval=shares.interval,
        interrupted=interrupted,
        causes=tuple(causes),
        conflicts=tuple(conflicts),
        sensitivity={} if shares.unseen else sensitivity_of(leaves, domains),
        suggestions=tuple(suggestions),
        domains={name: tuple(weights) for name, weights in domains.weights.items()},
        undecided=undecided,
        irrelevant=()
        if shares.unseen
        else tuple(name for name in all_names if name not in decisive),
        notes=_notes(leaves) if at_once else _named_notes(known, leaves),
        runs=known.runs + tried + len(examples),
        why_not_exact=why,
        axes=axes,
        pairs=pairs,
        examples=examples,
        importance={} if partial else importance_of(diagram, matter),
        samples=samples,
        _space=Source(feasible, tuple(declared)),
    )


def _pictured(
    known: Exploration,
    diagram: Diagram,
    conflicts: Sequence[Conflict],
    causes: Sequence[Cause],
    axes: Sequence[Axis],
) -> tuple[tuple[Example, ...], tuple[Sample, ...]]:
    """What pages draw: configurations that fail with their shapes, and random ones."""
    ends = causes_by_end(diagram, dict.fromkeys(hp.name for hp in known.declared))
    examples = list(examples_of(known.judge, known.space, conflicts))
    examples += examples_of_causes(known.judge, known.space, diagram, causes, ends, examples)
    names = [axis.name for axis in axes]
    return tuple(examples), samples_of(diagram, known.declared, names, ends)


def _held(*groups: Sequence[Leaf]) -> Iterator[list[Leaf]]:
    """The leaves; where ``build`` varies from run to run, none of them is decided."""
    notes = (note for leaves in groups for leaf in leaves for note in leaf.notes)
    varies = next((note for note in notes if kind_of(note) == "varying build"), None)
    for leaves in groups:
        if varies is None:
            yield list(leaves)
        else:
            yield [Leaf(leaf.values, leaf.share, None, notes=(varies,)) for leaf in leaves]


def _undecided(leaves: Sequence[Leaf]) -> tuple[Undecided, ...]:
    """Why configurations are undecided, the most frequent reason first."""
    found: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        if leaf.feasible is None:
            found.setdefault(reason_of(leaf.notes), []).append(leaf)
    parts = [
        Undecided(reason, float(sum(leaf.share for leaf in some)), dict(some[0].values))
        for reason, some in found.items()
    ]
    return tuple(sorted(parts, key=lambda part: -part.fraction))


def _notes(leaves: Sequence[Leaf]) -> tuple[str, ...]:
    notes = dict.fromkeys(note for leaf in leaves for note in leaf.notes)
    return tuple(note for note in notes if kind_of(note) not in ("undecided", "varying build"))


def _named_notes(known: Exploration, leaves: Sequence[Leaf]) -> tuple[str, ...]:
    """The same, with the hyperparameters that decide about what is suspicious."""
    named = Named(known.judge)
    found: dict[str, None] = {}
    for note in _notes(leaves):
        leaf = next(leaf for leaf in leaves if note in leaf.notes)
        by_note = dict(
            zip(leaf.notes, named.notes(leaf.notes, leaf.values, known.space), strict=True)
        )
        found[by_note[note]] = None
    return tuple(found)


def _suggestions(
    known: Exploration,
    conflicts: list[Conflict],
    feasible: list[Leaf],
    domains: Domains,
    tables: Tables | None = None,
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

    found = suggestions_of(conflicts, feasible, known.declared, domains, changed, tables)

    return found, tried
