"""Hypermodels about what adds to the loss, and about what the loss comes to in training.

Each is a case of ``models.py``; ``test_against_fit.py`` holds a check against build and ``fit``.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from tests.backends import BACKEND
from tests.tracing.models import case

X = np.random.default_rng(0).random((8, 6), dtype="float32")
Y = np.random.default_rng(1).random((8, 4), dtype="float32")


def model(*hidden: Any, loss: Any = "mse", given: bool = True) -> Any:
    stack = keras.Sequential([*([keras.Input((6,))] if given else []), *hidden])
    stack.compile("sgd", loss)
    return stack


def heads(*losses: Any) -> Any:
    x = keras.Input((6,))
    first = layers.Dense(4, name="first")(x)
    rounded = ops.round(layers.Dense(4)(x))
    both = keras.Model(x, [first, rounded])
    both.compile("sgd", list(losses))
    return both


def accuracy(y_true: Any, y_pred: Any) -> Any:
    return ops.mean(ops.cast(ops.round(y_pred) == y_true, "float32"))


# A sum of losses in several dtypes.


@case(X, Y)
def penalty_of_weights_in_half_precision(hp: Any) -> Any:
    return model(layers.Dense(4, kernel_regularizer="l2", dtype="float16"))


@case(X, Y)
def penalty_of_outputs_in_mixed_precision(hp: Any) -> Any:
    return model(layers.Dense(4, activity_regularizer="l1", dtype="mixed_bfloat16"))


@case(X, Y)
def penalty_of_weights_in_mixed_precision(hp: Any) -> Any:
    return model(layers.Dense(4, kernel_regularizer="l2", dtype="mixed_float16"))


@case(X, Y)
def penalty_of_a_layer_of_its_own_in_double_precision(hp: Any) -> Any:
    return model(layers.Dense(4), layers.ActivityRegularization(0.1, dtype="float64"))


@case(X, Y)
def penalty_inside_of_a_wrapper(hp: Any) -> Any:
    inner = layers.Dense(2, activity_regularizer="l1", dtype="float16")
    steps = layers.TimeDistributed(inner)
    return model(layers.Reshape((6, 1)), steps, layers.Flatten(), layers.Dense(4))


# Regularizers and constraints that refuse a weight.


@case(X, Y)
def orthogonal_regularizer_of_a_bias(hp: Any) -> Any:
    return model(layers.Dense(4, bias_regularizer="orthogonal_regularizer"))


@case(X, Y)
def orthogonal_regularizer_of_a_kernel(hp: Any) -> Any:
    return model(layers.Dense(4, kernel_regularizer="orthogonal_regularizer"))


@case(X, Y)
def regularizer_that_gives_a_number(hp: Any) -> Any:
    return model(layers.Dense(4, kernel_regularizer=lambda kernel: 1))


@case(X, Y)
def constraint_along_an_axis_that_is_not_there(hp: Any) -> Any:
    return model(layers.Dense(4, bias_constraint=keras.constraints.MaxNorm(2, axis=1)))


@case(X, Y)
def constraint_that_cuts(hp: Any) -> Any:
    return model(layers.Dense(4, kernel_constraint=lambda kernel: kernel[:2]))


@case(X, Y)
def constraint_of_a_frozen_layer(hp: Any) -> Any:
    frozen = layers.Dense(4, kernel_constraint=lambda kernel: kernel[:2], trainable=False)
    return model(frozen, layers.Dense(4))


class Constrained(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.head = layers.Dense(4, kernel_constraint=lambda kernel: kernel * ops.ones((5, 1)))

    def call(self, inputs: Any) -> Any:
        return self.head(inputs)


@case(X, Y)
def constraint_in_a_model_of_its_own(hp: Any) -> Any:
    constrained = Constrained()
    constrained.compile("sgd", "mse")
    return constrained


# Gradients that reach nothing.

_NO_PATH = pytest.mark.xfail(
    BACKEND == "torch", reason="a loss that needs no gradient is not seen on PyTorch"
)


@case(X, Y, _NO_PATH)
def activation_without_a_gradient(hp: Any) -> Any:
    return model(layers.Dense(4, activation=lambda x: ops.cast(x > 0, "float32")))


@case(X, Y, _NO_PATH)
def activation_of_keras_that_stops_the_gradient(hp: Any) -> Any:
    return model(layers.Dense(4, activation=ops.stop_gradient))


@case(X, Y, _NO_PATH)
def loss_without_a_gradient(hp: Any) -> Any:
    return model(layers.Dense(4), loss=accuracy)


@case(X, Y)
def loss_without_a_gradient_beside_a_penalty(hp: Any) -> Any:
    return model(layers.Dense(4, kernel_regularizer="l2"), loss=accuracy)


@case(X, Y, _NO_PATH)
def metric_as_a_loss(hp: Any) -> Any:
    return model(layers.Dense(4), loss=keras.metrics.categorical_accuracy)


@case(X, [Y, Y])
def loss_of_the_output_without_a_gradient(hp: Any) -> Any:
    return heads(None, "mse")


@case(X, [Y, Y])
def loss_of_the_output_with_a_gradient(hp: Any) -> Any:
    return heads("mse", accuracy)


class Stops(layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.inner = layers.Dense(4, activation=ops.stop_gradient)

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs)


@case(X, Y, _NO_PATH)
def own_layer_that_stops_the_gradient(hp: Any) -> Any:
    return model(layers.Dense(3), Stops())


class Updates(layers.Layer):
    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape=(6, 4), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        return inputs + ops.slice_update(self.table, (0, 0), ops.ones((7, 4)))


@case(np.zeros((8, 6, 4), "float32"), np.zeros((8, 6, 4), "float32"))
def update_beyond_the_weights(hp: Any) -> Any:
    stack = keras.Sequential([keras.Input((6, 4)), Updates()])
    stack.compile("sgd", "mse")
    return stack


# Variables that cannot be made, tensors that are kept.


@case(X, Y)
def whole_numbers_as_weights(hp: Any) -> Any:
    return model(layers.Dense(4, dtype="int32"))


@case(X, Y)
def truth_as_a_seed(hp: Any) -> Any:
    return model(layers.Dropout(0.5, seed=True), layers.Dense(4))


@case(X, Y)
def nothing_for_the_bias_of_an_lstm(hp: Any) -> Any:
    return model(layers.Reshape((6, 1)), layers.LSTM(4, bias_initializer=None))


_KEPT = pytest.mark.xfail(
    BACKEND == "jax", reason="what a layer keeps of the trace that built it is not seen on JAX"
)


@case(X, Y, _KEPT)
def normalization_by_given_numbers_built_late(hp: Any) -> Any:
    return model(layers.Normalization(mean=0.0, variance=1.0), layers.Dense(4), given=False)


@case(X, Y)
def normalization_by_given_numbers(hp: Any) -> Any:
    return model(layers.Normalization(mean=0.0, variance=1.0), layers.Dense(4))


@case(np.zeros((8, 3, 6), "float32"), Y, _KEPT)
def normalization_step_by_step_built_late(hp: Any) -> Any:
    steps = layers.TimeDistributed(layers.Normalization())
    return model(steps, layers.Flatten(), layers.Dense(4), given=False)


@case(np.zeros((4, 400, 1), "float32"), np.zeros((4, 1), "float32"))
def spectrogram_in_half_precision(hp: Any) -> Any:
    spectrogram = layers.STFTSpectrogram(frame_length=50, frame_step=25, dtype="float16")
    stack = keras.Sequential(
        [keras.Input((400, 1)), spectrogram, layers.Flatten(), layers.Dense(1)]
    )
    stack.compile("sgd", "mse")
    return stack


# What Python's library refuses inside of Keras.


@case(X, Y)
def equation_that_is_no_text(hp: Any) -> Any:
    return model(layers.EinsumDense(None, output_shape=4))


@case(X, Y)
def function_that_is_none(hp: Any) -> Any:
    return model(layers.Lambda(None), layers.Dense(4))


@case(X, Y)
def cudnn_without_a_kernel(hp: Any) -> Any:
    return model(layers.Reshape((6, 1)), layers.GRU(4, use_cudnn=None))
