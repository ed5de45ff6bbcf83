"""Activations as layers (``keras/src/layers/activations``)."""

from __future__ import annotations

from typing import Any

from shapesafe_tuner.shapes.activations import activate
from shapesafe_tuner.shapes.dims import axes_of, integer, number, one, product
from shapesafe_tuner.shapes.registry import Rule, rule
from shapesafe_tuner.shapes.spec import Arguments, Call, Dim, Refused, Spec, Unknown

__all__ = ["Activation", "PReLU", "Rectifier", "Softmax"]


@rule("Activation")
class Activation(Rule):
    """``activation.py``."""

    masks = "pass"

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        if len(spec.shape) < 2:
            raise Unknown("there is no axis but the batch")
        return activate(a.activation, Spec(spec.shape, a.compute_dtype))


@rule("LeakyReLU", "ReLU")
class Rectifier(Rule):
    """``leaky_relu.py`` and ``relu.py``: slopes and thresholds must not be negative."""

    masks = "pass"

    def configure(self, a: Arguments) -> None:
        names = ["negative_slope"] + ["threshold", "max_value"] * (a.layer_type == "ReLU")
        for name in names:
            value = getattr(a, name)
            if name == "max_value" and value is None:
                continue
            if value is None or number(value, name) < 0:
                raise Refused(f"needs {name} of 0 or more, not {value}")

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        return Spec(one(inputs).shape, a.compute_dtype)


@rule("ELU")
class ELU(Rule):
    """``elu.py``: any slope will do."""

    masks = "pass"

    def configure(self, a: Arguments) -> None:
        number(a.alpha, "alpha")

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        return Spec(one(inputs).shape, a.compute_dtype)


@rule("PReLU")
class PReLU(Rule):
    """``prelu.py``: a slope for every value, or one along the shared axes."""

    masks = "pass"

    def configure(self, a: Arguments) -> None:
        a.shared_axes = () if a.shared_axes is None else axes_of(a.shared_axes, "shared_axes")

    def _slopes(self, a: Arguments, spec: Spec) -> list[Dim]:
        slopes = list(spec.shape[1:])
        for axis in a.shared_axes:
            if not 1 <= integer(axis, "shared_axes") <= len(slopes):
                raise Unknown(
                    f"shared_axes={a.shared_axes} are not all among those after the batch"
                )
            slopes[axis - 1] = 1
        return slopes

    def build(self, a: Arguments, inputs: Any) -> int:
        slopes = product(self._slopes(a, one(inputs)))
        if slopes is None:
            raise Refused(f"needs to know the sizes of its input {one(inputs).shape}")
        return slopes  # type: ignore[no-any-return]

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        if call.built_on is not None and self._slopes(a, call.built_on) != self._slopes(a, spec):
            raise Unknown("it was built for another shape")
        return Spec(spec.shape, a.compute_dtype)


@rule("Softmax")
class Softmax(Rule):
    """``softmax.py``: takes the mask of its input, and passes it on."""

    masks = "own"

    def configure(self, a: Arguments) -> None:
        a.axes = axes_of(a.axis)

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        rank = len(spec.shape)
        output = Spec(spec.shape, a.compute_dtype, spec.mask)
        if not call.step:
            return output
        if rank < 2 or not all(-rank <= axis < rank for axis in a.axes) or not a.axes:
            raise Unknown("an axis is the batch, or none")
        self._check_mask(spec)
        return output

    @staticmethod
    def _check_mask(spec: Spec) -> None:
        mask = spec.mask or ()
        if len(mask) > len(spec.shape):
            raise Refused(f"cannot use a mask of shape {mask} for {spec.shape}")
        for masked, size in zip(reversed(mask), reversed(spec.shape), strict=False):
            if masked not in (None, 1, size) and size is not None:
                raise Refused(f"cannot use a mask of shape {mask} for {spec.shape}")
