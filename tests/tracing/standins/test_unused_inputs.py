"""Functional models with an input that leads to no output: rules decide as a real ``fit`` does."""

from __future__ import annotations

import warnings
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
from keras import layers

import shapesafe_tuner as sst

A, B, THREE = np.zeros((8, 5)), np.zeros((8, 2)), np.zeros((8, 3, 1))
DATA: dict[str, Any] = {
    "both": {"a": A, "b": B},
    "a tuple": (A, B),
    "in reverse": [B, A],
    "one": A,
    "a dict of one": {"a": A},
    "more": {"a": A, "b": B, "c": B},
    "another rank": {"a": A, "b": THREE},
    "another rank in a list": [A, THREE],
}
GIVEN: dict[str, Any] = {
    "a dict": lambda a, b: {"a": a, "b": b},
    "a list": lambda a, b: [a, b],
    "reversed": lambda a, b: [b, a],
}


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("unused", [(2,), (None,), (2, 1)])
def test_an_input_that_leads_nowhere(given: str, unused: Any, data: str) -> None:
    def build(hp: Any) -> Any:
        a, b = keras.Input((5,), name="a"), keras.Input(unused, name="b")
        model = keras.Model(GIVEN[given](a, b), layers.Dense(3)(a))
        model.compile("sgd", "mse")
        return model

    x, y = DATA[data], np.zeros((8, 3))
    verdict = sst.check(build, {}, x=x, y=y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            build(keras_tuner.HyperParameters()).fit(x, y, verbose=0)
            trains = True
        except (ValueError, TypeError, KeyError):
            trains = False
    assert verdict.feasible is trains
    if data == "both" and given == "a dict" and unused == (2,):
        assert verdict.stage == "analytic"
    keras.backend.clear_session()
