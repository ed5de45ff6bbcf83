"""Hypermodels as KerasTuner's tuners take them."""

from __future__ import annotations

from shapesafe_tuner._compat.keras_tuner.modules import keras_tuner_module
from shapesafe_tuner._compat.types import HyperModel

__all__ = ["as_hypermodel", "overrides"]

_hypermodel = keras_tuner_module("engine.hypermodel")


def as_hypermodel(hypermodel: object) -> HyperModel:
    """A ``HyperModel`` for a callable, as the tuners make it."""
    return _hypermodel.get_hypermodel(hypermodel)


def overrides(instance: object, method: str) -> bool:
    """Whether a method is the user's own rather than KerasTuner's or this package's."""
    if method in vars(instance):
        return True
    owner = next(cls for cls in type(instance).__mro__ if method in cls.__dict__)
    return owner.__module__.split(".")[0] not in ("keras_tuner", "shapesafe_tuner")
