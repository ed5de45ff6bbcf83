"""KerasTuner's oracles, handing out only configurations that can exist."""

from __future__ import annotations

import keras_tuner

from shapesafe_tuner._compat.types import Oracle
from shapesafe_tuner.oracles.bayesian import BayesianOptimizationOracle
from shapesafe_tuner.oracles.grid import GridSearchOracle
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
