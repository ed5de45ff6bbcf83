"""Networks of `keras.applications` without weights on small images."""

from __future__ import annotations

import keras
import keras_tuner as kt
from keras import layers

from tests.labelled import arrays
from tests.labelled.model import Space


def mobile(hp: kt.HyperParameters) -> keras.Model:
    """A mobile network behind augmentation."""
    inputs = keras.Input((40, 40, 3))
    x = layers.RandomFlip("horizontal")(inputs)
    side = hp.Choice("side", [32, 40, 24])
    x = layers.CenterCrop(side, side)(x)
    base = keras.applications.MobileNetV2(
        input_shape=(side, side, 3),
        include_top=False,
        weights=None,
        alpha=hp.Choice("alpha", [0.35, 0.5]),
        pooling="avg" if hp.Boolean("pooling") else None,
    )
    base.trainable = False
    x = base(x)
    if hp.Boolean("global", default=True):
        x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def classic(hp: kt.HyperParameters) -> keras.Model:
    """Older networks, each with its own smallest image."""
    name = hp.Choice("network", ["VGG16", "Xception", "MobileNet"])
    side = hp.Choice("side", [32, 48, 72])
    network = getattr(keras.applications, name)
    base = network(include_top=False, weights=None, input_shape=(side, side, 3))
    base.trainable = False
    model = keras.Sequential([keras.Input((48, 48, 3))])
    if hp.Boolean("resize", default=True):
        model.add(layers.Resizing(side, side))
    model.add(base)
    model.add(layers.Flatten())
    model.add(layers.Dense(hp.Int("units", 8, 32, step=8), activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


SPACES = (
    Space(
        "backbones_mobile",
        mobile,
        lambda: arrays.given(arrays.real(40, 40, 3), arrays.labels(10)),
        8,
    ),
    Space(
        "backbones_classic",
        classic,
        lambda: arrays.given(arrays.real(48, 48, 3), arrays.labels(10)),
        10,
    ),
)
