"""Merging against fresh Keras layers."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from shapesafe_tuner.shapes.spec import Spec
from tests.shapes.drawing import concrete, differential, shapes

_SAME = st.sampled_from([True] * 4 + [False])
_MASKED = st.sampled_from([False] * 24 + [True])


@st.composite
def _elementwise(draw: Any, *, pair: bool, step: bool) -> Any:
    base = draw(shapes(2, 4, high=6, unknown=not step))
    count = 2 if pair and draw(_SAME) else draw(st.sampled_from([2, 2, 3, 1]))
    specs = []
    for _ in range(count):
        sizes = [
            draw(st.sampled_from([size, size, size, size, size, 1, 5 if not draw(_SAME) else size]))
            for size in base[1:]
        ]
        if len(sizes) > 1 and not draw(_SAME):
            sizes = sizes[1:]
        if not step and not draw(_SAME):
            sizes[0] = None
        mask = (None, *sizes[:-1]) if draw(_MASKED) else None
        specs.append(Spec((None, *sizes), "float32", mask))
    if step:
        batch = draw(st.integers(2, 4))
        specs = [concrete(draw, spec, batch) for spec in specs]
    if draw(st.integers(0, 15)) == 15:
        return {}, specs[0]
    return ({"unitz": 1} if draw(st.integers(0, 15)) == 15 else {}), specs


@st.composite
def _concatenate(draw: Any, *, step: bool) -> Any:
    base = draw(shapes(2, 4, high=6, unknown=not step))
    rank = len(base)
    axis = draw(
        st.sampled_from([-1, -1, rank - 1, 1, -rank + 1] + [rank, -rank - 1, 0] * (not step))
    )
    specs = []
    for _ in range(draw(st.sampled_from([1, 2, 2, 3]))):
        sizes = list(base)
        if -rank <= axis < rank and axis % rank:
            sizes[axis] = draw(st.integers(1, 6))
        if not draw(_SAME) and not draw(_SAME):
            sizes[draw(st.integers(1, rank - 1))] = draw(
                st.sampled_from([7, 1] + [None] * (not step))
            )
        if not draw(_SAME) and not draw(_SAME):
            sizes.append(2)
        mask = tuple(sizes[:-1]) if draw(_MASKED) else None
        specs.append(Spec(tuple(sizes), "float32", mask))
    if step:
        batch = draw(st.integers(2, 4))
        specs = [concrete(draw, spec, batch) for spec in specs]
    return {"axis": axis}, specs


@st.composite
def _dot(draw: Any, *, step: bool) -> Any:
    first = draw(shapes(2, 4, high=5, unknown=False))
    second = draw(shapes(2, 4, high=5, unknown=False))
    axes: Any = (draw(st.integers(1, len(first) - 1)), draw(st.integers(1, len(second) - 1)))
    if draw(_SAME):
        sizes = list(second)
        sizes[axes[1]] = first[axes[0]]
        second = tuple(sizes)
    if not step and draw(st.integers(0, 8)) == 8:
        first = (None, None, *first[2:])
    axes = draw(st.sampled_from([axes, axes, axes, list(axes), axes[0], -1, (1.0, 1), (1,), "x"]))
    specs = [Spec(first), Spec(second)]
    if step:
        batch = draw(st.integers(2, 4))
        specs = [concrete(draw, spec, batch) for spec in specs]
    elif draw(st.integers(0, 12)) == 12:
        specs.append(specs[0])
    return {"axes": axes, "normalize": draw(st.booleans())}, specs


def _cases(*, step: bool) -> dict[str, Any]:
    plain = ("Add", "Average", "Maximum", "Minimum", "Multiply")
    return {
        **{name: _elementwise(pair=False, step=step) for name in plain},
        "Subtract": _elementwise(pair=True, step=step),
        "Concatenate": _concatenate(step=step),
        "Dot": _dot(step=step),
    }


test_merging = differential("merging", _cases(step=False))
test_merging_in_training = differential("merging", _cases(step=True), step=True, count=40)
