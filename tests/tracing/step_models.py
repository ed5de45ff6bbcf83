"""Hypermodels whose training step fails, or passes, in a way that their build does not show.

As those of ``models.py``: a real build and a real ``fit`` judge them.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tests.tracing.models import SCALARS, SEQUENCE, X, case, compiled

IMAGES = np.random.default_rng(2).random((6, 16, 16, 3), dtype="float32") * 255
WIDTH = X.shape[1]


def regressor(*hidden: Any, given: bool = True, shape: Any = (WIDTH,)) -> Any:
    """One number on top of these layers; ``given`` says the input's shape before ``fit``."""
    first = [keras.Input(shape)] if given else []
    return compiled(keras.Sequential([*first, *hidden, layers.Dense(1)]), "mse")


def over(function: Any, last: Any = None) -> Any:
    """A functional model that ends in a function of a dense layer."""
    inputs = keras.Input((WIDTH,))
    outputs = function(layers.Dense(1)(inputs))
    return compiled(keras.Model(inputs, last(outputs) if last else outputs), "mse")


class Own(keras.Model):
    """A model whose call is a function of its layers."""

    def __init__(self, *parts: Any, then: Any = None) -> None:
        super().__init__()
        self.parts = list(parts)
        self.then = then

    def call(self, inputs: Any) -> Any:
        for part in self.parts:
            inputs = part(inputs)
        return self.then(inputs) if self.then else inputs


# Keywords that reach a layer through **kwargs.


@case(IMAGES, SCALARS)
def data_format_of_a_base(hp: Any) -> Any:
    augmented = layers.RandomContrast(0.3, data_format="channels_last")
    return regressor(augmented, layers.Flatten(), shape=(16, 16, 3))


@case(IMAGES, SCALARS)
def bounding_box_format_of_a_base(hp: Any) -> Any:
    cropped = layers.CenterCrop(8, 8, bounding_box_format="xyxy")
    return regressor(cropped, layers.Flatten(), shape=(16, 16, 3))


@case(SEQUENCE, SCALARS)
def implementation_of_a_recurrent_layer(hp: Any) -> Any:
    return regressor(layers.GRU(4, implementation=1), shape=(8, 4))


@case(y=SCALARS)
def keyword_of_nobody(hp: Any) -> Any:
    return regressor(layers.Activation("relu", data_format="channels_last"))


# Layers that give their own input back.


@case(IMAGES, IMAGES)
def input_is_the_output(hp: Any) -> Any:
    inputs = keras.Input((16, 16, 3))
    return compiled(keras.Model(inputs, layers.Equalization()(inputs)), "mse")


@case(IMAGES, SCALARS)
def input_is_given_back_in_a_stack(hp: Any) -> Any:
    return regressor(layers.Equalization(), layers.Flatten(), shape=(16, 16, 3))


class SaysItGivesBack(layers.Layer):
    def call(self, inputs: Any) -> Any:
        return inputs * 2.0

    def compute_output_spec(self, inputs: Any) -> Any:
        return inputs


@case(y=X)
def own_layer_gives_its_input_back(hp: Any) -> Any:
    inputs = keras.Input((WIDTH,))
    return compiled(keras.Model(inputs, SaysItGivesBack()(inputs)), "mse")


# What only the gradient refuses, and gradients that reach nothing.


class SliceOfWeights(layers.Layer):
    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape=(self.rows, WIDTH))

    def call(self, inputs: Any) -> Any:
        return inputs + ops.slice(self.table, (0, 0), (6, WIDTH))


@case(y=SCALARS)
def slice_beyond_the_weights(hp: Any) -> Any:
    return regressor(SliceOfWeights(5))


@case(y=SCALARS)
def slice_within_the_weights(hp: Any) -> Any:
    return regressor(SliceOfWeights(6))


@case(y=SCALARS)
def slice_beyond_the_weights_of_a_model(hp: Any) -> Any:
    return compiled(Own(SliceOfWeights(5), layers.Dense(1)), "mse")


@case(y=SCALARS)
def argmax_before_the_loss(hp: Any) -> Any:
    return over(lambda x: ops.argmax(x, axis=-1))


@case(y=SCALARS)
def argmax_before_a_dense_layer(hp: Any) -> Any:
    return over(lambda x: ops.reshape(ops.cast(ops.argmax(x, -1), "float32"), (-1, 1)),
                layers.Dense(1))  # fmt: skip


@case(y=SCALARS)
def rounded_output(hp: Any) -> Any:
    return over(ops.round)


@case(y=SCALARS)
def stopped_gradient(hp: Any) -> Any:
    return over(ops.stop_gradient)


@case(y=SCALARS)
def stopped_gradient_of_one_branch(hp: Any) -> Any:
    return over(lambda x: ops.stop_gradient(x) + x)


@case(y=np.zeros((6, 3), "float32"))
def discretized_output(hp: Any) -> Any:
    inputs = keras.Input((WIDTH,))
    bins = layers.Discretization([0.0, 1.0], output_mode="multi_hot")
    return compiled(keras.Model(inputs, bins(layers.Dense(4)(inputs))), "mse")


@case(y=SCALARS)
def own_model_ends_in_argmax(hp: Any) -> Any:
    return compiled(Own(layers.Dense(2), then=lambda x: ops.argmax(x, axis=-1)), "mse")


@case(y=SCALARS)
def head_is_frozen(hp: Any) -> Any:
    inputs = keras.Input((WIDTH,))
    head = layers.Dense(1, trainable=False)
    return compiled(keras.Model(inputs, head(layers.Dense(4)(inputs))), "mse")


@case(y=X)
def nothing_to_train(hp: Any) -> Any:
    inputs = keras.Input((WIDTH,))
    return compiled(keras.Model(inputs, ops.round(inputs)), "mse")


@case(y=SCALARS)
def frozen_model_below_a_rounded_head(hp: Any) -> Any:
    inner = keras.Sequential([keras.Input((WIDTH,)), layers.Dense(1)])
    inner.trainable = False
    inputs = keras.Input((WIDTH,))
    return compiled(keras.Model(inputs, ops.round(inner(inputs))), "mse")


# Layers that are built while fit traces the model.


class Table(layers.Layer):
    def build(self, shape: Any) -> None:
        self.table = ops.arange(shape[-1], dtype="float32")

    def call(self, inputs: Any) -> Any:
        return inputs + self.table


@case(y=SCALARS)
def normalization_without_input(hp: Any) -> Any:
    return regressor(layers.Normalization(), given=False)


@case(y=SCALARS)
def normalization_with_input(hp: Any) -> Any:
    return regressor(layers.Normalization())


@case(y=SCALARS)
def adapted_normalization_without_input(hp: Any) -> Any:
    normalization = layers.Normalization()
    normalization.adapt(X)
    return regressor(normalization, given=False)


@case(y=SCALARS)
def normalization_in_a_nested_stack(hp: Any) -> Any:
    return regressor(keras.Sequential([layers.Normalization()]), given=False)


@case(y=SCALARS)
def normalization_in_a_model_of_ones_own(hp: Any) -> Any:
    return compiled(Own(layers.Normalization(), layers.Dense(1)), "mse")


@case(y=SCALARS)
def table_built_with_an_input(hp: Any) -> Any:
    return regressor(Table())


@case(y=SCALARS)
def table_built_late(hp: Any) -> Any:
    return regressor(Table(), given=False)


@case(y=SCALARS)
def table_in_a_model_of_ones_own(hp: Any) -> Any:
    return compiled(Own(Table(), layers.Dense(1)), "mse")


class KeptFromACall(layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.table = None

    def call(self, inputs: Any) -> Any:
        if self.table is None:
            self.table = ops.arange(WIDTH, dtype="float32")
        return inputs + self.table


@case(y=SCALARS)
def tensor_kept_from_a_call(hp: Any) -> Any:
    return regressor(KeptFromACall())


@case(y=SCALARS)
def tensor_kept_from_a_late_call(hp: Any) -> Any:
    return regressor(KeptFromACall(), given=False)


# Layers, weights and generators that are made in a call.


class MakesInCall(layers.Layer):
    def __init__(self, make: Any) -> None:
        super().__init__()
        self.make = make

    def call(self, inputs: Any) -> Any:
        return self.make(inputs)


@case(y=SCALARS)
def dense_made_in_call(hp: Any) -> Any:
    return compiled(Own(then=lambda x: layers.Dense(1)(x)), "mse")


@case(y=SCALARS)
def dense_made_in_an_eager_call(hp: Any) -> Any:
    return compiled(Own(then=lambda x: layers.Dense(1)(x)), "mse", run_eagerly=True)


@case(y=SCALARS)
def dense_made_in_the_call_of_a_layer(hp: Any) -> Any:
    return regressor(MakesInCall(lambda x: layers.Dense(1)(x)))


@case(y=SCALARS)
def dense_made_in_a_lambda(hp: Any) -> Any:
    return regressor(layers.Lambda(lambda x: layers.Dense(1)(x)))


@case(y=SCALARS)
def dropout_made_in_call(hp: Any) -> Any:
    made = MakesInCall(lambda x: layers.Dropout(0.5)(x, training=True))
    return compiled(Own(made, layers.Dense(1)), "mse")


@case(y=SCALARS)
def seeds_made_in_call(hp: Any) -> Any:
    noise = lambda x: x + keras.random.normal((WIDTH,), seed=keras.random.SeedGenerator(1))  # noqa: E731
    return regressor(MakesInCall(noise))


@case(y=SCALARS)
def merge_made_in_call(hp: Any) -> Any:
    return compiled(Own(MakesInCall(lambda x: layers.add([x, x])), layers.Dense(1)), "mse")


class MakesInBuild(layers.Layer):
    def build(self, shape: Any) -> None:
        self.inner = layers.Dense(3)

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs)


@case(y=SCALARS)
def dense_made_in_build(hp: Any) -> Any:
    return regressor(MakesInBuild(), given=False)


# Values that a constructor refuses.


@case(y=SCALARS)
def text_as_a_seed(hp: Any) -> Any:
    return regressor(layers.Dropout(0.5, seed="x"))


@case(y=SCALARS)
def fraction_as_a_seed(hp: Any) -> Any:
    return regressor(layers.GaussianNoise(0.5, seed=1.5))


@case(y=SCALARS)
def numpy_integer_as_a_seed(hp: Any) -> Any:
    return regressor(layers.Dropout(0.5, seed=np.int64(3)))
