"""Operations of `keras.ops` on symbolic tensors, Lambda layers and shape arithmetic."""

from __future__ import annotations

import keras
import keras_tuner as kt
from keras import layers, ops

from tests.labelled import arrays
from tests.labelled.model import Space


def splits(hp: kt.HyperParameters) -> keras.Model:
    """Heads by hand: reshape, transpose and products of matrices."""
    inputs = keras.Input((6, 10))
    width = hp.Choice("width", [12, 16])
    heads = hp.Int("heads", 1, 5)
    x = layers.Dense(width)(inputs)
    if hp.Boolean("rounds"):
        x = ops.reshape(x, (-1, x.shape[1], heads, width // heads))
    else:
        x = ops.reshape(x, (-1, 6, heads, x.shape[-1] // heads))
    x = ops.transpose(x, (0, 2, 1, 3))
    scores = ops.softmax(ops.matmul(x, ops.transpose(x, (0, 1, 3, 2))))
    x = ops.transpose(ops.matmul(scores, x), (0, 2, 1, 3))
    x = ops.reshape(x, (-1, 6, width))
    x = layers.Dense(1)(ops.mean(x, axis=hp.Choice("axis", [1, 2])))
    model = keras.Model(inputs, x)
    model.compile("adam", "mse")
    return model


def einsums(hp: kt.HyperParameters) -> keras.Model:
    """Bilinear products whose axes must have one length."""
    left, right = keras.Input((4, 6)), keras.Input((5, 8))
    a = layers.Dense(hp.Choice("left", [6, 8]))(left)
    b = layers.Dense(hp.Choice("right", [6, 8]))(right) if hp.Boolean("project") else right
    product = ops.einsum("bij,bkj->bik", a, b)
    norm = hp.Choice("norm", ["softmax", "unit"])
    normalize = layers.Softmax() if norm == "softmax" else layers.UnitNormalization()
    product = normalize(product)
    x = ops.matmul(product, b if hp.Boolean("values") else a)
    model = keras.Model([left, right], layers.Dense(1)(layers.Flatten()(x)))
    model.compile("adam", "mse")
    return model


def arithmetic(hp: kt.HyperParameters) -> keras.Model:
    """Python arithmetic on the shapes: quotients of zero, axes that are not there."""
    inputs = keras.Input((hp.Choice("side", [8, 0]) or None, 8, 2))
    x = layers.Conv2D(4, hp.Choice("kernel", [3, 5]))(inputs)
    if hp.Boolean("pool"):
        x = layers.GlobalMaxPooling2D()(x)
    part = hp.Int("part", 0, 8, step=2, default=2)
    kind = hp.Choice("kind", ["patches", "halve", "cut"])
    if kind == "patches":
        x = layers.AveragePooling2D((x.shape[1] // part, 1))(x)
    elif kind == "halve":
        x = layers.Dense(x.shape[-1] // part)(x)
    else:
        x = x[:, : x.shape[2] // 2, part:]
    x = layers.Flatten()(x) if len(x.shape) < 4 else layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def lambdas(hp: kt.HyperParameters) -> keras.Model:
    """Lambda layers that cut, stack and normalize."""
    inputs = keras.Input((9, 4))
    start = hp.Int("start", 0, 8, step=2)
    x = layers.Lambda(lambda t: t[:, start:, :])(inputs)
    x = layers.Conv1D(8, hp.Choice("kernel", [2, 3, 4]))(x)
    x = layers.Lambda(lambda t: t / (1e-6 + ops.sum(ops.abs(t), axis=-1, keepdims=True)))(x)
    if hp.Boolean("distance"):
        y = layers.Dense(hp.Choice("width", [8, 4]))(inputs)
        y = layers.Lambda(lambda t: ops.mean(t, axis=1))(y)
        x = layers.Lambda(lambda ts: ops.abs(ts[0] - ts[1]))([ops.max(x, axis=1), y])
    else:
        x = layers.Lambda(lambda t: ops.mean(t, axis=1), output_shape=(8,))(x)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    model.compile("adam", "categorical_crossentropy")
    return model


def patches(hp: kt.HyperParameters) -> keras.Model:
    """Patches, pads and stacks of images."""
    inputs = keras.Input((12, 12, 3))
    size = hp.Choice("size", [2, 3, 4, 5])
    x = ops.image.extract_patches(inputs, size, padding=hp.Choice("padding", ["valid", "same"]))
    if hp.Boolean("counted"):
        x = ops.reshape(x, (-1, (12 // size) ** 2, size * size * 3))
    else:
        x = layers.Reshape((-1, x.shape[-1]))(x)
    flipped = ops.flip(inputs, axis=2)
    y = ops.concatenate([inputs, flipped], axis=hp.Choice("axis", [1, 3]))
    y = layers.Conv2D(6, 3)(ops.pad(y, ((0, 0), (1, 1), (1, 1), (0, 0))))
    y = layers.GlobalAveragePooling2D()(y)
    x = layers.Dense(hp.Choice("tokens", [6, 8]))(x)
    x = ops.mean(x, axis=1) * y if hp.Boolean("times") else ops.stack([ops.max(x, axis=1), y], 1)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(layers.Flatten()(x)))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


SPACES = (
    Space("ops_splits", splits, lambda: arrays.given(arrays.real(6, 10), arrays.real()), 18),
    Space(
        "ops_einsums",
        einsums,
        lambda: arrays.given([arrays.real(4, 6), arrays.real(5, 8)], arrays.real(1)),
        18,
    ),
    Space(
        "ops_arithmetic",
        arithmetic,
        lambda: arrays.given(arrays.real(8, 8, 2), arrays.labels(10)),
        24,
        tags=("arithmetic",),
    ),
    Space(
        "ops_lambdas",
        lambdas,
        lambda: arrays.given(arrays.real(9, 4), arrays.onehot(3)),
        16,
        tags=("lambda",),
    ),
    Space(
        "ops_patches", patches, lambda: arrays.given(arrays.real(12, 12, 3), arrays.labels(10)), 20
    ),
)
