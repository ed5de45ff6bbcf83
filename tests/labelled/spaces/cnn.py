"""Convolutional classifiers whose images can run out of pixels."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner as kt
from keras import layers

from tests.labelled import arrays
from tests.labelled.model import Space


def finish(model: keras.Model) -> keras.Model:
    """Compile a classifier of ten classes."""
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def valid_stack(hp: kt.HyperParameters) -> keras.Model:
    """Kernels, pools and depth are all free: large ones use up the image."""
    model = keras.Sequential()
    model.add(keras.Input(shape=(32, 32, 3)))
    padding = hp.Choice("padding", ["valid", "same"])
    for i in range(hp.Int("blocks", 1, 4)):
        kernel = hp.Choice(f"kernel_{i}", [3, 5, 7])
        model.add(layers.Conv2D(8, kernel, padding=padding, activation="relu"))
        if hp.Boolean(f"pool_{i}", default=True):
            model.add(layers.MaxPooling2D(hp.Choice(f"pool_size_{i}", [2, 3])))
    model.add(layers.Flatten())
    model.add(layers.Dense(hp.Int("dense", 16, 64, step=16), activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    return finish(model)


def lenet(hp: kt.HyperParameters) -> keras.Model:
    """LeNet with a 5 by 5 convolution after pooling, which fits only sometimes."""
    inputs = layers.Input((28, 28, 1))
    x = layers.Conv2D(6, hp.Choice("first", [3, 5, 9]), activation="tanh")(inputs)
    x = layers.AveragePooling2D(hp.Choice("pool", [2, 3, 4]))(x)
    x = layers.Conv2D(16, 5, activation="tanh")(x)
    if hp.Boolean("second_pool"):
        x = layers.AveragePooling2D(2)(x)
    if hp.Boolean("third"):
        x = layers.Conv2D(120, hp.Choice("last", [3, 4, 5]), activation="tanh")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(84, activation="tanh")(x)
    return finish(keras.Model(inputs, layers.Dense(10, activation="softmax")(x)))


def separable(hp: kt.HyperParameters) -> keras.Model:
    """Depthwise and separable convolutions with dilation."""
    inputs = keras.Input((24, 24, 3))
    x = layers.Rescaling(1.0 / 255)(inputs)
    for i in range(hp.Int("depth", 1, 4)):
        rate = hp.Choice(f"dilation_{i}", [1, 2, 3])
        if hp.Choice(f"kind_{i}", ["separable", "depthwise"]) == "separable":
            x = layers.SeparableConv2D(8 * (i + 1), 3, dilation_rate=rate)(x)
        else:
            x = layers.DepthwiseConv2D(3, depth_multiplier=2, dilation_rate=rate)(x)
        x = layers.LayerNormalization()(x)
        if i % 2:
            x = layers.MaxPooling2D(hp.Choice("pool", [2, 3]))(x)
    x = layers.GlobalAveragePooling2D()(x)
    return finish(keras.Model(inputs, layers.Dense(10, activation="softmax")(x)))


def grouped(hp: kt.HyperParameters) -> keras.Model:
    """Grouped convolutions and group normalization: the groups must divide the filters."""
    groups = hp.Int("groups", 1, 6)
    filters = hp.Int("filters", 6, 24, step=6)
    inputs = keras.Input((12, 12, 3))
    x = layers.Conv2D(filters, 3, padding="same")(inputs)
    x = layers.Conv2D(hp.Choice("wider", [12, 16]), 3, groups=groups, padding="same")(x)
    x = layers.GroupNormalization(groups=hp.Choice("norm_groups", [2, 4, 8]))(x)
    x = layers.SpatialDropout2D(0.1)(x)
    x = layers.GlobalMaxPooling2D()(x)
    return finish(keras.Model(inputs, layers.Dense(10, activation="softmax")(x)))


def first_channels(hp: kt.HyperParameters) -> keras.Model:
    """Channels come first and convolutions want them last: one layer may forget it."""
    model = keras.Sequential([keras.Input((3, 16, 16))])
    model.add(layers.ZeroPadding2D(hp.Choice("border", [0, 1]), data_format="channels_first"))
    permutes = hp.Boolean("permutes", default=True)
    if permutes:
        model.add(layers.Permute((2, 3, 1)))
    model.add(layers.Conv2D(8, hp.Choice("kernel", [1, 3, 5]), activation="relu"))
    model.add(layers.BatchNormalization(axis=-1 if permutes else 1))
    if hp.Boolean("more"):
        model.add(layers.MaxPooling2D(hp.Choice("pool", [2, 3, 5])))
        model.add(layers.Conv2D(hp.Choice("filters", [4, 8]), (1, 3)))
    order = hp.Choice("order", ["channels_last", "channels_first"])
    if hp.Boolean("crop"):
        model.add(layers.Cropping2D(hp.Int("cut", 1, 3), data_format=order))
    model.add(layers.GlobalAveragePooling2D(data_format=order))
    model.add(layers.Dense(10, activation="softmax"))
    return finish(model)


def reshaped(hp: kt.HyperParameters) -> keras.Model:
    """Flat rows reshaped to an image whose side is a hyperparameter."""
    model = keras.Sequential()
    model.add(keras.Input((144,)))
    units = hp.Choice("units", [64, 128, 144, 192])
    model.add(layers.Dense(units, activation="relu"))
    side = hp.Choice("side", [4, 8, 12])
    if hp.Boolean("infer"):
        model.add(layers.Reshape((side, side, -1)))
    else:
        model.add(layers.Reshape((side, side, units // side**2)))
    model.add(layers.Conv2D(8, 3, strides=hp.Choice("strides", [1, 2, 3])))
    model.add(layers.ZeroPadding2D(hp.Choice("border", [0, 1])))
    model.add(layers.Conv2D(8, 2))
    model.add(layers.Flatten())
    model.add(layers.Dense(10, activation="softmax"))
    return finish(model)


def generator(hp: kt.HyperParameters) -> keras.Model:
    """A generator of images: the target is 28 by 28, the output may not be."""
    start = hp.Choice("start", [7, 14])
    noise = keras.Input((16,))
    x = layers.Dense(start * start * 8)(noise)
    x = layers.BatchNormalization()(x)
    x = layers.LeakyReLU()(x)
    x = layers.Reshape((start, start, 8))(x)
    for i in range(hp.Int("upsamplings", 1, 2, default=2)):
        kernel = hp.Choice(f"kernel_{i}", [2, 4, 5])
        padding = hp.Choice("padding", ["same", "valid"])
        x = layers.Conv2DTranspose(8, kernel, strides=2, padding=padding)(x)
        x = layers.LeakyReLU()(x)
    image = layers.Conv2D(1, 5, padding="same", activation="sigmoid")(x)
    model = keras.Model(noise, image)
    model.compile("adam", "binary_crossentropy")
    return model


def images(*shape: int) -> dict[str, Any]:
    """Images with class numbers."""
    return arrays.given(arrays.real(*shape), arrays.labels(10))


SPACES = (
    Space("cnn_valid_stack", valid_stack, lambda: images(32, 32, 3), 26),
    Space("cnn_lenet", lenet, lambda: images(28, 28, 1), 22),
    Space("cnn_separable", separable, lambda: images(24, 24, 3), 20),
    Space("cnn_grouped", grouped, lambda: images(12, 12, 3), 24),
    Space("cnn_first_channels", first_channels, lambda: images(3, 16, 16), 22),
    Space("cnn_reshaped", reshaped, lambda: images(144), 26),
    Space(
        "cnn_generator",
        generator,
        lambda: arrays.given(arrays.real(16), arrays.real(28, 28, 1)),
        18,
        tags=("target",),
    ),
)
