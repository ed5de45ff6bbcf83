"""The same on JAX: nothing but the environment variable changes.

    python examples/jax_backend.py         # needs: python -m pip install jax

Keras reads ``KERAS_BACKEND`` when it is first imported. A verdict is about training on the backend
that is installed: a check traces the training step with JAX's own tracing, on shapes. One sees a
loss that JAX refuses, the report on the space, and a search.
"""

from __future__ import annotations

import os
import tempfile

os.environ["KERAS_BACKEND"] = "jax"
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import keras
import keras_tuner
from keras import layers
from sklearn.datasets import load_digits

import shapesafe_tuner as sst


def build_model(hp: keras_tuner.HyperParameters) -> keras.Model:
    """Convolutions on digits, with a head whose width is tuned too."""
    model = keras.Sequential([keras.Input((8, 8, 1))])
    for _ in range(hp.Int("blocks", 1, 3)):
        model.add(layers.Conv2D(hp.Int("filters", 8, 32), hp.Choice("kernel", [3, 5])))
    model.add(layers.Flatten())
    model.add(layers.Dense(hp.Choice("classes", [9, 10]), activation="softmax"))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    """Explain a head of nine classes, report on the space, search it."""
    digits = load_digits()
    x = digits.images[:500, ..., None] / 16.0
    y = keras.utils.to_categorical(digits.target[:500], 10)
    print(f"Keras {keras.__version__} on {keras.config.backend()}")
    print(sst.explain(build_model, {"classes": 9}, x=x, y=y))
    print(sst.validate_search_space(build_model, x=x, y=y))
    with tempfile.TemporaryDirectory() as folder:
        tuner = sst.RandomSearch(
            build_model, objective="val_accuracy", max_trials=2, seed=1, directory=folder
        )
        tuner.search(x, y, validation_split=0.2, verbose=0)
        tuner.feasibility_summary()


if __name__ == "__main__":
    main()
