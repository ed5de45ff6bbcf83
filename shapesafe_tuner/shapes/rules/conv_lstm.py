"""Recurrent layers over maps (``keras/src/layers/rnn/conv_lstm.py``)."""

from __future__ import annotations

from typing import Any

from shapesafe_tuner.shapes.activations import activate
from shapesafe_tuner.shapes.dims import check_input, exceed, integer, number, one, product, sizes
from shapesafe_tuner.shapes.layout import (
    channel_axis,
    check_data_format,
    check_padding,
    spatial_rank,
    with_map,
)
from shapesafe_tuner.shapes.registry import Rule, rule
from shapesafe_tuner.shapes.spec import Arguments, Call, Refused, Spec, Unknown, by
from shapesafe_tuner.shapes.window import slide

__all__ = ["ConvLSTM"]


@rule("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
class ConvLSTM(Rule):
    """Four gates, each a convolution of the step and one of the state; maps must be known."""

    masks = "own"

    def configure(self, a: Arguments) -> None:
        count = spatial_rank(a)
        if integer(a.filters, "filters") <= 0:
            raise Unknown("filters is not positive")
        a.kernel_size = sizes(a.kernel_size, count, "kernel_size")
        a.strides = sizes(a.strides, count, "strides", zero=True)
        a.dilation_rate = sizes(a.dilation_rate, count, "dilation_rate")
        check_padding(a, causal=False)
        check_data_format(a)
        if exceed(1, a.strides, a.dilation_rate):
            raise Refused(
                f"cannot have strides={a.strides} and dilation_rate={a.dilation_rate} together"
            )
        if 0 in a.strides or a.stateful is not False:
            raise Unknown("a stride is 0, or its states belong to batches of one size")
        for name in ("return_sequences", "return_state", "go_backwards"):
            if type(getattr(a, name)) is not bool:
                raise Unknown(f"{name} is not a bool")
        for name in ("dropout", "recurrent_dropout"):
            number(getattr(a, name), name)
        for name in ("activation", "recurrent_activation"):
            activate(getattr(a, name), Spec((None, a.filters)))

    def _step(self, a: Arguments, inputs: Any) -> Spec:
        """One step of the sequence."""
        spec = one(inputs)
        check_input(spec, rank=spatial_rank(a) + 3)
        return Spec((spec.shape[0], *spec.shape[2:]), spec.dtype)

    def _map(self, a: Arguments, step: Spec) -> Any:
        last = a.data_format == "channels_last"
        return step.shape[1:-1] if last else step.shape[2:]

    def build(self, a: Arguments, inputs: Any) -> int:
        step = self._step(a, inputs)
        sides, channels = self._map(a, step), step.shape[channel_axis(a)]
        if None in sides or channels is None:
            raise Refused(f"needs to know the sizes of its map, {by(sides)}, and its channels")
        weights: int = product(a.kernel_size) * (channels + a.filters) * 4 * a.filters
        return weights + (4 * a.filters if a.use_bias else 0)

    def call(self, a: Arguments, inputs: Any, call: Call) -> Any:
        step = self._step(a, inputs)
        if call.step or inputs.mask is not None:
            raise Unknown("steps or masks are met one by one")
        if call.built_on is not None and call.built_on.shape[1:] != inputs.shape[1:]:
            raise Unknown("it was built for another shape")
        slid = slide(self._map(a, step), a.kernel_size, a.strides, a.padding, a.dilation_rate)
        shape = with_map(a, step.shape[0], slid, a.filters)
        state = Spec(shape, a.compute_dtype)
        steps = inputs.shape[1]
        output = Spec((shape[0], steps, *shape[1:]), a.compute_dtype)
        result = output if a.return_sequences else state
        return [result, state, state] if a.return_state else result
