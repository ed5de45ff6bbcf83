"""Convolutional networks on the 8 x 8 handwritten digits of scikit-learn."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers
from sklearn.datasets import load_digits

from benchmarks.spaces.model import Space, compiled

__all__ = ["SPACES", "digits", "labels"]

SAMPLES = 400
SIDE = 8


def digits() -> Any:
    """Images of handwritten digits, (400, 8, 8, 1), between 0 and 1."""
    return load_digits().images[:SAMPLES, :, :, None].astype("float32") / 16.0


def labels() -> Any:
    """Which digit each is, (400,)."""
    return load_digits().target[:SAMPLES]


def _data() -> dict[str, Any]:
    return {"x": digits(), "y": labels(), "validation_split": 0.25}


def _head(hp: Any, model: keras.Sequential) -> keras.Model:
    model.add(layers.Flatten())
    model.add(layers.Dropout(hp.Float("dropout", 0.0, 0.4, step=0.2)))
    model.add(layers.Dense(10, activation="softmax"))
    rate = hp.Choice("learning_rate", [1e-3, 1e-2])
    return compiled(model, "sparse_categorical_crossentropy", rate, "accuracy")


def _filters(hp: Any, number: int) -> Any:
    return hp.Choice(f"filters_{number}", [4, 8, 16])


def optional_pooling(hp: Any) -> keras.Model:
    """Several convolutions, each with or without pooling behind it."""
    model = keras.Sequential([keras.Input((SIDE, SIDE, 1))])
    for number in range(hp.Int("layers", 1, 4)):
        model.add(layers.Conv2D(_filters(hp, number), 3, activation="relu"))
        if hp.Boolean(f"pooling_{number}"):
            model.add(layers.MaxPooling2D(2))
    return _head(hp, model)


def guard_optional_pooling(hp: Any) -> str | None:
    """A convolution takes two pixels, pooling half of what is left."""
    side = SIDE
    for number in range(hp.Int("layers", 1, 4)):
        _filters(hp, number)
        side -= 2
        if side < 1:
            return f"no pixel is left by convolution {number}"
        if hp.Boolean(f"pooling_{number}"):
            side //= 2
            if side < 1:
                return f"no pixel is left by pooling {number}"
    return None


def kernel_choices(hp: Any) -> keras.Model:
    """Two convolutions whose kernels and padding are chosen."""
    padding = hp.Choice("padding", ["valid", "same"])
    model = keras.Sequential([keras.Input((SIDE, SIDE, 1))])
    for number in range(2):
        kernel = hp.Choice(f"kernel_{number}", [3, 5, 7])
        model.add(layers.Conv2D(_filters(hp, number), kernel, padding=padding, activation="relu"))
        if number == 0:
            model.add(layers.MaxPooling2D(2))
    return _head(hp, model)


def guard_kernel_choices(hp: Any) -> str | None:
    """Padding "same" always fits; otherwise a kernel may be as large as what is left."""
    side, padding = SIDE, hp.Choice("padding", ["valid", "same"])
    for number in range(2):
        kernel = hp.Choice(f"kernel_{number}", [3, 5, 7])
        _filters(hp, number)
        if padding == "valid":
            if kernel > side:
                return f"kernel {number} is larger than the {side} pixels that are left"
            side -= kernel - 1
        if number == 0:
            side //= 2
    return None


def down_sampling(hp: Any) -> keras.Model:
    """Layers that each halve the image, until nothing is left of it."""
    model = keras.Sequential([keras.Input((SIDE, SIDE, 1))])
    kernel = hp.Choice("kernel", [2, 3])
    for number in range(hp.Int("layers", 1, 5)):
        model.add(layers.Conv2D(_filters(hp, number), kernel, strides=2, activation="relu"))
    return _head(hp, model)


def guard_down_sampling(hp: Any) -> str | None:
    """A kernel may be as large as what is left."""
    side, kernel = SIDE, hp.Choice("kernel", [2, 3])
    for number in range(hp.Int("layers", 1, 5)):
        _filters(hp, number)
        if kernel > side:
            return f"the kernel of layer {number} is larger than the {side} pixels that are left"
        side = (side - kernel) // 2 + 1
    return None


_TRACKER = "https://github.com/keras-team/keras-tuner/issues/"

SPACES = (
    Space(
        "optional_pooling", "CNN, optional pooling", _TRACKER + "296",
        optional_pooling, guard_optional_pooling, _data, "val_accuracy",
    ),
    Space(
        "kernel_choices", "CNN, choice of kernels", _TRACKER + "908",
        kernel_choices, guard_kernel_choices, _data, "val_accuracy",
    ),
    Space(
        "down_sampling", "CNN, down-sampled to nothing", _TRACKER + "1011",
        down_sampling, guard_down_sampling, _data, "val_accuracy",
    ),
)  # fmt: skip
