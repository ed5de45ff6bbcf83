"""Autoencoders: what comes out has to look like what went in."""

from __future__ import annotations

import keras
import keras_tuner as kt
from keras import layers

from tests.labelled import arrays
from tests.labelled.model import Space


def convolutional(hp: kt.HyperParameters) -> keras.Model:
    """Pooling with padding makes 28 into 14, 7 and 4: the last one returns as 32."""
    inputs = keras.Input((28, 28, 1))
    depth = hp.Int("depth", 1, 3)
    x = inputs
    for i in range(depth):
        x = layers.Conv2D(hp.Choice(f"filters_{i}", [4, 8]), 3, padding="same")(x)
        x = layers.MaxPooling2D(2, padding=hp.Choice("padding", ["same", "valid"]))(x)
    trick = hp.Boolean("valid_trick")
    for i in range(depth):
        valid = trick and i == depth - 1
        x = layers.UpSampling2D(2)(x)
        x = layers.Conv2D(4, 3, padding="valid" if valid else "same", activation="relu")(x)
    model = keras.Model(inputs, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x))
    model.compile("adam", hp.Choice("loss", ["binary_crossentropy", "mse"]))
    return model


def dense(hp: kt.HyperParameters) -> keras.Model:
    """The bottleneck of the tutorials."""
    size = hp.Int("bottleneck", 2, 16, sampling="log")
    encoder = keras.Sequential([keras.Input((64,))])
    decoder = keras.Sequential([keras.Input((size,))])
    widths = [hp.Choice(f"width_{i}", [16, 32]) for i in range(hp.Int("depth", 0, 3))]
    for width in widths:
        encoder.add(layers.Dense(width, activation="relu"))
        encoder.add(layers.GaussianNoise(0.1))
    encoder.add(layers.Dense(size, activation="relu"))
    for width in reversed(widths):
        decoder.add(layers.Dense(width, activation="relu"))
    decoder.add(layers.Dense(64, activation="sigmoid"))
    model = keras.Sequential([encoder, decoder])
    model.compile("adam", "mse")
    return model


def apart(hp: kt.HyperParameters) -> keras.Model:
    """Encoder and decoder as functions that do not agree on the code."""
    inputs = keras.Input((20, 4))
    first, second = hp.Choice("stride_0", [1, 2]), hp.Choice("stride_1", [1, 2])
    x = layers.Conv1D(8, 3, strides=first, padding="same")(inputs)
    x = layers.Conv1D(8, 4, strides=second, padding="same")(x)
    encoder = keras.Model(inputs, layers.Dense(hp.Choice("code", [3, 5]))(x), name="encoder")
    steps, expected = 20 // (first * second), hp.get("code")
    if hp.Boolean("guesses"):
        steps, expected = hp.Choice("steps", [5, 10, 20]), hp.Choice("expected", [3, 5])
    code = keras.Input((steps, expected))
    up = first * second if hp.Boolean("undoes", default=True) else hp.Choice("up", [1, 2, 4])
    y = layers.Conv1DTranspose(8, 4, strides=up, padding="same")(code)
    decoder = keras.Model(code, layers.Dense(4)(y), name="decoder")
    model = keras.Model(inputs, decoder(encoder(inputs)))
    model.compile("adam", "mse")
    return model


def matching(hp: kt.HyperParameters) -> keras.Model:
    """The decoder reads the shape before the flattening, so nearly all of it fits."""
    inputs = keras.Input((16, 16, 3))
    x = inputs
    count = hp.Int("convolutions", 1, 3)
    for i in range(count):
        x = layers.Conv2D(hp.Int(f"filters_{i}", 4, 12, step=4), 3, strides=2, padding="same")(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    shape = x.shape[1:]
    x = layers.Dense(hp.Int("latent", 2, 32, sampling="log"), name="latent")(layers.Flatten()(x))
    x = layers.Dense(shape[0] * shape[1] * shape[2])(x)
    x = layers.Reshape(shape)(x)
    for _ in range(count):
        x = layers.Conv2DTranspose(4, 3, strides=2, padding="same")(x)
        x = layers.BatchNormalization()(x)
    model = keras.Model(inputs, layers.Conv2D(3, 3, padding="same", activation="sigmoid")(x))
    model.compile(hp.Choice("optimizer", ["adam", "rmsprop"]), "mae")
    return model


def sequence(hp: kt.HyperParameters) -> keras.Model:
    """A recurrent autoencoder with pooling over time."""
    model = keras.Sequential([keras.Input((12, 3))])
    model.add(layers.LSTM(hp.Choice("units", [4, 8]), return_sequences=hp.Boolean("steps")))
    if hp.Boolean("steps"):
        pool = hp.Choice("pool", [2, 3, 5])
        model.add(layers.AveragePooling1D(pool))
        model.add(layers.UpSampling1D(pool))
    else:
        model.add(layers.RepeatVector(hp.Choice("repeat", [12, 6])))
        model.add(layers.GRU(8, return_sequences=True))
    model.add(layers.TimeDistributed(layers.Dense(3)))
    model.compile("adam", "mse")
    return model


SPACES = (
    Space(
        "autoencoder_convolutional",
        convolutional,
        lambda: arrays.given(arrays.real(28, 28, 1), arrays.real(28, 28, 1)),
        22,
    ),
    Space("autoencoder_dense", dense, lambda: arrays.given(arrays.real(64), arrays.real(64)), 20),
    Space(
        "autoencoder_apart",
        apart,
        lambda: arrays.given(arrays.real(20, 4), arrays.real(20, 4)),
        30,
        tags=("nested",),
    ),
    Space(
        "autoencoder_matching",
        matching,
        lambda: arrays.given(arrays.real(16, 16, 3), arrays.real(16, 16, 3)),
        18,
    ),
    Space(
        "autoencoder_sequence",
        sequence,
        lambda: arrays.given(arrays.real(12, 3), arrays.real(12, 3)),
        14,
    ),
)
