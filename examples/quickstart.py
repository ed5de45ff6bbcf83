"""Search a small convolutional network on handwritten digits without wasting a trial.

    python examples/quickstart.py            # about a minute on two cores
    python examples/quickstart.py --stock    # plain KerasTuner, same space, same seed

The images are 8x8 pixels, so 60 % of the configurations cannot exist: after one or two
blocks a kernel or a pooling window is larger than what is left of the image.
"""

from __future__ import annotations

import argparse
import os
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import keras_tuner
from sklearn.datasets import load_digits

import shapesafe_tuner as sst


def build_model(hp: keras_tuner.HyperParameters) -> keras.Model:
    """One to three blocks of convolution and, if chosen, pooling."""
    model = keras.Sequential([keras.Input((8, 8, 1))])
    for block in range(hp.Int("blocks", 1, 3)):
        model.add(
            keras.layers.Conv2D(
                hp.Choice(f"filters_{block}", [8, 16, 32]),
                hp.Choice(f"kernel_{block}", [3, 5, 7]),
                activation="relu",
            )
        )
        if hp.Boolean(f"pooling_{block}"):
            model.add(keras.layers.MaxPooling2D(2))
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dropout(hp.Float("dropout", 0.0, 0.5, step=0.1)))
    model.add(keras.layers.Dense(10, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    """Run the search and print what was found and what was refused."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stock", action="store_true", help="use plain KerasTuner")
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--seed", type=int, default=11)
    arguments = parser.parse_args()

    digits = load_digits()
    x, y = digits.images[..., None] / 16.0, digits.target
    keras.utils.set_random_seed(arguments.seed)
    tuner_class = keras_tuner.RandomSearch if arguments.stock else sst.RandomSearch
    with tempfile.TemporaryDirectory() as folder:
        tuner = tuner_class(
            build_model,
            objective="val_accuracy",
            max_trials=arguments.trials,
            seed=arguments.seed,
            directory=folder,
        )
        tuner.search(x, y, validation_split=0.2, epochs=3, verbose=1)
        if not arguments.stock:
            tuner.feasibility_summary()
        best = tuner.oracle.get_best_trials(1)[0]
        print(f"Best validation accuracy: {best.score:.3f} with {best.hyperparameters.values}")


if __name__ == "__main__":
    main()
