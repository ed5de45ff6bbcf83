"""Merging (``keras/src/layers/merging``)."""

from __future__ import annotations

from typing import Any

from shapesafe_tuner.shapes.dims import broadcast, integer, unlike
from shapesafe_tuner.shapes.registry import Rule, rule
from shapesafe_tuner.shapes.spec import Arguments, Call, Dim, Refused, Spec, Unknown, text

__all__ = ["Concatenate", "Dot", "Elementwise"]

Shape = tuple[Dim, ...]


def _several(inputs: Any) -> list[Spec]:
    """The inputs of a merge."""
    if isinstance(inputs, Spec):
        raise Refused(f"needs a list of inputs, not one of shape {text(inputs)}")
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise Unknown("it is called on something other than a list")
    if not all(isinstance(spec, Spec) and spec.shape for spec in inputs):
        raise Unknown("it is called on something other than tensors")
    return list(inputs)


def _same_ranks(specs: list[Spec], built_on: Any) -> None:
    """How it merges ranks was decided when it was built."""
    if built_on is not None:
        before = [len(spec.shape) for spec in _several(built_on)]
        if before != [len(spec.shape) for spec in specs]:
            raise Unknown("it was built for other ranks")


@rule("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract")
class Elementwise(Rule):
    """``base_merge.py``: sizes must be equal or 1; lower ranks get axes after the batch."""

    masks = "own"

    def build(self, a: Arguments, inputs: Any) -> int:
        specs = _several(inputs)
        if len({spec.shape[0] for spec in specs} - {None}) > 1:
            raise Refused(f"cannot combine {text(specs)} of different batch sizes")
        self._combined(specs)
        if a.layer_type == "Subtract" and len(specs) != 2:
            raise Refused(f"needs 2 inputs, not {len(specs)}")
        return 0

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        specs = _several(inputs)
        _same_ranks(specs, call.built_on)
        if a.layer_type == "Subtract" and len(specs) != 2:
            raise Unknown("it was built for two inputs")
        batches = {spec.shape[0] for spec in specs} - {None}
        batch = batches.pop() if len(batches) == 1 else None
        output = Spec((batch, *self._combined(specs)), a.compute_dtype)
        masks = [spec.mask for spec in specs]
        if call.step and any(mask is not None for mask in masks):
            raise Unknown("masks take part in the merge")
        if any(mask is None for mask in masks):
            return output
        merged: Shape = masks[0] or ()
        for mask in masks[1:]:
            merged = broadcast(merged, mask or ())
        return output._replace(mask=merged)

    @staticmethod
    def _combined(specs: list[Spec]) -> Shape:
        """The sizes after the batch."""
        combined = specs[0].shape[1:]
        for spec in specs[1:]:
            combined = _elementwise(combined, spec.shape[1:], specs)
        return combined


def _elementwise(first: Shape, second: Shape, specs: list[Spec]) -> Shape:
    """Aligned at the last axis; what is unknown on one side is unknown after it."""
    if len(first) < len(second):
        first, second = second, first
    if not second:
        return first
    result = list(first[: -len(second)])
    for a, b in zip(first[-len(second) :], second, strict=True):
        if a is None or b is None:
            result.append(None)
        elif a == 1:
            result.append(b)
        elif b in (1, a):
            result.append(a)
        else:
            raise Refused(f"cannot combine {text(specs)}: {a} and {b} differ and neither is 1")
    return tuple(result)


@rule("Concatenate")
class Concatenate(Rule):
    """``concatenate.py``: every size but that of the axis must be equal."""

    masks = "own"

    def configure(self, a: Arguments) -> None:
        integer(a.axis, "axis")

    def build(self, a: Arguments, inputs: Any) -> int:
        specs = _several(inputs)
        rests = [self._without_axis(spec.shape, a.axis) for spec in specs]
        why = f"joins {text(specs)} on axis {a.axis}; all other sizes must be equal"
        if len({len(rest) for rest in rests}) > 1:
            raise Refused(why)
        if any(unlike(sizes) for sizes in zip(*rests, strict=True)):
            raise Refused(why)
        return 0

    @staticmethod
    def _without_axis(shape: Shape, axis: int) -> Shape:
        rest = list(shape)
        if len(rest) > axis:
            if axis < -len(rest):
                raise Refused(f"has no axis {axis} in an input of shape {shape}")
            del rest[axis]
        return tuple(rest)

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        specs = _several(inputs)
        if call.built_on is not None:
            self.build(a, _unbatched(specs) if call.step else inputs)
        rank = len(specs[0].shape)
        if any(len(spec.shape) != rank for spec in specs):
            raise Unknown("its inputs differ in rank by the axis that is joined")
        if a.axis % rank == 0:
            raise Unknown("it joins batches")
        if not -rank <= a.axis < rank:
            raise Refused(f"has no axis {a.axis} in inputs of rank {rank}")
        shape = list(specs[0].shape)
        for spec in specs[1:]:
            if shape[a.axis] is None or spec.shape[a.axis] is None:
                shape[a.axis] = None
                break
            shape[a.axis] += spec.shape[a.axis]
        output = Spec(tuple(shape), a.compute_dtype)
        return output._replace(mask=self._mask(specs, output))

    @staticmethod
    def _mask(specs: list[Spec], output: Spec) -> Shape | None:
        if all(spec.mask is None for spec in specs):
            return None
        for spec in specs:
            if None in spec.shape[1:] or (spec.mask or spec.shape[:-1]) != spec.shape[:-1]:
                raise Unknown("masks and inputs have sizes that may not fit")
        return output.shape[:-1]


def _unbatched(specs: list[Spec]) -> list[Spec]:
    return [spec._replace(shape=(None, *spec.shape[1:])) for spec in specs]


@rule("Dot")
class Dot(Rule):
    """``dot.py``: products summed over one axis of each of two inputs."""

    def configure(self, a: Arguments) -> None:
        axes = a.axes
        if isinstance(axes, (float, str)) or axes is None:
            raise Refused(f"needs axes as an integer or two, not {axes!r}")
        if isinstance(axes, (tuple, list)):
            if len(axes) != 2:
                raise Refused(f"needs axes as an integer or two, not {axes}")
            axes = tuple(integer(axis, "axes") for axis in axes)
        else:
            integer(axes, "axes")
        a.axes = axes

    @staticmethod
    def _axes(a: Arguments, specs: list[Spec]) -> tuple[int, int]:
        ranks = [len(spec.shape) for spec in specs]
        if isinstance(a.axes, tuple):
            axes = a.axes
        elif a.axes < 0:
            axes = tuple(a.axes % rank for rank in ranks)
        else:
            axes = (a.axes, a.axes)
        for axis, rank in zip(axes, ranks, strict=True):
            if rank < 2 or axis % rank == 0 or not -rank <= axis < rank:
                raise Unknown("an axis is that of the batch, or none")
        return axes[0] % ranks[0], axes[1] % ranks[1]

    def _pair(self, inputs: Any) -> list[Spec]:
        specs = _several(inputs)
        if len(specs) != 2:
            raise Refused(f"needs 2 inputs, not {len(specs)}")
        return specs

    def build(self, a: Arguments, inputs: Any) -> int:
        specs = self._pair(inputs)
        axes = self._axes(a, specs)
        found = [spec.shape[axis] for spec, axis in zip(specs, axes, strict=True)]
        if found[0] != found[1]:
            raise Refused(
                f"multiplies {text(specs)} over axes of size {found[0]} and {found[1]}, "
                "which differ"
            )
        return 0

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        specs = self._pair(inputs)
        if call.built_on is not None and not call.step:
            raise Unknown("it was built before")
        first, second = self._axes(a, specs)
        x, y = list(specs[0].shape), list(specs[1].shape)
        if call.step:
            self.build(a, inputs)
        del x[first], y[second]
        shape = (*x, *y[1:])
        return Spec(shape if len(shape) > 1 else (*shape, 1), a.compute_dtype)
