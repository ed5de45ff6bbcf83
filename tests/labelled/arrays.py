"""Tiny deterministic arrays the labelled spaces are fitted on."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

SAMPLES = 6
BATCH = 4


def real(*shape: int, samples: int = SAMPLES, seed: int = 0) -> np.ndarray:
    """Uniform numbers in [0, 1), one row per sample."""
    return np.random.default_rng(seed).random((samples, *shape)).astype("float32")


def whole(high: int, *shape: int, samples: int = SAMPLES, low: int = 0) -> np.ndarray:
    """Integers in [low, high), one row per sample."""
    return np.random.default_rng(1).integers(low, high, (samples, *shape)).astype("int32")


def labels(classes: int, *, column: bool = False, samples: int = SAMPLES) -> np.ndarray:
    """Class numbers 0, 1, ... of shape (n,), or (n, 1) as a column."""
    numbers = (np.arange(samples) % classes).astype("int32")
    return numbers[:, None] if column else numbers


def onehot(classes: int, *, samples: int = SAMPLES) -> np.ndarray:
    """Class numbers as one-hot rows."""
    return np.eye(classes, dtype="float32")[labels(classes, samples=samples)]


def binary(*shape: int, samples: int = SAMPLES) -> np.ndarray:
    """Zeros and ones as floats."""
    return whole(2, *shape, samples=samples).astype("float32")


def given(x: Any, y: Any = None, **others: Any) -> dict[str, Any]:
    """Keyword arguments for `fit`: batches of four, so that the last one is smaller."""
    arguments = {"x": x, "batch_size": BATCH, **others}
    if y is not None:
        arguments["y"] = y
    return arguments


def batches(x: Any, y: Any) -> Any:
    """A dataset of batches of four: of ``tf.data`` on TensorFlow, a ``PyDataset`` elsewhere."""
    if keras.config.backend() != "tensorflow":
        return _Batches(x, y)
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH)


class _Batches(keras.utils.PyDataset):
    """Arrays cut into batches."""

    def __init__(self, x: Any, y: Any) -> None:
        super().__init__()
        self.arrays = (x, y)

    def __len__(self) -> int:
        return math.ceil(SAMPLES / BATCH)

    def __getitem__(self, index: int) -> Any:
        rows = slice(index * BATCH, (index + 1) * BATCH)
        return keras.tree.map_structure(lambda array: array[rows], self.arrays)
