"""Where a followed run chooses a value: learnt from the runs before, and right wherever it is.

A value may be chosen at three places: where a rule demands it, where a size depends on it, where
it is read. The later, the fewer runs of ``build`` one place costs: a rule that refuses every kernel
demands none. The earlier, the fewer states there are: after a convolution whose kernel is open,
each way on has a state of its own for each expression, ``64 - k + 1`` or its half, and runs that
chose other kernels meet only at the next demand. So what rules have demanded is chosen as soon as
a size depends on it, and what no run left open is chosen where it is read, unless tensors
are made before it is used: what is chosen for a later layer would be part of every state up to it.
"""

from __future__ import annotations

import re
from collections import Counter

__all__ = ["Early", "stem"]

_LEFT_OPEN = 2
"""Values demanded for each left open from which reading is the better place, for three values."""


def stem(name: str) -> str:
    """The name with its numbers out: ``kernel_2`` and ``kernel_11`` are used alike."""
    return re.sub(r"\d+", "#", name)


class Early:
    """What is chosen before it is demanded; within one exploration always the same.

    Attributes:
        at_sizes: stems of what is chosen where a size depends on it.
        at_readings: stems of what is chosen where it is read.
    """

    def __init__(self) -> None:
        self.at_sizes: set[str] = set()
        self.at_readings: set[str] = set()
        self._demanded: Counter[str] = Counter()
        self._farthest: Counter[str] = Counter()
        self._open: Counter[str] = Counter()

    def demanded(self, name: str) -> None:
        """A run demanded it."""
        self._demanded[stem(name)] += 1

    def used(self, name: str, made: int) -> None:
        """A run first did something with it when so many tensors were made after its reading."""
        each = stem(name)
        self._farthest[each] = max(self._farthest[each], made)

    def left_open(self, name: str) -> None:
        """A run came to its end without it."""
        self._open[stem(name)] += 1

    def learn(self) -> bool:
        """Take up what was seen; whether that changes anything."""
        before = set(self.at_sizes), self.at_readings
        self.at_sizes.update(self._demanded)
        self.at_readings = {
            each
            for each, times in self._demanded.items()
            if times > _LEFT_OPEN * self._open[each] and not self._farthest[each]
        }
        return before != (self.at_sizes, self.at_readings)
