"""Several inputs and outputs, as lists and dictionaries."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner as kt
import numpy as np
from keras import layers

from tests.labelled import arrays
from tests.labelled.model import Space


def captions(hp: kt.HyperParameters) -> keras.Model:
    """Image and text meet by adding or concatenating."""
    image = keras.Input((10, 10, 3), name="image")
    text = keras.Input((7,), name="text", dtype="int32")
    x = layers.Conv2D(hp.Choice("filters", [8, 16]), hp.Choice("kernel", [3, 5]))(image)
    x = layers.GlobalAveragePooling2D()(x)
    y = layers.Embedding(25, 8, mask_zero=True)(text)
    y = layers.LSTM(hp.Choice("units", [8, 16]))(y)
    merge = {"add": layers.Add(), "concat": layers.Concatenate(), "dot": layers.Dot(axes=1)}
    x = merge[hp.Choice("merge", ["concat", "add", "dot"])]([x, y])
    model = keras.Model({"image": image, "text": text}, layers.Dense(1, name="score")(x))
    model.compile("adam", "mse")
    return model


def tasks(hp: kt.HyperParameters) -> keras.Model:
    """Three named heads; the names of the losses and the widths of the heads are tuned."""
    inputs = keras.Input((11,), name="features")
    x = layers.Dense(hp.Int("shared", 8, 32, step=8), activation="relu")(inputs)
    age = layers.Dense(1, name="age")(x)
    kind = layers.Dense(
        hp.Choice("kinds", [4, 5]) if hp.Boolean("tuned") else 4, activation="softmax", name="kind"
    )(x)
    boxed = layers.Dense(hp.Choice("corners", [4, 8]) if hp.Boolean("tuned_box") else 4)(x)
    if hp.Choice("layout", ["flat", "list", "points"]) == "points":
        boxed = layers.Reshape((2, 2), name="box")(boxed)
    else:
        boxed = layers.Identity(name="box")(boxed)
    model = keras.Model(inputs, {"age": age, "kind": kind, "box": boxed})
    losses = {
        "age": "mse",
        "kind": "categorical_crossentropy",
        "box": hp.Choice("loss", ["mae", "mse"]),
    }
    weights = {"age": hp.Float("age_weight", 0.1, 1.0), "kind": 1.0, "box": 0.5}
    if hp.Boolean("misses_loss"):
        del losses["box"], weights["box"]
    model.compile(
        "adam",
        losses,
        loss_weights=weights,
        metrics={"age": ["mae"], "kind": ["accuracy"]},
    )
    return model


def siamese(hp: kt.HyperParameters) -> keras.Model:
    """One network for two images whose sides differ by a hyperparameter."""
    left = keras.Input((14, 14, 1))
    right = keras.Input((14, 14, 1))
    body = keras.Sequential()
    body.add(layers.Conv2D(4, hp.Choice("kernel", [3, 5, 8]), activation="relu"))
    body.add(layers.MaxPooling2D(hp.Choice("pool", [2, 3])))
    if hp.Boolean("global"):
        body.add(layers.GlobalMaxPooling2D())
    else:
        body.add(layers.Flatten())
    body.add(layers.Dense(8))
    cut = hp.Choice("cut", [0, 1, 2])
    a = body(left)
    b = body(layers.Cropping2D(cut)(right))
    distance = hp.Choice("distance", ["cosine", "absolute"])
    if distance == "cosine":
        x = layers.Dot(axes=1, normalize=True)([a, b])
    else:
        x = layers.Lambda(lambda pair: keras.ops.abs(pair[0] - pair[1]))([a, b])
        x = layers.Dense(1, activation="sigmoid")(x)
    model = keras.Model([left, right], x)
    model.compile("adam", "binary_crossentropy")
    return model


def detector(hp: kt.HyperParameters) -> keras.Model:
    """A list of outputs with a list of losses; the grid depends on the pools."""
    inputs = keras.Input((16, 16, 3))
    x = inputs
    for i in range(hp.Int("pools", 1, 2, default=2)):
        x = layers.Conv2D(4, 3, padding="same", activation="relu", name=f"conv_{i}")(x)
        x = layers.MaxPooling2D(2)(x)
    boxes = layers.Conv2D(hp.Choice("box", [4, 5]) if hp.Boolean("more") else 4, 1)(x)
    found = layers.Conv2D(1, 1, activation="sigmoid")(x)
    if hp.Choice("head", ["grid", "cells", "flat"]) == "flat":
        boxes = layers.Reshape((-1, 4))(boxes)
    model = keras.Model(inputs, [boxes, found])
    metrics = [[], ["accuracy"]] if hp.Boolean("metrics") else None
    model.compile("adam", ["mse", "binary_crossentropy"], metrics=metrics)
    return model


def ratings(hp: kt.HyperParameters) -> keras.Model:
    """Matrix factorization with the factors of users and films."""
    user = keras.Input((1,), name="user")
    film = keras.Input((1,), name="film")
    same = hp.Boolean("same_factors", default=True)
    factors = hp.Int("factors", 4, 12, step=4)
    others = factors if same else hp.Int("film_factors", 4, 12, step=4)
    a = layers.Flatten()(layers.Embedding(10, factors)(user))
    b = layers.Flatten()(layers.Embedding(10, others)(film))
    if hp.Boolean("bias"):
        product = layers.Dot(axes=1)([a, b])
        bias = layers.Flatten()(layers.Embedding(10, 1)(film))
        x = layers.Add()([product, bias])
    elif hp.Boolean("deep"):
        x = layers.Dense(1)(layers.Dense(16, activation="relu")(layers.Concatenate()([a, b])))
    else:
        x = layers.Dense(1)(layers.Multiply()([a, b]))
    model = keras.Model([user, film], x)
    model.compile("adam", "mse", metrics=["mae"])
    return model


def task_data() -> dict[str, Any]:
    """Targets of the three heads, with sample weights of one of them."""
    targets = {"age": arrays.real(), "kind": arrays.onehot(4), "box": arrays.real(4)}
    return arrays.given(arrays.real(11), targets)


def rating_data() -> dict[str, Any]:
    """Ratings with a weight for each."""
    weights = np.linspace(0.5, 1.0, arrays.SAMPLES).astype("float32")
    x = {"user": arrays.whole(10, 1), "film": arrays.whole(10, 1)}
    return arrays.given(x, arrays.real(), sample_weight=weights)


SPACES = (
    Space(
        "multi_captions",
        captions,
        lambda: arrays.given(
            {"image": arrays.real(10, 10, 3), "text": arrays.whole(25, 7, low=1)}, arrays.real()
        ),
        14,
    ),
    Space("multi_tasks", tasks, task_data, 20, tags=("dict",)),
    Space(
        "multi_siamese",
        siamese,
        lambda: arrays.given([arrays.real(14, 14, 1), arrays.real(14, 14, 1)], arrays.binary(1)),
        16,
        tags=("shared",),
    ),
    Space(
        "multi_detector",
        detector,
        lambda: arrays.given(
            arrays.real(16, 16, 3), [arrays.real(4, 4, 4), arrays.binary(4, 4, 1)]
        ),
        16,
        tags=("list",),
    ),
    Space("multi_ratings", ratings, rating_data, 16, tags=("sample weight",)),
)
