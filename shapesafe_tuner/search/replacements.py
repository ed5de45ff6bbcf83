"""Feasible configurations for an oracle that needs one: repaired, or constructed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from shapesafe_tuner._compat.types import Configuration, HyperParameters, Values
from shapesafe_tuner.checker import Checker
from shapesafe_tuner.space.construction import Construction
from shapesafe_tuner.space.enumeration import in_space

__all__ = ["Proposals"]

MAX_REPAIRED = 500
"""Configurations that one repair may judge."""

IsTried = Callable[[Values], bool]


class Proposals:
    """What an oracle can run in place of what is refused.

    Args:
        checker: judges configurations.
        seed: of the draws.

    Attributes:
        checker: judges configurations.
        exhausted: everything that may be feasible was looked at, and tried.
    """

    def __init__(self, checker: Checker, seed: int) -> None:
        self.checker = checker
        self.exhausted = False
        self._seed = seed
        self._construction: tuple[int, Construction] | None = None

    @property
    def knows_all(self) -> bool:
        """Whether the whole space is known by its states: what it gives is feasible."""
        return self._construction is not None and self._construction[1].is_by_states

    def nearest(
        self, values: Values, space: HyperParameters, is_tried: IsTried
    ) -> Configuration | None:
        """The nearest feasible configuration that was not tried, if one is found.

        Args:
            values: what was refused.
            space: the ``HyperParameters`` of the oracle.
            is_tried: whether a configuration was tried.
        """
        if self._construction is None:
            found = self.checker.nearest(
                values, space, lambda some: not is_tried(in_space(space, some)), MAX_REPAIRED
            )
            if found.values is not None or found.proved:
                return None if found.values is None else in_space(space, found.values)
        nearest = self._constructing(space).nearest(values)
        if nearest is not None and not is_tried(nearest):
            return nearest
        return self.constructed(space, is_tried)

    def constructed(self, space: HyperParameters, is_tried: IsTried) -> Configuration | None:
        """A feasible configuration that was not tried, from what is known of the whole space."""
        construction = self._constructing(space)
        values = construction.untried(is_tried)
        self.exhausted = construction.complete
        return values

    def _constructing(self, space: HyperParameters) -> Construction:
        size = len(space.space)
        if self._construction is None or self._construction[0] != size:
            self._construction = (size, Construction(self.checker.passes, space, self._seed))
        return self._construction[1]

    def learn(self, refused: Iterable[Values], space: HyperParameters) -> None:
        """Judge what was refused before a restart, so that its conflicts are known.

        They are not taken as read: build or the data may have changed since.
        """
        for values in refused:
            if not self.checker.is_known_infeasible(values):
                self.checker.judge(values, space)
