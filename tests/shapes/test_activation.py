"""Activations against fresh Keras layers."""

from __future__ import annotations

from typing import Any

import keras
import pytest
from hypothesis import strategies as st

from shapesafe_tuner.shapes.activations import ELEMENTWISE
from tests.shapes.drawing import differential, drawn_spec, flawed

_NAMES = sorted(name for name in ELEMENTWISE if hasattr(keras.activations, name))


@st.composite
def _activation(draw: Any, *, step: bool) -> Any:
    name = draw(st.sampled_from([*_NAMES, "softmax", "log_softmax", None]))
    function = name if name is None or draw(st.booleans()) else getattr(keras.activations, name)
    return flawed(draw, {"activation": function}, {"name": st.just("a/b")}), draw(
        drawn_spec(2, 5, step=step)
    )


@st.composite
def _rectifier(draw: Any, layer: str, *, step: bool) -> Any:
    slope = st.sampled_from([0.0, 0.1, 1, 2.5])
    if layer == "ELU":
        arguments: dict[str, Any] = {"alpha": draw(slope)}
        wrong: dict[str, Any] = {"alpha": st.sampled_from([-1.0, "1"])}
    else:
        arguments = {"negative_slope": draw(slope)}
        wrong = {"negative_slope": st.sampled_from([-0.1, None])}
    if layer == "ReLU":
        arguments |= {"max_value": draw(st.sampled_from([None, 0, 6.0])), "threshold": draw(slope)}
        wrong |= {"max_value": st.just(-1), "threshold": st.sampled_from([-2.0, None])}
    return flawed(draw, arguments, wrong), draw(drawn_spec(1, 5, step=step))


@st.composite
def _prelu(draw: Any, *, step: bool) -> Any:
    arguments = {"shared_axes": draw(st.sampled_from([None, None, 1, [1], [1, 2], (1, 2)]))}
    wrong = {"shared_axes": st.sampled_from([[4], [0], [-1], "1"])}
    spec = draw(drawn_spec(2 if arguments["shared_axes"] is None else 3, 5, step=step))
    return flawed(draw, arguments, wrong), spec


@st.composite
def _softmax(draw: Any, *, step: bool) -> Any:
    arguments = {"axis": draw(st.sampled_from([-1, -1, 1, [-1], [1, 2], (-1, -2)]))}
    wrong = {"axis": st.sampled_from([7, 0, [], None])}
    return flawed(draw, arguments, wrong), draw(drawn_spec(3, 5, step=step))


def _cases(*, step: bool) -> dict[str, Any]:
    return {
        "Activation": _activation(step=step),
        **{name: _rectifier(name, step=step) for name in ("ELU", "LeakyReLU", "ReLU")},
        "PReLU": _prelu(step=step),
        "Softmax": _softmax(step=step),
    }


test_activation = differential("activation", _cases(step=False))
test_activation_in_training = differential("activation", _cases(step=True), step=True, count=25)


@pytest.mark.parametrize("name", _NAMES)
def test_elementwise_activations_keep_every_shape(name: str) -> None:
    function = getattr(keras.activations, name)
    for shape in ((4,), (2, 3), (2, 3, 4), (1, 1, 1, 1)):
        assert tuple(function(keras.ops.ones(shape)).shape) == shape


def test_the_known_activations_are_those_of_keras() -> None:
    """A name that Keras does not have would let a wrong activation pass."""
    mine = {name for name in dir(keras.activations) if name[0] != "_" and name.islower()}
    others = {
        "softmax",
        "log_softmax",
        "get",
        "serialize",
        "deserialize",
        "glu",
        "sparsemax",
        "threshold",
    }
    assert mine - others - ELEMENTWISE == set()
