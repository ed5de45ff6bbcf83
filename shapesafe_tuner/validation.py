"""``validate_search_space``: which part of a space is feasible, and what never fits."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

from shapesafe_tuner._compat.hyperparameters import random_value, size_of
from shapesafe_tuner.checker import prepare_stages, values_of
from shapesafe_tuner.report.search_space import SearchSpaceReport
from shapesafe_tuner.space.conflicts import conflicts_of
from shapesafe_tuner.space.explorer import Explorer, Leaf, TooWide
from shapesafe_tuner.space.nearest import nearest
from shapesafe_tuner.space.shares import completed, sensitivity_of, wilson
from shapesafe_tuner.tracing.stages import Stages

__all__ = ["nearest_feasible", "repair", "validate_search_space"]

MOST_RUNS = 200_000
"""Runs of ``build`` for an exact answer, one that Keras decides counted as 50."""


def validate_search_space(
    hypermodel: Any,
    hyperparameters: Any = None,
    *,
    x: Any = None,
    y: Any = None,
    sample_weight: Any = None,
    validation_data: Any = None,
    batch_size: int | None = None,
    max_model_size: int | None = None,
    constraints: Sequence[Callable[[Any], bool]] = (),
    exact: bool | None = None,
    samples: int = 1_000,
    seed: int = 0,
    progress: bool = True,
) -> SearchSpaceReport:
    """Say exactly which part of a search space can be built and trained, and why the rest cannot.

    ``build`` runs with values that are not chosen yet and branches on those that decide about
    shapes, so that a space of 10^13 configurations takes seconds. Where a hyperparameter with too
    many values decides, the space is sampled, with Wilson's interval (*Probable inference*, 1927).

    Args:
        hypermodel: ``build(hp) -> keras.Model`` or a ``keras_tuner.HyperModel``.
        hyperparameters: a ``HyperParameters`` with what is registered in advance.
        x, y, sample_weight, validation_data, batch_size, max_model_size, constraints: as for
            :func:`shapesafe_tuner.check`. Without ``x`` the build alone is judged.
        exact: True refuses to sample, False samples at once, None samples where it must.
        samples: how many configurations are drawn when the space is sampled.
        seed: of these draws.
        progress: show what is settled, on a terminal. Ctrl-C gives the report so far.

    Returns:
        The report; fractions are those of KerasTuner's own random sampling.

    Raises:
        ValueError: ``exact=True``, and the space cannot be told exactly.
    """
    stages = prepare_stages(
        hypermodel, x, y, sample_weight, validation_data, batch_size, hyperparameters,
        max_model_size, constraints,
    )  # fmt: skip
    explorer = Explorer(stages, hyperparameters, lazy=stages.may_defer)
    leaves: list[Leaf] = []
    why = "it was asked for" if exact is False else None
    try:
        if exact is not False:
            why = _explore(explorer, leaves, progress)
            if why is not None and exact:
                raise ValueError(
                    f"This space cannot be told exactly: {why}. It has "
                    f"{size_of(list(explorer.declared.values())):,} configurations. Give that "
                    "hyperparameter fewer values, or leave exact=None to sample."
                )
        if why is not None:
            leaves = _sampled(explorer, samples, seed)
    except KeyboardInterrupt:
        why = "it was interrupted"
    return _report(explorer, leaves, why)


def repair(hypermodel: Any, values: Any, *, hyperparameters: Any = None, **data: Any) -> Any:
    """The feasible configuration nearest to ``values``.

    Fewest hyperparameters changed, then smallest steps on their own scales.

    Args:
        hypermodel, values, hyperparameters, **data: as for :func:`shapesafe_tuner.check`.

    Returns:
        A dict: ``values`` with what had to change. A feasible configuration comes back as it is.

    Raises:
        ValueError: nothing in the space is feasible, or too much of it decides about shapes.
    """
    chosen = values_of(values)
    stages = prepare_stages(hypermodel, hyperparameters=hyperparameters, **data)
    if stages.judge(hyperparameters, chosen)[0].feasible is not False:
        return chosen
    found, why = nearest_feasible(stages, hyperparameters, chosen, MOST_RUNS, 1_000)
    if found is None:
        raise ValueError(
            "No configuration of this space is feasible"
            + (f" that was seen ({why})." if why else ".")
        )
    return found


def nearest_feasible(
    stages: Stages, space: Any, chosen: dict[str, Any], budget: int, samples: int = 0
) -> tuple[dict[str, Any] | None, str | None]:
    """The nearest feasible configuration, and why it may not be the nearest; None if it is.

    Args:
        stages: judge configurations.
        space: the ``HyperParameters`` registered so far, or None.
        chosen: the configuration.
        budget: how many runs of ``build`` it may cost.
        samples: how many configurations to draw where that is not enough.
    """
    explorer = Explorer(stages, space, lazy=stages.may_defer)
    leaves: list[Leaf] = []
    why = _explore(explorer, leaves, progress=False, budget=budget)
    if why is not None:
        leaves += _sampled(explorer, samples, 0)
    return nearest(chosen, leaves, explorer.declared), why


def _explore(
    explorer: Explorer, leaves: list[Leaf], progress: bool, budget: int = MOST_RUNS
) -> str | None:
    """Fill in all leaves; why they are not all, or None."""
    try:
        with _bar(progress) as settled:
            for leaf in explorer.leaves():
                leaves.append(leaf)
                settled(leaf.share, explorer.runs)
                if explorer.cost > budget:
                    return f"its shapes depend on more combinations than {budget:,} runs can tell"
    except TooWide as wide:
        return f"{wide.name} decides about shapes and has too many values"
    return None


def _sampled(explorer: Explorer, samples: int, seed: int) -> list[Leaf]:
    """Leaves that random configurations lie in, each with the share of one draw."""
    generator = random.Random(seed)
    share = Fraction(1, max(samples, 1))
    found = []
    for _ in range(samples):
        leaf = explorer.descend(lambda hp: random_value(hp, generator.randrange(2**31)))
        found.append(Leaf(leaf.values, share, leaf.verdict))
    return found


def _report(explorer: Explorer, leaves: list[Leaf], why: str | None) -> SearchSpaceReport:
    seen = sum((leaf.share for leaf in leaves), Fraction(0))
    feasible = sum((leaf.share for leaf in leaves if leaf.verdict), Fraction(0))
    undecided = sum((leaf.share for leaf in leaves if leaf.verdict.feasible is None), Fraction(0))
    fraction = float(feasible / seen) if seen else 1.0
    interval = (fraction, fraction)
    if why is not None:
        interval = wilson(sum(bool(leaf.verdict) for leaf in leaves), len(leaves))
    declared = dict(explorer.declared)
    names = {name for leaf in leaves for name in leaf.values}
    return SearchSpaceReport(
        total=size_of(list(declared.values())),
        exact=why is None,
        feasible_fraction=fraction,
        confidence_interval=interval,
        conflicts=tuple(conflicts_of(leaves, exact=why is None)),
        sensitivity=sensitivity_of(leaves, declared),
        undecided_fraction=float(undecided / seen) if seen else 0.0,
        irrelevant=tuple(name for name in declared if name not in names),
        runs=explorer.runs,
        why_not_exact=why,
        _draw=lambda n, seed: completed(leaves, declared, n, seed),
    )


@contextmanager
def _bar(show: bool) -> Iterator[Callable[[Fraction, int], None]]:
    """A progress bar on a terminal: the share of the space that is settled, and runs a second."""
    if not show or not sys.stderr.isatty():
        yield lambda share, runs: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("settled {task.percentage:>5.1f}%"), BarColumn(),
        TextColumn("{task.fields[runs]} runs, {task.fields[rate]:.0f} a second"),
        TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0, runs=0, rate=0.0)

        def settled(share: Fraction, runs: int) -> None:
            elapsed = bar.tasks[0].elapsed or 1e-9
            bar.update(task, advance=float(share), runs=runs, rate=runs / elapsed)

        yield settled
