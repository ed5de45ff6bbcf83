"""Hypermodels that other processes can import."""

from __future__ import annotations

import multiprocessing
import os
import pathlib
from typing import Any

import keras
from keras import layers

from tests.toys import KILL

__all__ = ["Fatal", "classifier", "deep", "halves"]


def deep(hp: Any) -> Any:
    """Up to four blocks: some thousand runs, several rounds."""
    x = inputs = keras.Input((20, 20, 1))
    for block in range(hp.Int("blocks", 1, 4)):
        filters = hp.Int(f"filters_{block}", 2, 8)
        x = layers.Conv2D(filters, hp.Choice(f"kernel_{block}", [3, 5, 7]))(x)
        if hp.Boolean(f"pooling_{block}"):
            x = layers.MaxPooling2D(2)(x)
    x = layers.Dropout(hp.Float("dropout", 0.0, 0.5))(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(hp.Int("units", 1, 9, sampling="log"))(x))


def classifier(hp: Any) -> Any:
    """With a loss that refuses some widths."""
    model = keras.Sequential([keras.Input((6,)), layers.Dense(hp.Int("hidden", 1, 9))])
    model.add(layers.Dense(hp.Int("width", 1, 4)))
    model.compile("sgd", hp.Choice("loss", ["mse", "mae"]))
    return model


def halves(hp: Any) -> Any:
    """Feasible: all without the wide kernel, half of those with it."""
    x = inputs = keras.Input((1000, 1))
    if hp.Choice("kind", ["narrow", "wide"]) == "wide":
        x = layers.Conv1D(1, hp.Int("kernel", 1, 2000))(x)
    return keras.Model(inputs, layers.Conv1D(1, 3, padding="same")(x))


class Fatal:
    """Kills the first other process that reaches a certain configuration.

    Args:
        flag: a file that says it has happened.
    """

    def __init__(self, flag: pathlib.Path) -> None:
        self.flag = flag

    def __call__(self, hp: Any) -> Any:
        kernel = hp.Choice("kernel_0", [3, 5, 7])
        elsewhere = multiprocessing.parent_process() is not None
        if elsewhere and kernel > 5 and not self.flag.exists():
            self.flag.touch()
            os.kill(os.getpid(), KILL)
        return deep(hp)
