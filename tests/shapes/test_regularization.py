"""Dropout and noise against fresh Keras layers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from keras import layers

from shapesafe_tuner.testing import check_rule
from tests.shapes.drawing import differential, drawn_spec, flawed

_RATES = st.sampled_from([0, 0.0, 0.3, 0.5, 0.99])
_WRONG = st.sampled_from([-0.1, 1.5, 2, 1, 1.0])
_SPATIAL = {"SpatialDropout1D": 3, "SpatialDropout2D": 4, "SpatialDropout3D": 5}


@st.composite
def _rated(draw: Any, name: str, *, step: bool) -> Any:
    arguments = {name: draw(_RATES), "seed": draw(st.sampled_from([None, 3]))}
    return flawed(draw, arguments, {name: _WRONG}), draw(drawn_spec(1, 5, step=step))


@st.composite
def _spatial(draw: Any, layer: str, *, step: bool) -> Any:
    arguments: dict[str, Any] = {"rate": draw(_RATES)}
    if layer != "SpatialDropout1D":
        arguments["data_format"] = draw(st.sampled_from([None, "channels_last", "channels_first"]))
    rank = _SPATIAL[layer]
    low = rank if draw(st.integers(0, 5)) else draw(st.integers(1, 6))
    wrong = {"rate": _WRONG, "data_format": st.sampled_from(["last", "channels_last"])}
    return flawed(draw, arguments, wrong), draw(drawn_spec(low, low, step=step))


@st.composite
def _penalty(draw: Any, *, step: bool) -> Any:
    arguments = {"l1": draw(st.sampled_from([0.0, 0.1, 1])), "l2": draw(_RATES)}
    return flawed(draw, arguments, {"l1": st.sampled_from([-1.0])}), draw(
        drawn_spec(1, 4, step=step)
    )


def _cases(*, step: bool) -> dict[str, Any]:
    return {
        "ActivityRegularization": _penalty(step=step),
        "GaussianNoise": _rated("stddev", step=step),
        **{
            name: _rated("rate", step=step)
            for name in ("Dropout", "AlphaDropout", "GaussianDropout")
        },
        **{name: _spatial(name, step=step) for name in _SPATIAL},
    }


test_regularization = differential("regularization", _cases(step=False))
test_regularization_in_training = differential(
    "regularization", _cases(step=True), step=True, count=25
)


@pytest.mark.parametrize("regularizer", [None, "l2"])
def test_a_penalty_takes_no_other_regularizer(regularizer: str | None) -> None:
    arguments = {"activity_regularizer": regularizer}
    assert check_rule(layers.ActivityRegularization, arguments, (None, 3)).says == "refused"


@pytest.mark.parametrize("layer", [layers.AlphaDropout, layers.GaussianDropout])
@pytest.mark.parametrize("rate", [1, 1.0])
def test_a_rate_of_one_builds_and_does_not_train(layer: Any, rate: float) -> None:
    assert check_rule(layer, {"rate": rate}, (None, 3)).says == "feasible"
    assert check_rule(layer, {"rate": rate}, (4, 3), step=True).says == "refused"
