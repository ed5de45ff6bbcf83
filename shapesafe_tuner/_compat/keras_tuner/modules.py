"""KerasTuner's modules, wherever this version keeps them.

The wheel has them under ``keras_tuner.src``, the repository directly under ``keras_tuner``.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["keras_tuner_module"]


def keras_tuner_module(name: str) -> Any:
    """A module of KerasTuner by its name inside the package."""
    try:
        return importlib.import_module(f"keras_tuner.src.{name}")
    except ImportError:
        return importlib.import_module(f"keras_tuner.{name}")
