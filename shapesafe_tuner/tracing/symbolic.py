"""The symbolic pass: ``build(hp)`` with the real Keras classes and weights without storage."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

from shapesafe_tuner._compat.keras_tuner.configurations import RecordedHyperParameters
from shapesafe_tuner._compat.types import Model
from shapesafe_tuner.tracing.attribution import (
    Attribution,
    Origin,
    attribute,
    described,
    place_of_code,
)
from shapesafe_tuner.tracing.environment import Check
from shapesafe_tuner.tracing.signals import Undecidable
from shapesafe_tuner.verdict import Shape

__all__ = ["Built", "build_model", "model_output_shape"]


@dataclasses.dataclass(frozen=True)
class Built:
    """What came of a build: a model, or what stopped it.

    Attributes:
        model: the Keras model, or None.
        error: the exception, or None.
        attribution: whose exception it is.
        undecided: why neither is known.
        described: the exception in words, with its file and line.
    """

    model: Model = None
    error: BaseException | None = None
    attribution: Attribution | None = None
    undecided: str | None = None
    described: str = ""


def build_model(build: Callable[[Any], Any], hp: RecordedHyperParameters, check: Check) -> Built:
    """Run the user's ``build`` inside an active check.

    Raises:
        KeyboardInterrupt: always passed on.
    """
    try:
        model = build(hp)
    except KeyboardInterrupt:
        raise
    except Undecidable as stopped:
        return Built(undecided=str(stopped))
    except BaseException as error:
        attribution = attribute(error)
        if attribution.origin is Origin.UNKNOWN:
            return Built(error=error, undecided=described(error, build))
        return Built(error=error, attribution=attribution, described=described(error, build))
    if not isinstance(model, keras.Model):
        kind = "None" if model is None else type(model).__name__
        place = place_of_code(build)
        where = f" ({place})" if place else ""
        return Built(undecided=f"build returned {kind}, not a keras.Model{where}")
    return Built(model=model)


def model_output_shape(model: Model) -> Shape:
    """The output shape of a functional or built sequential model, None for others."""
    outputs = getattr(model, "outputs", None)
    if not outputs:
        return None
    shape = model.output_shape
    return shape if isinstance(shape, (tuple, dict)) else list(shape)
