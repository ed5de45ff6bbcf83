"""What this process is in a parallel search, as KerasTuner's variables of the environment say."""

from __future__ import annotations

from shapesafe_tuner._compat.keras_tuner.modules import keras_tuner_module

__all__ = ["is_chief", "is_worker"]

_distribute = keras_tuner_module("distribute.utils")


def is_chief() -> bool:
    """Whether this process holds the oracle of a parallel search."""
    return bool(_distribute.is_chief_oracle())


def is_worker() -> bool:
    """Whether this process runs trials for a chief elsewhere."""
    return bool(_distribute.has_chief_oracle()) and not is_chief()
