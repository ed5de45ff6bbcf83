"""Tables: wide and deep, crosses of features, embeddings of categories."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner as kt
from keras import layers

from tests.labelled import arrays
from tests.labelled.model import Space


def churn(hp: kt.HyperParameters) -> keras.Model:
    """The classifier of many notebooks, with the number of inputs as `input_dim`."""
    model = keras.Sequential()
    for i in range(hp.Int("num_layers", min_value=1, max_value=6)):
        units = hp.Int("units" + str(i), min_value=8, max_value=64, step=8)
        activation = hp.Choice("activation" + str(i), ["relu", "tanh", "sigmoid"])
        if i == 0:
            model.add(layers.Dense(units, activation=activation, input_dim=11))
        else:
            model.add(layers.Dense(units, activation=activation))
        model.add(layers.Dropout(hp.Choice("dropout" + str(i), [0.1, 0.2, 0.3])))
    model.add(layers.Dense(1, activation="sigmoid"))
    optimizer = hp.Choice("optimizer", ["rmsprop", "adam", "sgd", "nadam"])
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    return model


class WideDeep(kt.HyperModel):
    """A linear part and a deep part that meet in the end."""

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        """Wide and deep inputs as a dictionary."""
        wide = keras.Input((5,), name="wide")
        deep = keras.Input((6,), name="deep")
        x = layers.BatchNormalization()(deep)
        for i in range(hp.Int("layers", 1, 3)):
            x = layers.Dense(hp.Int(f"units_{i}", 8, 32, step=8), activation="relu")(x)
            x = layers.Dropout(hp.Float("dropout", 0, 0.5, step=0.25))(x)
        x = layers.concatenate([wide, x])
        model = keras.Model({"wide": wide, "deep": deep}, layers.Dense(1)(x))
        rate = hp.Float("learning_rate", 1e-4, 1e-1, sampling="log")
        model.compile(keras.optimizers.SGD(rate), "mse")
        return model


def crossed(hp: kt.HyperParameters) -> keras.Model:
    """Crosses multiply with the first features: widths other than that are refused."""
    inputs = keras.Input((9,))
    x0 = inputs
    if hp.Boolean("project"):
        x0 = layers.Dense(hp.Choice("projected", [9, 12]))(inputs)
    x = x0
    for i in range(hp.Int("crosses", 1, 3)):
        y = layers.Dense(hp.Choice(f"cross_{i}", [9, 12]))(x)
        x = layers.Add()([layers.Multiply()([x0, y]), x])
    deep = layers.Dense(hp.Int("deep", 4, 16, step=4), activation="relu")(x0)
    x = layers.Concatenate()([x, deep])
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy")
    return model


def categories(hp: kt.HyperParameters) -> keras.Model:
    """An embedding per column: stacked they must be equally wide, joined they need not."""
    inputs = keras.Input((3,), dtype="int32")
    equal = hp.Boolean("equal", default=True)
    parts: list[Any] = []
    for i, size in enumerate([4, 8, 16]):
        width = 4 if equal else hp.Choice(f"width_{i}", [4, size // 2])
        parts.append(layers.Embedding(size, width)(inputs[:, i : i + 1]))
    merge = hp.Choice("merge", ["last", "steps", "average"])
    if merge == "average":
        x = layers.Average()(parts)
    else:
        x = layers.Concatenate(axis=-1 if merge == "last" else 1)(parts)
    if hp.Boolean("attention"):
        x = layers.MultiHeadAttention(hp.Choice("heads", [1, 2]), 4)(x, x)
    x = layers.Flatten()(x)
    for i in range(hp.Int("dense", 1, 2)):
        x = layers.Dense(hp.Choice(f"units_{i}", [8, 16]), activation="relu")(x)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def as_signal(hp: kt.HyperParameters) -> keras.Model:
    """Rows seen as a signal: `Reshape` and then one-dimensional convolutions."""
    model = keras.Sequential([keras.Input((24,))])
    steps = hp.Int("steps", 3, 8)
    model.add(layers.Reshape((steps, 24 // steps)))
    for i in range(hp.Int("convolutions", 1, 3)):
        model.add(layers.Conv1D(8, hp.Int(f"kernel_{i}", 1, 3), activation="relu"))
    if hp.Boolean("pool"):
        model.add(layers.MaxPooling1D(2))
    model.add(layers.Flatten())
    model.add(layers.Dense(1))
    model.compile("adam", "mse")
    return model


SPACES = (
    Space("tabular_churn", churn, lambda: arrays.given(arrays.real(11), arrays.binary()), 18),
    Space(
        "tabular_wide_deep",
        WideDeep(),
        lambda: arrays.given({"wide": arrays.real(5), "deep": arrays.real(6)}, arrays.real()),
        14,
        tags=("hypermodel", "dict"),
    ),
    Space("tabular_crossed", crossed, lambda: arrays.given(arrays.real(9), arrays.binary()), 18),
    Space(
        "tabular_categories",
        categories,
        lambda: arrays.given(arrays.whole(4, 3), arrays.labels(3)),
        18,
    ),
    Space(
        "tabular_as_signal", as_signal, lambda: arrays.given(arrays.real(24), arrays.real(1)), 20
    ),
)
