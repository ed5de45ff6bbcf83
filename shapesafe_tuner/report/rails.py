"""The way from the inputs of a model to the layer that refuses, as lines beside the layers' rows.

Each tensor runs down in a lane of its own, from the layer that gives it to the last that takes it,
as branches do in the graph of a version control system. So a merge shows what it joins.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

__all__ = ["MOST_LANES", "Line", "Rail", "rails_of"]

MOST_LANES = 8
"""Lanes beyond which nothing is drawn: nobody could follow them."""


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of a row.

    Attributes:
        start, end: lanes at its two ends.
        top, bottom: where these are, in per cent of the row.
    """

    start: int
    end: int
    top: int
    bottom: int


@dataclasses.dataclass(frozen=True)
class Rail:
    """What is drawn beside one row.

    Attributes:
        lane: of the layer.
        lines: what passes, arrives and leaves.
        above: the lanes that come in from the row above.
    """

    lane: int
    lines: tuple[Line, ...]
    above: tuple[int, ...]


def rails_of(sources: Sequence[Sequence[int]]) -> tuple[Rail, ...]:
    """What is drawn beside each row; nothing at all where there are too many lanes.

    Args:
        sources: for each row the rows above it that it takes its inputs from.
    """
    last_use: dict[int, int] = {}
    for row, taken in enumerate(sources):
        last_use.update(dict.fromkeys(taken, row))
    lanes: dict[int, int] = {}  # of the rows whose tensors are still needed
    rails = []
    for row, taken in enumerate(sources):
        above = dict(lanes)
        lanes = {source: lane for source, lane in lanes.items() if last_use[source] > row}
        freed = [above[source] for source in taken if source not in lanes]
        lane = freed[0] if freed else _first_free(lanes)
        lines = [Line(passing, passing, 0, 100) for passing in lanes.values()]
        lines += [Line(above[source], lane, 0, 50) for source in taken]
        if row in last_use:
            lines.append(Line(lane, lane, 50, 100))
            lanes[row] = lane
        rails.append(Rail(lane, tuple(lines), tuple(sorted(above.values()))))
        if max(lanes.values(), default=0) >= MOST_LANES:
            return ()
    return tuple(rails)


def _first_free(lanes: dict[int, int]) -> int:
    used = set(lanes.values())
    return next(lane for lane in range(len(used) + 1) if lane not in used)
