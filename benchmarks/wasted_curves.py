"""How good the best model of a search is by trials and by seconds, from ``wasted_trials``."""

from __future__ import annotations

import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.harness import Table
from benchmarks.searches import VARIANTS
from benchmarks.spaces import CONTROL, SPACES

__all__ = ["COLOURS", "PICTURE", "draw", "quality", "table"]

PICTURE = pathlib.Path("images", "time_to_best.png")
COLOURS = {
    "stock": "#b5493c", "patient": "#d98a5f", "guards": "#c9a94b", "resample": "#2f6f9f",
    "repair": "#4c9a8a",
}  # fmt: skip
TRIALS = (1, 2, 4, 8)
SECONDS = (2, 5, 10, 20)
Run = Mapping[str, Any]
Point = tuple[float, float]
"""Seconds after which a trial had ended, and the quality of the best until then."""


def _compared(run: Run) -> tuple[Any, ...]:
    """Searches that differ in nothing but the way."""
    return tuple(run[name] for name in ("space", "algorithm", "seed", "trials"))


def _scores(run: Run) -> list[float | None]:
    return [score if status == "COMPLETED" else None for _, status, score in run["tried"]]


def quality(runs: Sequence[Run]) -> list[tuple[Run, list[Point]]]:
    """Each search of a space with infeasible configurations, with its best after each trial.

    Quality is 1 for the best score that any way found in the same search, 0 for the worst of them,
    and 0 as long as no trial has completed.
    """
    hard = [run for run in runs if run["space"] != CONTROL]
    found: dict[tuple[Any, ...], list[float]] = {}
    for run in hard:
        known = found.setdefault(_compared(run), [])
        known.extend(score for score in _scores(run) if score is not None)
    return [(run, _curve(run, found[_compared(run)])) for run in hard]


def _curve(run: Run, scores: Sequence[float]) -> list[Point]:
    best, points = 0.0, []
    for ended, score in zip(run["ended"], _scores(run), strict=True):
        if score is not None:
            best = max(best, _scaled(score, scores, SPACES[run["space"]].maximised))
        points.append((ended, best))
    return points


def _scaled(score: float, scores: Sequence[float], maximised: bool) -> float:
    low, high = min(scores), max(scores)
    if low == high:
        return 1.0
    return ((score - low) if maximised else (high - score)) / (high - low)


def after(points: Sequence[Point], trials: int) -> float:
    """The quality after so many trials; a search that has ended keeps its own."""
    return points[min(trials, len(points)) - 1][1] if points else 0.0


def at(points: Sequence[Point], seconds: float) -> float:
    """The quality after so many seconds."""
    return max((best for ended, best in points if ended <= seconds), default=0.0)


def table(runs: Sequence[Run]) -> Table:
    """The mean quality of each way after some trials and some seconds, and how often it is 1."""
    curves = quality(runs)
    rows = []
    for way in VARIANTS:
        mine = [points for run, points in curves if run["variant"] == way]
        if mine:
            means = [statistics.mean(after(points, count) for points in mine) for count in TRIALS]
            means += [
                statistics.mean(at(points, seconds) for points in mine) for seconds in SECONDS
            ]
            best = sum(after(points, len(points)) == 1.0 for points in mine)
            rows.append([way, *(f"{mean:.2f}" for mean in means), f"{best} of {len(mine)}"])
    columns = [
        "way", *(f"{count} trial{'s' * (count > 1)}" for count in TRIALS),
        *(f"{seconds} s" for seconds in SECONDS), "found the best of all ways",
    ]  # fmt: skip
    note = (
        "Means over all searches of spaces with infeasible configurations: 1 is the best score "
        "that any way found in the same search, 0 the worst, and 0 as long as no trial has "
        "completed. Seconds are of wall time since the search began, two searches at a time."
    )
    return Table("How good the best is, by trials and by seconds", columns, rows, [note])


def draw(runs: Sequence[Run], path: pathlib.Path) -> None:
    """The mean quality of each way against trials and against seconds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    curves = quality(runs)
    ended = [points[-1][0] for _, points in curves if points]
    trials = range(1, max((len(points) for _, points in curves), default=1) + 1)
    moments = [max(ended, default=1.0) * step / 200 for step in range(201)]
    figure, (by_trials, by_seconds) = pyplot.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    for way, colour in COLOURS.items():
        mine = [points for run, points in curves if run["variant"] == way]
        if mine:
            means = [statistics.mean(after(points, count) for points in mine) for count in trials]
            by_trials.step(trials, means, where="post", color=colour, label=way)
            means = [statistics.mean(at(points, moment) for points in mine) for moment in moments]
            by_seconds.plot(moments, means, color=colour)
    by_trials.set(xlabel="trials", ylabel="best so far (1: best of all ways)", ylim=(0, 1))
    by_seconds.set(xlabel="seconds")
    for axis in (by_trials, by_seconds):
        axis.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="upper center", ncols=len(COLOURS), frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.92))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
