"""Skip connections, dense blocks, inception branches and squeeze-excitation."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner as kt
from keras import layers

from tests.labelled import arrays
from tests.labelled.model import Space


def naive_skip(hp: kt.HyperParameters) -> keras.Model:
    """Residual blocks whose shortcut is projected only if a Boolean says so."""
    inputs = keras.Input((16, 16, 3))
    filters = hp.Choice("stem", [8, 16])
    x = layers.Conv2D(filters, 3, padding="same")(inputs)
    project = hp.Boolean("project", default=True)
    for i in range(hp.Int("blocks", 1, 3)):
        width = hp.Choice(f"filters_{i}", [8, 16])
        stride = hp.Choice(f"stride_{i}", [1, 2])
        shortcut = x
        y = layers.Conv2D(width, 3, strides=stride, padding="same")(x)
        y = layers.BatchNormalization()(y)
        y = layers.Activation("relu")(y)
        y = layers.Conv2D(width, 3, padding="same")(y)
        if project:
            shortcut = layers.Conv2D(width, 1, strides=1, padding="same")(shortcut)
            if stride > 1:
                shortcut = layers.MaxPooling2D(stride, padding="same")(shortcut)
        x = layers.Add()([y, shortcut])
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def conv_block(x: Any, filters: int, stride: int) -> Any:
    """Convolution, normalization, activation."""
    x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def proper_resnet(hp: kt.HyperParameters) -> keras.Model:
    """A small residual network that looks at the shapes before it adds."""
    inputs = keras.Input((16, 16, 3))
    filters = hp.Int("initial_filters", 4, 12, step=4)
    x = conv_block(inputs, filters, 1)
    for stage in range(hp.Int("stages", 1, 2)):
        for block in range(hp.Int(f"blocks_{stage}", 1, 2)):
            stride = 2 if block == 0 and stage > 0 else 1
            y = conv_block(x, filters, stride)
            y = layers.Conv2D(filters, 3, padding="same")(y)
            if x.shape[-1] != filters or stride != 1:
                x = layers.Conv2D(filters, 1, strides=stride)(x) if stride == 1 else x
                if stride != 1:
                    x = layers.AveragePooling2D(2, padding="same")(x)
                    x = layers.Conv2D(filters, 1)(x)
            x = layers.ReLU()(layers.add([x, y]))
        filters *= 2
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(hp.Float("dropout", 0.0, 0.5))(x)
    model = keras.Model(inputs, layers.Dense(10)(x))
    model.compile(
        hp.Choice("optimizer", ["adam", "sgd"]),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def dense_blocks(hp: kt.HyperParameters) -> keras.Model:
    """Concatenation of feature maps that must have kept their size."""
    inputs = keras.Input((20, 20, 2))
    padding = hp.Choice("padding", ["same", "valid"])
    kernel = hp.Choice("kernel", [1, 3])
    growth = hp.Int("growth", 4, 8, step=2)
    x = inputs
    for stage in range(hp.Int("stages", 1, 3)):
        for _ in range(hp.Int("layers_per_stage", 1, 3)):
            y = layers.Conv2D(growth, kernel, padding=padding, activation="relu")(x)
            x = layers.Concatenate()([x, y])
        theta = hp.Choice("compression", [0.5, 1.0])
        x = layers.Conv2D(int(x.shape[-1] * theta), 1)(x)
        x = layers.AveragePooling2D(2, name=f"transition_{stage}")(x)
    x = layers.GlobalMaxPooling2D()(x)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def inception(hp: kt.HyperParameters) -> keras.Model:
    """Parallel branches with their own padding, merged in several ways."""
    inputs = keras.Input((18, 18, 4))
    padding, pool_stride = "same", 1
    if hp.Boolean("own_padding"):
        padding = hp.Choice("padding", ["same", "valid"])
        pool_stride = hp.Choice("pool_stride", [1, 2])
    widths = [4, 4, 4]
    if hp.Boolean("own_widths"):
        widths = [hp.Choice(f"width_{i}", [4, 8]) for i in range(3)]
    one = layers.Conv2D(widths[0], 1, padding="same")(inputs)
    three = layers.Conv2D(widths[1], 3, padding=padding)(inputs)
    five = layers.Conv2D(widths[2], hp.Choice("large", [3, 5]), padding="same")(inputs)
    pool = layers.MaxPooling2D(3, strides=pool_stride, padding="same")(inputs)
    merge = hp.Choice("merge", ["concat", "add", "average", "max"])
    merging = {
        "concat": layers.Concatenate,
        "add": layers.Add,
        "average": layers.Average,
        "max": layers.Maximum,
    }[merge]()
    x = merging([one, three, five, pool])
    x = layers.Flatten()(x)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def squeeze_excite(hp: kt.HyperParameters) -> keras.Model:
    """Channel weights (n, 1, 1, c) times images (n, h, w, c): broadcasting is fine."""
    inputs = keras.Input((8, 8, 3))
    filters = hp.Choice("filters", [4, 8, 16])
    ratio = hp.Choice("ratio", [2, 4, 8, 16])
    x = layers.Conv2D(filters, 3, padding="same")(inputs)
    weights = layers.GlobalAveragePooling2D(keepdims=hp.Boolean("keepdims", default=True))(x)
    weights = layers.Dense(filters // ratio, activation="relu")(weights)
    excited = hp.Choice("excited", [4, 8, 16, 1])
    weights = layers.Dense(excited, activation="sigmoid")(weights)
    if len(weights.shape) == 2:
        weights = layers.Reshape((1, 1, filters))(weights)
    x = layers.Multiply()([x, weights])
    x = layers.Flatten()(x)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def mlp_skip(hp: kt.HyperParameters) -> keras.Model:
    """Dense layers of free widths: adding is refused, concatenating is not."""
    inputs = keras.Input((12,))
    x = layers.Dense(hp.Choice("width_0", [10, 20]))(inputs)
    outputs = [x]
    for i in range(1, 1 + hp.Int("more", 1, 4)):
        x = layers.Dense(hp.Choice(f"width_{i}", [10, 20, 1]), activation="relu")(x)
        outputs.append(x)
    merge = hp.Choice("merge", ["none", "concatenate", "add", "subtract", "dot"])
    if merge == "concatenate":
        x = layers.concatenate(outputs)
    elif merge == "add":
        x = layers.add(outputs)
    elif merge == "subtract":
        x = layers.subtract([outputs[0], outputs[-1]])
    elif merge == "dot":
        x = layers.Dot(axes=-1)([outputs[0], outputs[-1]])
    model = keras.Model(inputs, layers.Dense(1)(x))
    model.compile("adam", "mse")
    return model


def images(*shape: int) -> dict[str, Any]:
    """Images with class numbers."""
    return arrays.given(arrays.real(*shape), arrays.labels(10))


SPACES = (
    Space("residual_naive_skip", naive_skip, lambda: images(16, 16, 3), 24),
    Space("residual_proper_resnet", proper_resnet, lambda: images(16, 16, 3), 14),
    Space("residual_dense_blocks", dense_blocks, lambda: images(20, 20, 2), 22),
    Space("residual_inception", inception, lambda: images(18, 18, 4), 24),
    Space("residual_squeeze_excite", squeeze_excite, lambda: images(8, 8, 3), 26),
    Space(
        "residual_mlp_skip",
        mlp_skip,
        lambda: arrays.given(arrays.real(12), arrays.real()),
        26,
        tags=("merge",),
    ),
)
