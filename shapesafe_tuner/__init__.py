"""Search only what can exist: KerasTuner without trials on models whose shapes do not fit."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from shapesafe_tuner import oracles as oracles
    from shapesafe_tuner.checker import check as check
    from shapesafe_tuner.errors import FeasibilityWarning as FeasibilityWarning
    from shapesafe_tuner.errors import (
        NoFeasibleConfigurationError as NoFeasibleConfigurationError,
    )
    from shapesafe_tuner.errors import ProjectError as ProjectError
    from shapesafe_tuner.errors import UnknownHyperparameterError as UnknownHyperparameterError
    from shapesafe_tuner.explanation import Explanation as Explanation
    from shapesafe_tuner.explanation import explain as explain
    from shapesafe_tuner.oracles import ShapeSafeOracle as ShapeSafeOracle
    from shapesafe_tuner.repairing import repair as repair
    from shapesafe_tuner.report.search_space import InfeasibleSpaceError as InfeasibleSpaceError
    from shapesafe_tuner.report.search_space import SearchSpaceReport as SearchSpaceReport
    from shapesafe_tuner.report.search_space import UndecidedSpaceError as UndecidedSpaceError
    from shapesafe_tuner.shapes import Rule as Rule
    from shapesafe_tuner.shapes import register_rule as register_rule
    from shapesafe_tuner.tuners import BayesianOptimization as BayesianOptimization
    from shapesafe_tuner.tuners import GridSearch as GridSearch
    from shapesafe_tuner.tuners import Hyperband as Hyperband
    from shapesafe_tuner.tuners import RandomSearch as RandomSearch
    from shapesafe_tuner.tuners import ShapeSafeTuner as ShapeSafeTuner
    from shapesafe_tuner.tuners import shape_safe as shape_safe
    from shapesafe_tuner.validation import validate_search_space as validate_search_space
    from shapesafe_tuner.verdict import LayerShape as LayerShape
    from shapesafe_tuner.verdict import Rejection as Rejection
    from shapesafe_tuner.verdict import ShapeFault as ShapeFault
    from shapesafe_tuner.verdict import Verdict as Verdict

_HOME = {
    "BayesianOptimization": "tuners",
    "Explanation": "explanation",
    "FeasibilityWarning": "errors",
    "GridSearch": "tuners",
    "Hyperband": "tuners",
    "InfeasibleSpaceError": "report.search_space",
    "LayerShape": "verdict",
    "NoFeasibleConfigurationError": "errors",
    "ProjectError": "errors",
    "RandomSearch": "tuners",
    "Rejection": "verdict",
    "Rule": "shapes",
    "ShapeFault": "verdict",
    "ShapeSafeOracle": "oracles",
    "ShapeSafeTuner": "tuners",
    "UnknownHyperparameterError": "errors",
    "UndecidedSpaceError": "report.search_space",
    "Verdict": "verdict",
    "check": "checker",
    "explain": "explanation",
    "SearchSpaceReport": "report.search_space",
    "register_rule": "shapes",
    "repair": "repairing",
    "shape_safe": "tuners",
    "validate_search_space": "validation",
}

__all__ = [
    "BayesianOptimization",
    "Explanation",
    "FeasibilityWarning",
    "GridSearch",
    "Hyperband",
    "InfeasibleSpaceError",
    "LayerShape",
    "NoFeasibleConfigurationError",
    "ProjectError",
    "RandomSearch",
    "Rejection",
    "Rule",
    "SearchSpaceReport",
    "ShapeFault",
    "ShapeSafeOracle",
    "ShapeSafeTuner",
    "UndecidedSpaceError",
    "UnknownHyperparameterError",
    "Verdict",
    "check",
    "explain",
    "oracles",
    "register_rule",
    "repair",
    "shape_safe",
    "validate_search_space",
]

if not TYPE_CHECKING:  # a checker of types would take every misspelt name for one of these

    def __getattr__(name):
        """Load a public name, and the backend it may need, when it is first used."""
        if name == "oracles":
            return importlib.import_module("shapesafe_tuner.oracles")
        if name not in _HOME:
            raise AttributeError(f"module 'shapesafe_tuner' has no attribute {name!r}")
        module = importlib.import_module(f"shapesafe_tuner.{_HOME[name]}")
        return getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
