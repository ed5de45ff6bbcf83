"""Dropout and noise (``keras/src/layers/regularization``): shapes pass, rates are checked."""

from __future__ import annotations

from typing import Any

from shapesafe_tuner.shapes.dims import check_input, number, one
from shapesafe_tuner.shapes.layout import check_data_format, spatial_rank
from shapesafe_tuner.shapes.registry import Rule, rule
from shapesafe_tuner.shapes.spec import Arguments, Call, Refused, Spec, Unknown

__all__ = ["Dropout", "Noise", "Penalty", "SpatialDropout"]


def check_rate(a: Arguments, name: str) -> None:
    """Refuse what is not between 0 and 1."""
    rate = number(getattr(a, name), name)
    if not 0 <= rate <= 1:
        raise Refused(f"needs {name} between 0 and 1, not {rate}")


@rule("Dropout", "AlphaDropout")
class Dropout(Rule):
    """``dropout.py`` and ``alpha_dropout.py``; the shape of the noise is only met in training."""

    masks = "pass"

    def configure(self, a: Arguments) -> None:
        check_rate(a, "rate")
        if a.noise_shape is not None:
            raise Unknown("noise_shape is given")

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        if call.step == "training" and a.layer_type == "AlphaDropout" and a.rate == 1:
            raise Refused("divides by 1 - rate = 0")
        return Spec(one(inputs).shape, a.compute_dtype)


@rule("GaussianDropout", "GaussianNoise")
class Noise(Rule):
    """``gaussian_dropout.py`` and ``gaussian_noise.py``."""

    masks = "pass"

    def configure(self, a: Arguments) -> None:
        check_rate(a, "rate" if hasattr(a, "rate") else "stddev")

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        if call.step == "training" and a.layer_type == "GaussianDropout" and a.rate == 1:
            raise Refused("divides by 1 - rate = 0")
        return Spec(one(inputs).shape, a.compute_dtype)


@rule("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
class SpatialDropout(Rule):
    """``spatial_dropout.py``: whole maps are dropped."""

    masks = "pass"

    def configure(self, a: Arguments) -> None:
        check_rate(a, "rate")
        if hasattr(a, "data_format"):
            check_data_format(a)

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        check_input(spec, rank=spatial_rank(a) + 2)
        return Spec(spec.shape, a.compute_dtype)


@rule("ActivityRegularization")
class Penalty(Rule):
    """``activity_regularization.py``: a term of the loss."""

    masks = "pass"
    gives = ("activity_regularizer",)

    def configure(self, a: Arguments) -> None:
        for name in ("l1", "l2"):
            if not 0 <= number(getattr(a, name), name) < float("inf"):
                raise Unknown(f"{name} is negative or infinite")

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        return Spec(one(inputs).shape, a.compute_dtype)
