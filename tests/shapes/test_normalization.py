"""Normalization against fresh Keras layers."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.shapes.drawing import differential, drawn_spec, flawed

_AXIS = st.sampled_from([-1, -1, -1, -1, 1, 1, 2, -2, 0, -4])
_AXES = st.sampled_from([[1], [-1], (1, -1), [-1, 1], [1, 2], [-1, -2]])
_WRONG_AXIS = st.sampled_from([7, -8, 5, -7, None, [1, 1], []])


@st.composite
def _batch(draw: Any, *, step: bool) -> Any:
    arguments = {
        "axis": draw(_AXIS),
        "momentum": draw(st.sampled_from([0.9, 0.99])),
        "scale": draw(st.booleans()),
        "center": draw(st.booleans()),
        "trainable": draw(st.booleans()),
    }
    return flawed(draw, arguments, {"axis": _WRONG_AXIS}), draw(
        drawn_spec(2, 5, step=step, masked=20 if step else 5)
    )


@st.composite
def _layer(draw: Any, *, step: bool) -> Any:
    axes = st.one_of(_AXIS, _AXES)
    arguments = {
        "axis": draw(axes),
        "epsilon": 1e-3,
        "scale": draw(st.booleans()),
        "center": draw(st.booleans()),
    }
    return flawed(draw, arguments, {"axis": _WRONG_AXIS}), draw(drawn_spec(3, 5, step=step))


@st.composite
def _rms(draw: Any, *, step: bool) -> Any:
    axes = st.one_of(_AXIS, _AXES)
    last = step and draw(st.sampled_from([True] * 9 + [False]))
    return flawed(draw, {"axis": -1 if last else draw(axes)}, {"axis": _WRONG_AXIS}), draw(
        drawn_spec(3, 5, step=step)
    )


@st.composite
def _group(draw: Any, *, step: bool) -> Any:
    arguments = {
        "groups": draw(st.sampled_from([1, 2, 2, 4, -1])),
        "axis": draw(_AXIS),
        "scale": draw(st.booleans()),
        "center": draw(st.booleans()),
    }
    wrong = {"groups": st.sampled_from([0, 3, 64, 2.0, None, -2]), "axis": _WRONG_AXIS}
    return flawed(draw, arguments, wrong), draw(
        drawn_spec(2, 5, step=step, sizes=st.sampled_from([2, 4, 6, 8, 3]))
    )


@st.composite
def _unit(draw: Any, *, step: bool) -> Any:
    axes = st.one_of(_AXIS, _AXES)
    return flawed(draw, {"axis": draw(axes)}, {"axis": _WRONG_AXIS}), draw(
        drawn_spec(3, 5, step=step)
    )


def _cases(*, step: bool) -> dict[str, Any]:
    return {
        "BatchNormalization": _batch(step=step),
        "LayerNormalization": _layer(step=step),
        "RMSNormalization": _rms(step=step),
        "GroupNormalization": _group(step=step),
        "UnitNormalization": _unit(step=step),
    }


test_normalization = differential("normalization", _cases(step=False))
test_normalization_in_training = differential(
    "normalization", _cases(step=True), step=True, count=30
)
