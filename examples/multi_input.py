"""Two inputs, two outputs, dicts of arrays: shapes are read from all of them.

    python examples/multi_input.py

A picture of a digit and its four quadrants' mean brightness go in; the digit and its brightness
come out. The two branches are added, so that their widths must agree, and the width of the head is
tuned although the labels have ten columns. One sees which of the targets refuses a configuration,
and a Bayesian search over what is left.
"""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import keras_tuner
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

import shapesafe_tuner as sst


def build_model(hp: keras_tuner.HyperParameters) -> keras.Model:
    """A convolution and a Dense layer, added, with a head for each target."""
    picture = keras.Input((8, 8, 1), name="picture")
    quadrants = keras.Input((4,), name="quadrants")
    left = layers.Conv2D(hp.Choice("filters", [8, 16]), hp.Int("kernel", 3, 10))(picture)
    left = layers.GlobalMaxPooling2D()(left)
    right = layers.Dense(hp.Choice("units", [8, 16]), activation="relu")(quadrants)
    h = layers.Add()([left, right])
    classes = hp.Choice("classes", [9, 10])
    outputs = {
        "digit": layers.Dense(classes, activation="softmax", name="digit")(h),
        "brightness": layers.Dense(1, name="brightness")(h),
    }
    model = keras.Model({"picture": picture, "quadrants": quadrants}, outputs)
    model.compile("adam", {"digit": "categorical_crossentropy", "brightness": "mse"})
    return model


def data() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """300 digits, whole and by quadrant, with their labels and brightness."""
    digits = load_digits()
    picture = digits.images[:300, ..., None] / 16.0
    quadrants = picture.reshape(-1, 2, 4, 2, 4).mean(axis=(2, 4)).reshape(-1, 4)
    x = {"picture": picture, "quadrants": quadrants}
    y = {
        "digit": keras.utils.to_categorical(digits.target[:300], 10),
        "brightness": picture.mean(axis=(1, 2)),
    }
    return x, y


def main() -> None:
    """Explain a wrong head, report on the space, search it."""
    x, y = data()
    print(sst.explain(build_model, {"classes": 9}, x=x, y=y))
    print(sst.validate_search_space(build_model, x=x, y=y))
    with tempfile.TemporaryDirectory() as folder:
        tuner = sst.BayesianOptimization(
            build_model, objective="loss", max_trials=3, seed=2, directory=folder
        )
        tuner.search(x, y, verbose=0)
        tuner.feasibility_summary()


if __name__ == "__main__":
    main()
