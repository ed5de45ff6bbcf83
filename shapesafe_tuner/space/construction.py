"""Feasible configurations straight from what is known of a space, when draws find none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from shapesafe_tuner._compat.types import HyperParameters
from shapesafe_tuner.space.conflicts import Boxes
from shapesafe_tuner.space.diagram.questions import Completions
from shapesafe_tuner.space.diagram.summary import Summary, nearest_in
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

    def __init__(self, judge: Judge, space: HyperParameters, seed: int) -> None:
        known = Exploration(judge, space)
        known.explore(_BUDGET)
        self._space = space
        self._seed = seed
        self._declared = known.declared
        self._diagram = known.diagram
        self._summary: Summary | None = None
        self._leaves = [leaf for leaf in known.leaves if leaf.feasible is not False]
        self._whole = not known.parts
        if known.diagram is not None:
            self._summary = Summary(known.diagram, known.declared)
            self._has_some = self._summary.feasible > 0
        else:
            self._has_some = bool(self._leaves)
        self.complete = self._whole and not self._has_some

    @property
    def is_by_states(self) -> bool:
        """Whether the whole space is known by its states."""
        return self._diagram is not None

    def nearest(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """The feasible configuration nearest to one, where the whole space is known by its states.

        Args:
            values: the configuration.
        """
        if self._diagram is None:
            return None
        found = nearest_in(self._diagram, values, self._declared)
        return None if found is None else in_space(self._space, found)

    def untried(self, is_tried: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any] | None:
        """One that was not tried, from the space's own distribution if that finds one.

        Args:
            is_tried: whether a configuration was.
        """
        if not self._has_some:
            return None
        self._seed += 1
        for drawn in self._drawn(self._seed):
            values = in_space(self._space, drawn)
            if not is_tried(values):
                return values
        walk = Walk(self._space, self._seed, self._pruned())
        for count, values in enumerate(walk):
            if not is_tried(values):
                return values
            if count >= _MOST_WALKED:
                return None
        self.complete = self._whole and walk.complete
        return None

    def _drawn(self, seed: int) -> Iterator[dict[str, Any]]:
        if self._summary is not None:
            # One after the other: the first will mostly do.
            for number in range(_DRAWS):
                yield from self._summary.draw(1, seed * _DRAWS + number)
        else:
            yield from completed(self._leaves, self._declared, _DRAWS, seed)

    def _pruned(self) -> Callable[[Mapping[str, Any]], bool]:
        """Whether some values have no completion that may be feasible."""
        if self._diagram is not None:
            fit = Completions(self._diagram).fit
            return lambda values: not fit(values)
        feasible = Boxes(self._leaves)
        return lambda values: not feasible.touching(values)
