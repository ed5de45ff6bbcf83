"""The progress bar of ``validate_search_space``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(show: bool) -> Iterator[Callable[[Fraction, int], None]]:
    """A progress bar on a terminal: the share of the space that is settled, and runs a second.

    Args:
        show: whether to show it; where the standard error is no terminal there is none.
    """
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
