"""Deeper networks: eight blocks, and an encoder with a decoder that must undo it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from benchmarks.spaces.images import digits, labels
from benchmarks.spaces.model import Space, compiled

__all__ = ["SPACES"]

SAMPLES = 200
SIDE = 32
ODD = 31
BLOCKS = 8


def _large() -> Any:
    """Digits with each pixel four times in each direction, (200, 32, 32, 1)."""
    return np.kron(digits()[:SAMPLES], np.ones((1, 4, 4, 1), "float32"))


def eight_blocks(hp: Any) -> keras.Model:
    """Eight convolutions, each with or without pooling behind it."""
    kernel, padding = hp.Choice("kernel", [2, 3]), hp.Choice("padding", ["valid", "same"])
    filters = hp.Choice("filters", [4, 8])
    x = inputs = keras.Input((SIDE, SIDE, 1))
    for block in range(BLOCKS):
        x = layers.Conv2D(filters, kernel, padding=padding, activation="relu")(x)
        if hp.Boolean(f"pooling_{block}"):
            x = layers.MaxPooling2D(2)(x)
    outputs = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    rate = hp.Choice("learning_rate", [1e-3, 1e-2])
    model = keras.Model(inputs, outputs)
    return compiled(model, "sparse_categorical_crossentropy", rate, "accuracy")


def guard_eight_blocks(hp: Any) -> str | None:
    """Without padding a convolution takes its kernel less one; pooling takes half."""
    kernel, padding = hp.Choice("kernel", [2, 3]), hp.Choice("padding", ["valid", "same"])
    hp.Choice("filters", [4, 8])
    side = SIDE
    for block in range(BLOCKS):
        side -= kernel - 1 if padding == "valid" else 0
        if side < 1:
            return f"no pixel is left by convolution {block}"
        if hp.Boolean(f"pooling_{block}"):
            side //= 2
            if side < 1:
                return f"no pixel is left by pooling {block}"
    return None


def _images() -> dict[str, Any]:
    return {"x": _large(), "y": labels()[:SAMPLES], "validation_split": 0.25}


def encoder_decoder(hp: Any) -> keras.Model:
    """Stages that halve the image and stages that double it; the target is the image itself."""
    stages, filters = hp.Int("stages", 2, 4), hp.Choice("filters", [4, 8])
    x = inputs = keras.Input((ODD, ODD, 1))
    for stage in range(stages):
        kernel = hp.Choice(f"down_{stage}", [3, 2])
        x = layers.Conv2D(filters, kernel, strides=2, activation="relu")(x)
    for stage in range(stages):
        kernel = hp.Choice(f"up_{stage}", [3, 2])
        x = layers.Conv2DTranspose(filters, kernel, strides=2, activation="relu")(x)
    model = keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(x))
    return compiled(model, "mse", hp.Choice("learning_rate", [1e-3, 1e-2]))


def guard_encoder_decoder(hp: Any) -> str | None:
    """What comes out must have the side of the target."""
    stages, side = hp.Int("stages", 2, 4), ODD
    hp.Choice("filters", [4, 8])
    for stage in range(stages):
        side = (side - hp.Choice(f"down_{stage}", [3, 2])) // 2 + 1
    for stage in range(stages):
        side = (side - 1) * 2 + hp.Choice(f"up_{stage}", [3, 2])
    hp.Choice("learning_rate", [1e-3, 1e-2])
    return None if side == ODD else f"the output has a side of {side} pixels, the target of {ODD}"


def _same() -> dict[str, Any]:
    images = _large()[:, :ODD, :ODD]
    return {"x": images, "y": images, "validation_split": 0.25}


SPACES = (
    Space(
        "eight_blocks", "CNN of 8 blocks, optional pooling",
        "https://github.com/keras-team/keras-tuner/issues/296",
        eight_blocks, guard_eight_blocks, _images, "val_accuracy",
    ),
    Space(
        "encoder_decoder", "encoder and decoder, kernels chosen",
        "https://github.com/keras-team/keras/issues/12719",
        encoder_decoder, guard_encoder_decoder, _same, "val_loss",
    ),
)  # fmt: skip
