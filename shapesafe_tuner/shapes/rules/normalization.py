"""Normalization (``keras/src/layers/normalization``): a weight or four for every channel."""

from __future__ import annotations

from typing import Any

from shapesafe_tuner.shapes.dims import (
    axes_of,
    check_axes,
    check_input,
    integer,
    known_channels,
    number,
    one,
    product,
)
from shapesafe_tuner.shapes.registry import Rule, escalate, rule
from shapesafe_tuner.shapes.sentences import counted
from shapesafe_tuner.shapes.spec import Arguments, Call, Refused, Spec, Unknown

__all__ = ["BatchNormalization", "GroupNormalization", "LayerNormalization", "UnitNormalization"]

escalate("it looks for the weight of the layer it wraps", "SpectralNormalization")


def _same_rank_and_axis(spec: Spec, built_on: Spec | None, axis: int) -> None:
    if built_on is not None:
        check_input(spec, rank=len(built_on.shape), axes={axis: built_on.shape[axis]})


@rule("BatchNormalization")
class BatchNormalization(Rule):
    """``batch_normalization.py``: mean, variance, and scale and offset where wanted."""

    masks = "own"

    def configure(self, a: Arguments) -> None:
        integer(a.axis, "axis")
        number(a.momentum, "momentum")
        number(a.epsilon, "epsilon")
        if a.renorm or a.synchronized:
            raise Unknown("batches are renormalized or synchronized")

    def build(self, a: Arguments, inputs: Any) -> int:
        spec = one(inputs)
        check_axes((a.axis,), spec)
        return known_channels(spec, a.axis) * (2 + bool(a.scale) + bool(a.center))

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        _same_rank_and_axis(spec, call.built_on, a.axis)
        if call.step and spec.mask is not None:
            if len(spec.mask) != len(spec.shape) - 1:
                raise Refused(f"cannot use a mask of shape {spec.mask} for {spec.shape}")
            raise Unknown("the mask takes part in the means")
        return Spec(spec.shape, a.compute_dtype, spec.mask)


@rule("LayerNormalization", "RMSNormalization")
class LayerNormalization(Rule):
    """``layer_normalization.py`` and ``rms_normalization.py``: weights for the axes given."""

    masks = "own"

    def configure(self, a: Arguments) -> None:
        if a.layer_type == "LayerNormalization" and (
            isinstance(a.axis, (float, str)) or a.axis is None
        ):
            raise Refused(f"needs axis as an integer or several, not {a.axis!r}")
        a.axes = axes_of(a.axis)
        if len(set(a.axes)) != len(a.axes) or not a.axes:
            raise Unknown("axes are repeated, or there are none")

    def build(self, a: Arguments, inputs: Any) -> int:
        spec = one(inputs)
        check_axes(a.axes, spec)
        rms = a.layer_type == "RMSNormalization"
        kinds = 1 if rms else bool(a.scale) + bool(a.center)
        if not kinds:
            return 0
        weights: int = product([known_channels(spec, axis) for axis in a.axes])
        return kinds * weights

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        check_axes(a.axes, spec)
        if len({axis % len(spec.shape) for axis in a.axes}) != len(a.axes):
            raise Unknown("axes are repeated")
        rank = len(spec.shape)
        if call.step and {axis % rank for axis in a.axes} != set(range(rank - len(a.axes), rank)):
            raise Unknown("each backend normalizes inner axes in its own way")
        if call.step and a.layer_type == "RMSNormalization" and a.axes != (-1,):
            raise Unknown("its scale may broadcast along other axes than those given")
        before = call.built_on
        if before is not None and any(
            len(before.shape) != len(spec.shape) or before.shape[axis] != spec.shape[axis]
            for axis in a.axes
        ):
            raise Unknown("it was built for another shape")
        kept = spec.mask if a.layer_type == "LayerNormalization" else None
        return Spec(spec.shape, a.compute_dtype, kept)


@rule("GroupNormalization")
class GroupNormalization(Rule):
    """``group_normalization.py``: channels are divided into groups of one size."""

    masks = "pass"

    def configure(self, a: Arguments) -> None:
        if isinstance(a.groups, (float, str)) or a.groups is None:
            raise Refused(f"needs groups as a positive integer or -1, not {a.groups!r}")
        if integer(a.groups, "groups") <= 0 and a.groups != -1:
            raise Refused(f"needs groups as a positive integer or -1, not {a.groups}")
        integer(a.axis, "axis")

    def build(self, a: Arguments, inputs: Any) -> int:
        spec = one(inputs)
        check_axes((a.axis,), spec)
        channels = known_channels(spec, a.axis)
        groups = channels if a.groups == -1 else a.groups
        if channels < groups or channels % groups:
            raise Refused(f"cannot divide {counted(channels, 'channel')} into {groups} groups")
        return channels * (bool(a.scale) + bool(a.center))

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        check_axes((a.axis,), spec)
        _same_rank_and_axis(spec, call.built_on, a.axis)
        return Spec(spec.shape, a.compute_dtype)


@rule("UnitNormalization")
class UnitNormalization(Rule):
    """``unit_normalization.py``: no weights."""

    masks = "pass"

    def configure(self, a: Arguments) -> None:
        if isinstance(a.axis, (float, str)) or a.axis is None:
            raise Refused(f"needs axis as an integer or several, not {a.axis!r}")
        a.axes = axes_of(a.axis)

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        spec = one(inputs)
        check_axes(a.axes, spec)
        if len({axis % len(spec.shape) for axis in a.axes}) != len(a.axes):
            raise Unknown("axes are repeated")
        return Spec(spec.shape, a.compute_dtype)
