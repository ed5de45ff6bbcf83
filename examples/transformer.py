"""A vision transformer whose width must be its heads times their size.

    python examples/transformer.py

Digits are read as 16 patches of 2 x 2 pixels. The encoder splits its width into heads with
``Reshape``, as many write it, which fits only where the number of heads divides the width. One sees
which of them do not, what the report suggests, and a tuner that follows the suggestion.
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
    """Patches, an encoder with heads split by hand, and a mean."""
    width, heads = hp.Int("width", 12, 24, step=4), hp.Choice("heads", [2, 3, 4])
    inputs = keras.Input((8, 8, 1))
    h = layers.Conv2D(width, 2, strides=2)(inputs)
    h = layers.Reshape((16, width))(h)
    for _ in range(hp.Int("blocks", 1, 2)):
        split = layers.Permute((2, 1, 3))(layers.Reshape((16, heads, width // heads))(h))
        attended = layers.Attention()([split, split])
        joined = layers.Reshape((16, width))(layers.Permute((2, 1, 3))(attended))
        h = layers.LayerNormalization()(layers.Add()([h, joined]))
        h = layers.Add()([h, layers.Dense(width, activation=hp.Choice("by", ["relu", "gelu"]))(h)])
    h = layers.GlobalAveragePooling1D()(h)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(h))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    """Explain heads that do not fit, report on the space, search it as a suggestion says."""
    digits = load_digits()
    x, y = digits.images[:500, ..., None] / 16.0, digits.target[:500]
    print(sst.explain(build_model, {"width": 16, "heads": 3}, x=x, y=y))
    report = sst.validate_search_space(build_model, x=x, y=y)
    print(report)
    suggestion = report.suggestions[0]
    print(f"Searching with this one: {suggestion.text}.")
    with tempfile.TemporaryDirectory() as folder:
        tuner = sst.RandomSearch(
            build_model,
            objective="val_accuracy",
            max_trials=2,
            seed=1,
            directory=folder,
            **report.apply(suggestion),
        )
        tuner.search(x, y, validation_split=0.2, verbose=0)
        tuner.feasibility_summary()


if __name__ == "__main__":
    main()
