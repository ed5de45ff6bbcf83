"""Random configurations as lines over parallel axes, one for each hyperparameter of the maps."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from shapesafe_tuner.findings import Axis, Sample, SpaceFindings
from shapesafe_tuner.report.wording import abridged, bin_labels, counted

__all__ = ["Parallel", "parallel_of"]

_TOP, _HEIGHT, _SIDE = 34, 230, 56
_NARROW, _WIDE = 104, 250
"""Pixels between two axes: at least, and at most."""
_WHOLE = 800
_SPREAD = 0.5
"""The part of a bin over which its lines are spread, so that they do not hide each other."""
_STATES = {True: "fits", False: "refused", None: "undecided"}


@dataclasses.dataclass(frozen=True)
class Tick:
    """A value, or a bin of values, of an axis."""

    label: str
    y: float


@dataclasses.dataclass(frozen=True)
class ParallelAxis:
    """One axis."""

    name: str
    x: float
    ticks: tuple[Tick, ...]


@dataclasses.dataclass(frozen=True)
class Path:
    """One configuration.

    Attributes:
        points: as SVG wants them.
        state: "fits", "refused" or "undecided".
        cause: place of its cause in the report; "" for none.
        bins: the place of its value on each axis.
    """

    points: str
    state: str
    cause: str
    bins: str


@dataclasses.dataclass(frozen=True)
class Parallel:
    """The drawing.

    Attributes:
        axes: from left to right.
        paths: what is feasible last, on top of the rest.
        width, height, top, bottom: in pixels.
        said: what it shows, in words.
    """

    axes: tuple[ParallelAxis, ...]
    paths: tuple[Path, ...]
    width: float
    height: float
    top: float
    bottom: float
    said: str


def parallel_of(report: SpaceFindings) -> Parallel | None:
    """The drawing of a report's samples; None where there are none, or fewer than two axes.

    Args:
        report: the findings.
    """
    axes = _ranked(report)
    if len(axes) < 2 or not report.samples:
        return None
    step = max(_NARROW, min(_WIDE, _WHOLE / (len(axes) - 1)))
    drawn = tuple(
        ParallelAxis(
            abridged(axis.name, 16),
            round(_SIDE + place * step, 1),
            tuple(
                Tick(abridged(label, 12), _height(number, len(axis.bins)))
                for number, label in enumerate(bin_labels(axis))
            ),
        )
        for place, axis in enumerate(axes)
    )
    order = sorted(report.samples, key=lambda sample: sample.feasible is True)
    paths = [_path(number, sample, axes, drawn) for number, sample in enumerate(order)]
    counts = Counter(sample.feasible for sample in report.samples)
    words = [
        f"{counts[outcome]} {word}"
        for outcome, word in ((True, "feasible"), (False, "infeasible"), (None, "undecided"))
        if counts[outcome]
    ]
    return Parallel(
        axes=drawn,
        paths=tuple(path for path in paths if path is not None),
        width=2 * _SIDE + (len(axes) - 1) * step,
        height=_TOP + _HEIGHT + 16,
        top=_TOP,
        bottom=_TOP + _HEIGHT,
        said=f"{counted(len(report.samples), 'random configuration')}: {', '.join(words)}",
    )


def _ranked(report: SpaceFindings) -> Sequence[Axis]:
    """The axes, the most important hyperparameters first."""
    return sorted(report.axes, key=lambda axis: -report.importance.get(axis.name, 0.0))


def _height(number: int, of: int) -> float:
    """The middle of a bin; the first one is at the bottom."""
    return round(_TOP + _HEIGHT * (1 - (number + 0.5) / of), 1)


def _path(
    number: int, sample: Sample, axes: Sequence[Axis], drawn: Sequence[ParallelAxis]
) -> Path | None:
    bins = [_bin_of(axis, sample.values) for axis in axes]
    if None in bins:
        return None
    points = []
    for place, (axis, shown) in enumerate(zip(axes, drawn, strict=True)):
        bin_number = bins[place]
        assert bin_number is not None
        # By the golden ratio, so that neighbours in the list are far apart.
        spread = ((number * 0.618034 + place * 0.381966) % 1 - 0.5) * _SPREAD
        y = shown.ticks[bin_number].y + spread * _HEIGHT / len(axis.bins)
        points.append(f"{shown.x:g},{y:.1f}")
    cause = "" if sample.cause is None else str(sample.cause)
    places = " ".join(map(str, bins))
    return Path(" ".join(points), _STATES[sample.feasible], cause, places)


def _bin_of(axis: Axis, values: Mapping[str, Any]) -> int | None:
    """The bin that a value lies in; None where there is none."""
    value = values.get(axis.name)
    for number, (first, last) in enumerate(axis.bins):
        if isinstance(value, str) or isinstance(first, str) or isinstance(value, bool):
            if type(value) is type(first) and value == first:
                return number
        elif value is not None and first <= value <= last:
            return number
    return None
