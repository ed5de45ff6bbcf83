"""Hypermodels that the benchmarks measure, and random configurations of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

__all__ = ["SUBJECTS", "Subject", "deep_mlp", "functional_cnn", "sequential_cnn", "wide_mlp"]

Subject = tuple[Callable[[Any], Any], Callable[[random.Random], dict[str, Any]]]


def sequential_cnn(hp: Any) -> Any:
    """The 1 - 5 block CNN, grown layer by layer."""
    model = keras.Sequential([keras.Input((28, 28, 1))])
    for layer in _blocks(hp):
        model.add(layer)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def functional_cnn(hp: Any) -> Any:
    """The same CNN as a graph of layers."""
    inputs = h = keras.Input((28, 28, 1))
    for layer in _blocks(hp):
        h = layer(h)
    model = keras.Model(inputs, h)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _blocks(hp: Any) -> Any:
    for block in range(hp.Int("blocks", 1, 5)):
        filters = hp.Int(f"filters_{block}", 8, 64, step=8)
        yield layers.Conv2D(filters, hp.Choice(f"kernel_{block}", [3, 5, 7]), activation="relu")
        if hp.Boolean(f"pooling_{block}"):
            yield layers.MaxPooling2D(2)
    yield layers.Flatten()
    yield layers.Dense(hp.Int("units", 32, 256, step=32), activation="relu")
    yield layers.Dropout(hp.Float("dropout", 0.0, 0.5))
    yield layers.Dense(10, activation="softmax")


def _cnn_values(generator: random.Random) -> dict[str, Any]:
    values: dict[str, Any] = {"blocks": generator.randint(1, 5), "dropout": generator.random() / 2}
    values["units"] = generator.randrange(32, 257, 32)
    for block in range(5):
        values[f"filters_{block}"] = generator.randrange(8, 65, 8)
        values[f"kernel_{block}"] = generator.choice([3, 5, 7])
        values[f"pooling_{block}"] = generator.random() < 0.5
    return values


def mlp(hp: Any) -> Any:
    """A stack of dense layers with normalisation and dropout."""
    model = keras.Sequential([keras.Input((64,))])
    for level in range(hp.Int("depth", 1, 6)):
        model.add(layers.Dense(hp.Int(f"units_{level}", 16, 512, step=16), activation="relu"))
        if hp.Boolean(f"normalise_{level}"):
            model.add(layers.BatchNormalization())
        model.add(layers.Dropout(hp.Float("dropout", 0.0, 0.6)))
    model.add(layers.Dense(10, activation="softmax"))
    rate = hp.Float("learning_rate", 1e-4, 1e-1, sampling="log")
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy", metrics=["accuracy"])
    return model


def _mlp_values(generator: random.Random) -> dict[str, Any]:
    values: dict[str, Any] = {
        "depth": generator.randint(1, 6),
        "dropout": generator.random() * 0.6,
        "learning_rate": 10 ** generator.uniform(-4, -1),
    }
    for level in range(6):
        values[f"units_{level}"] = generator.randrange(16, 513, 16)
        values[f"normalise_{level}"] = generator.random() < 0.5
    return values


def u_net(hp: Any) -> Any:
    """An encoder and a decoder joined level by level; sides that do not halve cannot be joined."""
    side = hp.Choice("side", [40, 48, 64])
    filters = hp.Choice("filters", [8, 16, 32])
    depth = hp.Int("depth", 1, 4)
    inputs = x = keras.Input((side, side, 3))
    skips = []
    for level in range(depth):
        for _ in range(2):
            x = layers.Conv2D(filters * 2**level, 3, padding="same", activation="relu")(x)
        skips.append(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(filters * 2**depth, 3, padding="same", activation="relu")(x)
    for level in reversed(range(depth)):
        x = layers.Conv2DTranspose(filters * 2**level, 2, strides=2)(x)
        x = layers.Concatenate()([x, skips[level]])
        for _ in range(2):
            x = layers.Conv2D(filters * 2**level, 3, padding="same", activation="relu")(x)
    model = keras.Model(inputs, layers.Conv2D(2, 1, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _u_net_values(generator: random.Random) -> dict[str, Any]:
    return {
        "side": generator.choice([40, 48, 64]),
        "filters": generator.choice([8, 16, 32]),
        "depth": generator.randint(1, 4),
    }


def lstm_stack(hp: Any) -> Any:
    """Recurrent layers, each of which must return sequences for the next."""
    model = keras.Sequential([keras.Input((48, 12))])
    depth = hp.Int("depth", 1, 3)
    for level in range(depth):
        sequences = hp.Boolean(f"sequences_{level}", default=True)
        layer = layers.LSTM(hp.Int(f"units_{level}", 16, 128, step=16), return_sequences=sequences)
        model.add(layers.Bidirectional(layer) if hp.Boolean(f"both_ways_{level}") else layer)
    model.add(layers.Dense(hp.Int("units", 16, 64, step=16), activation="tanh"))
    model.add(layers.Dense(1))
    model.compile("rmsprop", "mse", metrics=["mae"])
    return model


def _lstm_values(generator: random.Random) -> dict[str, Any]:
    values: dict[str, Any] = {
        "depth": generator.randint(1, 3),
        "units": generator.randrange(16, 65, 16),
    }
    for level in range(3):
        values[f"sequences_{level}"] = generator.random() < 0.7
        values[f"units_{level}"] = generator.randrange(16, 129, 16)
        values[f"both_ways_{level}"] = generator.random() < 0.3
    return values


class Positions(keras.layers.Layer):  # type: ignore[misc]
    """Adds a learned vector to each patch: a layer of the user's own."""

    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape=shape[1:], initializer="random_normal")

    def call(self, patches: Any) -> Any:
        return patches + self.table


def vision_transformer(hp: Any) -> Any:
    """Patches, positions and blocks of attention."""
    width = hp.Choice("width", [32, 48, 64, 96])
    patch = hp.Choice("patch", [4, 6, 8])
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(width, patch, strides=patch)(inputs)
    x = layers.Reshape((-1, width))(x)
    x = Positions()(x)
    for _ in range(hp.Int("blocks", 1, 4)):
        heads = hp.Choice("heads", [2, 4, 8])
        y = layers.LayerNormalization()(x)
        y = layers.MultiHeadAttention(heads, width // heads, dropout=0.1)(y, y)
        x = layers.Add()([x, y])
        y = layers.LayerNormalization()(x)
        y = layers.Dense(hp.Choice("hidden", [64, 96, 128]), activation="gelu")(y)
        y = layers.Dropout(0.1)(y)
        x = layers.Add()([x, layers.Dense(width)(y)])
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile("adamw", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _transformer_values(generator: random.Random) -> dict[str, Any]:
    return {
        "width": generator.choice([32, 48, 64, 96]),
        "patch": generator.choice([4, 6, 8]),
        "blocks": generator.randint(1, 4),
        "heads": generator.choice([2, 4, 8]),
        "hidden": generator.choice([64, 96, 128]),
    }


def wide_mlp(hp: Any) -> Any:
    """A model of 100 million parameters."""
    units = hp.Int("units", 7_000, 7_100)
    stack = [layers.Dense(units, activation="relu") for _ in range(3)]
    model = keras.Sequential([keras.Input((784,)), *stack, layers.Dense(10)])
    model.compile("adam", "mse")
    return model


def deep_mlp(depth: int) -> Callable[[Any], Any]:
    """A stack of so many layers, of widths that are all searched together."""

    def build(hp: Any) -> Any:
        units = hp.Int("units", 8, 64)
        model = keras.Sequential([keras.Input((16,))])
        for _ in range(depth):
            model.add(layers.Dense(units))
        model.compile("adam", "mse")
        return model

    return build


SUBJECTS: dict[str, Subject] = {
    "CNN, Sequential": (sequential_cnn, _cnn_values),
    "CNN, functional": (functional_cnn, _cnn_values),
    "MLP": (mlp, _mlp_values),
    "U-Net": (u_net, _u_net_values),
    "LSTM stack": (lstm_stack, _lstm_values),
    "vision transformer": (vision_transformer, _transformer_values),
}
