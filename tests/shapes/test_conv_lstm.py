"""Recurrent layers over maps against fresh Keras layers."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.shapes.drawing import differential, drawn_spec, flawed

_WRONG: dict[str, Any] = {
    "filters": st.sampled_from([0, -1, 2.0, None]),
    "kernel_size": st.sampled_from([0, (1, 2, 3, 4), "3", 9]),
    "strides": st.sampled_from([-1, 0, (1, 1, 1, 1)]),
    "padding": st.sampled_from(["causal", "full"]),
    "data_format": st.just("last"),
    "dilation_rate": st.sampled_from([0, 2]),
}


@st.composite
def _conv_lstm(draw: Any, rank: int) -> Any:
    arguments = {
        "filters": draw(st.integers(1, 3)),
        "kernel_size": draw(st.sampled_from([1, 2, 3, (2,) * rank])),
        "strides": draw(st.sampled_from([1, 1, 1, 2])),
        "padding": draw(st.sampled_from(["valid", "valid", "same"])),
        "data_format": draw(st.sampled_from([None, "channels_last", "channels_first"])),
        "dilation_rate": draw(st.sampled_from([1, 1, 1, 2])),
        "use_bias": draw(st.booleans()),
        "return_sequences": draw(st.booleans()),
        "return_state": draw(st.sampled_from([False, False, True])),
        "unit_forget_bias": draw(st.booleans()),
    }
    usual = rank + 3
    found = draw(st.sampled_from([usual] * 9 + [usual - 1, usual + 1]))
    known = draw(st.sampled_from([True, True, True, False]))
    spec = draw(drawn_spec(found, found, step=False, masked=15, known=known))
    return flawed(draw, arguments, _WRONG), spec


test_conv_lstm = differential(
    "conv_lstm", {f"ConvLSTM{rank}D": _conv_lstm(rank) for rank in (1, 2, 3)}
)
