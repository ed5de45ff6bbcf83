"""Encoder-decoder networks with skip connections across scales."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner as kt
from keras import layers

from tests.labelled import arrays
from tests.labelled.model import Space


def double(x: Any, filters: int, padding: str = "same") -> Any:
    """Two convolutions."""
    x = layers.Conv2D(filters, 3, padding=padding, activation="relu")(x)
    return layers.Conv2D(filters, 3, padding=padding, activation="relu")(x)


def plain_unet(hp: kt.HyperParameters) -> keras.Model:
    """A side of 24 can be halved three times; the fourth time it does not come back."""
    inputs = keras.Input((24, 24, 1))
    depth = hp.Int("depth", 1, 4)
    filters = hp.Choice("filters", [2, 4])
    skips = []
    x = inputs
    for level in range(depth):
        x = double(x, filters * 2**level)
        skips.append(x)
        x = layers.MaxPooling2D(2)(x)
    x = double(x, filters * 2**depth)
    upsample = hp.Choice("upsample", ["transpose", "nearest", "bilinear"])
    for level in reversed(range(depth)):
        if upsample == "transpose":
            x = layers.Conv2DTranspose(filters, 2, strides=2, padding="same")(x)
        else:
            x = layers.UpSampling2D(2, interpolation=upsample)(x)
        x = layers.concatenate([x, skips[level]])
        x = double(x, filters * 2**level)
    model = keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def odd_unet(hp: kt.HyperParameters) -> keras.Model:
    """The side is padded or cropped by a hyperparameter before the first level."""
    inputs = keras.Input((26, 26, 2))
    border = hp.Int("border", 0, 3)
    x = layers.ZeroPadding2D(border)(inputs)
    padding = "same" if hp.Boolean("pool_same", default=True) else "valid"
    skips = []
    for _ in range(hp.Int("depth", 1, 3)):
        x = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
        skips.append(x)
        x = layers.MaxPooling2D(2, padding=padding)(x)
    for skip in reversed(skips):
        x = layers.UpSampling2D(2)(x)
        if hp.Boolean("crops"):
            difference = x.shape[1] - skip.shape[1]
            x = layers.Cropping2D(((0, difference), (0, difference)))(x)
        x = layers.Add()([layers.Conv2D(4, 1)(x), skip])
    x = layers.Conv2D(1, 1, activation="sigmoid")(x)
    x = layers.Cropping2D(border)(x) if border and hp.Boolean("uncover", default=True) else x
    model = keras.Model(inputs, x)
    model.compile("adam", "mse")
    return model


def cropped_unet(hp: kt.HyperParameters) -> keras.Model:
    """Valid convolutions with crops whose size is guessed."""
    inputs = keras.Input((32, 32, 1))
    first = double(inputs, 4, hp.Choice("padding", ["valid", "same"]))
    x = layers.MaxPooling2D(2)(first)
    x = double(x, 8, "valid")
    kernel = hp.Choice("kernel", [2, 3, 4])
    x = layers.Conv2DTranspose(4, kernel, strides=2, padding="valid")(x)
    crop = hp.Int("crop", 2, 6)
    if hp.Boolean("center"):
        skip = layers.CenterCrop(x.shape[1], x.shape[2])(first)
    else:
        skip = layers.Cropping2D(crop)(first)
    x = layers.Concatenate()([x, skip])
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(x))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def attention_unet(hp: kt.HyperParameters) -> keras.Model:
    """Gates multiply the skip connection by one channel, which broadcasts."""
    inputs = keras.Input((16, 16, 3))
    filters = hp.Choice("filters", [4, 8])
    skip = double(inputs, filters)
    x = double(layers.AveragePooling2D(2)(skip), filters * 2)
    if hp.Boolean("upsample_first", default=True):
        x = layers.UpSampling2D()(x)
    gate = layers.Conv2D(hp.Choice("gate", [4, 8]), 1)(x)
    theta = layers.Conv2D(hp.Choice("theta", [4, 8]) if hp.Boolean("apart") else hp.get("gate"), 1)(
        skip
    )
    gate = layers.ReLU()(layers.Add()([gate, theta]))
    gate = layers.Conv2D(hp.Choice("channels", [1, 4, 8]), 1, activation="sigmoid")(gate)
    x = layers.Concatenate()([x, layers.Multiply()([skip, gate])])
    model = keras.Model(inputs, layers.Conv2D(3, 1, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def signal_unet(hp: kt.HyperParameters) -> keras.Model:
    """One-dimensional, of any length until the data come: 50 steps."""
    inputs = keras.Input((None, 2))
    depth = hp.Int("depth", 1, 3)
    x, skips = inputs, []
    for level in range(depth):
        x = layers.Conv1D(4 + 4 * level, hp.Choice("kernel", [3, 5]), padding="same")(x)
        skips.append(x)
        x = layers.MaxPooling1D(hp.Choice("pool", [2, 5]))(x)
    for level in reversed(range(depth)):
        x = layers.UpSampling1D(hp.get("pool"))(x)
        x = layers.Concatenate()([x, skips[level]])
    model = keras.Model(inputs, layers.Conv1D(1, 1)(x))
    model.compile("adam", "mse")
    return model


def masks(side: int, channels: int) -> dict[str, Any]:
    """Images and masks of the same size."""
    return arrays.given(arrays.real(side, side, channels), arrays.binary(side, side, 1))


SPACES = (
    Space("unet_plain", plain_unet, lambda: masks(24, 1), 18),
    Space("unet_odd", odd_unet, lambda: masks(26, 2), 26),
    Space(
        "unet_cropped",
        cropped_unet,
        lambda: arrays.given(arrays.real(32, 32, 1), arrays.labels(10)),
        26,
    ),
    Space(
        "unet_attention",
        attention_unet,
        lambda: arrays.given(arrays.real(16, 16, 3), arrays.whole(3, 16, 16)),
        20,
    ),
    Space(
        "unet_signal",
        signal_unet,
        lambda: arrays.given(arrays.real(50, 2), arrays.real(50, 1)),
        12,
        tags=("unknown length",),
    ),
)
