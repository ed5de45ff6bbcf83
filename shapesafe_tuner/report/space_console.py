"""The report of a whole search space on a terminal: tables, wrapped by words, in colour."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shapesafe_tuner.escaping import visible
from shapesafe_tuner.findings import Conflict, SpaceFindings
from shapesafe_tuner.report.space_text import conflict_text, counted, heading, percent

__all__ = ["print_space"]

_COLOURS = {"feasible": "green", "infeasible": "red", "undecided": "yellow"}


def print_space(console: Console, report: SpaceFindings, most: int = 10) -> None:
    """Print the report.

    Args:
        console: where to.
        report: a ``SearchSpaceReport``.
        most: how many conflicts and suggestions to list.
    """
    for line in heading(report):
        console.print(_coloured(visible(line)))
    if report.conflicts:
        console.print(_conflicts(report, most))
    if report.suggestions:
        console.print(_suggestions(report, most))


def _coloured(line: str) -> Text:
    text = Text(line)
    for word, colour in _COLOURS.items():
        text.highlight_regex(rf"([<>]?[\d.]+% )?\b{word}\b", colour)
    return text


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False,
                  pad_edge=False)  # fmt: skip
    for place, words in enumerate(headings):
        table.add_column(words, justify="right" if not place else "left", no_wrap=not place,
                         overflow="fold")  # fmt: skip
    return table


def _conflicts(report: SpaceFindings, most: int) -> Table:
    """Each conflict with the share of the space that it costs beyond those above."""
    table = _table("What never fits, whatever the other values", "Costs", "Values", "Why")
    for conflict in report.conflicts[:most]:
        table.add_row(*_row(conflict, report))
    rest = report.conflicts[most:]
    if rest:
        share = percent(math.fsum(conflict.fraction for conflict in rest))
        table.add_row(share, f"in {counted(len(rest), 'smaller conflict')}", "")
    return table


def _row(conflict: Conflict, report: SpaceFindings) -> tuple[Text, Text, Text]:
    return (
        Text(percent(conflict.fraction), style="red"),
        Text(visible(conflict_text(conflict, report.domains))),
        Text(visible(conflict.fault.reason)),
    )


def _suggestions(report: SpaceFindings, most: int) -> Table:
    table = _table("What would help", "Removes", "Gives up", "Change")
    for suggestion in report.suggestions[:most]:
        saved = math.fsum(report.conflicts[number].fraction for number in suggestion.removes)
        lost = f"{percent(suggestion.lost)} of the feasible"
        table.add_row(percent(saved), lost, Text(visible(suggestion.text)))
    return table
