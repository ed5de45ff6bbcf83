"""Convolutions (``keras/src/layers/convolutional``)."""

from __future__ import annotations

from typing import Any

from shapesafe_tuner.shapes.activations import activate
from shapesafe_tuner.shapes.dims import (
    check_input,
    exceed,
    integer,
    known_channels,
    one,
    positive,
    product,
    same_channels,
    sizes,
)
from shapesafe_tuner.shapes.layout import (
    channel_axis,
    check_data_format,
    check_padding,
    spatial,
    spatial_rank,
    with_map,
)
from shapesafe_tuner.shapes.registry import Rule, rule
from shapesafe_tuner.shapes.sentences import counted
from shapesafe_tuner.shapes.spec import Arguments, Call, Dim, Refused, Spec, Unknown
from shapesafe_tuner.shapes.window import slide, transpose

__all__ = ["Convolution", "Depthwise", "Separable", "Transposed"]


class _Window(Rule):
    """What all convolutions have in common."""

    causal = False

    def configure(self, a: Arguments) -> None:
        count = spatial_rank(a)
        a.kernel_size = sizes(a.kernel_size, count, "kernel_size")
        a.strides = sizes(a.strides, count, "strides")
        a.dilation_rate = sizes(a.dilation_rate, count, "dilation_rate")
        check_padding(a, causal=self.causal and count == 1)
        check_data_format(a)
        for name in ("filters", "depth_multiplier"):
            if hasattr(a, name):
                positive(getattr(a, name), name)

    def refuse_stride_with_dilation(self, a: Arguments) -> None:
        """Keras supports one or the other."""
        if exceed(1, a.strides, a.dilation_rate):
            raise Refused(
                f"cannot have strides={a.strides} and dilation_rate={a.dilation_rate} together"
            )

    def doubt_unequal_dilations(self, a: Arguments) -> None:
        """TensorFlow takes one axis for another in the gradient of such a 3-D convolution."""
        if len(a.dilation_rate) == 3 and len(set(a.dilation_rate)) > 1:
            raise Unknown("its dilations differ from axis to axis")

    def check(self, a: Arguments, inputs: Any, built_on: Any) -> Spec:
        """The input after the checks of its rank and channels."""
        spec = one(inputs)
        axis = channel_axis(a)
        check_input(spec, min_rank=spatial_rank(a) + 2, axes=same_channels(spec, built_on, axis))
        if len(spec.shape) != spatial_rank(a) + 2:
            raise Refused(
                f"slides over {spatial_rank(a)} axes and needs inputs of rank "
                f"{spatial_rank(a) + 2}, not {spec.shape} of rank {len(spec.shape)}"
            )
        return spec

    def slid(self, a: Arguments, spec: Spec) -> tuple[Dim, ...]:
        """The map after the kernel has passed over it."""
        return slide(spatial(a, spec.shape), a.kernel_size, a.strides, a.padding, a.dilation_rate)

    def outputs(self, a: Arguments, spec: Spec, sizes_: Any, channels: Dim) -> Spec:
        """After bias and activation."""
        shape = with_map(a, spec.shape[0], sizes_, channels)
        return activate(a.activation, Spec(shape, a.compute_dtype))


@rule("Conv1D", "Conv2D", "Conv3D")
class Convolution(_Window):
    """``base_conv.py``: kernel of (*kernel_size, channels / groups, filters)."""

    causal = True

    def configure(self, a: Arguments) -> None:
        super().configure(a)
        groups = positive(a.groups, "groups")
        if a.filters % groups:
            raise Refused(f"cannot divide {counted(a.filters, 'filter')} into {groups} groups")
        self.refuse_stride_with_dilation(a)

    def build(self, a: Arguments, inputs: Any) -> int:
        spec = self.check(a, inputs, None)
        channels = known_channels(spec, channel_axis(a))
        if channels % a.groups:
            divided = counted(channels, "input channel")
            raise Refused(f"cannot divide {divided} into {a.groups} groups")
        self.slid(a, spec)
        weights: int = product(a.kernel_size) * (channels // a.groups) * a.filters
        return weights + (a.filters if a.use_bias else 0)

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = self.check(a, inputs, call.built_on)
        if call.step:
            self.doubt_unequal_dilations(a)
        return self.outputs(a, spec, self.slid(a, spec), a.filters)


@rule("DepthwiseConv1D", "DepthwiseConv2D")
class Depthwise(_Window):
    """``base_depthwise_conv.py``: every channel has ``depth_multiplier`` kernels of its own."""

    def build(self, a: Arguments, inputs: Any) -> int:
        spec = self.check(a, inputs, None)
        channels: int = known_channels(spec, channel_axis(a)) * a.depth_multiplier
        self.slid(a, spec)
        weights: int = product(a.kernel_size) * channels
        return weights + (channels if a.use_bias else 0)

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = self.check(a, inputs, call.built_on)
        channels = known_channels(spec, channel_axis(a)) * a.depth_multiplier
        return self.outputs(a, spec, self.slid(a, spec), channels)


@rule("SeparableConv1D", "SeparableConv2D")
class Separable(_Window):
    """``base_separable_conv.py``: a depthwise kernel, then one of size 1 over all channels."""

    def build(self, a: Arguments, inputs: Any) -> int:
        spec = self.check(a, inputs, None)
        channels = known_channels(spec, channel_axis(a)) * a.depth_multiplier
        self.slid(a, spec)
        weights: int = product(a.kernel_size) * channels + channels * a.filters
        return weights + (a.filters if a.use_bias else 0)

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = self.check(a, inputs, call.built_on)
        return self.outputs(a, spec, self.slid(a, spec), a.filters)


@rule("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
class Transposed(_Window):
    """``base_conv_transpose.py``: kernel of (*kernel_size, filters, channels)."""

    def configure(self, a: Arguments) -> None:
        super().configure(a)
        if a.output_padding is not None:
            a.output_padding = sizes(a.output_padding, spatial_rank(a), "output_padding", zero=True)
            for extra, stride in zip(a.output_padding, a.strides, strict=True):
                if integer(extra, "output_padding") >= stride:
                    raise Refused(f"needs output_padding below its stride {stride}, not {extra}")
        self.refuse_stride_with_dilation(a)

    def build(self, a: Arguments, inputs: Any) -> int:
        spec = self.check(a, inputs, None)
        channels = known_channels(spec, channel_axis(a))
        weights: int = product(a.kernel_size) * channels * a.filters
        return weights + (a.filters if a.use_bias else 0)

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = self.check(a, inputs, call.built_on)
        if call.step:
            self.doubt_unequal_dilations(a)
        grown = transpose(
            spatial(a, spec.shape),
            a.kernel_size,
            a.strides,
            a.padding,
            a.dilation_rate,
            a.output_padding,
        )
        return self.outputs(a, spec, grown, a.filters)
