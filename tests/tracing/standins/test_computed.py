"""Layers that build calls on arrays: positions, class numbers; against real Keras."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
from keras import layers, ops

import shapesafe_tuner as sst
from tests import toys

pytestmark = [
    *(pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS),
    # PyTorch's tensor, not a leaf, in the graph of a model.
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor"),
    # Keras says so before it raises.
    pytest.mark.filterwarnings("ignore:Layer 'positions' looks like it has unbuilt state"),
    pytest.mark.filterwarnings("ignore:`build..` was called on layer 'positions'"),
]
WIDTH = 8


class Positions(layers.Layer):  # type: ignore[misc]
    """As in keras.io's vision transformer."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.projection = layers.Dense(WIDTH)
        self.table = layers.Embedding(count, WIDTH)

    def call(self, patches: Any) -> Any:
        numbers = ops.expand_dims(ops.arange(start=0, stop=self.count, step=1), axis=0)
        return self.projection(patches) + self.table(numbers)


def headed(inputs: Any, x: Any) -> Any:
    model = keras.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling1D()(x)))
    model.compile("sgd", "mse")
    return model


def in_a_layer(hp: Any) -> Any:
    inputs = keras.Input((hp.Choice("steps", [4, 6]), 3))
    return headed(inputs, Positions(hp.Choice("count", [4, 6]))(inputs))


def in_build(hp: Any) -> Any:
    inputs = keras.Input((hp.Choice("steps", [4, 6]), 3))
    table = layers.Embedding(hp.Choice("rows", [5, 9]), WIDTH)
    return headed(
        inputs, layers.Dense(WIDTH)(inputs) + table(ops.arange(hp.Choice("count", [4, 6])))
    )


def a_token_of_the_class(hp: Any) -> Any:
    inputs = keras.Input((hp.Choice("steps", [4, 6]), 3))
    numbers = np.zeros((1, hp.Choice("count", [4, 6])), "int32")
    token = layers.Dense(hp.Choice("width", [3, 5]))(layers.Embedding(1, 2)(numbers))
    return headed(inputs, layers.LayerNormalization()(inputs * token))


def arrays_of_floats(hp: Any) -> Any:
    inputs = keras.Input((4, 3))
    table = layers.Embedding(9, 3)(ops.cast(ops.arange(hp.Choice("count", [4, 6])), "float32"))
    return headed(inputs, inputs + table)


@pytest.mark.parametrize("build", [in_a_layer, in_build, a_token_of_the_class, arrays_of_floats])
def test_as_in_keras(build: Any) -> None:
    hp = keras_tuner.HyperParameters()
    build_once = sst.validate_search_space(build)
    for name, domain in build_once.domains.items():
        hp.Choice(name, list(domain))
    names = {parameter.name: parameter.values for parameter in hp.space}
    feasible = []
    for chosen in itertools.product(*names.values()):
        hp.values = dict(zip(names, chosen, strict=True))
        keras.backend.clear_session()
        try:
            model = build(hp)
        except Exception:  # whatever Keras raises: it is no model
            model = None
        verdict = sst.check(build, dict(hp.values))
        assert verdict.feasible is (model is not None), hp.values
        feasible.append(verdict.feasible)
        if model is not None:
            assert verdict.parameters == model.count_params()
            shape = (2, *model.input_shape[1:])
            model.fit(np.zeros(shape, "float32"), np.zeros((2, 1)), verbose=0)
            verdict = sst.check(build, dict(hp.values), x=np.zeros(shape), y=np.zeros((2, 1)))
            assert verdict.feasible
    assert feasible.count(True) / len(feasible) == build_once.feasible_fraction


@pytest.mark.parametrize("build", [in_a_layer, in_build])
def test_rules_decide(build: Any) -> None:
    verdict = sst.check(build, {})
    assert verdict.stage == "analytic"
    assert verdict.slow_because is None


def test_an_array_that_does_not_go_with_a_tensor_is_refused_by_a_rule() -> None:
    fault = sst.check(in_build, {"count": 6, "rows": 9}).fault
    assert fault is not None
    assert fault.reason == (
        "Add 'add' cannot combine (None, 4, 8) and (6, 8): 4 and 6 differ and neither is 1."
    )
    assert fault.hyperparameters == {"steps": 4, "count": 6}
