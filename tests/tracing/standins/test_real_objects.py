"""Real objects for stand-ins: the same model as ``build`` makes for real, each part once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from shapesafe_tuner.tracing.environment import Check, check_environment
from shapesafe_tuner.tracing.standins.run import AnalyticRun


def stack() -> Any:
    model = keras.Sequential([keras.Input((8, 4)), layers.Conv1D(3, 2), layers.Flatten()])
    model.add(layers.Dense(2, kernel_regularizer="l2", name="head"))
    model.compile(keras.optimizers.SGD(0.5), keras.losses.Huber(2.0))
    return model


def graph() -> Any:
    """A shared layer, an operation, a branch, several inputs in a dict, outputs in a list."""
    one, two = keras.Input((6,), name="one"), keras.Input((6,), name="two")
    shared = layers.Dense(4)
    joined = layers.Concatenate()([shared(one), shared(two)])
    outputs = [layers.Dense(1)(ops.relu(joined) + 1.0), joined]
    return keras.Model({"one": one, "two": two}, outputs)


def nested() -> Any:
    inner = keras.Sequential([keras.Input((5,)), layers.Dense(3)])
    inputs = keras.Input((5,))
    frozen = layers.Dense(2)
    frozen.trainable = False
    return keras.Model(inputs, frozen(layers.Bidirectional(layers.LSTM(2))(inner(inputs)[:, None])))


@contextmanager
def on_stand_ins(build: Callable[[], Any]) -> Iterator[tuple[Any, AnalyticRun]]:
    """The model of stand-ins, as somebody holds it who kept it until its run is over."""
    check = Check()
    with check_environment(check):
        check.analytic = run = AnalyticRun(check)
        try:
            model = build()
        finally:
            check.analytic = None
            run.close()
    yield model, run


def ones_for(tensor: Any) -> Any:
    return np.ones((2, *tensor.shape[1:]), "float32")


def given_to(model: Any) -> Any:
    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def signature(model: Any) -> Any:
    """What two models must have in common to compute the same."""
    tree = keras.tree.map_structure(lambda x: (x.shape, x.dtype), (model.inputs, model.outputs))
    found = [(type(layer).__name__, layer.trainable) for layer in model.layers]
    return tree, sorted(found), [weight.shape for weight in model.weights]


@pytest.mark.parametrize("build", [stack, graph, nested])
def test_a_model_that_was_kept_becomes_the_one_that_build_makes(build: Any) -> None:
    with on_stand_ins(build) as (kept, _):
        real = build()
        assert signature(kept) == signature(real)
        data = keras.tree.map_structure(ones_for, given_to(real))
        given, wanted = kept(data), real(data)
        shapes = [keras.tree.map_structure(lambda x: tuple(x.shape), y) for y in (given, wanted)]
        assert shapes[0] == shapes[1]


def test_compile_comes_along() -> None:
    with on_stand_ins(stack) as (kept, _):
        assert float(kept.optimizer.learning_rate) == 0.5
        assert isinstance(kept.loss, keras.losses.Huber)
        assert kept.get_layer("head").kernel_regularizer is not None


def test_a_record_becomes_one_object() -> None:
    with on_stand_ins(stack) as (kept, run):
        record = object.__getattribute__(kept, "_record")
        assert run.real_object(record) is run.real_object(record)
        head = record.stack[-1]
        assert run.realised({"a": [head, 1]})["a"][0] is run.real_object(head._record)
        assert run.realised((1, "two", None)) == (1, "two", None)
