"""A stack of LSTMs on sequences, and a plain network on which nothing can go wrong."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from benchmarks.spaces.images import digits, labels
from benchmarks.spaces.model import Space, compiled

__all__ = ["SPACES"]


def stacked_lstm(hp: Any) -> keras.Model:
    """Each LSTM but the last must return sequences; by default none does, and there are two."""
    model = keras.Sequential([keras.Input((8, 8))])
    for number in range(hp.Int("layers", 2, 3)):
        units = hp.Int(f"units_{number}", 8, 32, step=8)
        model.add(layers.LSTM(units, return_sequences=hp.Boolean(f"sequences_{number}")))
    model.add(layers.Dense(10, activation="softmax"))
    rate = hp.Choice("learning_rate", [1e-3, 1e-2])
    return compiled(model, "sparse_categorical_crossentropy", rate, "accuracy")


def guard_stacked_lstm(hp: Any) -> str | None:
    """Guards alone would still crash in the constructor, so the defaults are made feasible too."""
    sequences = True
    for number in range(hp.Int("layers", 2, 3)):
        before = sequences
        hp.Int(f"units_{number}", 8, 32, step=8)
        sequences = hp.Boolean(f"sequences_{number}", default=number == 0)
        if not before:
            return f"LSTM {number} needs a sequence from the one before it"
    hp.Choice("learning_rate", [1e-3, 1e-2])
    return "the last LSTM must not return sequences" if sequences else None


def _rows() -> dict[str, Any]:
    """Digits as sequences of their eight rows."""
    return {"x": digits()[..., 0], "y": labels(), "validation_split": 0.25}


def control(hp: Any) -> keras.Model:
    """Dense layers, dropout and normalisation: every configuration can be built and trained."""
    model = keras.Sequential([keras.Input((13,))])
    for number in range(hp.Int("layers", 1, 3)):
        model.add(layers.Dense(hp.Int(f"units_{number}", 8, 32, step=8), activation="relu"))
        if hp.Boolean("normalise"):
            model.add(layers.BatchNormalization())
        model.add(layers.Dropout(hp.Float("dropout", 0.0, 0.4, step=0.2)))
    model.add(layers.Dense(3, activation="softmax"))
    rate = hp.Choice("learning_rate", [1e-3, 1e-2])
    return compiled(model, "sparse_categorical_crossentropy", rate, "accuracy")


def guard_control(hp: Any) -> str | None:
    """There is nothing to guard."""
    return None


def _wine() -> dict[str, Any]:
    """Thirteen properties of 178 wines of three growers, in an order that mixes them."""
    wine = load_wine()
    mixed = [7 * n % len(wine.target) for n in range(len(wine.target))]
    x = StandardScaler().fit_transform(wine.data).astype("float32")
    return {"x": x[mixed], "y": wine.target[mixed], "validation_split": 0.25}


SPACES = (
    Space(
        "stacked_lstm", "stacked LSTM, return_sequences",
        "https://github.com/keras-team/keras-tuner/issues/470",
        stacked_lstm, guard_stacked_lstm, _rows, "val_accuracy",
    ),
    Space("control", "control: everything fits", None, control, guard_control, _wine,
          "val_accuracy"),
)  # fmt: skip
