"""Text for terminals and logs."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shapesafe_tuner.escaping import named, short, visible
from shapesafe_tuner.report.grouping import grouped
from shapesafe_tuner.report.wording import counted, times
from shapesafe_tuner.verdict import LayerShape, Rejection, Shape, Verdict

__all__ = [
    "FailedTrial",
    "check_text",
    "explanation_text",
    "feasibility_summary",
    "print_explanation",
]


class Drawn(Protocol):
    """What a search drew."""

    @property
    def rejections(self) -> Sequence[Rejection]:
        """What was refused."""

    @property
    def repeated(self) -> int:
        """How often what was refused was drawn again."""

    @property
    def unjudged(self) -> str | None:
        """What is not judged, and why; None for nothing."""

    @property
    def notes(self) -> Iterable[str]:
        """What else was noticed: suspicious losses, frozen bounds."""

    @property
    def number(self) -> int:
        """How many candidates were judged."""

    @property
    def seconds(self) -> float:
        """The time spent judging them."""


class FailedTrial(NamedTuple):
    """A trial that ran, and failed all the same."""

    values: Mapping[str, Any]
    message: str


def feasibility_summary(draws: Drawn, failed: Sequence[FailedTrial] = ()) -> str:
    """What a search refused, why, and what the checks cost.

    Args:
        draws: of the search.
        failed: trials that were not refused.
    """
    rejections, drawn = draws.rejections, draws.number
    share = f" ({len(rejections) / drawn:.0%})" if drawn else ""
    lines = [
        "Feasibility summary",
        f"{counted(drawn, 'configuration')} drawn, {len(rejections)} rejected{share} "
        f"without a trial; checking took {draws.seconds:.1f} s.",
    ]
    if draws.repeated:
        lines.append(f"Rejected configurations were drawn again {times(draws.repeated)}.")
    if draws.unjudged:
        lines.append(f"Not judged: {draws.unjudged}.")
    by_reason: Counter[str] = Counter()
    example: dict[str, str] = {}
    for rejection in rejections:
        fault = rejection.verdict.fault
        if fault is None:
            continue
        by_reason[fault.reason] += 1
        example.setdefault(fault.reason, named(fault.hyperparameters))
    for reason, count in by_reason.most_common(5):
        lines.append(f"  {count} x {reason}")
        if example[reason]:
            lines.append(f"      for example {example[reason]}")
    if len(by_reason) > 5:
        lines.append(f"  and {counted(len(by_reason) - 5, 'other reason')}; see tuner.rejections.")
    repaired = sum(rejection.repaired_to is not None for rejection in rejections)
    if repaired:
        lines.append(f"{repaired} of them {'was' if repaired == 1 else 'were'} repaired.")
    lines += [
        f"A trial that was not rejected failed, with {named(trial.values)}: {trial.message}"
        for trial in failed
    ]
    return "\n".join(visible(line) for line in (*lines, *grouped(draws.notes)))


def check_text(verdict: Verdict) -> str:
    """A verdict as the command prints it: the outcome first, a line for each note."""
    first = f"{verdict.outcome}: {verdict.reason}" if verdict.reason else verdict.outcome
    return "\n".join(visible(line) for line in (first, *verdict.notes))


def explanation_text(
    values: Mapping[str, Any],
    verdict: Verdict,
    nearest: Mapping[str, Any] | None,
    width: int = 100,
) -> str:
    """The explanation of one configuration without colours.

    Args:
        values: the configuration.
        verdict: on it.
        nearest: the nearest feasible configuration, if known.
        width: of the lines.
    """
    stream = io.StringIO()
    # In a notebook rich would display each line, and write none of them.
    console = Console(file=stream, width=width, no_color=True, highlight=False, force_jupyter=False)
    print_explanation(console, values, verdict, nearest)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def print_explanation(
    console: Console,
    values: Mapping[str, Any],
    verdict: Verdict,
    nearest: Mapping[str, Any] | None,
) -> None:
    """Print the explanation of one configuration: outcome, shape table, reason, what causes it."""
    outcome, style = outcome_of(verdict)
    console.print(Text(outcome, style=style))
    console.print(Text(f"Configuration: {named(values) or 'the defaults'}"))
    if verdict.layers:
        console.print(_shape_table(verdict.layers))
    if verdict.feasible and verdict.parameters is not None:
        console.print(Text(f"Parameters: {verdict.parameters:,}"))
    fault = verdict.fault
    if fault is not None:
        console.print(Text(visible(f"Reason: {fault.reason}")))
        cause = named(fault.hyperparameters)
        console.print(
            Text(
                f"Infeasible whatever the other values are: {cause}"
                if cause
                else "No value of any hyperparameter changes this."
            )
        )
        if fault.further_error:
            console.print(Text(visible(f"Keras says: {_one_line(fault.further_error)}")))
    for note in verdict.notes:
        console.print(Text(visible(note)))
    if nearest is not None:
        console.print(Text(f"Nearest feasible configuration: {named(nearest)}"))


def outcome_of(verdict: Verdict) -> tuple[str, str]:
    if verdict.feasible is None:
        return visible(f"Undecided: {verdict.reason} Its trial will run."), "yellow"
    if verdict.feasible:
        return "Feasible: it can be built and trained.", "green"
    refused_by = "trained" if verdict.fault and verdict.fault.refused_by == "train" else "built"
    return f"Infeasible: it cannot be {refused_by}.", "bold red"


def _shape_table(layers: Sequence[LayerShape]) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for heading in ("", "Layer", "Type", "Input", "Output"):
        table.add_column(heading, overflow="fold")
    table.add_column("Parameters", justify="right")
    for row in layers:
        cells = (
            "✗" if row.failed else "",
            short(row.name),
            short(row.layer_type),
            shape_text(row.input_shapes),
            "refused" if row.failed else shape_text(row.output_shape),
            "" if row.parameters is None else f"{row.parameters:,}",
        )
        style = "bold red" if row.failed else ""
        table.add_row(*(Text(cell, style=style) for cell in cells))
    return table


def shape_text(shapes: Shape) -> str:
    if shapes is None:
        return "?"
    if isinstance(shapes, Mapping):
        return "\n".join(f"{key}: {shape_text(item)}" for key, item in shapes.items())
    if isinstance(shapes, list):
        return "\n".join(shape_text(item) for item in shapes)
    return "(" + ", ".join("?" if size is None else str(size) for size in shapes) + ")"


def _one_line(message: str, limit: int = 400) -> str:
    text = " ".join(message.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
