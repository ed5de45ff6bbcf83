"""What each conflict costs beyond those before it, so that no configuration counts twice."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Protocol

__all__ = ["Box", "Found", "Weights", "accounted", "beyond"]

Box = Mapping[str, tuple[Any, ...]]
"""For each hyperparameter the values it may have; every combination of them is meant."""
Found = dict[str, tuple[Any, ...]]
"""A box that is being found."""
Weights = Mapping[str, Mapping[Any, Fraction]]
"""By name, how often each value is drawn."""

_MOST_STATES = 5_000


class Cost(Protocol):
    """The share of the space that a box adds to others; None where that takes too long.

    From call to call the earlier boxes only become more.
    """

    def __call__(self, box: Box, earlier: Sequence[Box]) -> Fraction | None: ...


def accounted(
    boxes: Sequence[Box], cost: Cost, most: int | None = None
) -> list[tuple[int, Fraction]]:
    """The place of each box, with what it adds to those before it: always the most that is left.

    What a box adds can only become less as others are taken, so that an old figure is an upper
    bound and few are worked out again (Minoux, *Accelerated greedy algorithms*, 1978).

    Args:
        boxes: of the conflicts.
        cost: what a box adds.
        most: how many are wanted at most.
    """
    taken: list[Box] = []
    found: list[tuple[int, Fraction]] = []
    waiting: list[tuple[Fraction, int, int]] = []

    def wait(number: int) -> None:
        share = cost(boxes[number], taken)
        if share:
            heapq.heappush(waiting, (-share, number, len(taken)))

    for number in range(len(boxes)):
        wait(number)
    while waiting and (most is None or len(found) < most):
        share, number, known = heapq.heappop(waiting)
        if known < len(taken):
            wait(number)
        else:
            found.append((number, -share))
            taken.append(boxes[number])
    return found


def beyond(box: Box, earlier: Sequence[Box], weights: Weights) -> Fraction | None:
    """The share of a box that lies in none of the earlier ones; None where that takes too long.

    One hyperparameter after the other is chosen; what counts of the past is which of the earlier
    boxes it still lies in.
    """
    apart = [each for each in earlier if _overlap(box, each)]
    if not apart:
        sides = (sum((weights[name][v] for v in some), Fraction(0)) for name, some in box.items())
        return math.prod(sides, start=Fraction(1))
    names = list(dict.fromkeys(name for each in (*apart, box) for name in each))
    last = [max((names.index(name) for name in each), default=-1) for each in apart]
    first = [min((names.index(name) for name in each), default=-1) for each in apart]
    if -1 in last:
        return Fraction(0)
    shares: dict[frozenset[int], Fraction] = {frozenset(): Fraction(1)}
    for place, name in enumerate(names):
        allowed = box.get(name, tuple(weights[name]))
        begun = {number for number in range(len(apart)) if first[number] == place}
        over = {number for number in range(len(apart)) if last[number] == place}
        after: dict[frozenset[int], Fraction] = {}
        for inside, share in shares.items():
            for value in allowed:
                still = frozenset(
                    n for n in inside | begun if value in apart[n].get(name, (value,))
                )
                if not still & over:
                    more = share * weights[name][value]
                    after[still] = after.get(still, Fraction(0)) + more
        if len(after) > _MOST_STATES:
            return None
        shares = after
    return sum(shares.values(), Fraction(0))


def _overlap(one: Box, other: Box) -> bool:
    return all(
        any(value in items for value in one[name]) for name, items in other.items() if name in one
    )
