"""What lies behind "ValueError: Dimensions must be equal, but are 10 and 20".

    python examples/dimensions_must_be_equal.py

Each cause is a small search space and one configuration of it; what ``explain`` says is printed.
Nothing is trained. The spaces named in ``VALID`` are often blamed for the error in articles; Keras
trains every one of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import keras_tuner
from keras import layers, ops

import shapesafe_tuner as sst

HyperParameters = keras_tuner.HyperParameters
Case = tuple[Callable[[HyperParameters], keras.Model], dict[str, Any], dict[str, Any]]


def data(*shape: int, dtype: str = "float32") -> keras.KerasTensor:
    """Stand for an array of this shape, without its first axis."""
    return keras.KerasTensor((None, *shape), dtype=dtype)


def compiled(inputs: Any, outputs: Any, loss: Any = "mse") -> keras.Model:
    """A functional model with an optimizer and a loss."""
    model = keras.Model(inputs, outputs)
    model.compile("adam", loss)
    return model


def chain(shape: tuple[int, ...], *stack: Any, loss: Any = "mse") -> keras.Model:
    """Layers one after the other."""
    model = keras.Sequential([keras.Input(shape), *stack])
    model.compile("adam", loss)
    return model


def head(hp: HyperParameters) -> keras.Model:
    """A head whose width is tuned, against targets of width 20."""
    return chain((784,), layers.Dense(hp.Choice("units", [10, 20])))


def class_head(hp: HyperParameters) -> keras.Model:
    """The same with a loss over classes."""
    units = hp.Choice("units", [10, 20])
    return chain((784,), layers.Dense(units, activation="softmax"), loss="categorical_crossentropy")


def merge(hp: HyperParameters) -> keras.Model:
    """Two branches, the width of one of them tuned, merged element by element or multiplied."""
    inputs = keras.Input((784,))
    branches = [layers.Dense(10)(inputs), layers.Dense(hp.Choice("units", [10, 20]))(inputs)]
    kind = hp.Choice("merge", ["Add", "Multiply", "Average", "Dot"])
    join = layers.Dot(axes=1) if kind == "Dot" else getattr(layers, kind)()
    return compiled(inputs, layers.Dense(1)(join(branches)))


def concatenation(hp: HyperParameters) -> keras.Model:
    """Two maps side by side, one of them perhaps smaller."""
    inputs = keras.Input((28, 28, 1))
    wide = layers.Conv2D(8, 3, padding="same")(inputs)
    narrow = layers.Conv2D(8, 3, padding=hp.Choice("padding", ["same", "valid"]))(inputs)
    h = layers.Concatenate()([wide, narrow])
    return compiled(inputs, layers.Dense(1)(layers.Flatten()(h)))


def convolution(hp: HyperParameters) -> keras.Model:
    """A kernel that may be larger than the map it slides over."""
    kernel = hp.Choice("kernel", [3, 5, 7])
    stack = [layers.Conv2D(8, kernel), layers.MaxPooling2D(2), layers.Conv2D(8, kernel)]
    return chain((12, 12, 1), *stack, layers.Flatten(), layers.Dense(1))


def pooling(hp: HyperParameters) -> keras.Model:
    """Pooling until nothing is left."""
    stack = [layers.MaxPooling2D(2) for _ in range(hp.Int("pools", 1, 4))]
    return chain((8, 8, 1), *stack, layers.Flatten(), layers.Dense(1))


def recurrent(hp: HyperParameters) -> keras.Model:
    """A second LSTM that needs the sequences of the first."""
    first = layers.LSTM(8, return_sequences=hp.Boolean("sequences"))
    return chain((20, 4), first, layers.LSTM(8), layers.Dense(1))


def reshape(hp: HyperParameters) -> keras.Model:
    """A side that does not divide the number of values."""
    side = hp.Choice("side", [7, 10])
    return chain((49,), layers.Reshape((side, side)), layers.Flatten(), layers.Dense(1))


def shared(hp: HyperParameters) -> keras.Model:
    """One Dense layer for two inputs whose widths may differ."""
    inputs = keras.Input((784,))
    dense = layers.Dense(8)
    a = dense(layers.Dense(10)(inputs))
    b = dense(layers.Dense(hp.Choice("units", [10, 20]))(inputs))
    return compiled(inputs, layers.Dense(1)(layers.Add()([a, b])))


def flattened(hp: HyperParameters) -> keras.Model:
    """A Dense layer built for one flattened size and fed another."""
    dense = layers.Dense(8)
    dense.build((None, 36))
    size = hp.Choice("pool", [2, 3])
    return chain((12, 12, 1), layers.MaxPooling2D(size), layers.Flatten(), dense, layers.Dense(1))


def own_loss(hp: HyperParameters) -> keras.Model:
    """A custom loss that subtracts tensors of different shapes."""

    def loss(y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.abs(y_true - y_pred))

    return chain((784,), layers.Dense(hp.Choice("units", [10, 20])), loss=loss)


def augmentation(hp: HyperParameters) -> keras.Model:
    """A crop that leaves less than the next kernel needs."""
    crop = hp.Choice("crop", [4, 16])
    stack = [layers.RandomCrop(crop, crop), layers.Conv2D(8, 5), layers.Flatten()]
    return chain((28, 28, 1), *stack, layers.Dense(1))


def dense_of_changing_width(hp: HyperParameters) -> keras.Model:
    """Dense(10), Dense(20), Dense(10): each takes whatever width it is given."""
    return chain((784,), layers.Dense(10), layers.Dense(20), layers.Dense(10))


def dense_of_one_width(hp: HyperParameters) -> keras.Model:
    """Dense(10) three times."""
    return chain((784,), layers.Dense(10), layers.Dense(10), layers.Dense(10))


def convolutions(hp: HyperParameters) -> keras.Model:
    """Two convolutions and two poolings on 64 x 64 pixels, valid or same."""
    last = layers.Conv2D(8, 5) if hp.Boolean("valid") else layers.Conv2D(8, 3, padding="same")
    stack = [layers.Conv2D(8, 3), layers.MaxPooling2D(2), last, layers.MaxPooling2D(2)]
    return chain((64, 64, 3), *stack, layers.Flatten(), layers.Dense(128), layers.Dense(10))


def two_inputs(hp: HyperParameters) -> keras.Model:
    """Branches of 10 and 20 features, or of 5 and 5, concatenated."""
    a, b = keras.Input((32,)), keras.Input((64,))
    units = hp.Choice("units", [5, 10])
    left, right = layers.Dense(units)(a), layers.Dense(units if units == 5 else 20)(b)
    return compiled([a, b], layers.Dense(10)(layers.Concatenate()([left, right])))


IMAGE = data(784)
INFEASIBLE: dict[str, Case] = {
    "head of 10 against targets of 20": (head, {"units": 10}, {"x": IMAGE, "y": data(20)}),
    "the same with categorical cross-entropy": (
        class_head,
        {"units": 10},
        {"x": IMAGE, "y": data(20)},
    ),
    **{
        f"{kind} of 10 and 20": (merge, {"units": 20, "merge": kind}, {"x": IMAGE, "y": data()})
        for kind in ("Add", "Multiply", "Average", "Dot")
    },
    "concatenation of unequal maps": (concatenation, {"padding": "valid"}, {}),
    "convolution larger than its input": (convolution, {"kernel": 7}, {}),
    "pooling larger than its input": (pooling, {"pools": 4}, {}),
    "LSTM on LSTM without sequences": (recurrent, {"sequences": False}, {}),
    "Reshape to another size": (reshape, {"side": 10}, {}),
    "one shared Dense on two widths": (shared, {"units": 20}, {}),
    "Dense built for another Flatten": (flattened, {"pool": 3}, {}),
    "a loss that subtracts unequal shapes": (own_loss, {"units": 10}, {"x": IMAGE, "y": data(20)}),
    "an augmentation that crops too much": (augmentation, {"crop": 4}, {}),
    "validation_data of another shape": (
        head,
        {"units": 20},
        {"x": IMAGE, "y": data(20), "validation_data": (data(400), data(20))},
    ),
}
VALID: dict[str, Case] = {
    "Dense(10), Dense(20), Dense(10)": (
        dense_of_changing_width,
        {},
        {"x": IMAGE, "y": data(10)},
    ),
    "Dense(10) three times": (dense_of_one_width, {}, {"x": IMAGE, "y": data(10)}),
    "convolution 5 x 5 after pooling": (
        convolutions,
        {"valid": True},
        {"x": data(64, 64, 3), "y": data(10)},
    ),
    "convolution 3 x 3, same padding": (
        convolutions,
        {"valid": False},
        {"x": data(64, 64, 3), "y": data(10)},
    ),
    "concatenation of 10 and 20 features": (
        two_inputs,
        {"units": 10},
        {"x": [data(32), data(64)], "y": data(10)},
    ),
    "concatenation of 5 and 5 features": (
        two_inputs,
        {"units": 5},
        {"x": [data(32), data(64)], "y": data(10)},
    ),
}


def main() -> None:
    """Explain every case."""
    for title, (build, values, given) in {**INFEASIBLE, **VALID}.items():
        print(f"\n=== {title} ===")
        print(sst.explain(build, values, **given))


if __name__ == "__main__":
    main()
