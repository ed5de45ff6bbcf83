"""Pooling (``keras/src/layers/pooling``)."""

from __future__ import annotations

from typing import Any

from shapesafe_tuner.shapes.dims import broadcast, check_input, integer, one, sizes
from shapesafe_tuner.shapes.layout import (
    channel_axis,
    check_data_format,
    spatial,
    spatial_rank,
    with_map,
)
from shapesafe_tuner.shapes.registry import Rule, rule
from shapesafe_tuner.shapes.spec import Arguments, Call, Refused, Spec, Unknown
from shapesafe_tuner.shapes.window import slide

__all__ = ["AdaptivePooling", "GlobalPooling", "MaskedAverage", "Pooling"]


@rule("MaxPooling1D", "MaxPooling2D", "MaxPooling3D")
@rule("AveragePooling1D", "AveragePooling2D", "AveragePooling3D")
class Pooling(Rule):
    """``base_pooling.py``: a window slides, by its own size unless ``strides`` says otherwise."""

    def configure(self, a: Arguments) -> None:
        count = spatial_rank(a)
        strides = a.pool_size if a.strides is None else a.strides
        a.pool_size = sizes(a.pool_size, count, "pool_size")
        a.strides = sizes(strides, count, "strides", zero=True)
        check_data_format(a)
        if not isinstance(a.padding, str):
            raise Unknown(f"padding={a.padding!r} is not a string")

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        check_input(spec, rank=spatial_rank(a) + 2)
        if a.padding not in ("valid", "same"):
            raise Refused(f"takes no padding={a.padding!r}")
        if 0 in a.strides:
            raise Unknown("a stride is 0")
        slid = slide(spatial(a, spec.shape), a.pool_size, a.strides, a.padding, kind="window")
        if call.step and a.layer_type == "MaxPooling3D" and a.compute_dtype == "float64":
            raise Unknown("TensorFlow has no such operation for float64")
        channels = spec.shape[channel_axis(a)]
        return Spec(with_map(a, spec.shape[0], slid, channels), spec.dtype)


class GlobalPooling(Rule):
    """``base_global_pooling.py``: one value a channel."""

    def configure(self, a: Arguments) -> None:
        check_data_format(a)

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        check_input(spec, rank=spatial_rank(a) + 2)
        channels = spec.shape[channel_axis(a)]
        if not a.keepdims:
            return Spec((spec.shape[0], channels), spec.dtype)
        return Spec(with_map(a, spec.shape[0], (1,) * spatial_rank(a), channels), spec.dtype)


rule("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D")(GlobalPooling)
rule("GlobalAveragePooling2D", "GlobalAveragePooling3D")(GlobalPooling)


@rule("GlobalAveragePooling1D")
class MaskedAverage(GlobalPooling):
    """``global_average_pooling1d.py``: the average over the steps that the mask leaves."""

    masks = "own"

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        if spec.mask is not None and call.step:
            if len(spec.mask) != 2:
                raise Unknown(f"the mask has shape {spec.mask}")
            last = a.data_format == "channels_last"
            steps = (*spec.mask, 1) if last else (spec.mask[0], 1, spec.mask[1])
            if len(spec.shape) == 3:
                broadcast(steps, spec.shape)
        return super().call(a, spec, call)


@rule("AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D")
@rule("AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D")
class AdaptivePooling(Rule):
    """``base_adaptive_pooling.py``: a map of ``output_size``, whatever comes in."""

    def configure(self, a: Arguments) -> None:
        count, size = spatial_rank(a), a.output_size
        if not isinstance(size, (int, tuple, list)):
            raise Refused(f"needs output_size as one integer or {count}, not {size!r}")
        several = tuple(size) if isinstance(size, (tuple, list)) else (size,) * count
        if len(several) != count:
            raise Refused(f"needs output_size as one integer or {count}, not {several}")
        if any(integer(item, "output_size") <= 0 for item in several):
            raise Unknown("output_size is not positive")
        a.output_size = several
        if a.data_format not in ("channels_last", "channels_first"):
            raise Refused(f"takes no data_format={a.data_format!r}")

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        if len(spec.shape) != spatial_rank(a) + 2:
            raise Unknown("Keras looks at the rank only when it computes")
        if call.step:
            raise Unknown("each backend finds its windows in its own way")
        channels = spec.shape[channel_axis(a)]
        return Spec(with_map(a, spec.shape[0], a.output_size, channels), a.compute_dtype)
