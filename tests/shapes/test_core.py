"""Core layers against fresh Keras layers."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from shapesafe_tuner.shapes.spec import Spec
from tests.shapes.drawing import concrete, differential, flawed, shapes

_DTYPES = st.sampled_from(["float32", "float32", "float64", "int32", "uint8"])
_WRONG: dict[str, Any] = {
    "units": st.sampled_from([0, -1, 2.0, "4", None]),
    "input_dim": st.sampled_from([0, -3, 2.0, None, True]),
    "output_dim": st.sampled_from([0, -3, 2.0, None, True]),
    "trainable": st.sampled_from([1, None, "yes"]),
    "name": st.sampled_from(["a/b", "plain", 3]),
}


@st.composite
def _spec(draw: Any, low: int, high: int, *, step: bool, dtypes: Any = _DTYPES) -> Spec:
    shape = draw(shapes(low, high, high=8, unknown=not step))
    mask = draw(st.sampled_from([None, None, shape[:-1] or None]))
    return (
        concrete(draw, Spec(shape, draw(dtypes), mask)) if step else Spec(shape, draw(dtypes), mask)
    )


@st.composite
def _dense(draw: Any, *, step: bool = False) -> Any:
    arguments = {
        "units": draw(st.integers(1, 8)),
        "activation": draw(st.sampled_from([None, "relu", "softmax", "tanh"])),
        "use_bias": draw(st.booleans()),
        "dtype": draw(st.sampled_from([None, None, "float32", "mixed_bfloat16", "float64"])),
        "kernel_initializer": draw(st.sampled_from(["glorot_uniform", "zeros", "orthogonal"])),
        "kernel_regularizer": draw(st.sampled_from([None, "l2"])),
        "trainable": draw(st.booleans()),
    }
    wrong = {name: _WRONG[name] for name in ("units", "trainable", "name")}
    low = 2 if step else draw(st.sampled_from([1, 2, 2, 2]))
    return flawed(draw, arguments, wrong), draw(_spec(low, 5, step=step))


@st.composite
def _embedding(draw: Any, *, step: bool = False) -> Any:
    arguments = {
        "input_dim": draw(st.integers(1, 9)),
        "output_dim": draw(st.integers(1, 9)),
        "mask_zero": draw(st.booleans()),
        "input_length": draw(st.sampled_from([None, 7])),
    }
    wrong = {name: _WRONG[name] for name in ("input_dim", "output_dim", "name")}
    return flawed(draw, arguments, wrong), draw(_spec(1, 4, step=step))


@st.composite
def _identity(draw: Any, *, step: bool = False) -> Any:
    wrong = {name: _WRONG[name] for name in ("trainable", "name")}
    return flawed(draw, {"trainable": True}, wrong), draw(_spec(1, 5, step=step))


@st.composite
def _masking(draw: Any, *, step: bool = False) -> Any:
    arguments = {"mask_value": draw(st.sampled_from([0.0, 1, -1.5]))}
    floats = st.sampled_from(["float32", "float64"])
    return flawed(draw, arguments, {"name": _WRONG["name"]}), draw(
        _spec(2, 5, step=step, dtypes=floats)
    )


def _cases(*, step: bool) -> dict[str, Any]:
    return {
        "Dense": _dense(step=step),
        "Embedding": _embedding(step=step),
        "Identity": _identity(step=step),
        "Masking": _masking(step=step),
    }


test_core = differential("core", _cases(step=False), smoke=True)
test_core_in_training = differential("core", _cases(step=True), step=True, count=25, smoke=True)
