"""Reshaping (``keras/src/layers/reshaping``): flattening, reordering, repeating."""

from __future__ import annotations

import math
from typing import Any

from shapesafe_tuner.shapes.dims import check_input, integer, one, positive, product, sizes
from shapesafe_tuner.shapes.layout import (
    channel_axis,
    check_data_format,
    spatial,
    spatial_rank,
    with_map,
)
from shapesafe_tuner.shapes.registry import Rule, rule
from shapesafe_tuner.shapes.sentences import counted
from shapesafe_tuner.shapes.spec import Arguments, Call, Dim, Refused, Spec, Unknown, by

__all__ = ["Flatten", "Permute", "RepeatVector", "Reshape", "UpSampling", "UpSampling1D"]


@rule("Flatten")
class Flatten(Rule):
    """``flatten.py``: all but the batch in one axis."""

    dtypes = "any"

    def configure(self, a: Arguments) -> None:
        check_data_format(a)

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        check_input(spec, min_rank=1)
        return Spec((spec.shape[0], product(spec.shape[1:])), spec.dtype)


@rule("Permute")
class Permute(Rule):
    """``permute.py``: the axes after the batch in another order, counted from 1."""

    dtypes = "any"

    def configure(self, a: Arguments) -> None:
        if not isinstance(a.dims, (tuple, list)):
            raise Unknown(f"dims={a.dims!r} is not a tuple")
        a.dims = tuple(integer(axis, "dims") for axis in a.dims)
        if sorted(a.dims) != list(range(1, len(a.dims) + 1)):
            raise Refused(f"needs dims to be 1 to {len(a.dims)} in any order, not {a.dims}")

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        check_input(spec, rank=len(a.dims) + 1)
        return Spec((spec.shape[0], *[spec.shape[axis] for axis in a.dims]), spec.dtype)


@rule("RepeatVector")
class RepeatVector(Rule):
    """``repeat_vector.py``: (batch, features) becomes (batch, n, features)."""

    def configure(self, a: Arguments) -> None:
        _whole(a.n, "n")

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        check_input(spec, rank=2)
        return Spec((spec.shape[0], a.n, spec.shape[1]), a.compute_dtype)


@rule("Reshape")
class Reshape(Rule):
    """``reshape.py``: as many values in another shape; -1 stands for what is left."""

    dtypes = "any"

    def configure(self, a: Arguments) -> None:
        if not isinstance(a.target_shape, (tuple, list)):
            raise Unknown(f"target_shape={a.target_shape!r} is not a tuple")
        a.target_shape = tuple(integer(size, "target_shape") for size in a.target_shape)
        if any(size < -1 for size in a.target_shape):
            raise Refused(f"needs sizes of 0 or more, or one -1, not {a.target_shape}")
        if a.target_shape.count(-1) > 1:
            raise Refused(f"can leave one size open with -1, not those of {a.target_shape}")

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        if not spec.shape:
            raise Unknown("it is called on a scalar")
        return Spec((spec.shape[0], *_reshaped(spec.shape[1:], a.target_shape)), spec.dtype)


def _reshaped(given: tuple[Dim, ...], target: tuple[int, ...]) -> tuple[Dim, ...]:
    """``compute_reshape_output_shape`` (``keras/src/ops/operation_utils.py``)."""
    if None in given:
        return tuple(None if size == -1 else size for size in target)
    values = product(given)
    fixed = math.prod(size for size in target if size != -1)
    if -1 not in target:
        if values != fixed:
            raise Refused(
                f"cannot make {target}, {_product(target, fixed)}, of {_product(given, values)}"
            )
        return target
    if fixed == 0:
        raise Refused(f"cannot work out -1 in {target}, whose other sizes multiply to 0")
    if values % fixed:
        sizes = f" ({by(given)})" if len(given) > 1 else ""
        raise Refused(f"cannot divide {counted(values, 'value')}{sizes} by {fixed} for {target}")
    return tuple(values // fixed if size == -1 else size for size in target)


def _product(sizes: tuple[Dim, ...], values: object) -> str:
    """How many values a tensor has: "49 values", "7 x 7 = 49 values"."""
    return f"{by(sizes)} = " * (len(sizes) > 1) + counted(values, "value")


@rule("UpSampling1D")
class UpSampling1D(Rule):
    """``up_sampling1d.py``: every step ``size`` times."""

    def configure(self, a: Arguments) -> None:
        _whole(a.size, "size")

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        check_input(spec, rank=3)
        batch, steps, features = spec.shape
        return Spec((batch, _times(steps, a.size), features), a.compute_dtype)


_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


@rule("UpSampling2D", "UpSampling3D")
class UpSampling(Rule):
    """``up_sampling2d.py`` and ``up_sampling3d.py``: every size times its factor."""

    def configure(self, a: Arguments) -> None:
        check_data_format(a)
        a.size = sizes(a.size, spatial_rank(a), "size")
        if spatial_rank(a) == 2:
            if not isinstance(a.interpolation, str):
                raise Unknown("interpolation is not a string")
            a.interpolation = a.interpolation.lower()

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        check_input(spec, rank=spatial_rank(a) + 2)
        if call.step and spatial_rank(a) == 2 and a.interpolation not in _INTERPOLATIONS:
            raise Refused(f"knows no interpolation {a.interpolation!r}")
        grown = [
            _times(size, factor)
            for size, factor in zip(spatial(a, spec.shape), a.size, strict=True)
        ]
        channels = spec.shape[channel_axis(a)]
        return Spec(with_map(a, spec.shape[0], grown, channels), a.compute_dtype)


def _times(size: Dim, factor: int) -> Dim:
    return None if size is None else size * factor


def _whole(value: Any, name: str) -> None:
    if isinstance(value, (bool, float, str)) or value is None:
        raise Refused(f"needs {name} as a positive integer, not {value!r}")
    positive(value, name)
