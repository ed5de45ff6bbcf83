"""The spaces that ``search_space`` counts: their hypermodels, beside rules written by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from benchmarks import rules
from benchmarks.by_hand import Chain

__all__ = ["SUBJECTS", "Subject"]


@dataclasses.dataclass(frozen=True)
class Subject:
    """A space.

    Attributes:
        name: for tables.
        build: its hypermodel.
        chains: its shape rules by hand; equally many configurations choose each chain.
    """

    name: str
    build: Callable[[Any], keras.Model]
    chains: tuple[Chain, ...]


def cnn(blocks: int, more: bool = False) -> Callable[[Any], keras.Model]:
    """A CNN of up to so many blocks on 28 x 28 pixels.

    Args:
        blocks: at most.
        more: ten hyperparameters that cannot matter, two of them with infinitely many values.
    """

    def build(hp: Any) -> keras.Model:
        model = keras.Sequential([keras.Input((28, 28, 1))])
        for block in range(hp.Int("blocks", 1, blocks)):
            filters = hp.Int(f"filters_{block}", 8, 64, step=8)
            activation = hp.Choice(f"activation_{block}", ["relu", "elu", "tanh"])
            kernel = hp.Choice(f"kernel_{block}", [3, 5, 7])
            model.add(layers.Conv2D(filters, kernel, activation=activation))
            if hp.Boolean(f"pooling_{block}"):
                model.add(layers.MaxPooling2D(2))
        model.add(layers.Flatten())
        for number in range(4 * more):
            model.add(layers.Dense(hp.Int(f"width_{number}", 1, 10_000)))
            model.add(layers.Dropout(hp.Float(f"rate_{number}", 0.0, 0.9)))
        model.add(layers.Dense(10))
        optimizer = hp.Choice("optimizer", ["adam", "sgd"]) if more else "adam"
        model.compile(optimizer, "mse")
        if more:
            rate = hp.Float("learning_rate", 1e-5, 1e-1, sampling="log")
            model.compile(keras.optimizers.Adam(rate), "mse")
        return model

    return build


def blocks(least: int, most: int) -> Callable[[Any], keras.Model]:
    """Convolutions on 64 x 64 pixels, each with or without pooling behind it."""

    def build(hp: Any) -> keras.Model:
        x = inputs = keras.Input((64, 64, 3))
        for block in range(most if least == most else hp.Int("blocks", least, most)):
            x = layers.Conv2D(8, hp.Choice(f"kernel_{block}", [3, 5, 7]))(x)
            if hp.Boolean(f"pooling_{block}"):
                x = layers.MaxPooling2D(2)(x)
        return keras.Model(inputs, x)

    return build


def convolutions(hp: Any) -> keras.Model:
    """Fifty convolutions on 224 x 224 pixels."""
    x = inputs = keras.Input((224, 224, 3))
    for number in range(50):
        x = layers.Conv2D(8, hp.Choice(f"kernel_{number}", [3, 5, 7]))(x)
    return keras.Model(inputs, x)


def ordinary(hp: Any) -> keras.Model:
    """Five blocks in which everything is searched that people search, on 64 x 64 pixels."""
    x = inputs = keras.Input((64, 64, 3))
    padding, normalised = hp.Choice("padding", ["valid", "same"]), hp.Boolean("batch_norm")
    for block in range(5):
        filters = hp.Choice(f"filters_{block}", [16, 32, 64])
        kernel = hp.Choice(f"kernel_{block}", [3, 5, 7])
        stride = hp.Choice(f"stride_{block}", [1, 2])
        x = layers.Conv2D(filters, kernel, strides=stride, padding=padding)(x)
        if normalised:
            x = layers.BatchNormalization()(x)
        kind = hp.Choice(f"pooling_{block}", ["max", "avg", "none"])
        if kind == "max":
            x = layers.MaxPooling2D(2)(x)
        elif kind == "avg":
            x = layers.AveragePooling2D(2)(x)
    outputs = layers.Dense(10, activation="softmax")(layers.Flatten()(x))
    model = keras.Model(inputs, outputs)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def residual(hp: Any) -> keras.Model:
    """Twelve blocks that add what comes in, projected to their width or as it is."""
    x = inputs = keras.Input((16, 16, 16))
    for block in range(12):
        width = hp.Choice(f"width_{block}", [16, 32, 64])
        y = layers.Conv2D(width, 3, padding="same")(x)
        if hp.Boolean(f"projection_{block}"):
            x = layers.Conv2D(width, 1)(x)
        x = layers.Add()([x, y])
    return keras.Model(inputs, x)


def branches(hp: Any) -> keras.Model:
    """Six branches of two convolutions, with or without pooling between them."""
    inputs = keras.Input((32, 32, 3))
    ends = []
    for branch in range(6):
        x = layers.Conv2D(8, hp.Choice(f"first_{branch}", [3, 5, 7]))(inputs)
        if hp.Boolean(f"pooling_{branch}"):
            x = layers.MaxPooling2D(4)(x)
        x = layers.Conv2D(8, hp.Choice(f"second_{branch}", [3, 5, 7, 9]))(x)
        ends.append(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Concatenate()(ends))


def _up_to(most: int, side: int) -> tuple[Chain, ...]:
    return tuple(rules.blocks(number, side) for number in range(1, most + 1))


SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject("CNN, 1 to 4 blocks", cnn(4), _up_to(4, 28)),
        Subject("the same, ten more that cannot matter", cnn(4, more=True), _up_to(4, 28)),
        Subject("8 blocks", blocks(8, 8), (rules.blocks(8, 64),)),
        Subject("20 blocks", blocks(20, 20), (rules.blocks(20, 64),)),
        Subject("1 to 20 blocks", blocks(1, 20), _up_to(20, 64)),
        Subject("50 convolutions", convolutions, (rules.convolutions(50, 224),)),
        Subject("ordinary CNN, 5 blocks", ordinary, rules.ordinary(5, 64)),
        Subject("12 residual blocks", residual, (rules.residual(12, 16),)),
        Subject("6 branches", branches, (rules.branches(6, 32),)),
    )
}
"""By name."""
