"""Tuners that search only what can be built and trained."""

from shapesafe_tuner.tuners.drop_in import (
    BayesianOptimization,
    GridSearch,
    Hyperband,
    RandomSearch,
)
from shapesafe_tuner.tuners.mixin import ShapeSafeTuner
from shapesafe_tuner.tuners.wrapping import shape_safe

__all__ = [
    "BayesianOptimization",
    "GridSearch",
    "Hyperband",
    "RandomSearch",
    "ShapeSafeTuner",
    "shape_safe",
]
