"""A progress bar on a terminal: how much of a space is settled, and with which outcome."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(show: bool) -> Iterator[Callable[[Mapping[bool | None, Fraction], int], None]]:
    """Show what is settled, and runs a second.

    Args:
        show: False shows nothing; nor is anything shown where there is no terminal.

    Yields:
        What takes the newly settled shares by outcome, and the runs of ``build`` so far.
    """
    if not show or not sys.stderr.isatty():
        yield lambda shares, runs: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn("settled {task.percentage:>5.1f}%"), BarColumn(bar_width=None),
        TextColumn("[green]{task.fields[shares][0]:.0%} feasible[/]"),
        TextColumn("[red]{task.fields[shares][1]:.0%} infeasible[/]"),
        TextColumn("[yellow]{task.fields[shares][2]:.0%} undecided[/]"),
        TextColumn("{task.fields[runs]} runs, {task.fields[rate]:.0f} a second"),
    )  # fmt: skip
    known = dict.fromkeys((True, False, None), 0.0)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0, runs=0, rate=0.0, shares=[0.0] * 3)

        def settled(shares: Mapping[bool | None, Fraction], runs: int) -> None:
            for outcome, share in shares.items():
                known[outcome] += float(share)
            rate = runs / (bar.tasks[0].elapsed or 1e-9)
            done = [*known.values()]
            bar.update(task, completed=sum(done), runs=runs, rate=rate, shares=done)

        yield settled
