"""A pytest plugin that puts this package's tuners and oracles in the place of KerasTuner's.

Used by ``python -m tests.stock_suite CHECKOUT``: every module of the ``keras_tuner`` that is
imported gets our class wherever it has the stock one.
"""

from __future__ import annotations

import pkgutil
import sys
from typing import Any

import pytest


def _replacements() -> dict[Any, Any]:
    import keras_tuner

    import shapesafe_tuner as sst
    from shapesafe_tuner import oracles

    pairs = {
        getattr(keras_tuner.oracles, name): getattr(oracles, name)
        for name in (
            "RandomSearchOracle",
            "BayesianOptimizationOracle",
            "HyperbandOracle",
            "GridSearchOracle",
        )
    }
    for name in ("RandomSearch", "BayesianOptimization", "Hyperband", "GridSearch"):
        pairs[getattr(keras_tuner, name)] = getattr(sst, name)
    pairs[keras_tuner.Tuner] = sst.ShapeSafeTuner
    return pairs


def pytest_configure() -> None:
    """Replace the classes once everything of KerasTuner is imported."""
    import keras_tuner

    for module in pkgutil.walk_packages(keras_tuner.__path__, "keras_tuner."):
        if not module.name.endswith(("_test", "conftest")) and "protos" not in module.name:
            __import__(module.name)
    pairs = _replacements()
    replaced = 0
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] != "keras_tuner":
            continue
        for attribute, value in list(vars(module).items()):
            if isinstance(value, type) and value in pairs:
                setattr(module, attribute, pairs[value])
                replaced += 1
    assert replaced >= len(pairs), f"only {replaced} names were replaced"
    print(f"shapesafe_tuner's classes stand in {replaced} places of {keras_tuner.__path__[0]}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the tests define is a user's: it must not pass for KerasTuner's own by its module."""
    for module in {id(item.module): item.module for item in items}.values():  # type: ignore[attr-defined]
        vars(module)["__name__"] = f"user_of_{module.__name__}"
        sys.modules[module.__name__] = module
