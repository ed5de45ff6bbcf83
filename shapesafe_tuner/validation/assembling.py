"""The report of a space, put together from what was explored and drawn of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from shapesafe_tuner._compat.keras_tuner.domains import size_of
from shapesafe_tuner._compat.types import Values
from shapesafe_tuner.findings import Axis, Conflict, Example, Sample, Suggestion, Undecided
from shapesafe_tuner.report.search_space import SearchSpaceReport
from shapesafe_tuner.space.causes import Causes, causes_of
from shapesafe_tuner.space.conflicts import conflicts_of
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
from shapesafe_tuner.space.suggestions import Tables, suggestions_of
from shapesafe_tuner.tracing.question import Changes
from shapesafe_tuner.verdict import kind_of, reason_of

__all__ = ["assembled"]

_DRAWN = 400
"""Feasible configurations that a change of a layer is tried on."""


def assembled(
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
        return _of_diagram(known, known.diagram, at_once=interrupted)
    settled, drawn = _held(known.leaves, known.drawn)
    leaves = [*settled, *drawn]
    declared = known.declared
    names = dict.fromkeys(name for leaf in leaves for name in leaf.values)
    domains = Domains(names, declared, WIDEST)
    shares = outcomes_of(settled, drawn)
    undecided = _undecided(leaves)
    if why is None and undecided:
        why = "part of it cannot be decided"
    conflicts = [] if at_once else conflicts_of([*settled, *known.parts], domains, drawn)
    partial = bool(known.drawn) or interrupted
    suggestions, tried = ([], 0) if partial else _suggestions(known, conflicts, settled, domains)
    diagram = Diagram.of_leaves([*settled, *(drawn or known.parts)])
    all_names = dict.fromkeys(parameter.name for parameter in declared)
    decisive = names if partial else deciding(diagram, _settled)
    matter = [name for name in names if name in decisive]
    chosen = [] if at_once else axes_of(leaves, declared, conflicts)
    axes, pairs = pair_shares(leaves, declared, [name for name in chosen if name in decisive])
    causes = (
        Causes()
        if at_once
        else causes_of(diagram, conflicts, suggestions, matter, all_names, domains.weights)
    )
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
        causes=tuple(causes.found),
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


def _of_diagram(
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
    all_names = [parameter.name for parameter in declared]
    matter = [name for name in all_names if name in summary.deciding]
    causes = causes_of(diagram, conflicts, suggestions, matter, all_names, domains.weights)
    examples, samples = ((), ()) if at_once else _pictured(known, diagram, conflicts, causes, axes)
    return SearchSpaceReport(
        total=size_of(declared),
        exact=True,
        feasible_fraction=share,
        infeasible_fraction=float(1 - summary.feasible),
        confidence_interval=(share, share),
        causes=tuple(causes.found),
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


def _pictured(
    known: Exploration,
    diagram: Diagram,
    conflicts: Sequence[Conflict],
    causes: Causes,
    axes: Sequence[Axis],
) -> tuple[tuple[Example, ...], tuple[Sample, ...]]:
    """What pages draw: configurations that fail with their shapes, and random ones."""
    examples = list(examples_of(known.judge, known.space, conflicts))
    examples += examples_of_causes(known.judge, known.space, diagram, causes, examples)
    names = [axis.name for axis in axes]
    return tuple(examples), samples_of(diagram, known.declared, names, causes.by_end)


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
    leaves: list[Leaf],
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

    found = suggestions_of(conflicts, leaves, known.declared, domains, changed, tables)

    return found, tried
