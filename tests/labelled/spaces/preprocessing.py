"""Preprocessing layers, adapted while the model is built, and augmentation."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner as kt
import numpy as np
from keras import layers

from tests.labelled import arrays
from tests.labelled.model import Space

SENTENCES = np.array(
    [
        "the model fits the data",
        "shapes do not fit at all",
        "a tensor of rank four",
        "the last batch is smaller",
        "no layer was harmed",
        "all of it fits",
    ]
)
COLOURS = np.array([["red"], ["green"], ["blue"], ["red"], ["blue"], ["green"]])


def normalized(hp: kt.HyperParameters) -> keras.Model:
    """A normalization adapted to features of which some may be dropped later."""
    kept = hp.Choice("adapted", [8, 6, 1])
    normalize = layers.Normalization(axis=-1 if hp.Boolean("per_feature", default=True) else None)
    normalize.adapt(arrays.real(8)[:, :kept])
    model = keras.Sequential([keras.Input((8,)), normalize])
    for i in range(hp.Int("layers", 1, 3)):
        model.add(layers.Dense(hp.Int(f"units_{i}", 8, 32, step=8), activation="relu"))
    model.add(layers.Dense(1))
    model.compile("adam", "mae")
    return model


def vectorized(hp: kt.HyperParameters) -> keras.Model:
    """Text to numbers of a chosen length before convolutions."""
    vectorize = layers.TextVectorization(
        max_tokens=50,
        output_mode="int",
        output_sequence_length=hp.Choice("length", [4, 6, 10]),
    )
    vectorize.adapt(SENTENCES)
    inputs = keras.Input((1,), dtype="string")
    x = vectorize(inputs)
    x = layers.Embedding(50, hp.Choice("dimension", [4, 8]))(x)
    for i in range(hp.Int("convolutions", 1, 2)):
        x = layers.Conv1D(6, hp.Choice(f"kernel_{i}", [2, 3, 5]), activation="relu")(x)
    x = layers.GlobalMaxPooling1D()(x)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def augmented(hp: kt.HyperParameters) -> keras.Model:
    """Crops that are larger than the image are fine, until sizes have to agree."""
    inputs = keras.Input((20, 20, 3))
    crop = hp.Choice("crop", [16, 20, 24])
    x = inputs
    if hp.Boolean("random"):
        x = layers.RandomCrop(crop, crop)(x)
    else:
        x = layers.CenterCrop(crop, crop)(x)
    if hp.Boolean("flip"):
        x = layers.RandomFlip("horizontal")(x)
        x = layers.RandomRotation(hp.Float("rotation", 0.05, 0.2))(x)
    x = layers.Rescaling(1 / 255.0)(x)
    skip = layers.Resizing(8, 8)(inputs)
    x = layers.Conv2D(3, 3, padding="same")(x)
    x = layers.MaxPooling2D(hp.Choice("pool", [2, 3]))(x)
    if hp.Boolean("skip"):
        x = layers.Concatenate()([x, skip])
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def encoded(hp: kt.HyperParameters) -> keras.Model:
    """Looked-up, discretized and hashed columns."""
    colour = keras.Input((1,), name="colour", dtype="string")
    amount = keras.Input((1,), name="amount")
    lookup = layers.StringLookup(output_mode=hp.Choice("mode", ["one_hot", "multi_hot", "int"]))
    lookup.adapt(COLOURS)
    bins = layers.Discretization(num_bins=hp.Int("bins", 3, 5))
    bins.adapt(np.linspace(0, 1, 50).astype("float32")[:, None])
    x = lookup(colour)
    y = bins(amount)
    if hp.Boolean("encode", default=True):
        y = layers.CategoryEncoding(num_tokens=5, output_mode="one_hot")(y)
    else:
        y = layers.Flatten()(layers.Embedding(5, hp.Choice("factors", [4, 6]))(y))
    merge = hp.Choice("merge", ["concat", "multiply"])
    x = keras.ops.cast(x, "float32")
    x = layers.Concatenate()([x, y]) if merge == "concat" else layers.Multiply()([x, y])
    model = keras.Model({"colour": colour, "amount": amount}, layers.Dense(1)(x))
    model.compile("adam", "mse")
    return model


def texts() -> dict[str, Any]:
    """Sentences as a dataset."""
    return {"x": arrays.batches(SENTENCES[:, None], arrays.binary())}


def columns() -> dict[str, Any]:
    """A column of strings and one of numbers, as a dataset of dictionaries."""
    return {"x": arrays.batches({"colour": COLOURS, "amount": arrays.real(1)}, arrays.real(1))}


SPACES = (
    Space(
        "preprocessing_normalized",
        normalized,
        lambda: arrays.given(arrays.real(8), arrays.real()),
        18,
    ),
    Space(
        "preprocessing_vectorized",
        vectorized,
        texts,
        16,
        tags=("text", "dataset"),
        tensorflow_only="TextVectorization splits strings with TensorFlow",
    ),
    Space(
        "preprocessing_augmented",
        augmented,
        lambda: arrays.given(arrays.real(20, 20, 3), arrays.labels(10)),
        20,
    ),
    Space(
        "preprocessing_encoded",
        encoded,
        columns,
        16,
        tags=("dataset", "dict"),
        tensorflow_only="StringLookup looks strings up with TensorFlow",
    ),
)
