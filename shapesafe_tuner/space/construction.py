"""Feasible configurations straight from the lazy tree, when random draws find none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shapesafe_tuner.space.conflicts import Boxes
from shapesafe_tuner.space.enumeration import Walk, in_space
from shapesafe_tuner.space.exploration import Exploration
from shapesafe_tuner.space.shares import completed
from shapesafe_tuner.tracing.judge import Judge

__all__ = ["Construction"]

_BUDGET = 50_000
"""What exploring may cost a search: seconds, where rules decide."""
_DRAWS = 100
"""Random configurations of feasible leaves, before they are taken one after the other."""
_MOST_WALKED = 100_000


class Construction:
    """Gives configurations that are feasible and were not tried.

    Args:
        judge: judges configurations.
        space: the ``HyperParameters`` of the oracle.
        seed: of the draws.

    Attributes:
        complete: the last :meth:`untried` looked at everything that may be feasible.
    """

    def __init__(self, judge: Judge, space: Any, seed: int) -> None:
        known = Exploration(judge, space)
        known.explore(_BUDGET)
        self._space = space
        self._seed = seed
        self._declared = known.declared
        self._leaves = [leaf for leaf in known.leaves if leaf.feasible is not False]
        self._whole = not known.parts
        self.complete = self._whole and not self._leaves

    def untried(self, is_tried: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any] | None:
        """One that was not tried, from the space's own distribution if that finds one.

        Args:
            is_tried: whether a configuration was.
        """
        if not self._leaves:
            return None
        self._seed += 1
        for drawn in completed(self._leaves, self._declared, _DRAWS, self._seed):
            values = in_space(self._space, drawn)
            if not is_tried(values):
                return values
        feasible = Boxes(self._leaves)
        walk = Walk(self._space, self._seed, lambda values: not feasible.touching(values))
        for count, values in enumerate(walk):
            if not is_tried(values):
                return values
            if count >= _MOST_WALKED:
                return None
        self.complete = self._whole and walk.complete
        return None
