"""The shape table of a configuration as a drawing: a row a layer, with a bar for what it gives.

Where it is known from where the layers take their inputs, only those on the way to the refusal are
drawn, beside lines that lead from one to the next.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from shapesafe_tuner.report.rails import Rail, rails_of
from shapesafe_tuner.report.text import shape_text
from shapesafe_tuner.report.wording import abridged, counted
from shapesafe_tuner.verdict import LayerShape, Shape

__all__ = ["Ladder", "Rung", "ladder_of"]

_FIRST, _LAST = 6, 30
"""Layers that are drawn of a deeper model: where it starts, and what leads to its end."""
_THINNEST = 2.0
"""Per cent of the width, so that every map can be seen."""
_LOWEST, _HIGHEST = 4.0, 18.0
"""Pixels of the height of a bar."""


@dataclasses.dataclass(frozen=True)
class Rung:
    """One row.

    Attributes:
        name, layer_type: of the layer; both empty for a row that stands for several.
        shape: what came out, in words; one line for each tensor.
        parameters: in words.
        width: of the bar, in per cent; 0 for no bar.
        kind: "map", "vector" (nothing to measure), "refused", or "more".
        height: of the bar, in pixels.
        gets: of the layer that refuses, what it was given, and by which layer.
        after: the layers it takes its inputs from, where that is not the row above alone.
        rail: what is drawn beside it.
    """

    name: str
    layer_type: str
    shape: tuple[str, ...]
    parameters: str
    width: float
    kind: str
    height: float = _HIGHEST
    gets: tuple[tuple[str, str], ...] = ()
    after: str = ""
    rail: Rail | None = None

    @property
    def left(self) -> float:
        """Where a centred bar begins, in per cent."""
        return (100 - self.width) / 2

    @property
    def top(self) -> float:
        """Where a centred bar begins, in pixels."""
        return 2 + (_HIGHEST - self.height) / 2


@dataclasses.dataclass(frozen=True)
class Ladder:
    """A drawing.

    Attributes:
        rungs: from the input to the output, or to the layer that refuses.
        measure: what the bars stand for.
        lanes: how many lines run beside each other; 0 where none are drawn.
    """

    rungs: tuple[Rung, ...]
    measure: str
    lanes: int = 0


@dataclasses.dataclass(frozen=True)
class _Step:
    """A layer or an input of the model, before it is drawn."""

    name: str
    shape: Shape
    row: LayerShape | None = None
    sources: tuple[int, ...] = ()


def ladder_of(layers: Sequence[LayerShape]) -> Ladder | None:
    """The drawing of a shape table; None for an empty one.

    Args:
        layers: the rows of a verdict.
    """
    if not layers:
        return None
    steps = _way(layers)
    rails = rails_of([step.sources for step in steps]) if steps else ()
    if not rails:
        row = layers[0]
        steps = [_Step("input", row.input_shapes), *(_Step(r.name, _gives(r), r) for r in layers)]
    shapes = [step.shape for step in steps]
    measure, width, height = _measures(shapes)
    rungs = []
    for number, step in enumerate(steps):
        given = step.row.input_shapes if step.row is not None and step.row.failed else step.shape
        rung = _rung(step, width(given), height(given))
        if rails:
            taken = [steps[source].name for source in step.sources]
            jumps = len(taken) > 1 or step.sources not in ((), (number - 1,))
            after = ", ".join(map(_name, taken)) if jumps else ""
            rung = dataclasses.replace(rung, rail=rails[number], after=after)
            if rung.kind == "refused":
                rung = dataclasses.replace(rung, gets=_given(step, steps))
        rungs.append(rung)
    lanes = 1 + max((line.end for rail in rails for line in rail.lines), default=-1)
    return Ladder(tuple(_shortened(rungs)), measure, max(1, lanes) if rails else 0)


def _way(layers: Sequence[LayerShape]) -> list[_Step]:
    """The inputs and layers on the way to the refusal, in their order; none where not known."""
    if layers[-1].sources is None:
        return []
    places: dict[int | str, int] = {}
    steps: list[_Step] = []
    for number, row in enumerate(layers):
        if row.sources is None:
            continue
        given = list(_tensors(row.input_shapes))
        for place, source in enumerate(row.sources):
            if isinstance(source, str) and source not in places:
                places[source] = len(steps)
                shape = given[place] if len(given) == len(row.sources) else None
                steps.append(_Step(_input_name(source, layers), shape))
        if not all(source in places for source in row.sources):
            return []
        sources = tuple(places[source] for source in row.sources)
        places[number] = len(steps)
        steps.append(_Step(row.name, _gives(row), row, sources))
    return steps


def _input_name(name: str, layers: Sequence[LayerShape]) -> str:
    """The name of an input where there are several."""
    names = {one for row in layers for one in row.sources or () if isinstance(one, str)}
    return name if len(names) > 1 else "input"


def _gives(row: LayerShape) -> Shape:
    return row.input_shapes if row.failed else row.output_shape


def _given(step: _Step, steps: Sequence[_Step]) -> tuple[tuple[str, str], ...]:
    """What the layer that refuses was given, tensor by tensor, and by which layer."""
    assert step.row is not None
    shapes = [abridged(shape_text(one)) for one in _tensors(step.row.input_shapes)]
    names = [_name(steps[source].name) for source in step.sources]
    if len(shapes) != len(names):
        names = [""] * len(shapes)
    return tuple(zip(shapes, names, strict=True))


def _rung(step: _Step, width: float, height: float) -> Rung:
    row = step.row
    if row is not None and row.failed:
        name, kind = _name(row.name), _name(row.layer_type)
        return Rung(name, kind, ("refused",), "", width, "refused", height)
    lines = tuple(abridged(line) for line in shape_text(step.shape).split("\n"))
    parameters = "" if row is None or row.parameters is None else f"{row.parameters:,}"
    layer_type = "" if row is None else _name(row.layer_type)
    kind = "map" if width else "vector"
    return Rung(_name(step.name), layer_type, lines, parameters, width, kind, height)


def _name(name: str) -> str:
    return abridged(name, 32)


def _shortened(rungs: list[Rung]) -> list[Rung]:
    left_out = len(rungs) - _FIRST - _LAST
    if left_out < 2:
        return rungs
    said = counted(left_out, "more layer")
    more = Rung("", "", (said,), "", 0.0, "more", rail=rungs[-_LAST].rail)
    return [*rungs[:_FIRST], more, *rungs[-_LAST:]]


Measure = Callable[[Shape], float]


def _measures(shapes: Sequence[Shape]) -> tuple[str, Measure, Measure]:
    """What bars stand for, how wide they are in per cent, and how high in pixels."""
    ranks = [len(one) for shape in shapes for one in _tensors(shape)]
    highest = max(ranks, default=0)
    across = _side if any(_side(shape) for shape in shapes) else _features
    widest = max((across(shape) or 0 for shape in shapes), default=0) or 1
    most = max((_features(shape) or 0 for shape in shapes), default=0) or 1

    def width(shape: Shape) -> float:
        size = across(shape)
        return 0.0 if size is None else round(max(_THINNEST, 100 * size / widest), 2)

    def height(shape: Shape) -> float:
        features = _features(shape)
        if across is _features or features is None:
            return _HIGHEST
        return round(_LOWEST + (_HIGHEST - _LOWEST) * math.sqrt(features / most), 1)

    if across is _features:
        return "Each bar is as wide as the number of features.", width, height
    if highest > 3:
        said = "Each bar is as wide as the side of the map; the more channels, the taller it is."
    else:
        said = "Each bar is as wide as the number of steps; the more features, the taller it is."
    return said, width, height


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
