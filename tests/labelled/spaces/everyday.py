"""Search spaces as tutorials and repositories write them; most configurations fit."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner as kt
from keras import layers

from tests.labelled import arrays
from tests.labelled.model import Space


def mnist_mlp(hp: kt.HyperParameters) -> keras.Model:
    """Flatten and a loop of dense layers."""
    model = keras.Sequential()
    model.add(layers.Flatten(input_shape=(28, 28)))
    for i in range(hp.Int("num_layers", 1, 4)):
        model.add(
            layers.Dense(
                units=hp.Int(f"units_{i}", min_value=32, max_value=256, step=32),
                activation=hp.Choice("activation", ["relu", "tanh"]),
            )
        )
    if hp.Boolean("dropout"):
        model.add(layers.Dropout(rate=0.25))
    model.add(layers.Dense(10, activation="softmax"))
    learning_rate = hp.Float("lr", min_value=1e-4, max_value=1e-2, sampling="log")
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def mnist_cnn(hp: kt.HyperParameters) -> keras.Model:
    """A functional convolutional network with a choice of pooling."""
    inputs = keras.Input(shape=(28, 28, 1))
    x = inputs
    for i in range(hp.Int("conv_layers", 1, 3, default=3)):
        x = layers.Conv2D(
            filters=hp.Int(f"filters_{i}", 4, 32, step=4, default=8),
            kernel_size=hp.Int(f"kernel_size_{i}", 3, 5),
            activation="relu",
            padding="same",
        )(x)
        if hp.Choice(f"pooling_{i}", ["max", "avg"]) == "max":
            x = layers.MaxPooling2D()(x)
        else:
            x = layers.AveragePooling2D(2)(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
    if hp.Choice("global_pooling", ["max", "avg"]) == "max":
        x = layers.GlobalMaxPooling2D()(x)
    else:
        x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(10, activation="softmax")(x)
    model = keras.Model(inputs, outputs)
    optimizer = hp.Choice("optimizer", ["adam", "sgd"])
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class CifarHyperModel(kt.HyperModel):
    """The convolutional hypermodel class of many notebooks."""

    def __init__(self, input_shape: tuple[int, ...], num_classes: int) -> None:
        super().__init__()
        self.input_shape = input_shape
        self.num_classes = num_classes

    def build(self, hp: kt.HyperParameters) -> keras.Model:
        """Two blocks of convolutions, pooling and dropout."""
        model = keras.Sequential()
        model.add(
            layers.Conv2D(
                filters=16, kernel_size=3, activation="relu", input_shape=self.input_shape
            )
        )
        model.add(layers.Conv2D(16, activation="relu", kernel_size=3))
        model.add(layers.MaxPooling2D(pool_size=2))
        model.add(layers.Dropout(hp.Float("dropout_1", 0.0, 0.5, step=0.05, default=0.25)))
        model.add(layers.Conv2D(filters=32, kernel_size=3, activation="relu"))
        model.add(
            layers.Conv2D(
                filters=hp.Choice("num_filters", values=[32, 64], default=64),
                activation="relu",
                kernel_size=3,
            )
        )
        model.add(layers.MaxPooling2D(pool_size=2))
        model.add(layers.Dropout(hp.Float("dropout_2", 0.0, 0.5, step=0.05, default=0.25)))
        model.add(layers.Flatten())
        model.add(
            layers.Dense(
                units=hp.Int("units", 32, 512, step=32, default=128),
                activation=hp.Choice("dense_activation", ["relu", "tanh", "sigmoid"]),
            )
        )
        model.add(layers.Dropout(hp.Float("dropout_3", 0.0, 0.5, step=0.05, default=0.25)))
        model.add(layers.Dense(self.num_classes, activation="softmax"))
        model.compile(
            optimizer=keras.optimizers.Adam(
                hp.Float("learning_rate", 1e-4, 1e-2, sampling="log", default=1e-3)
            ),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        return model


def housing(hp: kt.HyperParameters) -> keras.Model:
    """Regression without an input layer; targets (n,) against a head of (n, 1)."""
    model = keras.Sequential()
    for i in range(hp.Int("layers", 1, 5)):
        model.add(layers.Dense(hp.Int("units_" + str(i), 8, 64, step=8), activation="relu"))
        if hp.Boolean("batch_norm_" + str(i)):
            model.add(layers.BatchNormalization())
    model.add(layers.Dense(1))
    model.compile("rmsprop", loss=hp.Choice("loss", ["mse", "mae", "huber"]), metrics=["mae"])
    return model


def reviews(hp: kt.HyperParameters) -> keras.Model:
    """Embedding with a mask and a choice of recurrent layer."""
    model = keras.Sequential()
    model.add(layers.Input(shape=(20,)))
    width = hp.Int("embedding", 8, 32, step=8)
    model.add(layers.Embedding(100, width, mask_zero=hp.Boolean("mask")))
    kind = hp.Choice("cell", ["lstm", "gru", "bi"])
    units = hp.Choice("units", [8, 16])
    if kind == "lstm":
        model.add(layers.LSTM(units, dropout=hp.Float("dropout", 0, 0.4, step=0.1)))
    elif kind == "gru":
        model.add(layers.GRU(units))
    else:
        model.add(layers.Bidirectional(layers.LSTM(units)))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def text_cnn(hp: kt.HyperParameters) -> keras.Model:
    """Parallel one-dimensional convolutions of several widths over an embedding."""
    inputs = keras.Input((24,), dtype="int32")
    x = layers.Embedding(60, hp.Choice("dimension", [8, 16, 24]))(inputs)
    x = layers.SpatialDropout1D(hp.Float("spatial_dropout", 0.0, 0.3, step=0.1))(x)
    pools = []
    for size in range(2, 2 + hp.Int("branches", 2, 4)):
        y = layers.Conv1D(hp.Int("filters", 8, 32, step=8), size, activation="relu")(x)
        pools.append(layers.GlobalMaxPooling1D()(y))
    x = layers.Concatenate()(pools)
    outputs = layers.Dense(3, activation="softmax")(x)
    model = keras.Model(inputs, outputs)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def fashion_flatten(hp: kt.HyperParameters) -> keras.Model:
    """Valid convolutions in a loop; 28 pixels are enough for three of them."""
    model = keras.Sequential([keras.Input((28, 28, 1))])
    for i in range(hp.Int("n_layers", 1, 3)):
        model.add(layers.Conv2D(hp.Int(f"conv_{i}_units", 8, 24, step=8), (3, 3)))
        model.add(layers.Activation("relu"))
        model.add(layers.MaxPooling2D(pool_size=(2, 2)))
    model.add(layers.Flatten())
    model.add(layers.Dense(10))
    model.add(layers.Activation("softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def scoped(hp: kt.HyperParameters) -> keras.Model:
    """Name scopes, a fixed value and an optimizer with hyperparameters of its own."""
    inputs = keras.Input((15,))
    x = inputs
    with hp.name_scope("body"):
        for i in range(hp.Int("depth", 1, 3)):
            x = layers.Dense(hp.Int(f"width_{i}", 16, 64, sampling="log"))(x)
            x = layers.PReLU()(x) if hp.Boolean("learned") else layers.ReLU()(x)
        x = layers.Dropout(hp.Fixed("rate", 0.1))(x)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    kind = hp.Choice("optimizer", ["adam", "sgd"])
    with hp.conditional_scope("optimizer", ["sgd"]):
        if kind == "sgd":
            momentum = hp.Float("momentum", 0.0, 0.9, step=0.1)
            optimizer = keras.optimizers.SGD(0.01, momentum=momentum)
    with hp.conditional_scope("optimizer", ["adam"]):
        if kind == "adam":
            optimizer = keras.optimizers.Adam(hp.Float("rate", 1e-4, 1e-1, sampling="log"))
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    return model


def rows(hp: kt.HyperParameters) -> keras.Model:
    """Digits read row by row; all hyperparameters are independent of each other."""
    model = keras.Sequential([keras.Input((28, 28))])
    if hp.Boolean("masking"):
        model.add(layers.Masking(0.0))
    model.add(layers.SimpleRNN(hp.Int("units", 8, 32, step=8)))
    model.add(layers.BatchNormalization())
    model.add(layers.Dense(10))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(hp.Choice("optimizer", ["adam", "rmsprop"]), loss, metrics=["accuracy"])
    return model


def images(*shape: int, column: bool = False) -> dict[str, Any]:
    """Images with class numbers."""
    return arrays.given(arrays.real(*shape), arrays.labels(10, column=column))


SPACES = (
    Space("everyday_mnist_mlp", mnist_mlp, lambda: images(28, 28), 22, tags=("sequential",)),
    Space("everyday_mnist_cnn", mnist_cnn, lambda: images(28, 28, 1), 22, tags=("functional",)),
    Space(
        "everyday_cifar_hypermodel",
        CifarHyperModel((32, 32, 3), 10),
        lambda: images(32, 32, 3, column=True),
        16,
        tags=("hypermodel",),
    ),
    Space(
        "everyday_housing",
        housing,
        lambda: arrays.given(
            arrays.real(13), arrays.real(), validation_data=(arrays.real(13), arrays.real())
        ),
        24,
        tags=("deferred", "regression"),
    ),
    Space(
        "everyday_reviews",
        reviews,
        lambda: arrays.given(arrays.whole(100, 20), arrays.binary()),
        18,
        tags=("text", "mask"),
    ),
    Space(
        "everyday_text_cnn",
        text_cnn,
        lambda: arrays.given(arrays.whole(60, 24), arrays.onehot(3)),
        20,
        tags=("text",),
    ),
    Space("everyday_fashion", fashion_flatten, lambda: images(28, 28, 1), 20, tags=("cnn",)),
    Space(
        "everyday_scoped",
        scoped,
        lambda: arrays.given(arrays.real(15), arrays.onehot(3)),
        18,
        tags=("scopes", "conditional"),
    ),
    Space("everyday_rows", rows, lambda: images(28, 28), 12, tags=("recurrent",)),
)
