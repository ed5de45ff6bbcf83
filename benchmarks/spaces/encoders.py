"""Networks whose output must come back to the size of an image."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from benchmarks.spaces.images import digits
from benchmarks.spaces.model import Space, compiled

__all__ = ["SPACES"]

PADDED = 12
SIDE = 8


def u_net(hp: Any) -> keras.Model:
    """Levels joined by skip connections; levels and pooling are chosen, the side is given."""
    levels, pooling = hp.Int("levels", 2, 4), hp.Choice("pooling", [2, 3])
    filters, depth = hp.Choice("filters", [4, 8, 16]), hp.Int("convolutions", 1, 2)
    same: dict[str, Any] = {"padding": "same", "activation": "relu"}
    x = inputs = keras.Input((PADDED, PADDED, 1))
    skips = []
    for level in range(levels):
        for _ in range(depth):
            x = layers.Conv2D(filters * 2**level, 3, **same)(x)
        if level < levels - 1:
            skips.append(x)
            x = layers.MaxPooling2D(pooling)(x)
    for level in reversed(range(levels - 1)):
        x = layers.Conv2DTranspose(filters * 2**level, 3, strides=pooling, **same)(x)
        x = layers.Concatenate()([x, skips[level]])
    model = keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(x))
    return compiled(model, "binary_crossentropy", hp.Choice("learning_rate", [1e-3, 1e-2]))


def guard_u_net(hp: Any) -> str | None:
    """The side must divide by the pooling as often as there are levels below the first."""
    levels, pooling = hp.Int("levels", 2, 4), hp.Choice("pooling", [2, 3])
    hp.Choice("filters", [4, 8, 16])
    hp.Int("convolutions", 1, 2)
    divisor = pooling ** (levels - 1)
    return f"{PADDED} pixels do not divide by {divisor}" if PADDED % divisor else None


def _masks() -> dict[str, Any]:
    """Digits with a border of two pixels; where there is ink is to be found."""
    images = np.pad(digits(), ((0, 0), (2, 2), (2, 2), (0, 0)))
    return {"x": images, "y": (images > 0.5).astype("float32"), "validation_split": 0.25}


def autoencoder(hp: Any) -> keras.Model:
    """Pooled stage by stage and brought back; the target is the image itself."""
    same: dict[str, Any] = {"padding": "same", "activation": "relu"}
    x = inputs = keras.Input((SIDE, SIDE, 1))
    pooled = []
    for stage in range(hp.Int("stages", 1, 3)):
        pooled.append(hp.Choice(f"pooling_{stage}", [2, 3, 4]))
        x = layers.Conv2D(hp.Choice(f"filters_{stage}", [4, 8, 16]), 3, **same)(x)
        x = layers.MaxPooling2D(pooled[-1], padding="same")(x)
    for pooling in reversed(pooled):
        x = layers.Conv2D(hp.Choice("decoder_filters", [4, 8]), 3, **same)(x)
        x = layers.UpSampling2D(pooling)(x)
    model = keras.Model(inputs, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x))
    return compiled(model, "mse", hp.Choice("learning_rate", [1e-3, 1e-2]))


def guard_autoencoder(hp: Any) -> str | None:
    """What comes out must have the side of the target."""
    side, grown = SIDE, 1
    for stage in range(hp.Int("stages", 1, 3)):
        pooling = hp.Choice(f"pooling_{stage}", [2, 3, 4])
        hp.Choice(f"filters_{stage}", [4, 8, 16])
        side, grown = -(-side // pooling), grown * pooling
    hp.Choice("decoder_filters", [4, 8])
    hp.Choice("learning_rate", [1e-3, 1e-2])
    out = side * grown
    return None if out == SIDE else f"the output has a side of {out} pixels, the target of {SIDE}"


def _images() -> dict[str, Any]:
    return {"x": digits(), "y": digits(), "validation_split": 0.25}


SPACES = (
    Space(
        "u_net", "U-Net, side does not divide",
        "https://github.com/keras-team/keras/issues/19964",
        u_net, guard_u_net, _masks, "val_loss",
    ),
    Space(
        "autoencoder", "autoencoder against its target",
        "https://github.com/keras-team/keras/issues/12674",
        autoencoder, guard_autoencoder, _images, "val_loss",
    ),
)  # fmt: skip
