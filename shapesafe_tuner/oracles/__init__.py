"""KerasTuner's oracles, handing out only configurations which can exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras_tuner

from shapesafe_tuner._compat.keras_tuner.oracle_hooks import GridHooks
from shapesafe_tuner._compat.types import Configuration, Oracle, Values
from shapesafe_tuner.checker import Checker
from shapesafe_tuner.oracles.bayesian import BayesianOptimizationOracle
from shapesafe_tuner.oracles.shape_safe import ShapeSafeOracle, checked_option

__all__ = [
    "BayesianOptimizationOracle",
    "GridSearchOracle",
    "HyperbandOracle",
    "RandomSearchOracle",
    "ShapeSafeOracle",
    "shape_safe_oracle",
]


class RandomSearchOracle(ShapeSafeOracle, keras_tuner.oracles.RandomSearchOracle):  # type: ignore[misc]
    """KerasTuner's random search over what is feasible."""


class HyperbandOracle(ShapeSafeOracle, keras_tuner.oracles.HyperbandOracle):  # type: ignore[misc]
    """KerasTuner's Hyperband; each bracket fills with feasible configurations."""


class GridSearchOracle(
    ShapeSafeOracle,
    GridHooks,
    keras_tuner.oracles.GridSearchOracle,  # type: ignore[misc]
):
    """KerasTuner's grid search in its own order, without the infeasible combinations.

    Unlike stock it gives integers for an ``Int`` with a logarithmic step, and goes on where it
    stopped when a project is resumed.
    """

    _outcomes: dict[str, bool]

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
        key = repr(sorted(values.items()))
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

    def set_state(self, saved: dict[str, Any]) -> None:
        """Take up a saved state and the place in the grid it had reached."""
        super().set_state(saved)
        runs = [trial.hyperparameters.values for trial in self.trials.values()]
        self._outcomes = {repr(sorted(item.values.items())): False for item in self.rejections}
        self._outcomes.update({repr(sorted(values.items())): True for values in runs})
        self.restore_order()


_SHAPE_SAFE: dict[type, type] = {
    keras_tuner.oracles.RandomSearchOracle: RandomSearchOracle,
    keras_tuner.oracles.BayesianOptimizationOracle: BayesianOptimizationOracle,
    keras_tuner.oracles.HyperbandOracle: HyperbandOracle,
    keras_tuner.oracles.GridSearchOracle: GridSearchOracle,
}


def shape_safe_oracle(oracle: Oracle, on_infeasible: str = "resample") -> Oracle:
    """Make an oracle shape-safe, in place; one that already is stays as it is.

    Args:
        oracle: any ``keras_tuner.Oracle``; anything else is returned for KerasTuner to refuse.
        on_infeasible: see :class:`ShapeSafeOracle`.
    """
    checked_option(on_infeasible)
    if isinstance(oracle, ShapeSafeOracle) or not isinstance(oracle, keras_tuner.Oracle):
        return oracle
    cls = type(oracle)
    if cls not in _SHAPE_SAFE:
        grid = isinstance(oracle, keras_tuner.oracles.GridSearchOracle)
        bases = (GridSearchOracle if grid else ShapeSafeOracle, cls)
        _SHAPE_SAFE[cls] = type(cls.__name__, bases, {"__module__": cls.__module__})
    oracle.__class__ = _SHAPE_SAFE[cls]
    oracle._start_judging(on_infeasible)
    return oracle
