"""Models inside models and layers that are used more than once."""

from __future__ import annotations

import keras
import keras_tuner as kt
import numpy as np
from keras import layers

from tests.labelled import arrays
from tests.labelled.model import Space


def shared_dense(hp: kt.HyperParameters) -> keras.Model:
    """One dense layer for several widths."""
    inputs = keras.Input((10,))
    shared = layers.Dense(hp.Choice("shared", [10, 20]), activation="relu")
    x = shared(inputs)
    for i in range(hp.Int("again", 0, 2)):
        if hp.Boolean(f"between_{i}"):
            x = layers.Dense(hp.Choice(f"width_{i}", [10, 20]))(x)
        x = shared(x)
    model = keras.Model(inputs, layers.Dense(1)(x))
    model.compile("adam", "mse")
    return model


def fixed_input(hp: kt.HyperParameters) -> keras.Model:
    """A feature extractor of a fixed size behind a resizing layer of another."""
    size = hp.Choice("size", [8, 12, 16])
    extractor = keras.Sequential(
        [
            keras.Input((size, size, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(hp.Choice("pool", [2, 3])),
        ],
        name="extractor",
    )
    extractor.trainable = hp.Boolean("trainable", default=True)
    inputs = keras.Input((20, 20, 3))
    height = hp.Choice("resized", [8, 12, 16]) if hp.Boolean("own_height") else size
    x = layers.Resizing(height, size)(inputs)
    x = extractor(x)
    head = keras.Sequential([layers.Flatten(), layers.Dense(10, activation="softmax")])
    model = keras.Model(inputs, head(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def weights_given(hp: kt.HyperParameters) -> keras.Model:
    """Pretrained vectors are set in an embedding that may have another width."""
    width = hp.Choice("width", [6, 8])
    table = np.random.default_rng(0).random((30, 6)).astype("float32")
    embedding = layers.Embedding(30, width)
    embedding.build((None,))
    if hp.Boolean("pretrained", default=True):
        embedding.set_weights([table])
        embedding.trainable = False
    model = keras.Sequential([keras.Input((9,)), embedding])
    model.add(layers.Conv1D(8, hp.Int("kernel", 2, 11, step=3), activation="relu"))
    model.add(layers.GlobalMaxPooling1D())
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile("adam", "binary_crossentropy")
    return model


def called_in_build(hp: kt.HyperParameters) -> keras.Model:
    """The model is tried on one sample in the build, which may not be like the data."""
    model = keras.Sequential([layers.Dense(hp.Int("units", 4, 16, step=4), activation="relu")])
    if hp.Boolean("normalize"):
        model.add(layers.BatchNormalization())
    model.add(layers.Dense(1))
    if hp.Boolean("tried", default=True):
        model(np.zeros((1, hp.Choice("features", [6, 7])), dtype="float32"))
    elif hp.Boolean("built"):
        model.build((None, hp.Choice("width", [6, 8])))
    model.compile("adam", "mse")
    return model


def tower(hp: kt.HyperParameters) -> keras.Model:
    """Blocks as models that are stacked, with equal or free widths."""

    def block(width: int, units: int, name: str) -> keras.Model:
        inputs = keras.Input((width,))
        x = layers.Dense(units, activation="relu")(inputs)
        x = layers.Dense(width)(layers.Dropout(0.1)(x))
        return keras.Model(inputs, layers.Add()([x, inputs]), name=name)

    inputs = keras.Input((16,))
    x = inputs
    for i in range(hp.Int("blocks", 1, 3)):
        width = 16 if hp.Boolean("equal", default=True) else hp.Choice(f"width_{i}", [16, 8])
        x = block(width, hp.Choice(f"units_{i}", [8, 32]), f"block_{i}")(x)
    ensemble = [layers.Dense(1, name=f"voter_{i}")(x) for i in range(hp.Int("voters", 1, 3))]
    outputs = layers.Average()(ensemble) if len(ensemble) > 1 else ensemble[0]
    model = keras.Model(inputs, outputs)
    model.compile("adam", "mse")
    return model


SPACES = (
    Space("nested_shared", shared_dense, lambda: arrays.given(arrays.real(10), arrays.real(1)), 18),
    Space(
        "nested_fixed_input",
        fixed_input,
        lambda: arrays.given(arrays.real(20, 20, 3), arrays.labels(10)),
        18,
    ),
    Space(
        "nested_weights",
        weights_given,
        lambda: arrays.given(arrays.whole(30, 9), arrays.binary()),
        12,
        tags=("set_weights",),
    ),
    Space(
        "nested_called",
        called_in_build,
        lambda: arrays.given(arrays.real(6), arrays.real(1)),
        18,
        tags=("deferred",),
    ),
    Space("nested_tower", tower, lambda: arrays.given(arrays.real(16), arrays.real(1)), 14),
)
