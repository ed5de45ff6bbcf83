"""More recipes: generators, selected features, tokens, two phases, several models, own loops."""

from __future__ import annotations

import gc
import os
from typing import Any

import keras
import keras_tuner
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.class_weight import compute_class_weight

from tests.search.recipes import (
    IMAGES,
    LABELS,
    SERIES,
    Hyper,
    OfEights,
    Recipe,
    Steps,
    X,
    Y,
    compiled,
    tf,
)

TABLE = pd.DataFrame(X, columns=list("abcdef"))
TOKENS = [list(range(1, 2 + number % 5)) for number in range(24)]


class Pages(keras.utils.PyDataset):  # type: ignore[misc]
    """Rows in batches, as a ``Sequence`` of the user's own."""

    def __init__(self, x: Any, y: Any, size: int) -> None:
        super().__init__()
        self.x, self.y, self.size = x, y, size

    def __len__(self) -> int:
        return int(np.ceil(len(self.x) / self.size))

    def __getitem__(self, place: int) -> Any:
        rows = slice(place * self.size, (place + 1) * self.size)
        return self.x[rows], self.y[rows]


class InPages(OfEights):
    """A generator of the user's own class, of a batch size."""

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        pages = Pages(x, y, hp.Choice("batch", [5, 8]))
        return model.fit(pages, validation_data=pages, **kwargs)


def batches(x: Any, y: Any, size: int) -> Any:
    while True:
        for start in range(0, len(x) - size + 1, size):
            yield x[start : start + size], y[start : start + size]


class Generated(keras_tuner.BayesianOptimization):  # type: ignore[misc]
    """A generator function with steps, as for video and audio."""

    def run_trial(self, trial: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        hp = trial.hyperparameters
        size = hp.Int("batch", 4, 8, step=4)
        kwargs["epochs"] = hp.Int("epochs", 1, 2)
        kwargs["steps_per_epoch"] = len(x) // size
        return super().run_trial(trial, batches(x, y, size), **kwargs)


class Stops(keras_tuner.RandomSearch):  # type: ignore[misc]
    """Callbacks and a split that are tuned."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        hp = trial.hyperparameters
        kwargs["validation_split"] = hp.Choice("held", [0.25, 0.5])
        kwargs["callbacks"] = [
            keras.callbacks.EarlyStopping("loss", patience=hp.Int("patience", 1, 2))
        ]
        kwargs["batch_size"] = hp.Choice("batch", [6, 8])
        return super().run_trial(trial, *args, **kwargs)


class Balanced(keras_tuner.HyperModel):  # type: ignore[misc]
    """Class weights from the labels."""

    def build(self, hp: Any) -> Any:
        width = hp.Choice("head", [3, 4])
        return compiled(
            keras.Input((6,)), keras.layers.Dense(width, "softmax"),
            loss=hp.Choice("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"]),
        )  # fmt: skip

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        found = compute_class_weight("balanced", classes=np.unique(y), y=y)
        weights = dict(enumerate(found)) if hp.Boolean("balance") else None
        return model.fit(x, y, class_weight=weights, **kwargs)


class OwnLoop(Hyper):
    """A loop with a tape, as in Keras's guide."""

    def fit(self, hp: Any, model: Any, x: Any, y: Any, callbacks: Any = None, **kw: Any) -> Any:
        data = tf.data.Dataset.from_tensor_slices((x, y)).batch(hp.Int("batch", 4, 8, step=4))
        optimizer = keras.optimizers.SGD(hp.Float("rate", 1e-3, 1e-2))
        last = 0.0
        for rows, targets in data:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((model(rows) - targets) ** 2)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
            last = float(loss)
        return {"loss": last}


class Scaled(Steps):
    """Scaled, then cut by a helper of the class."""

    def fit(self, hp: Any, model: Any, series: Any, **kwargs: Any) -> Any:
        scaler = MinMaxScaler(feature_range=(0, 1))
        scaled = scaler.fit_transform(series)
        x, y = self.cut(scaled, hp.Int("back", 3, 6, step=3))
        x = np.reshape(x, (x.shape[0], x.shape[1], 1))
        return model.fit(x, y, **kwargs)

    def cut(self, data: Any, back: int) -> Any:
        x, y = [], []
        for place in range(len(data) - back - 1):
            x.append(data[place : (place + back), 0])
            y.append(data[place + back, 0])
        return np.array(x), np.array(y)


class Narrow(keras_tuner.HyperModel):  # type: ignore[misc]
    """A model of some features."""

    def build(self, hp: Any) -> Any:
        return compiled(keras.Input((hp.Int("features", 2, 4),)), keras.layers.Dense(1))


class Components(Narrow):
    """The main components of the data."""

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        x = PCA(n_components=hp.Int("components", 2, 4)).fit_transform(x)
        return model.fit(x, y, **kwargs)


class Best(Narrow):
    """The columns that say most."""

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        chooser = SelectKBest(score_func=f_regression, k=hp.Int("best", 2, 4))
        return model.fit(chooser.fit_transform(x, y.ravel()), y, **kwargs)


class Columns(keras_tuner.HyperModel):  # type: ignore[misc]
    """Columns of a table that are each in or out."""

    def build(self, hp: Any) -> Any:
        return compiled(keras.Input((4,)), keras.layers.Dense(1))

    def fit(self, hp: Any, model: Any, table: Any, y: Any, **kwargs: Any) -> Any:
        chosen = [name for name in ("a", "b") if hp.Boolean(name)]
        x = table[["c", "d", "e", *chosen]].to_numpy()
        return model.fit(x, y, **kwargs)


class Padded(keras_tuner.HyperModel):  # type: ignore[misc]
    """Token ids, padded to a length."""

    def build(self, hp: Any) -> Any:
        return compiled(
            keras.Input((hp.Choice("length", [4, 6]),)), keras.layers.Embedding(8, 2),
            keras.layers.Flatten(), keras.layers.Dense(1),
        )  # fmt: skip

    def fit(self, hp: Any, model: Any, texts: Any, y: Any, **kwargs: Any) -> Any:
        x = keras.utils.pad_sequences(texts, maxlen=hp.Choice("padded", [4, 6]))
        return model.fit(x, y, **kwargs)


class OneHot(keras_tuner.HyperModel):  # type: ignore[misc]
    """Labels made one-hot."""

    def build(self, hp: Any) -> Any:
        return compiled(
            keras.Input((6,)), keras.layers.Dense(hp.Choice("head", [3, 4]), "softmax"),
            loss="categorical_crossentropy",
        )  # fmt: skip

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        y = keras.utils.to_categorical(y, num_classes=hp.Int("classes", 3, 4))
        return model.fit(x, y, **kwargs)


class TwoPhases(OfEights):
    """Trained, then unfrozen and trained again."""

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        size = hp.Choice("batch", [5, 8])
        model.layers[1].trainable = False
        model.compile("sgd", "mse")
        model.fit(x, y, batch_size=size, verbose=0)
        model.layers[1].trainable = True
        model.compile(keras.optimizers.SGD(hp.Float("rate", 1e-4, 1e-3)), "mse")
        return model.fit(x, y, batch_size=size, **kwargs)


class Denoises(keras_tuner.HyperModel):  # type: ignore[misc]
    """An autoencoder that gets noise."""

    def build(self, hp: Any) -> Any:
        return compiled(
            keras.Input((8, 8, 1)), keras.layers.MaxPooling2D(hp.Choice("pool", [2, 3])),
            keras.layers.Conv2D(2, 3, padding="same"), keras.layers.UpSampling2D(2),
            keras.layers.Conv2D(1, 3, padding="same"),
        )  # fmt: skip

    def fit(self, hp: Any, model: Any, x: Any, **kwargs: Any) -> Any:
        noise = hp.Float("noise", 0.1, 0.5)
        noisy = np.clip(x + noise * np.random.normal(size=x.shape), 0.0, 1.0)
        return model.fit(noisy, x, **kwargs)


class TwoHeads(keras_tuner.HyperModel):  # type: ignore[misc]
    """Targets of two outputs by name."""

    def build(self, hp: Any) -> Any:
        inputs = keras.Input((6,))
        heads = {
            "sum": keras.layers.Dense(1, name="sum")(inputs),
            "kind": keras.layers.Dense(hp.Choice("kinds", [2, 3]), name="kind")(inputs),
        }
        model = keras.Model(inputs, heads)
        model.compile("sgd", {"sum": "mse", "kind": "mse"})
        return model

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        kind = np.eye(hp.Choice("of", [2, 3]))[np.zeros(len(x), "int32")]
        return model.fit(x, {"sum": y, "kind": kind}, **kwargs)


class Ensemble(keras_tuner.RandomSearch):  # type: ignore[misc]
    """Several models of one configuration."""

    def run_trial(self, trial: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        hp = trial.hyperparameters
        outputs = []
        for _ in range(hp.Int("members", 1, 2)):
            model = self.hypermodel.build(hp)
            model.fit(x[:, : hp.Int("columns", 5, 6)], y, **kwargs)
            outputs.append(model.predict(x[:, : hp.get("columns")], verbose=0))
        return float(np.mean((np.mean(outputs, axis=0) - y) ** 2))


class Cropped(keras_tuner.HyperModel):  # type: ignore[misc]
    """A pipeline that maps a method of the class."""

    def build(self, hp: Any) -> Any:
        side = hp.Choice("side", [4, 6])
        return compiled(keras.Input((side, side, 1)), keras.layers.Flatten(), keras.layers.Dense(1))

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        side = hp.Choice("crop", [4, 6])

        def crop(image: Any, target: Any) -> Any:
            return tf.image.resize(image, (side, side)), target

        data = tf.data.Dataset.from_tensor_slices((x, y)).map(crop, num_parallel_calls=2)
        return model.fit(data.batch(hp.Int("batch", 4, 6, step=2)).prefetch(1), **kwargs)


class ByStep(Hyper):
    """A batch size by an exponent, a rate by its logarithm, and their record."""

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        size = 2 ** hp.Int("exponent", 1, 3)
        model.optimizer.learning_rate.assign(10.0 ** hp.Int("logarithm", -3, -2))
        history = model.fit(*args, batch_size=size, **kwargs)
        return min(history.history["loss"])


class EpochByEpoch(keras_tuner.RandomSearch):  # type: ignore[misc]
    """One epoch after the other, of which the best counts."""

    def run_trial(self, trial: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        hp = trial.hyperparameters
        model = self.hypermodel.build(hp)
        best = float("inf")
        for _ in range(hp.Int("epochs", 1, 2)):
            history = model.fit(x[:, : hp.Int("columns", 5, 6)], y, epochs=1, verbose=0)
            best = min(best, history.history["loss"][-1])
        return best


class Cleared(OfEights):
    """Everything is cleared and seeded first."""

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        gc.collect()
        np.random.seed(1)
        tf.random.set_seed(1)
        keras.utils.set_random_seed(3)
        return model.fit(x, y, batch_size=hp.Choice("batch", [5, 8]), **kwargs)


class Checkpoints(keras_tuner.RandomSearch):  # type: ignore[misc]
    """A callback with a path of its own for each trial."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        path = os.path.join(self.project_dir, "best_" + trial.trial_id + ".keras")
        kwargs["callbacks"] = [keras.callbacks.ModelCheckpoint(path, monitor="loss")]
        kwargs["batch_size"] = trial.hyperparameters.Choice("batch", [5, 8])
        return super().run_trial(trial, *args, **kwargs)


class Held(keras_tuner.HyperModel):  # type: ignore[misc]
    """The data belong to the hypermodel, and search gets none."""

    def __init__(self) -> None:
        super().__init__()
        self.x, self.y = X, Y

    def build(self, hp: Any) -> Any:
        return compiled(keras.Input((hp.Int("features", 4, 6),)), keras.layers.Dense(1))

    def fit(self, hp: Any, model: Any, **kwargs: Any) -> Any:
        return model.fit(self.x[:, : hp.Int("columns", 4, 6)], self.y, **kwargs)


class Augmenting(keras_tuner.HyperModel):  # type: ignore[misc]
    """Images from Keras's old generator."""

    def build(self, hp: Any) -> Any:
        return compiled(
            keras.Input((8, 8, 1)), keras.layers.Conv2D(2, hp.Choice("kernel", [3, 9])),
            keras.layers.Flatten(), keras.layers.Dense(1),
        )  # fmt: skip

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        images = tf.keras.preprocessing.image.ImageDataGenerator(
            rotation_range=hp.Int("rotation", 0, 10, step=10), horizontal_flip=True
        )
        return model.fit(images.flow(x, y, batch_size=hp.Choice("batch", [4, 6])), **kwargs)


class Schedules(OfEights):
    """A schedule that is a function made in fit, and whole batches only."""

    def fit(self, hp: Any, model: Any, x: Any, y: Any, callbacks: Any = None, **kw: Any) -> Any:
        rate = hp.Float("rate", 1e-3, 1e-2, sampling="log")

        def schedule(epoch: int, _: float) -> float:
            return rate * 0.9**epoch

        callbacks = (callbacks or []) + [keras.callbacks.LearningRateScheduler(schedule)]
        size = hp.Choice("batch", [5, 8])
        rows = len(x) // size * size
        return model.fit(x[:rows], y[:rows], batch_size=size, callbacks=callbacks, **kw)


class Normalised(keras_tuner.HyperModel):  # type: ignore[misc]
    """A layer that learns the data in fit, and is applied there."""

    def build(self, hp: Any) -> Any:
        return compiled(keras.Input((hp.Int("features", 5, 6),)), keras.layers.Dense(1))

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        scale = keras.layers.Normalization()
        scale.adapt(x)
        return model.fit(scale(x), y, **kwargs)


class Drawn(Hyper):
    """Rows drawn by a generator, more often than they are there."""

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        rows = np.random.default_rng(1).choice(len(x), hp.Choice("rows", [4, 8]))
        times = hp.Choice("times", [1, 2])
        return model.fit(np.vstack([x[rows]] * 2), np.vstack([y[rows]] * times), **kwargs)


class Translates(keras_tuner.HyperModel):  # type: ignore[misc]
    """Two sequences in, one out, cut from one series."""

    def build(self, hp: Any) -> Any:
        first, second = keras.Input((None, 1)), keras.Input((None, 1))
        _, *state = keras.layers.LSTM(hp.Choice("inner", [2, 3]), return_state=True)(first)
        outer = keras.layers.LSTM(hp.Choice("outer", [2, 3]), return_sequences=True)
        outputs = keras.layers.Dense(1)(outer(second, initial_state=state))
        model = keras.Model([first, second], outputs)
        model.compile("sgd", "mse")
        return model

    def fit(self, hp: Any, model: Any, series: Any, **kwargs: Any) -> Any:
        n = hp.Int("length", 3, 4)
        before = np.stack([series[i : i + n] for i in range(8)])
        shifted = np.stack([series[i + n - 1 : i + 2 * n - 1] for i in range(8)])
        after = np.stack([series[i + n : i + 2 * n] for i in range(8)])
        return model.fit([before, shifted], after, **kwargs)


DATA_RECIPES: list[Recipe] = [
    Recipe(InPages, (X, Y), {"units": [1], "batch": [5, 8]}, [(1, 5)]),
    Recipe(OfEights, (X, Y), {"units": [1], "batch": [4, 8], "epochs": [1]}, [(1, 4, 1)],
           tuner=Generated),
    Recipe(OfEights, (X[:16], Y[:16]), {"units": [1], "held": [0.25, 0.5], "patience": [1],
           "batch": [6, 8]}, [(1, 0.25, 1, 6), (1, 0.25, 1, 8), (1, 0.5, 1, 6)], tuner=Stops),
    Recipe(Balanced, (X, LABELS), {"head": [3], "loss": ["sparse_categorical_crossentropy",
           "categorical_crossentropy"], "balance": [True, False]},
           [(3, "categorical_crossentropy", True), (3, "categorical_crossentropy", False)]),
    Recipe(OwnLoop, (X, Y), {"units": [1], "batch": [4]}, [], judged=False),
    Recipe(Scaled, (SERIES,), {"window": [3, 6], "kernel": [2], "back": [3, 6]},
           []),
    Recipe(Components, (X, Y), {"features": [2, 3], "components": [2, 3]}, [(2, 3), (3, 2)]),
    Recipe(Best, (X, Y), {"features": [2, 3], "best": [2, 3]}, [(2, 3), (3, 2)]),
    Recipe(Columns, (TABLE, Y), {"a": [True, False], "b": [True, False]},
           [(True, True), (False, False)]),
    Recipe(Padded, (TOKENS, Y), {"length": [4, 6], "padded": [4, 6]}, [(4, 6), (6, 4)]),
    Recipe(OneHot, (X, LABELS), {"head": [3, 4], "classes": [3, 4]}, [(3, 4), (4, 3)]),
    Recipe(TwoPhases, (X, Y), {"units": [1], "batch": [5, 8]}, [(1, 5)]),
    Recipe(Denoises, (IMAGES,), {"pool": [2, 3], "noise": [0.1]}, [(3, 0.1)]),
    Recipe(TwoHeads, (X, Y), {"kinds": [2, 3], "of": [2, 3]}, [(2, 3), (3, 2)]),
    Recipe(Hyper, (X, Y), {"units": [1], "members": [1], "columns": [5, 6]}, [(1, 1, 5)],
           tuner=Ensemble),
    Recipe(Cropped, (IMAGES, Y[:12]), {"side": [4, 6], "crop": [4, 6], "batch": [4]},
           [(4, 6, 4), (6, 4, 4)]),
    Recipe(ByStep, (X, Y), {"units": [1], "exponent": [1, 3], "logarithm": [-3]}, []),
    Recipe(Hyper, (X, Y), {"units": [1], "epochs": [1], "columns": [5, 6]}, [(1, 1, 5)],
           tuner=EpochByEpoch),
    Recipe(Cleared, (X, Y), {"units": [1], "batch": [5, 8]}, [(1, 5)]),
    Recipe(OfEights, (X, Y), {"units": [1], "batch": [5, 8]}, [(1, 5)], tuner=Checkpoints),
    Recipe(Held, (), {"features": [4, 5], "columns": [4, 5]}, [(4, 5), (5, 4)]),
    Recipe(Augmenting, (IMAGES, Y[:12]), {"kernel": [3, 9], "rotation": [0], "batch": [4]},
           [(9, 0, 4)]),
    Recipe(Schedules, (X, Y), {"units": [1], "rate": [0.001], "batch": [5, 8]}, [(1, 0.001, 5)]),
    Recipe(Normalised, (X, Y), {"features": [5, 6]}, [(5,)]),
    Recipe(Drawn, (X, Y), {"units": [1], "rows": [4], "times": [1, 2]}, [(1, 4, 1)]),
    Recipe(Translates, (SERIES,), {"inner": [2, 3], "outer": [2], "length": [3]}, [(3, 2, 3)]),
]  # fmt: skip
"""Each with what stock KerasTuner comes to."""
