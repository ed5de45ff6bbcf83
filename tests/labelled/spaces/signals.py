"""Signals: electroencephalograms, sound, sensors and prices."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner as kt
from keras import layers

from tests.labelled import arrays
from tests.labelled.model import Space


def brain(hp: kt.HyperParameters) -> keras.Model:
    """Temporal and spatial filters, pooled twice over 64 samples of 8 channels."""
    inputs = keras.Input((8, 64, 1))
    first = hp.Int("first", 2, 6, step=2)
    x = layers.Conv2D(first, (1, hp.Choice("kernel", [8, 16])), padding="same")(inputs)
    x = layers.BatchNormalization()(x)
    spatial = hp.Choice("electrodes", [8, 4, 16])
    constraint = keras.constraints.MaxNorm(1.0)
    x = layers.DepthwiseConv2D(
        (spatial, 1), depth_multiplier=2, depthwise_constraint=constraint, use_bias=False
    )(x)
    x = layers.Activation("elu")(x)
    x = layers.AveragePooling2D((1, hp.Choice("pool_1", [4, 8])))(x)
    x = layers.SeparableConv2D(2 * first, (1, 4), padding="same")(x)
    x = layers.AveragePooling2D((1, hp.Choice("pool_2", [4, 8, 16])))(x)
    x = layers.Dropout(hp.Float("dropout", 0.25, 0.5))(x)
    model = keras.Model(inputs, layers.Dense(4, activation="softmax")(layers.Flatten()(x)))
    model.compile("adam", "categorical_crossentropy")
    return model


def dilated(hp: kt.HyperParameters) -> keras.Model:
    """Causal convolutions with gates and a skip connection from each."""
    inputs = keras.Input((20, 1))
    x = layers.Conv1D(hp.Choice("filters", [4, 8]), 1)(inputs)
    causal = hp.Boolean("causal", default=True)
    skips = []
    for i in range(hp.Int("depth", 1, 3)):
        options = {"padding": "causal" if causal else "valid", "dilation_rate": 2**i}
        tanh = layers.Conv1D(8, 2, activation="tanh", **options)(x)
        gate = layers.Conv1D(8, hp.Choice("gate_kernel", [2, 3]), **options)(x)
        y = layers.Multiply()([tanh, layers.Activation("sigmoid")(gate)])
        y = layers.Conv1D(8, 1)(y)
        skips.append(y)
        x = layers.Add()([x, y]) if hp.Boolean("residual") else y
    x = layers.Add()(skips) if len(skips) > 1 else skips[0]
    model = keras.Model(inputs, layers.Dense(1)(layers.Flatten()(x)))
    model.compile("adam", "mse")
    return model


def activity(hp: kt.HyperParameters) -> keras.Model:
    """Convolutions and pooling before an LSTM, as for the sensors of telephones."""
    model = keras.Sequential()
    for i in range(hp.Int("convolutions", 1, 4)):
        kernel = hp.Choice(f"kernel_{i}", [3, 5, 7])
        model.add(layers.Conv1D(8, kernel, strides=hp.Choice("strides", [1, 2]), activation="relu"))
        if hp.Boolean(f"pool_{i}"):
            model.add(layers.MaxPooling1D(2))
    if hp.Boolean("lstm", default=True):
        model.add(layers.LSTM(hp.Int("units", 4, 8)))
    else:
        model.add(layers.Flatten())
    model.add(layers.Dense(5, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def upsampled(hp: kt.HyperParameters) -> keras.Model:
    """Sound from few frames: the factors must multiply to eight."""
    inputs = keras.Input((6, 4))
    x = inputs
    for i in range(hp.Int("stages", 1, 3, default=2)):
        factor = hp.Choice(f"factor_{i}", [2, 4])
        x = layers.Conv1DTranspose(4, 2 * factor, strides=factor, padding="same")(x)
        x = layers.LeakyReLU()(x)
    model = keras.Model(inputs, layers.Conv1D(1, 7, padding="same", activation="tanh")(x))
    model.compile("adam", hp.Choice("loss", ["mse", "mae"]))
    return model


def windows(hp: kt.HyperParameters) -> keras.Model:
    """A forecaster fed by a dataset of windows."""
    model = keras.Sequential([layers.Input((12, 2))])
    kind = hp.Choice("model", ["dense", "conv", "lstm"])
    if kind == "dense":
        model.add(layers.Flatten())
        model.add(layers.Dense(hp.Int("units", 8, 32, step=8), activation="relu"))
    with hp.conditional_scope("model", ["conv"]):
        if kind == "conv":
            model.add(layers.Conv1D(8, hp.Int("width", 3, 12, step=3), activation="relu"))
            model.add(layers.GlobalAveragePooling1D())
    with hp.conditional_scope("model", ["lstm"]):
        if kind == "lstm":
            model.add(layers.LSTM(hp.Int("cells", 4, 8)))
    model.add(layers.Dense(3 * 2))
    model.add(layers.Reshape([3, 2]))
    model.compile("adam", "mse", metrics=[keras.metrics.MeanAbsoluteError()])
    return model


def dataset() -> dict[str, Any]:
    """Windows as a dataset of batches."""
    return {"x": arrays.batches(arrays.real(12, 2), arrays.real(3, 2))}


SPACES = (
    Space(
        "signals_brain", brain, lambda: arrays.given(arrays.real(8, 64, 1), arrays.onehot(4)), 18
    ),
    Space("signals_dilated", dilated, lambda: arrays.given(arrays.real(20, 1), arrays.real()), 16),
    Space(
        "signals_activity",
        activity,
        lambda: arrays.given(arrays.real(40, 3), arrays.labels(5)),
        18,
        tags=("deferred",),
    ),
    Space(
        "signals_upsampled",
        upsampled,
        lambda: arrays.given(arrays.real(6, 4), arrays.real(48, 1)),
        16,
    ),
    Space("signals_windows", windows, dataset, 14, tags=("dataset", "conditional")),
)
