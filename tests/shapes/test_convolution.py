"""Convolutions and pooling against fresh Keras layers."""

from __future__ import annotations

from typing import Any

import keras
from hypothesis import strategies as st

from shapesafe_tuner.testing import check_rule
from tests.shapes.drawing import differential, flawed, maybe, specs

_FORMATS = st.sampled_from([None, "channels_last", "channels_last", "channels_first"])
_FILTERS = st.sampled_from([1, 2, 4, 6, 12])
_DEPTHS = st.sampled_from([1, 1, 2, 3])
_WRONG = {
    "kernel_size": st.sampled_from([0, -1, (2,), (1, 2), (1, 2, 3, 4), (0, 1), 9]),
    "pool_size": st.sampled_from([0, -1, (2,), (1, 2), (1, 2, 3, 4), (0, 1), 9]),
    "strides": st.sampled_from([-1, (2,), (1, 2), (1, 1, 1), (2, 2, 2, 2)]),
    "dilation_rate": st.sampled_from([0, -1, 2, 3, (2,), (1, 2), (1, 1, 1)]),
    "padding": st.sampled_from(["full", "causal", "SAME", ""]),
    "data_format": st.sampled_from(["channels_middle", "Channels_First"]),
    "filters": st.sampled_from([0, -1, 5]),
    "groups": st.sampled_from([0, -2, 5, 7]),
    "depth_multiplier": st.sampled_from([0, -1]),
    "output_padding": st.sampled_from([-1, 0, 1, 2, 3, (1, 1), (0,)]),
}


def _window(rank: int, high: int) -> Any:
    whole = st.integers(1, high)
    return whole | st.tuples(*[whole] * rank) | st.lists(whole, min_size=rank, max_size=rank)


def _given(draw: Any, rank: int, arguments: dict[str, Any], *, step: bool = False) -> Any:
    arguments = flawed(draw, arguments, {key: _WRONG[key] for key in arguments if key in _WRONG})
    ranks = rank + 2 if step else draw(st.sampled_from([rank + 2] * 12 + [rank + 1, rank + 3]))
    spec = draw(specs(ranks, ranks, low=1, high=9, unknown=not step))
    if step:
        spec = spec._replace(shape=(draw(st.integers(2, 5)), *spec.shape[1:]))
    return arguments, spec


@st.composite
def _convolution(draw: Any, rank: int, *, step: bool = False, **more: Any) -> Any:
    strides = draw(st.sampled_from([1, 1, 2]) | _window(rank, 3))
    dilations = st.sampled_from([1, 1, 2, 3]) | _window(rank, 3)
    strided = strides != 1
    arguments = {
        "kernel_size": draw(_window(rank, 5)),
        "strides": 1 if step else strides,
        "dilation_rate": 1 if strided else draw(dilations),
        "padding": draw(st.sampled_from(["valid", "valid", "same"])),
        "data_format": None if step else draw(_FORMATS),
        "activation": draw(st.sampled_from([None, "relu", "softmax"])),
        "use_bias": draw(st.booleans()),
        **{name: draw(strategy) for name, strategy in more.items()},
    }
    return _given(draw, rank, arguments, step=step)


def _convolutions(*, step: bool) -> dict[str, Any]:
    groups = st.sampled_from([1, 1, 1, 1, 2, 3])
    return {
        **{
            f"Conv{n}D": _convolution(n, filters=_FILTERS, groups=groups, step=step)
            for n in (1, 2, 3)
        },
        **{
            f"Conv{n}DTranspose": _convolution(
                n, filters=_FILTERS, output_padding=maybe(st.none(), 0), step=step
            )
            for n in (1, 2, 3)
        },
        **{
            f"DepthwiseConv{n}D": _convolution(n, depth_multiplier=_DEPTHS, step=step)
            for n in (1, 2)
        },
        **{
            f"SeparableConv{n}D": _convolution(
                n, filters=_FILTERS, depth_multiplier=_DEPTHS, step=step
            )
            for n in (1, 2)
        },
    }


@st.composite
def _pooling(draw: Any, rank: int, *, step: bool = False) -> Any:
    arguments = {
        "pool_size": draw(_window(rank, 4)),
        "strides": draw(st.none() | _window(rank, 3)),
        "padding": draw(st.sampled_from(["valid", "valid", "same"])),
        "data_format": None if step else draw(_FORMATS),
    }
    return _given(draw, rank, arguments, step=step)


@st.composite
def _global_pooling(draw: Any, rank: int, *, step: bool = False) -> Any:
    arguments = {"data_format": None if step else draw(_FORMATS), "keepdims": draw(st.booleans())}
    return _given(draw, rank, arguments, step=step)


@st.composite
def _adaptive(draw: Any, rank: int) -> Any:
    size = draw(_window(rank, 3))
    arguments = {"output_size": size, "data_format": draw(_FORMATS)}
    return _given(draw, rank, arguments, step=False)


@st.composite
def _masked(draw: Any) -> Any:
    arguments, spec = draw(_global_pooling(1))
    mask = (None, *draw(st.sampled_from([spec.shape[1:2], spec.shape[1:2], (1,), (7,), (4, 2)])))
    return arguments, spec._replace(mask=draw(st.sampled_from([None, mask])))


def _poolings(*, step: bool) -> dict[str, Any]:
    kinds = ("Max", "Average")
    return {
        **{f"{k}Pooling{n}D": _pooling(n, step=step) for k in kinds for n in (1, 2, 3)},
        **{
            f"Global{k}Pooling{n}D": _global_pooling(n, step=step) for k in kinds for n in (1, 2, 3)
        },
    }


def _adaptives() -> dict[str, Any]:
    return {
        f"Adaptive{kind}Pooling{rank}D": _adaptive(rank)
        for kind in ("Max", "Average")
        for rank in (1, 2, 3)
    }


test_convolutions = differential("convolution", _convolutions(step=False))
test_pooling = differential("pooling", _poolings(step=False))
test_adaptive_pooling = differential("pooling", _adaptives())
test_masked_average = differential("pooling", {"GlobalAveragePooling1D": _masked()}, smoke=True)
test_convolutions_in_training = differential(
    "convolution", _convolutions(step=True), step=True, count=25
)
test_pooling_in_training = differential("pooling", _poolings(step=True), step=True, count=25)


def test_unequal_dilations_in_three_dimensions_are_left_to_the_backend() -> None:
    arguments = {"filters": 1, "kernel_size": 2, "dilation_rate": (1, 1, 2)}
    for layer in (keras.layers.Conv3D, keras.layers.Conv3DTranspose):
        assert check_rule(layer, arguments, (2, 4, 4, 4, 1), step=True).says == "unknown"
        assert check_rule(layer, arguments, (None, 4, 4, 4, 1)).says == "feasible"
