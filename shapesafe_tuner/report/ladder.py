"""The shape table of a configuration as a ladder: one bar a layer, as wide as its map."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shapesafe_tuner.report.text import shape_text
from shapesafe_tuner.report.wording import abridged
from shapesafe_tuner.verdict import LayerShape, Shape

__all__ = ["Ladder", "Rung", "ladder_of"]

_FIRST, _LAST = 6, 30
"""Layers that are drawn of a deeper model: where it starts, and what leads to its end."""
_THINNEST = 2.0
"""Per cent of the width, so that every map can be seen."""


@dataclasses.dataclass(frozen=True)
class Rung:
    """One row.

    Attributes:
        name, layer_type: of the layer; both empty for a row that stands for several.
        shape: what came out, in words; one line for each tensor.
        parameters: in words.
        width: of the bar, in per cent; 0 for no bar.
        kind: "map", "vector" (nothing to measure), "refused", or "more".
    """

    name: str
    layer_type: str
    shape: tuple[str, ...]
    parameters: str
    width: float
    kind: str

    @property
    def left(self) -> float:
        """Where a centred bar begins, in per cent."""
        return (100 - self.width) / 2


@dataclasses.dataclass(frozen=True)
class Ladder:
    """A drawing.

    Attributes:
        rungs: from the input to the output, or to the layer that refuses.
        measure: what the width of a bar stands for.
    """

    rungs: tuple[Rung, ...]
    measure: str


def ladder_of(layers: Sequence[LayerShape]) -> Ladder | None:
    """The drawing of a shape table; None for an empty one.

    Args:
        layers: the rows of a verdict.
    """
    if not layers:
        return None
    shapes = [layers[0].input_shapes, *(row.output_shape for row in layers)]
    of_maps = any(_side(shape) for shape in shapes)
    measure = _side if of_maps else _features
    largest = max((measure(shape) or 0 for shape in shapes), default=0) or 1

    def width(shape: Shape) -> float:
        size = measure(shape)
        return 0.0 if size is None else round(max(_THINNEST, 100 * size / largest), 2)

    rungs = [_rung("input", "", layers[0].input_shapes, "", width(layers[0].input_shapes))]
    for row in layers:
        parameters = "" if row.parameters is None else f"{row.parameters:,}"
        if row.failed:
            wide = width(row.input_shapes)
            rung = Rung(_name(row.name), _name(row.layer_type), ("refused",), "", wide, "refused")
        else:
            shape = row.output_shape
            rung = _rung(row.name, row.layer_type, shape, parameters, width(shape))
        rungs.append(rung)
    said = "the side of the map" if of_maps else "the number of features"
    return Ladder(tuple(_shortened(rungs)), said)


def _rung(name: str, layer_type: str, shape: Shape, parameters: str, width: float) -> Rung:
    lines = tuple(abridged(line) for line in shape_text(shape).split("\n"))
    kind = "map" if width else "vector"
    return Rung(_name(name), _name(layer_type), lines, parameters, width, kind)


def _name(name: str) -> str:
    return abridged(name, 32)


def _shortened(rungs: list[Rung]) -> list[Rung]:
    left_out = len(rungs) - _FIRST - _LAST
    if left_out < 2:
        return rungs
    more = Rung("", "", (f"{left_out} more layers",), "", 0.0, "more")
    return [*rungs[:_FIRST], more, *rungs[-_LAST:]]


def _side(shape: Shape) -> float | None:
    """The geometric mean of the sizes between batch and channels, of the largest tensor."""
    means = [
        math.prod(known) ** (1 / len(known))
        for one in _tensors(shape)
        if (known := [size for size in one[1:-1] if size is not None])
    ]
    return max(means, default=None)


def _features(shape: Shape) -> float | None:
    sizes = [one[-1] for one in _tensors(shape) if len(one) > 1 and one[-1] is not None]
    return max(sizes, default=None)


def _tensors(shape: Shape) -> Iterator[tuple[Any, ...]]:
    if isinstance(shape, Mapping):
        shape = list(shape.values())
    if isinstance(shape, list):
        for one in shape:
            yield from _tensors(one)
    elif isinstance(shape, tuple):
        if all(size is None or isinstance(size, int) for size in shape):
            yield shape
        else:
            yield from _tensors(list(shape))
