"""The report of a whole search space on a terminal: tables, wrapped by words, in colour."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shapesafe_tuner.escaping import visible
from shapesafe_tuner.findings import Cause, SpaceFindings
from shapesafe_tuner.report.advice import advice_for, ranked
from shapesafe_tuner.report.space_text import (
    MOST_CAUSES,
    MOST_SUGGESTIONS,
    conflict_text,
    deciding_words,
    heading,
    remarks,
    share_of,
)
from shapesafe_tuner.report.wording import counted, percent

__all__ = ["print_space"]

_COLOURS = {"feasible": "green", "infeasible": "red", "undecided": "yellow"}


def print_space(console: Console, report: SpaceFindings, most: int = 3) -> None:
    """Print the report.

    Args:
        console: where to.
        report: a ``SearchSpaceReport``.
        most: how many conflicts to list.
    """
    for line in heading(report):
        console.print(_coloured(visible(line)))
    tables = (
        _causes(report) if report.causes else None,
        _conflicts(report, most) if report.conflicts else None,
        _suggestions(report) if report.suggestions else None,
    )
    for table in filter(None, tables):
        console.print()
        console.print(table)
    for number, line in enumerate(remarks(report)):
        if any(tables) and not number:
            console.print()
        console.print(Text(visible(line)))


def _coloured(line: str) -> Text:
    text = Text(line)
    for word, colour in _COLOURS.items():
        text.highlight_regex(rf"([<>]?[\d.]+% )?\b{word}\b", colour)
    return text


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for place, words in enumerate(headings):
        table.add_column(words, justify="right" if not place else "left", no_wrap=not place,
                         overflow="fold")  # fmt: skip
    return table


def _causes(report: SpaceFindings) -> Table:
    """Where configurations fail, what decides about it, and what helps."""
    table = _table("Share", "Why configurations fail")
    for cause in report.causes[:MOST_CAUSES]:
        table.add_row(*_row(cause))
    rest = report.causes[MOST_CAUSES:]
    if rest:
        table.add_row(share_of(rest), f"for {counted(len(rest), 'other reason')}")
    return table


def _row(cause: Cause) -> tuple[Text, Text]:
    why = Text(visible(cause.reason))
    if cause.layer is not None:
        why.highlight_words([f"'{visible(cause.layer)}'"], "bold")
    decided, advice = deciding_words(cause), advice_for(cause)
    if decided:
        why.append(f"\n{visible(decided)}", style="dim")
    if advice is not None:
        why.append(f"\nwould help: {visible(advice.text)}", style="green")
    return Text(percent(cause.fraction), style="red"), why


def _conflicts(report: SpaceFindings, most: int) -> Table:
    """Each conflict with the share of the space that it adds to those above."""
    table = _table("Adds", "What never fits, whatever the other values are")
    for conflict in report.conflicts[:most]:
        said = conflict_text(conflict, report.domains)
        if not report.causes:
            said += f"\n{conflict.fault.reason}"
        table.add_row(Text(percent(conflict.fraction), style="red"), Text(_lines(said)))
    rest = report.conflicts[most:]
    if rest:
        table.add_row(share_of(rest), f"in {counted(len(rest), 'smaller conflict')}")
    return table


def _lines(text: str) -> str:
    return "\n".join(map(visible, text.split("\n")))


def _suggestions(report: SpaceFindings) -> Table:
    table = _table("Removes", "Gives up", "Changes of the space that help")
    for suggestion in ranked(report)[:MOST_SUGGESTIONS]:
        table.add_row(
            percent(suggestion.removed),
            f"{percent(suggestion.lost)} of the feasible" if suggestion.lost else "nothing",
            Text(visible(suggestion.text)),
        )
    return table
