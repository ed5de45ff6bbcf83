"""Recurrent layers and their wrappers against fresh Keras layers."""

from __future__ import annotations

from typing import Any

import keras
from hypothesis import strategies as st

from shapesafe_tuner.testing import Nested
from tests.shapes.drawing import differential, drawn_spec, flawed

_UNITS = st.integers(1, 6)
_WRONG: dict[str, Any] = {
    "units": st.sampled_from([0, -1, 2.0, None, "3"]),
    "activation": st.sampled_from(["softmax", "nothing", keras.activations.relu]),
    "return_sequences": st.sampled_from([1, None]),
    "dropout": st.sampled_from([1.5, -1, 1.0]),
}


@st.composite
def _arguments(draw: Any, layer: str, *, step: bool) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "units": draw(_UNITS),
        "return_sequences": draw(st.booleans()),
        "return_state": draw(st.sampled_from([False, False, True])),
        "go_backwards": draw(st.booleans()),
        "unroll": step and draw(st.booleans()),
        "use_bias": draw(st.booleans()),
        "dropout": draw(st.sampled_from([0.0, 0.0, 0.3])),
        "recurrent_dropout": draw(st.sampled_from([0.0, 0.0, 0.2])),
        "activation": draw(st.sampled_from(["tanh", "relu", None])),
    }
    if layer == "GRU":
        arguments["reset_after"] = draw(st.booleans())
    return arguments


@st.composite
def _recurrent(draw: Any, layer: str, *, step: bool) -> Any:
    rank = draw(st.sampled_from([3, 3, 3, 3, 2, 4]))
    spec = draw(drawn_spec(rank, rank, step=step))
    return flawed(draw, draw(_arguments(layer, step=step)), _WRONG), spec


@st.composite
def _bidirectional(draw: Any, *, step: bool) -> Any:
    layer = draw(st.sampled_from(["LSTM", "GRU", "SimpleRNN"]))
    inner = draw(_arguments(layer, step=step))
    inner["return_state"] = False
    inner["go_backwards"] = draw(st.sampled_from([False, False, False, True]))
    arguments = {
        "layer": Nested(getattr(keras.layers, layer), inner),
        "merge_mode": draw(st.sampled_from(["sum", "mul", "concat", "concat", "ave", None])),
    }
    rank = draw(st.sampled_from([3, 3, 3, 3, 2, 4]))
    wrong = {"merge_mode": st.sampled_from(["max", 3])}
    return flawed(draw, arguments, wrong), draw(drawn_spec(rank, rank, step=step))


@st.composite
def _inside(draw: Any) -> Nested:
    """A layer that is called at every step."""
    layer, arguments = draw(
        st.sampled_from(
            [
                ("Dense", {"units": 3}),
                ("Dense", {"units": 2, "activation": "softmax"}),
                ("Flatten", {}),
                ("Dropout", {"rate": 0.2}),
                ("Conv1D", {"filters": 2, "kernel_size": 2}),
                ("Conv2D", {"filters": 2, "kernel_size": 3, "padding": "same"}),
                ("MaxPooling2D", {}),
                ("GlobalAveragePooling2D", {}),
                ("LSTM", {"units": 2}),
                ("BatchNormalization", {}),
                ("LayerNormalization", {}),
                ("Reshape", {"target_shape": (-1, 1)}),
                ("Embedding", {"input_dim": 5, "output_dim": 2}),
            ]
        )
    )
    return Nested(getattr(keras.layers, layer), arguments)


_RANKS = {"Conv1D": 4, "Conv2D": 5, "MaxPooling2D": 5, "GlobalAveragePooling2D": 5, "LSTM": 4}


@st.composite
def _distributed(draw: Any, *, step: bool) -> Any:
    inner = draw(_inside())
    usual = _RANKS.get(inner.layer_class.__name__, 3)
    rank = draw(st.sampled_from([usual] * 8 + [usual + 1, 3, 2]))
    known = draw(st.sampled_from([True, True, False]))
    spec = draw(drawn_spec(rank, rank, step=step, masked=12, known=known))
    return {"layer": inner}, spec


def _cases(*, step: bool) -> dict[str, Any]:
    return {
        **{name: _recurrent(name, step=step) for name in ("SimpleRNN", "LSTM", "GRU")},
        "Bidirectional": _bidirectional(step=step),
        "TimeDistributed": _distributed(step=step),
    }


test_recurrent = differential("recurrent", _cases(step=False))
test_recurrent_in_training = differential("recurrent", _cases(step=True), step=True, count=25)
