"""The report of a search space as a figure of matplotlib, without its global state."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType
from typing import Any, TypeAlias

from shapesafe_tuner.findings import Conflict, SpaceFindings
from shapesafe_tuner.report.space_text import headline
from shapesafe_tuner.report.wording import (
    abridged,
    bin_labels,
    conflict_words,
    percent,
    whole_percent,
)

__all__ = ["space_figure"]

Axes: TypeAlias = Any
"""A ``matplotlib.axes.Axes``."""
Figure: TypeAlias = Any
"""A ``matplotlib.figure.Figure``."""

_MOST = 8
"""Conflicts that are drawn."""
_MOST_CHARACTERS = 70
"""The most that labels in one line below a map have together."""
_FITS, _REFUSED, _UNDECIDED, _TRACK = "#2f6f6a", "#b4482a", "#8a6d1f", "#e9e6df"
_SHADES = ["#8f2d14", "#cd7c61", "#eccbbb", "#f3f0ea", "#dcebe6"]
"""From what never fits to what always does."""


def space_figure(report: SpaceFindings, down: str | None, across: str | None) -> Figure:
    """The share, the conflicts and one map; arguments as of ``SearchSpaceReport.plot``."""
    figure_class = _matplotlib("matplotlib.figure").Figure
    chosen = _chosen(report, down, across)
    conflicts = report.conflicts[:_MOST]
    heights = [0.5, 0.4 + 0.45 * max(1, len(conflicts))]
    if chosen is not None:
        heights.append(0.9 + 0.32 * len(chosen[2]))
    figure = figure_class(figsize=(8, sum(heights) + 1), layout="constrained")
    panels = figure.subplots(len(heights), 1, height_ratios=heights)
    _draw_share(panels[0], report)
    _draw_conflicts(panels[1], report, conflicts)
    if chosen is not None:
        _draw_map(panels[2], report, *chosen)
    return figure


def _matplotlib(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "matplotlib":
            raise
        raise ImportError(
            "Plots need matplotlib, which is not installed: "
            'python -m pip install "shapesafe-tuner[report]"'
        ) from None


def _chosen(
    report: SpaceFindings, down: str | None, across: str | None
) -> tuple[str, str, list[list[float | None]]] | None:
    """The names of a map and its cells, turned where the report has it the other way round."""
    names = [axis.name for axis in report.axes]
    for given in (down, across):
        if given is not None and given not in names:
            raise ValueError(
                f"{abridged(given)} has no map; the hyperparameters of the costliest conflicts, "
                f"which have maps, are: {', '.join(map(abridged, names)) or 'none'}."
            )
    if down is not None and down == across:
        raise ValueError(f"down and across are both {abridged(down)}: a map needs two.")
    if len(names) < 2:
        return None
    rows = down or next(name for name in names if name != across)
    columns = across or next(name for name in names if name != rows)
    for pair in report.pairs:
        if (pair.down, pair.across) == (rows, columns):
            return rows, columns, [list(row) for row in pair.shares]
        if (pair.down, pair.across) == (columns, rows):
            return rows, columns, [list(row) for row in zip(*pair.shares, strict=True)]
    raise ValueError(f"The report has no map of {abridged(rows)} and {abridged(columns)}.")


def _draw_share(panel: Axes, report: SpaceFindings) -> None:
    low, high = report.confidence_interval
    panel.barh([0], [1], color=_TRACK)
    panel.barh([0], [report.feasible_fraction], color=_FITS)
    if report.undecided_fraction:
        start = [report.feasible_fraction]
        panel.barh([0], [report.undecided_fraction], left=start, color=_UNDECIDED)
    if low < high and not report.unseen_fraction:
        panel.plot([low, high], [0, 0], color="black", linewidth=2)
    said = headline(report)
    panel.set_title(said, loc="left", parse_math=False)
    panel.set_xlim(0, 1)
    panel.set_axis_off()


def _draw_conflicts(panel: Axes, report: SpaceFindings, conflicts: Sequence[Conflict]) -> None:
    places = range(len(conflicts))
    bars = panel.barh(places, [one.fraction for one in conflicts], height=0.3, color=_REFUSED)
    panel.bar_label(bars, [percent(one.fraction) for one in conflicts], padding=4)
    for place, one in enumerate(conflicts):
        said = " and ".join(conflict_words(one, report.domains)) or "every configuration"
        panel.text(0, place - 0.2, abridged(said, 80), va="bottom", parse_math=False)
    panel.set_ylim(max(places, default=0) + 0.3, -0.7)
    panel.margins(x=0.12)
    panel.set_title(
        "What never fits, and the share it costs" if conflicts else "Nothing was refused",
        loc="left",
    )
    _without_frame(panel)
    panel.set_xticks([])
    panel.set_yticks([])


def _draw_map(
    panel: Axes, report: SpaceFindings, rows: str, columns: str, cells: list[list[float | None]]
) -> None:
    colors = _matplotlib("matplotlib.colors").LinearSegmentedColormap.from_list("", _SHADES)
    axes = {axis.name: axis for axis in report.axes}
    nan = float("nan")
    numbers = [[nan if share is None else share for share in line] for line in cells]
    panel.imshow(numbers, cmap=colors, vmin=0, vmax=1, aspect="auto")
    for y, line in enumerate(cells):
        for x, share in enumerate(line):
            color = "white" if share is not None and share < 0.2 else "black"
            panel.text(x, y, whole_percent(share), ha="center", va="center", color=color)
    labels = bin_labels(axes[columns])
    turned = 90 if sum(map(len, labels)) > _MOST_CHARACTERS else 0
    panel.set_xticks(range(len(labels)), labels, parse_math=False, rotation=turned)
    panel.set_yticks(range(len(cells)), bin_labels(axes[rows]), parse_math=False)
    panel.set_xlabel(abridged(columns), parse_math=False)
    panel.set_ylabel(abridged(rows), parse_math=False)
    panel.set_title("Feasible share in per cent", loc="left")
    _without_frame(panel)


def _without_frame(panel: Axes) -> None:
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
