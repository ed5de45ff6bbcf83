"""Hypermodels that the benchmarks measure, and random configurations of them."""

from __future__ import annotations

import dataclasses
import functools
import random
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import keras
import keras_tuner
import numpy as np
from keras import layers

__all__ = ["SUBJECTS", "Subject", "deep_mlp", "wide_mlp"]

Values = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Subject:
    """A hypermodel to be measured.

    Attributes:
        build: ``hp -> keras.Model``.
        draw: a random configuration.
        inputs: shape of one sample; None where no data is tried.
        targets: shape of its target; () for a class index.
        own: names of this module's classes that ``build`` uses.
        heavy: how many times fewer configurations are measured.
        written_in: the module that ``build`` is written in.
    """

    build: Callable[[Any], Any]
    draw: Callable[[random.Random], Values]
    inputs: tuple[int, ...] | None = None
    targets: tuple[int, ...] = ()
    own: tuple[str, ...] = ()
    heavy: int = 1
    written_in: ModuleType = sys.modules[__name__]

    def data(self) -> Values:
        """Arguments of ``check`` and ``fit``: 70 samples, so that the last batch is smaller."""
        if self.inputs is None:
            return {}
        kind = "float32" if self.targets else "int64"
        x = np.zeros((70, *self.inputs), "float32")
        return {"x": x, "y": np.zeros((70, *self.targets), kind)}


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


class Block(keras.layers.Layer):  # type: ignore[misc]
    """A residual block of the user's own, with a weight made in ``build``."""

    def __init__(self, units: int, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.hidden = layers.Dense(units, activation="relu")
        self.dropout = layers.Dropout(rate)

    def build(self, shape: Any) -> None:
        self.hidden.build(shape)
        self.kernel = self.add_weight(shape=(self.units, self.units))

    def call(self, x: Any, training: Any = None) -> Any:
        y = self.dropout(self.hidden(x), training=training)
        return x + keras.ops.matmul(y, self.kernel)


def custom_layers(hp: Any) -> Any:
    """A functional model with blocks of the user's own, whose widths must agree."""
    inputs = x = keras.Input((24,))
    width = hp.Int("width", 16, 128, step=16)
    x = layers.Dense(width)(x)
    for level in range(hp.Int("blocks", 1, 3)):
        same = hp.Boolean(f"same_{level}", default=True)
        units = width if same else hp.Int(f"units_{level}", 16, 128, step=16)
        x = Block(units, hp.Float("rate", 0.0, 0.5))(x)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def _custom_layers_values(generator: random.Random) -> Values:
    values: Values = {
        "width": generator.randrange(16, 129, 16),
        "blocks": generator.randint(1, 3),
        "rate": generator.random() / 2,
    }
    for level in range(3):
        values[f"same_{level}"] = generator.random() < 0.7
        values[f"units_{level}"] = generator.randrange(16, 129, 16)
    return values


class Net(keras.Model):  # type: ignore[misc]
    """A subclassed model whose residual connection needs equal widths."""

    def __init__(self, first: int, second: int, rate: float, residual: bool) -> None:
        super().__init__()
        self.first = layers.Dense(first, activation="relu")
        self.second = layers.Dense(second, activation="relu")
        self.dropout = layers.Dropout(rate)
        self.head = layers.Dense(10, activation="softmax")
        self.residual = residual

    def call(self, x: Any, training: Any = None) -> Any:
        x = self.first(x)
        y = self.dropout(self.second(x), training=training)
        return self.head(x + y if self.residual else y)


def subclassed(hp: Any) -> Any:
    """A subclassed model and what it is compiled with."""
    model = Net(
        hp.Int("first", 16, 128, step=16),
        hp.Int("second", 16, 128, step=16),
        hp.Float("rate", 0.0, 0.5),
        hp.Boolean("residual"),
    )
    rate = hp.Float("learning_rate", 1e-4, 1e-1, sampling="log")
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model


def _net_values(generator: random.Random) -> Values:
    return {
        "first": generator.randrange(16, 129, 16),
        "second": generator.randrange(16, 129, 16),
        "rate": generator.random() / 2,
        "residual": generator.random() < 0.5,
        "learning_rate": 10 ** generator.uniform(-4, -1),
    }


class OwnStep(Net):
    """The same with a training step of its own, on Keras's own functions."""

    def train_step(self, *given: Any) -> Any:
        return super().train_step(*given)


def custom_train_step(hp: Any) -> Any:
    """A subclassed model that trains in its own way."""
    model = OwnStep(
        hp.Int("first", 16, 128, step=16),
        hp.Int("second", 16, 128, step=16),
        hp.Float("rate", 0.0, 0.5),
        hp.Boolean("residual"),
    )
    rate = hp.Float("learning_rate", 1e-4, 1e-1, sampling="log")
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model


def residual_network(hp: Any) -> Any:
    """Bottleneck blocks as in ResNet50; without a projection their widths must agree."""
    inputs = keras.Input((32, 32, 3))
    width = hp.Choice("width", [16, 32])
    x = layers.Conv2D(width * 4, 3, padding="same", use_bias=False)(inputs)
    for stage in range(hp.Int("stages", 2, 4)):
        filters = width * 2**stage
        for block in range(hp.Int(f"blocks_{stage}", 2, 4)):
            stride = 2 if stage and not block else 1
            projected = not block and (stage == 0 or hp.Boolean("projection", default=True))
            y = _convolved(x, filters, 1, stride)
            y = _convolved(y, filters, 3, 1)
            y = layers.BatchNormalization()(layers.Conv2D(filters * 4, 1, use_bias=False)(y))
            if projected:
                x = layers.BatchNormalization()(layers.Conv2D(filters * 4, 1, strides=stride)(x))
            x = layers.Activation("relu")(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _convolved(x: Any, filters: int, size: int, stride: int) -> Any:
    x = layers.Conv2D(filters, size, strides=stride, padding="same", use_bias=False)(x)
    return layers.Activation("relu")(layers.BatchNormalization()(x))


def _residual_values(generator: random.Random) -> Values:
    values: Values = {
        "width": generator.choice([16, 32]),
        "stages": generator.randint(2, 4),
        "projection": generator.random() < 0.5,
    }
    values.update((f"blocks_{stage}", generator.randint(2, 4)) for stage in range(4))
    return values


def nested(hp: Any) -> Any:
    """An encoder used twice, as a model inside a model, and a head on both."""
    side = hp.Choice("side", [8, 16, 32])
    encoder = keras.Sequential(name="encoder")
    for level in range(hp.Int("depth", 1, 3)):
        encoder.add(layers.Conv2D(hp.Int(f"filters_{level}", 8, 32, step=8), 3, activation="relu"))
        encoder.add(layers.MaxPooling2D(2))
    encoder.add(layers.Flatten())
    encoder.add(layers.Dense(hp.Int("code", 8, 64, step=8)))
    one, other = keras.Input((side, side, 1)), keras.Input((side, side, 1))
    merged = layers.Concatenate()([encoder(one), encoder(other)])
    model = keras.Model([one, other], layers.Dense(1, activation="sigmoid")(merged))
    model.compile("adam", "binary_crossentropy")
    return model


def _nested_values(generator: random.Random) -> Values:
    values: Values = {
        "side": generator.choice([8, 16, 32]),
        "depth": generator.randint(1, 3),
        "code": generator.randrange(8, 65, 8),
    }
    values.update((f"filters_{level}", generator.randrange(8, 33, 8)) for level in range(3))
    return values


def mobile_net(hp: Any) -> Any:
    """A backbone of Keras's own, without weights to fetch, and a head."""
    alpha = hp.Choice("alpha", [0.35, 0.5, 1.0])
    base = keras.applications.MobileNetV2((96, 96, 3), alpha, include_top=False, weights=None)
    x = layers.GlobalAveragePooling2D()(base.output)
    x = layers.Dropout(hp.Float("dropout", 0.0, 0.5))(x)
    x = layers.Dense(hp.Int("units", 16, 128, step=16), activation="relu")(x)
    model = keras.Model(base.input, layers.Dense(10, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def _mobile_values(generator: random.Random) -> Values:
    return {
        "alpha": generator.choice([0.35, 0.5, 1.0]),
        "dropout": generator.random() / 2,
        "units": generator.randrange(16, 129, 16),
    }


def _application(kind: Any) -> Subject:
    """One of KerasTuner's ready hypermodels."""
    hypermodel = kind(input_shape=(32, 32, 3), classes=10)

    @functools.cache
    def space() -> list[Any]:
        hp = keras_tuner.HyperParameters()
        hypermodel.build(hp)
        return list(hp.space)

    def draw(generator: random.Random) -> Values:
        return {item.name: item.random_sample(generator.randrange(2**31)) for item in space()}

    module = sys.modules[kind.__module__]
    return Subject(hypermodel.build, draw, (32, 32, 3), (10,), heavy=20, written_in=module)


_CLASSES = (28, 28, 1)

SUBJECTS: dict[str, Subject] = {
    "CNN, Sequential": Subject(sequential_cnn, _cnn_values, _CLASSES),
    "CNN, functional": Subject(functional_cnn, _cnn_values, _CLASSES),
    "MLP": Subject(mlp, _mlp_values, (64,), (10,)),
    "U-Net": Subject(u_net, _u_net_values),
    "LSTM stack": Subject(lstm_stack, _lstm_values, (48, 12), (1,)),
    "vision transformer": Subject(
        vision_transformer, _transformer_values, (32, 32, 3), own=("Positions",)
    ),
    "residual network": Subject(residual_network, _residual_values, (32, 32, 3), heavy=3),
    "nested models": Subject(nested, _nested_values),
    "own layers": Subject(custom_layers, _custom_layers_values, (24,), own=("Block",)),
    "subclassed": Subject(subclassed, _net_values, (24,), own=("Net",)),
    "own train_step": Subject(custom_train_step, _net_values, (24,), own=("OwnStep",)),
    "MobileNetV2": Subject(mobile_net, _mobile_values, (96, 96, 3), heavy=10),
    "HyperResNet": _application(keras_tuner.applications.HyperResNet),
    "HyperXception": _application(keras_tuner.applications.HyperXception),
}
