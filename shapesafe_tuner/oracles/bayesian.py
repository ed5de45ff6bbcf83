"""Bayesian optimisation over what is feasible."""

from __future__ import annotations

import dataclasses
import random

import keras_tuner

from shapesafe_tuner._compat.keras_tuner.oracle_hooks import BayesianHooks
from shapesafe_tuner._compat.types import Configuration, Values
from shapesafe_tuner.oracles.shape_safe import ShapeSafeOracle
from shapesafe_tuner.project.search_state import SearchState
from shapesafe_tuner.space.enumeration import neighbours, sample

__all__ = ["BayesianOptimizationOracle"]

_DRAWS = 300
"""Random configurations among which the acquisition is maximised first."""
_CLIMBS = 20
"""Steps of the search of neighbours that follows."""


class BayesianOptimizationOracle(
    ShapeSafeOracle,
    BayesianHooks,
    keras_tuner.oracles.BayesianOptimizationOracle,  # type: ignore[misc]
):
    """KerasTuner's Bayesian optimisation over what is feasible.

    Its own proposal stands where that is feasible and was not tried. Otherwise the same
    acquisition is maximised over feasible configurations that were not tried: the proposal's
    nearest one, random ones and their neighbours. Unlike stock it proposes nothing twice, and a
    resumed search is the same search, since the state of its random numbers is saved.
    """

    told_of_repairs = "the score of the repaired configuration"

    def stands(self, values: Values) -> bool:
        """Whether a proposal runs as it is: it is feasible, and was not tried."""
        return super().stands(values) and not self.is_tried(values)

    def replacement(self, values: Values) -> Configuration | None:
        """The feasible configuration that was not tried with the best acquisition."""
        refused = not self._fits(values)
        repaired = self._repaired(values) if refused else None
        if repaired is not None:
            return repaired
        space = self.hyperparameters
        generator = random.Random(self._next_seed())
        drawn = [sample(space, generator.randrange(2**31)) for _ in range(_DRAWS)]
        around = list(neighbours(space, values))
        found = [some for some in (*around, *drawn) if self._is_open(some)]
        if not found:
            return self.random_candidate()
        best = self._best(found)
        for _ in range(_CLIMBS):
            near = [some for some in neighbours(space, best) if self._is_open(some)]
            higher = self._best([best, *near])
            if higher == best:
                break
            best = higher
        self._accepted = best
        return best

    def _best(self, found: list[Configuration]) -> Configuration:
        scores = self.acquisition(found)
        return found[scores.index(min(scores))]

    def _is_open(self, values: Values) -> bool:
        return not self.is_tried(values) and self._fits(values)

    def _fits(self, values: Values) -> bool:
        assert self._checker is not None
        known = self._checker.is_known_infeasible(values)
        return not known and bool(self._checker.judge(values, self.hyperparameters))

    def _next_seed(self) -> int:
        # As stock's own draws do, so that a resumed search goes on.
        self._seed_state += 1
        return int(self._seed_state)

    def keep(self, state: SearchState) -> SearchState:
        """Add the state of the acquisition's random numbers."""
        return dataclasses.replace(super().keep(state), random_state=self.state_of_search())

    def restore(self, state: SearchState) -> None:
        """Take up what :meth:`keep` added."""
        super().restore(state)
        if state.random_state is not None:
            self.restore_search(state.random_state)
