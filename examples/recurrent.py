"""Stacked LSTMs, where every layer but the last must return sequences.

    python examples/recurrent.py

Digits are read row by row, 8 steps of 8 pixels. Whether a layer returns sequences is tuned for each
of them, as people do, so that most combinations cannot exist. One sees what the whole space looks
like, and a search with repair: what cannot exist is replaced by its nearest neighbour that can.
"""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import keras_tuner
from keras import layers
from sklearn.datasets import load_digits

import shapesafe_tuner as sst


def build_model(hp: keras_tuner.HyperParameters) -> keras.Model:
    """One to three recurrent layers and a head for one label a digit."""
    model = keras.Sequential([keras.Input((8, 8))])
    for depth in range(hp.Int("layers", 1, 3)):
        cell = layers.LSTM if hp.Choice("cell", ["lstm", "gru"]) == "lstm" else layers.GRU
        sequences = hp.Boolean(f"sequences_{depth}")
        model.add(cell(hp.Int("units", 8, 32, step=8), return_sequences=sequences))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    """Report on the space and search it with repair."""
    digits = load_digits()
    x, y = digits.images[:500] / 16.0, digits.target[:500]
    print(sst.validate_search_space(build_model, x=x, y=y))
    with tempfile.TemporaryDirectory() as folder:
        tuner = sst.RandomSearch(
            build_model,
            objective="val_accuracy",
            max_trials=2,
            seed=3,
            directory=folder,
            on_infeasible="repair",
        )
        tuner.search(x, y, validation_split=0.2, verbose=0)
        tuner.feasibility_summary()
        for rejection in tuner.rejections:
            print(f"{rejection.values}\n  became {rejection.repaired_to}")


if __name__ == "__main__":
    main()
