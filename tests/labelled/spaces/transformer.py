"""Attention in its several forms."""

from __future__ import annotations

import keras
import keras_tuner as kt
import numpy as np
from keras import layers, ops

from tests.labelled import arrays
from tests.labelled.model import Space


def encoder(hp: kt.HyperParameters) -> keras.Model:
    """A text encoder whose feed-forward block may not come back to the width."""
    inputs = keras.Input((16,), dtype="int32")
    width = hp.Choice("embed_dim", [8, 16, 24])
    heads = hp.Int("num_heads", 1, 8)
    x = layers.Embedding(50, width)(inputs)
    for i in range(hp.Int("blocks", 1, 2)):
        attention = layers.MultiHeadAttention(heads, key_dim=width // heads)
        y = attention(x, x)
        x = layers.LayerNormalization(epsilon=1e-6)(x + y)
        y = layers.Dense(hp.Choice("ff_dim", [16, 32]), activation="relu")(x)
        if hp.Boolean(f"project_{i}", default=True):
            y = layers.Dense(width)(y)
        x = layers.LayerNormalization(epsilon=1e-6)(x + y)
    x = layers.GlobalAveragePooling1D()(x)
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def unequal(hp: kt.HyperParameters) -> keras.Model:
    """Query and value of free widths under several kinds of attention."""
    inputs = keras.Input((6, 5))
    query = layers.Dense(hp.Choice("query", [8, 12]))(inputs)
    value = layers.Dense(hp.Choice("value", [8, 12]))(inputs)
    kind = hp.Choice("kind", ["dot", "additive", "heads"])
    if kind == "dot":
        x = layers.Attention(use_scale=hp.Boolean("scale"))([query, value])
    elif kind == "additive":
        x = layers.AdditiveAttention()([query, value])
    else:
        x = layers.MultiHeadAttention(2, 4)(query, value)
    x = layers.Concatenate()([query, x])
    x = layers.GlobalMaxPooling1D()(x)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    model.compile("adam", "categorical_crossentropy")
    return model


def grouped_query(hp: kt.HyperParameters) -> keras.Model:
    """The key heads must divide the query heads."""
    inputs = keras.Input((8, 12))
    query_heads = hp.Int("query_heads", 2, 6)
    key_heads = hp.Int("key_heads", 1, 3)
    attention = layers.GroupQueryAttention(
        head_dim=hp.Choice("head_dim", [4, 6]),
        num_query_heads=query_heads,
        num_key_value_heads=key_heads,
    )
    x = attention(inputs, inputs, use_causal_mask=hp.Boolean("causal"))
    x = layers.Add()([inputs, x])
    x = layers.Flatten()(x)
    model = keras.Model(inputs, layers.Dense(1)(x))
    model.compile("adam", "mse")
    return model


def vision(hp: kt.HyperParameters) -> keras.Model:
    """A vision transformer: patches must tile the image as the positions expect."""
    inputs = keras.Input((24, 24, 3))
    patch = hp.Choice("patch", [4, 6, 8, 5, 7])
    width = hp.Choice("width", [16, 24])
    x = layers.Conv2D(width, patch, strides=patch)(inputs)
    count = (24 // patch) ** 2
    if hp.Boolean("ceiling"):
        count = int(np.ceil(24 / patch)) ** 2
    x = layers.Reshape((count, width))(x)
    positions = layers.Embedding(count, hp.Choice("position_width", [16, 24]))
    x = x + positions(ops.arange(count))
    y = layers.LayerNormalization()(x)
    y = layers.MultiHeadAttention(hp.Int("heads", 1, 3), 8, dropout=0.1)(y, y)
    x = layers.Add()([x, y])
    x = layers.Flatten()(x)
    model = keras.Model(inputs, layers.Dense(10)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adamw", loss, metrics=["accuracy"])
    return model


class Positions(layers.Layer):
    """Token embedding plus learned positions up to a length."""

    def __init__(self, length: int, vocabulary: int, width: int) -> None:
        super().__init__()
        self.tokens = layers.Embedding(vocabulary, width)
        self.positions = layers.Embedding(length, width)
        self.length = length

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Add the positions to the tokens."""
        return self.tokens(inputs) + self.positions(ops.arange(0, self.length))


def small_gpt(hp: kt.HyperParameters) -> keras.Model:
    """A causal language model with a maximum length of its own."""
    inputs = keras.Input((12,), dtype="int32")
    width = hp.Int("width", 8, 24, step=8)
    length = hp.Choice("length", [12, 16, 1])
    x = Positions(length, 40, width)(inputs)
    for _ in range(hp.Int("depth", 1, 2)):
        y = layers.MultiHeadAttention(hp.Choice("heads", [2, 4]), width)(x, x, use_causal_mask=True)
        x = layers.LayerNormalization()(x + layers.Dropout(0.1)(y))
        y = keras.Sequential([layers.Dense(width * 2, activation="gelu"), layers.Dense(width)])(x)
        x = layers.LayerNormalization()(x + y)
    model = keras.Model(inputs, layers.Dense(40)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss=loss)
    return model


def cross(hp: kt.HyperParameters) -> keras.Model:
    """Cross attention of two sequences and a choice of how they are merged."""
    text = keras.Input((10,), name="text")
    image = keras.Input((9, 6), name="image")
    width = hp.Choice("width", [6, 12])
    x = layers.Embedding(20, width, mask_zero=True)(text)
    z = image
    if hp.Boolean("project"):
        z = layers.Dense(width)(z)
    attended = layers.MultiHeadAttention(2, 3)(query=x, value=z)
    merge = hp.Choice("merge", ["add", "multiply", "wrong"])
    if merge == "add":
        x = layers.Add()([x, attended])
    elif merge == "multiply":
        x = layers.Multiply()([x, attended])
    else:
        x = layers.Add()([attended, z])
    x = layers.GlobalAveragePooling1D()(x)
    model = keras.Model({"text": text, "image": image}, layers.Dense(1)(x))
    model.compile("adam", "mse")
    return model


SPACES = (
    Space(
        "transformer_encoder",
        encoder,
        lambda: arrays.given(arrays.whole(50, 16), arrays.labels(2)),
        20,
    ),
    Space(
        "transformer_unequal",
        unequal,
        lambda: arrays.given(arrays.real(6, 5), arrays.onehot(3)),
        16,
    ),
    Space(
        "transformer_grouped_query",
        grouped_query,
        lambda: arrays.given(arrays.real(8, 12), arrays.real()),
        20,
    ),
    Space(
        "transformer_vision",
        vision,
        lambda: arrays.given(arrays.real(24, 24, 3), arrays.labels(10)),
        22,
    ),
    Space(
        "transformer_small_gpt",
        small_gpt,
        lambda: arrays.given(arrays.whole(40, 12), arrays.whole(40, 12)),
        14,
    ),
    Space(
        "transformer_cross",
        cross,
        lambda: arrays.given(
            {"text": arrays.whole(20, 10, low=1), "image": arrays.real(9, 6)}, arrays.real(1)
        ),
        12,
    ),
)
