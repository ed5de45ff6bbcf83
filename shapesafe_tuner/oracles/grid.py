"""Grid search over what is feasible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras_tuner

from shapesafe_tuner._compat.keras_tuner.oracle_hooks import GridHooks
from shapesafe_tuner._compat.types import Configuration, Values
from shapesafe_tuner.checker import Checker
from shapesafe_tuner.memory import ConfigurationKey, configuration_key
from shapesafe_tuner.oracles.shape_safe import ShapeSafeOracle
from shapesafe_tuner.project.search_state import SearchState

__all__ = ["GridSearchOracle"]


class GridSearchOracle(
    ShapeSafeOracle,
    GridHooks,
    keras_tuner.oracles.GridSearchOracle,  # type: ignore[misc]
):
    """KerasTuner's grid search in its own order, without the infeasible combinations.

    Unlike stock it gives integers for an ``Int`` with a logarithmic step, and goes on where it
    stopped when a project is resumed.
    """

    _outcomes: dict[ConfigurationKey, bool]

    def _start_judging(self, on_infeasible: str) -> None:
        super()._start_judging(on_infeasible)
        self._outcomes = {}

    def judge_with(self, checker: Checker | None) -> None:
        """Use this checker from now on; what another one judged does not count any more."""
        if self._checker is not None and self._checker.judged:
            self._outcomes = {}
        super().judge_with(checker)

    def _may_run(self, values: Values) -> bool:
        # Stock asks twice what follows a trial: when it starts and when it ends.
        key = configuration_key(values)
        if key not in self._outcomes:
            self._outcomes[key] = super()._may_run(values)
        return self._outcomes[key]

    def next_in_order(
        self, values: Configuration, following: Callable[[Configuration], Configuration | None]
    ) -> Configuration | None:
        """The first feasible combination after ``values``, or None at the end of the grid."""
        combination = following(values)
        while combination is not None and self._checker is not None:
            if self._may_run(combination):
                break
            combination = following(combination)
        self._walked_to_the_end = combination is None
        return combination

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """The next combination; the first is the default one, or the first feasible after it."""
        first = not self.start_order
        response: dict[str, Any] = super(ShapeSafeOracle, self).populate_space(trial_id)
        values = response.get("values")
        if not first or self._checker is None or values is None or self._may_run(values):
            return response
        combination = self.next_combination(values)
        if combination is None:
            return {"status": "STOPPED", "values": None}
        return {**response, "values": combination}

    def restore(self, state: SearchState) -> None:
        """Take up a saved state and the place in the grid it had reached."""
        super().restore(state)
        runs = [trial.hyperparameters.values for trial in self.trials.values()]
        self._outcomes = {configuration_key(item.values): False for item in self.rejections}
        self._outcomes.update({configuration_key(values): True for values in runs})
        self.restore_order()
