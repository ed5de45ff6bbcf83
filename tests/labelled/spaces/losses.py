"""Heads, targets, metrics and sample weights that fit each other or not."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner as kt
import numpy as np
from keras import layers, ops

from tests.labelled import arrays
from tests.labelled.model import Space


def categorical_head(hp: kt.HyperParameters) -> keras.Model:
    """The width of the head is tuned, one-hot targets have four classes."""
    model = keras.Sequential()
    model.add(keras.Input((6,)))
    for i in range(hp.Int("layers", 0, 2)):
        model.add(layers.Dense(hp.Choice(f"units_{i}", [8, 16]), activation="relu"))
    model.add(layers.Dense(hp.Choice("classes", [4, 5, 10, 1]), activation="softmax"))
    loss = hp.Choice("loss", ["categorical_crossentropy", "kl_divergence", "mse"])
    model.compile("adam", loss, metrics=["accuracy"] if hp.Boolean("metric") else None)
    return model


def sparse_head(hp: kt.HyperParameters) -> keras.Model:
    """Sparse labels of shape (n, 1) with heads that keep one axis too many."""
    inputs = keras.Input((5, 6))
    x = layers.Dense(hp.Choice("units", [8, 12]), activation="relu")(inputs)
    reduction = hp.Choice("reduction", ["average", "flatten", "none", "lstm"])
    if reduction == "average":
        x = layers.GlobalAveragePooling1D()(x)
    elif reduction == "flatten":
        x = layers.Flatten()(x)
    elif reduction == "lstm":
        x = layers.LSTM(4)(x)
    logits = layers.Dense(hp.Choice("classes", [3, 7]))(x)
    model = keras.Model(inputs, logits)
    metrics = ["accuracy"] if hp.Boolean("accuracy") else []
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=metrics)
    return model


def flat_targets(hp: kt.HyperParameters) -> keras.Model:
    """Targets (n,) against (n, units) under elementwise losses."""
    model = keras.Sequential([layers.Dense(8, activation="relu")])
    model.add(layers.Dense(hp.Choice("units", [1, 2, 3, 10])))
    if hp.Boolean("squash"):
        model.add(layers.Activation("sigmoid"))
    loss = hp.Choice("loss", ["mse", "mae", "binary_crossentropy", "huber", "cosine_similarity"])
    metric = hp.Choice("metric", ["none", "mae", "r2", "auc"])
    metrics: dict[str, list[Any]] = {
        "none": [],
        "mae": ["mae"],
        "r2": [keras.metrics.R2Score()],
        "auc": [keras.metrics.AUC(from_logits=True)],
    }
    model.compile("sgd", loss, metrics=metrics[metric])
    return model


def dice(y_true: Any, y_pred: Any) -> Any:
    """A dice loss over the flattened masks."""
    true = ops.reshape(y_true, (-1,))
    pred = ops.reshape(y_pred, (-1,))
    overlap = ops.sum(true * pred)
    return 1 - (2 * overlap + 1) / (ops.sum(true) + ops.sum(pred) + 1)


def broadcast_error(y_true: Any, y_pred: Any) -> Any:
    """Squared error without any care for the shapes."""
    return ops.mean(ops.square(y_true - y_pred))


def mask_head(hp: kt.HyperParameters) -> keras.Model:
    """Segmentation under a custom loss; the output may be smaller than the mask."""
    inputs = keras.Input((12, 12, 1))
    padding = hp.Choice("padding", ["same", "valid"])
    x = layers.Conv2D(4, 3, padding=padding, activation="relu")(inputs)
    if hp.Boolean("pool"):
        x = layers.MaxPooling2D()(x)
        if hp.Boolean("back", default=True):
            x = layers.UpSampling2D(2)(x)
    x = layers.Conv2D(hp.Choice("channels", [1, 2]), 1, activation="sigmoid")(x)
    model = keras.Model(inputs, x)
    losses: dict[str, Any] = {"dice": dice, "squares": broadcast_error, "crossentropy": None}
    loss = losses[hp.Choice("loss", ["dice", "squares", "crossentropy"])]
    metrics = [keras.metrics.MeanIoU(num_classes=2)] if hp.Boolean("iou") else None
    model.compile("adam", loss or "binary_crossentropy", metrics=metrics)
    return model


def weighted(hp: kt.HyperParameters) -> keras.Model:
    """Sample weights per time step, for outputs that may have lost their steps."""
    inputs = keras.Input((6, 3))
    steps = hp.Boolean("steps", default=True)
    x = layers.GRU(hp.Int("units", 4, 8), return_sequences=steps)(inputs)
    if not steps and hp.Boolean("repeat"):
        x = layers.RepeatVector(hp.Choice("times", [6, 5]))(x)
    x = layers.Dense(hp.Choice("targets", [2, 1]))(x)
    model = keras.Model(inputs, x)
    metric = ["mae"] if hp.Boolean("metric") else None
    model.compile("adam", hp.Choice("loss", ["mse", "mae"]), weighted_metrics=metric)
    return model


def validated(hp: kt.HyperParameters) -> keras.Model:
    """The validation sequences are longer than those of the training."""
    inputs = keras.Input((hp.Choice("length", [10, 0]) or None, 4))
    x = layers.Conv1D(hp.Choice("filters", [4, 8]), 3, padding="same")(inputs)
    kind = hp.Choice("reduction", ["max", "flatten", "last"])
    if kind == "max":
        x = layers.GlobalMaxPooling1D()(x)
    elif kind == "flatten":
        x = layers.Flatten()(x)
    else:
        x = layers.LSTM(4)(x)
    model = keras.Model(inputs, layers.Dense(1)(x))
    model.compile("adam", "mse", metrics=["mae"] if hp.Boolean("metric") else None)
    return model


def ranked(hp: kt.HyperParameters) -> keras.Model:
    """Classification metrics that look at the width of the head."""
    inputs = keras.Input((9,))
    x = layers.Dense(hp.Int("hidden", 8, 24, step=8), activation="relu")(inputs)
    x = layers.Dense(hp.Choice("classes", [3, 4]), activation="softmax")(x)
    model = keras.Model(inputs, x)
    metric = hp.Choice("metric", ["f1", "top", "accuracy", "auc"])
    metrics: dict[str, Any] = {
        "f1": keras.metrics.F1Score(),
        "top": keras.metrics.TopKCategoricalAccuracy(k=2),
        "accuracy": keras.metrics.CategoricalAccuracy(),
        "auc": keras.metrics.AUC(multi_label=True, num_labels=hp.Choice("labels", [3, 4])),
    }
    loss = hp.Choice("loss", ["categorical_crossentropy", "categorical_hinge"])
    model.compile("adam", loss, metrics=[metrics[metric]])
    return model


def longer() -> dict[str, Any]:
    """Training sequences of ten steps, validation sequences of twelve."""
    held_out = (arrays.real(12, 4), arrays.real(1))
    return arrays.given(arrays.real(10, 4), arrays.real(1), validation_data=held_out)


def steps() -> dict[str, Any]:
    """Sequences with a weight per time step."""
    weights = np.ones((arrays.SAMPLES, 6), dtype="float32")
    return arrays.given(arrays.real(6, 3), arrays.real(6, 2), sample_weight=weights)


SPACES = (
    Space(
        "losses_categorical",
        categorical_head,
        lambda: arrays.given(arrays.real(6), arrays.onehot(4)),
        28,
    ),
    Space(
        "losses_sparse",
        sparse_head,
        lambda: arrays.given(arrays.real(5, 6), arrays.labels(3, column=True)),
        20,
    ),
    Space(
        "losses_flat_targets",
        flat_targets,
        lambda: arrays.given(arrays.real(7), arrays.binary()),
        30,
    ),
    Space(
        "losses_mask",
        mask_head,
        lambda: arrays.given(arrays.real(12, 12, 1), arrays.binary(12, 12, 1)),
        28,
    ),
    Space("losses_weighted", weighted, steps, 24),
    Space("losses_validated", validated, longer, 20, tags=("validation",)),
    Space(
        "losses_ranked",
        ranked,
        lambda: arrays.given(arrays.real(9), arrays.onehot(3)),
        22,
    ),
)
