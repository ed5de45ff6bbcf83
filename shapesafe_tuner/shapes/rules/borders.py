"""Cropping and padding (``keras/src/layers/reshaping``): what is taken from or added to a map."""

from __future__ import annotations

from typing import Any

from shapesafe_tuner.shapes.dims import check_input, is_whole, one, sizes
from shapesafe_tuner.shapes.layout import (
    channel_axis,
    check_data_format,
    spatial,
    spatial_rank,
    with_map,
)
from shapesafe_tuner.shapes.registry import Rule, rule
from shapesafe_tuner.shapes.spec import Arguments, Call, Dim, Refused, Spec, Unknown, by

__all__ = ["Cropping", "ZeroPadding"]


def _borders(value: Any, axes: int, name: str) -> tuple[tuple[int, int], ...]:
    """Before and after, for every axis."""
    if axes == 1:
        value = (value,)
    elif is_whole(value):
        if value < 0:
            raise Unknown(f"{name} is negative")
        value = (value,) * axes
    if not isinstance(value, (tuple, list)):
        raise Unknown(f"{name}={value!r} is neither an int nor a tuple")
    if len(value) != axes:
        raise Refused(f"needs {axes} entries in {name}, not {value}")
    return tuple(sizes(item, 2, name, zero=True) for item in value)  # type: ignore[misc]


class _Borders(Rule):
    argument = ""

    def configure(self, a: Arguments) -> None:
        if hasattr(a, "data_format"):
            check_data_format(a)
        else:
            a.data_format = "channels_last"
        a.borders = _borders(getattr(a, self.argument), spatial_rank(a), self.argument)

    def resized(self, a: Arguments, inputs: Any, sign: int) -> tuple[Spec, list[Dim]]:
        """The input, and the sizes of its map after the borders went or came."""
        spec = one(inputs)
        check_input(spec, rank=spatial_rank(a) + 2)
        return spec, [
            None if size is None else size + sign * (before + after)
            for size, (before, after) in zip(spatial(a, spec.shape), a.borders, strict=True)
        ]


@rule("Cropping1D", "Cropping2D", "Cropping3D")
class Cropping(_Borders):
    """``cropping1d.py`` and its neighbours: something must be left."""

    argument = "cropping"

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec, left = self.resized(a, inputs, -1)
        for size, (before, after) in zip(left, a.borders, strict=True):
            if size is not None and size <= 0:
                raise Refused(
                    f"cuts {before} + {after} off a map of only {by(spatial(a, spec.shape))}"
                )
        channels = spec.shape[channel_axis(a)]
        return Spec(with_map(a, spec.shape[0], left, channels), a.compute_dtype)


@rule("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
class ZeroPadding(_Borders):
    """``zero_padding1d.py`` and its neighbours."""

    argument = "padding"

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec, grown = self.resized(a, inputs, 1)
        channels = spec.shape[channel_axis(a)]
        return Spec(with_map(a, spec.shape[0], grown, channels), a.compute_dtype)
