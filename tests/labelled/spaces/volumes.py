"""Volumes and videos."""

from __future__ import annotations

import keras
import keras_tuner as kt
from keras import layers

from tests.labelled import arrays
from tests.labelled.model import Space


def scans(hp: kt.HyperParameters) -> keras.Model:
    """Three-dimensional convolutions over scans of few slices."""
    inputs = keras.Input((12, 12, 6, 1))
    x = inputs
    for i in range(hp.Int("blocks", 1, 3)):
        x = layers.Conv3D(hp.Choice(f"filters_{i}", [2, 4]), hp.Choice("kernel", [2, 3]))(x)
        x = layers.ReLU()(x)
        depth = hp.Choice("pool_depth", [1, 2])
        x = layers.MaxPooling3D((2, 2, depth))(x)
    x = layers.GlobalAveragePooling3D()(x)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy")
    return model


def segment(hp: kt.HyperParameters) -> keras.Model:
    """Down and up again in three dimensions."""
    inputs = keras.Input((8, 8, 6, 1))
    skip = layers.Conv3D(2, 3, padding="same")(inputs)
    x = layers.AveragePooling3D((2, 2, hp.Choice("pool", [1, 2, 4])))(skip)
    x = layers.Conv3D(4, 3, padding="same", activation="relu")(x)
    if hp.Boolean("transpose"):
        x = layers.Conv3DTranspose(2, 2, strides=2)(x)
    else:
        x = layers.UpSampling3D((2, 2, hp.Choice("up", [1, 2, 4])))(x)
    x = layers.Concatenate()([skip, x])
    x = layers.ZeroPadding3D(1)(layers.Cropping3D(1)(x))
    model = keras.Model(inputs, layers.Conv3D(1, 1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy")
    return model


def frames(hp: kt.HyperParameters) -> keras.Model:
    """One convolutional network for all frames, then a recurrent layer."""
    model = keras.Sequential([keras.Input((4, 10, 10, 1))])
    model.add(layers.TimeDistributed(layers.Conv2D(hp.Choice("filters", [2, 4]), 3)))
    for _ in range(hp.Int("pools", 0, 3)):
        model.add(layers.TimeDistributed(layers.MaxPooling2D(2)))
    if hp.Boolean("flatten", default=True):
        model.add(layers.TimeDistributed(layers.Flatten()))
    elif hp.Boolean("pool"):
        model.add(layers.TimeDistributed(layers.GlobalMaxPooling2D()))
    model.add(layers.GRU(hp.Int("units", 4, 8)))
    model.add(layers.Dense(3, activation="softmax"))
    model.compile("adam", "categorical_crossentropy")
    return model


def forgotten_frames(hp: kt.HyperParameters) -> keras.Model:
    """Images without frames under layers for frames."""
    inputs = keras.Input((9, 8, 2))
    x = layers.Conv2D(4, hp.Choice("kernel", [1, 2, 3]), padding="same")(inputs)
    kind = hp.Choice("kind", ["max", "dense", "conv", "flatten"])
    inner = {
        "max": layers.MaxPooling2D(2),
        "dense": layers.Dense(3),
        "conv": layers.Conv1D(3, hp.Choice("width", [2, 9])),
        "flatten": layers.Flatten(),
    }[kind]
    x = layers.TimeDistributed(inner)(x)
    if hp.Boolean("flat", default=True):
        x = layers.Flatten()(x)
    else:
        x = layers.GlobalAveragePooling1D()(x)
    model = keras.Model(inputs, layers.Dense(1)(x))
    model.compile("adam", "mse")
    return model


def moving(hp: kt.HyperParameters) -> keras.Model:
    """Convolutional LSTM layers that predict frames or a class."""
    inputs = keras.Input((3, 8, 8, 1))
    x = inputs
    for i in range(hp.Int("layers", 1, 2)):
        x = layers.ConvLSTM2D(
            2,
            hp.Choice(f"kernel_{i}", [3, 5]),
            padding=hp.Choice("padding", ["same", "valid"]),
            return_sequences=hp.Boolean(f"sequences_{i}", default=True),
        )(x)
        x = layers.BatchNormalization()(x)
    x = layers.Conv3D(1, 3, padding="same", activation="sigmoid")(x)
    model = keras.Model(inputs, x)
    model.compile("adam", "binary_crossentropy")
    return model


SPACES = (
    Space(
        "volumes_scans",
        scans,
        lambda: arrays.given(arrays.real(12, 12, 6, 1), arrays.binary()),
        16,
    ),
    Space(
        "volumes_segment",
        segment,
        lambda: arrays.given(arrays.real(8, 8, 6, 1), arrays.binary(8, 8, 6, 1)),
        10,
    ),
    Space(
        "volumes_frames",
        frames,
        lambda: arrays.given(arrays.real(4, 10, 10, 1), arrays.onehot(3)),
        14,
    ),
    Space(
        "volumes_forgotten",
        forgotten_frames,
        lambda: arrays.given(arrays.real(9, 8, 2), arrays.real(1)),
        18,
    ),
    Space(
        "volumes_moving",
        moving,
        lambda: arrays.given(arrays.real(3, 8, 8, 1), arrays.binary(3, 8, 8, 1)),
        10,
    ),
)
