"""Layers people write themselves."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner as kt
from keras import layers, ops

from tests.labelled import arrays
from tests.labelled.model import Space


class Linear(layers.Layer):
    """A product with a weight that is made in `build`."""

    def __init__(self, units: int, expected: int | None = None) -> None:
        super().__init__()
        self.units, self.expected = units, expected

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights, for the width that was expected if there is one."""
        rows = self.expected or input_shape[-1]
        self.w = self.add_weight(shape=(rows, self.units), initializer="glorot_uniform")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        """Multiply and add."""
        return ops.matmul(inputs, self.w) + self.b


def linear(hp: kt.HyperParameters) -> keras.Model:
    """Dense layers written by hand."""
    model = keras.Sequential([keras.Input((7,))])
    widths = [hp.Choice(f"width_{i}", [8, 16]) for i in range(hp.Int("depth", 1, 3))]
    for i, width in enumerate(widths):
        expects = i > 0 and hp.Boolean("expects")
        model.add(Linear(width, hp.Choice("expected", [8, 16]) if expects else None))
        model.add(layers.ReLU())
    model.add(Linear(1))
    model.compile("adam", "mse")
    return model


class Pool(layers.Layer):
    """Attention pooling in TensorFlow, without a computed output shape, with a loss."""

    def __init__(self, width: int, penalty: float, keeps_mask: bool) -> None:
        super().__init__()
        self.scores = layers.Dense(1)
        self.context = self.add_weight(shape=(width,), initializer="ones", name="context")
        self.penalty = penalty
        self.supports_masking = keeps_mask

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Weigh the steps by their scores."""
        import tensorflow as tf

        scores = self.scores(inputs)
        if mask is not None:
            scores += (1.0 - tf.cast(mask, scores.dtype)[:, :, None]) * -1e9
        scores = tf.nn.softmax(scores, axis=1)
        self.add_loss(self.penalty * tf.reduce_sum(tf.square(scores)))
        return tf.reduce_sum(scores * inputs * self.context, axis=1)


def pooled(hp: kt.HyperParameters) -> keras.Model:
    """A masked embedding under attention pooling; the context has its own width."""
    inputs = keras.Input((8,), dtype="int32")
    width = hp.Choice("width", [8, 12, 1])
    x = layers.Embedding(20, width, mask_zero=hp.Boolean("mask", default=True))(inputs)
    if hp.Boolean("recurrent"):
        x = layers.GRU(hp.Choice("units", [8, 12]), return_sequences=True)(x)
    penalty = hp.Float("penalty", 0.0, 0.1)
    x = Pool(hp.Choice("context", [8, 12, 1]), penalty, hp.Boolean("keeps_mask"))(x)
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


class TrainedBranch(layers.Layer):
    """Adds noise of a fixed width, but only in training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Noise in training, nothing otherwise."""
        if training:
            return inputs + keras.random.normal((self.width,))
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape stays."""
        return input_shape


def trained_branch(hp: kt.HyperParameters) -> keras.Model:
    """The error is only there in training."""
    inputs = keras.Input((5,))
    x = layers.Dense(hp.Choice("units", [6, 8, 1]), activation="relu")(inputs)
    if hp.Boolean("noise", default=True):
        x = TrainedBranch(hp.Choice("noise_width", [6, 8, 1]))(x)
    if hp.Boolean("normalize"):
        x = layers.LayerNormalization()(x)
    model = keras.Model(inputs, layers.Dense(1)(x))
    model.compile("adam", "mse")
    return model


class Gate(layers.Layer):
    """A gated residual block of layers made in the constructor; sizes must agree."""

    def __init__(self, units: int, rate: float, dtype: str | None = None) -> None:
        super().__init__(dtype=dtype)
        self.units = units
        self.value = layers.Dense(units, dtype=dtype)
        self.gate = layers.Dense(units, activation="sigmoid", dtype=dtype)
        self.dropout = layers.Dropout(rate, dtype=dtype)
        self.normalize = layers.LayerNormalization(dtype=dtype)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Gate, drop, add, normalize."""
        x = self.value(inputs) * self.gate(inputs)
        return self.normalize(inputs + self.dropout(x, training=training))


def gated(hp: kt.HyperParameters) -> keras.Model:
    """Gated blocks in full or mixed precision."""
    policy = "mixed_float16" if hp.Boolean("mixed") else None
    model = keras.Sequential()
    model.add(layers.Dense(hp.Choice("stem", [8, 16]), input_shape=(6,), dtype=policy))
    for i in range(hp.Int("blocks", 1, 3)):
        model.add(Gate(hp.Choice(f"units_{i}", [8, 16, 1]), hp.Float("rate", 0, 0.5), policy))
    model.add(layers.Dense(3, activation="softmax", dtype="float32"))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


class Graph(layers.Layer):
    """A graph convolution over features and an adjacency matrix."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.dense = layers.Dense(units, use_bias=False)

    def call(self, inputs: list[Any]) -> Any:
        """Mix the features of neighbours."""
        import tensorflow as tf

        features, adjacency = inputs
        return tf.nn.relu(tf.matmul(adjacency, self.dense(features)))


def graph(hp: kt.HyperParameters) -> keras.Model:
    """Graph convolutions; pooling the nodes may leave the adjacency behind."""
    nodes = keras.Input((6, 3), name="nodes")
    edges = keras.Input((6, 6), name="edges")
    x = nodes
    for i in range(hp.Int("depth", 1, 3)):
        x = Graph(hp.Int(f"units_{i}", 4, 12, step=4))([x, edges])
        if hp.Boolean("pools"):
            x = layers.MaxPooling1D(hp.Choice("pool", [1, 2]))(x)
    x = layers.GlobalAveragePooling1D()(x)
    model = keras.Model([nodes, edges], layers.Dense(1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy")
    return model


SPACES = (
    Space("custom_linear", linear, lambda: arrays.given(arrays.real(7), arrays.real(1)), 18),
    Space(
        "custom_pooled",
        pooled,
        lambda: arrays.given(arrays.whole(20, 8), arrays.labels(2)),
        16,
        tags=("mask", "add_loss"),
        tensorflow_only="a layer of raw TensorFlow operations",
    ),
    Space(
        "custom_trained_branch",
        trained_branch,
        lambda: arrays.given(arrays.real(5), arrays.real(1)),
        18,
        tags=("training",),
    ),
    Space(
        "custom_gated",
        gated,
        lambda: arrays.given(arrays.real(6), arrays.onehot(3)),
        14,
        tags=("mixed precision",),
    ),
    Space(
        "custom_graph",
        graph,
        lambda: arrays.given([arrays.real(6, 3), arrays.real(6, 6)], arrays.binary()),
        14,
        tensorflow_only="a layer of raw TensorFlow operations",
    ),
)
