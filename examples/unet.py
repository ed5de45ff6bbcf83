"""A U-Net whose side does not divide: which depths fit which pictures, and what to do.

    python examples/unet.py

Handwritten digits are cleaned of noise. Every level halves the picture and doubles it again, and
joins the two halves. 8 x 8 pixels divide by 2 three times; cut to 6 x 6 they divide once, and
``Concatenate`` gets maps of 2 x 2 and 3 x 3. One sees the shapes of such a network, what the whole
space looks like, and a search that trains only what exists.
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
    """Down, across and up again, with a shortcut on every level."""
    inputs = keras.Input((8, 8, 1))
    h = layers.CenterCrop(*[hp.Choice("side", [6, 8])] * 2)(inputs)
    filters, shortcuts = hp.Choice("filters", [4, 8]), []
    for level in range(hp.Int("levels", 1, 4)):
        h = layers.Conv2D(filters * 2**level, 3, padding="same", activation="relu")(h)
        shortcuts.append(h)
        h = layers.MaxPooling2D(2)(h)
    for level, shortcut in reversed(list(enumerate(shortcuts))):
        h = layers.Concatenate()([layers.UpSampling2D(2)(h), shortcut])
        h = layers.Conv2D(filters * 2**level, 3, padding="same", activation="relu")(h)
    model = keras.Model(inputs, layers.CenterCrop(6, 6)(layers.Conv2D(1, 1)(h)))
    model.compile("adam", "mse")
    return model


def main() -> None:
    """Explain a depth that does not fit, report on the space, search it."""
    clean = load_digits().images[:400, ..., None] / 16.0
    noisy = clean + np.random.default_rng(0).normal(0, 0.3, clean.shape)
    x, y = noisy, clean[:, 1:7, 1:7]
    print(sst.explain(build_model, {"side": 6, "levels": 2}, x=x, y=y))
    print(sst.validate_search_space(build_model, x=x, y=y))
    with tempfile.TemporaryDirectory() as folder:
        tuner = sst.GridSearch(build_model, objective="val_loss", max_trials=3, directory=folder)
        tuner.search(x, y, validation_split=0.2, verbose=0)
        tuner.feasibility_summary()
        for trial in tuner.oracle.get_best_trials(3):
            print(f"validation loss {trial.score:.3f} with {trial.hyperparameters.values}")


if __name__ == "__main__":
    main()
