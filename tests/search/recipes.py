"""Tuners and hypermodels after the recipes that KerasTuner's users ask for and its pages give.

Each is small, has configurations that run and, mostly, some that do not, and says which it has.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
from sklearn.model_selection import KFold, StratifiedKFold, TimeSeriesSplit, train_test_split
from sklearn.preprocessing import StandardScaler

tf = pytest.importorskip("tensorflow", reason="some recipes make tf.data pipelines")

X = np.linspace(0.0, 1.0, 24 * 6).reshape(24, 6).astype("float32")
Y = X.sum(axis=1, keepdims=True)
LABELS = np.arange(24) % 3
SERIES = np.linspace(0.0, 1.0, 40).reshape(40, 1).astype("float32")
IMAGES = np.zeros((12, 8, 8, 1), "float32")


def compiled(*layers: Any, loss: str = "mse", **kwargs: Any) -> Any:
    model = keras.Sequential(list(layers))
    model.compile("sgd", loss, **kwargs)
    return model


class Hyper(keras_tuner.HyperModel):  # type: ignore[misc]
    """Takes six features."""

    def build(self, hp: Any) -> Any:
        return compiled(keras.Input((6,)), keras.layers.Dense(hp.Int("units", 1, 2)),
                        keras.layers.Dense(1))  # fmt: skip


class Eights(keras.layers.Layer):  # type: ignore[misc]
    """Takes batches of 8, and no others."""

    def call(self, x: Any) -> Any:
        return x * keras.ops.ones((8, 1))


class OfEights(keras_tuner.HyperModel):  # type: ignore[misc]
    """As a stateful layer, takes batches of one size."""

    def build(self, hp: Any) -> Any:
        inputs = keras.Input((6,))
        x = keras.layers.Dense(hp.Int("units", 1, 2))(inputs)
        model = keras.Model(inputs, keras.layers.Dense(1)(Eights()(x)))
        model.compile("sgd", "mse")
        return model


class Batches(OfEights):
    """The batch size, as KerasTuner's pages tune it."""

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        return model.fit(*args, batch_size=hp.Choice("batch", [5, 8, 12]), **kwargs)


class BatchesAndEpochs(OfEights):
    """Other arguments of fit besides."""

    def fit(
        self, hp: Any, model: Any, x: Any, y: Any, validation_data: Any = None, **kwargs: Any
    ) -> Any:
        kwargs["epochs"] = 1
        kwargs.setdefault("shuffle", hp.Boolean("shuffle"))
        size = hp.Choice("batch", [5, 8])
        return super().fit(
            hp, model, x, y, batch_size=size, validation_data=validation_data, **kwargs
        )


class TrialBatches(keras_tuner.RandomSearch):  # type: ignore[misc]
    """The batch size, in a tuner."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs["batch_size"] = trial.hyperparameters.Int("batch", 4, 8, step=4)
        return super().run_trial(trial, *args, **kwargs)


class TrialBatchesByName(keras_tuner.BayesianOptimization):  # type: ignore[misc]
    """The same, calling KerasTuner's method by the name of its class."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs["batch_size"] = trial.hyperparameters.Int("batch", 4, 8, step=4)
        return keras_tuner.BayesianOptimization.run_trial(self, trial, *args, **kwargs)


class Steps(keras_tuner.HyperModel):  # type: ignore[misc]
    """Windows of a series."""

    def build(self, hp: Any) -> Any:
        return compiled(
            keras.Input((hp.Choice("window", [3, 6]), 1)),
            keras.layers.Conv1D(2, hp.Choice("kernel", [2, 5])),
            keras.layers.GlobalMaxPooling1D(),
            keras.layers.Dense(1),
        )

    def fit(self, hp: Any, model: Any, series: Any, **kwargs: Any) -> Any:
        length = hp.get("window")
        xs, ys = [], []
        for i in range(len(series) - length):
            xs.append(series[i : i + length])
            ys.append(series[i + length])
        return model.fit(np.array(xs), np.array(ys), **kwargs)


class OtherSteps(Steps):
    """The window is a hyperparameter of its own in fit, and its length must be that of build."""

    def fit(self, hp: Any, model: Any, series: Any, **kwargs: Any) -> Any:
        length = hp.Choice("cut", [3, 6])
        data = np.lib.stride_tricks.sliding_window_view(series[:, 0], length)[..., None]
        return model.fit(data[:-1], series[length:], **kwargs)


class KerasSteps(Steps):
    """Keras's own windows, whose length a dataset does not tell: kernels fit into any."""

    def build(self, hp: Any) -> Any:
        return compiled(
            keras.Input((hp.Choice("window", [3, 6]), 1)),
            keras.layers.Conv1D(2, hp.Choice("kernel", [2, 3])),
            keras.layers.GlobalMaxPooling1D(),
            keras.layers.Dense(1),
        )

    def fit(self, hp: Any, model: Any, series: Any, **kwargs: Any) -> Any:
        length = hp.Choice("cut", [3, 6])
        data = keras.utils.timeseries_dataset_from_array(
            series[:-length],
            series[length:],
            sequence_length=length,
            batch_size=hp.Int("batch", 4, 5),
        )
        return model.fit(data, **kwargs)


class LastSteps(Hyper):
    """Only some of the columns."""

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        return model.fit(x[:, -hp.Int("columns", 4, 6) :], y, **kwargs)


class Pipeline(Hyper):
    """tf.data from hyperparameters."""

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        size = hp.Int("batch", 4, 8)
        data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(24).batch(size)
        if hp.Boolean("cut"):
            data = data.map(lambda x, y: (x[:, :4], y))
        return model.fit(data.prefetch(1), **kwargs)


class Splits(Hyper):
    """train_test_split, and a scaler of its own."""

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        x, held_x, y, held_y = train_test_split(
            x, y, test_size=hp.Float("held", 0.1, 0.5), random_state=1
        )
        if hp.Boolean("scale"):
            scaler = StandardScaler()
            x = scaler.fit_transform(x)
            held_x = scaler.transform(held_x)[:, :5]
        return model.fit(x, y, validation_data=(held_x, held_y), **kwargs)


class Folds(keras_tuner.RandomSearch):  # type: ignore[misc]
    """Cross-validation."""

    def run_trial(self, trial: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        hp = trial.hyperparameters
        scores = []
        for train, test in KFold(2).split(x):
            model = self.hypermodel.build(hp)
            model.fit(x[train][:, : hp.Int("columns", 5, 6)], y[train], **kwargs)
            scores.append(model.evaluate(x[test][:, : hp.get("columns")], y[test], verbose=0))
        return {"loss": float(np.mean(scores))}


class Stratified(keras_tuner.RandomSearch):  # type: ignore[misc]
    """Cross-validation with labels, which prints its progress."""

    def run_trial(self, trial: Any, x: Any, y: Any, *args: Any, **kwargs: Any) -> Any:
        folds = StratifiedKFold(n_splits=3, shuffle=True, random_state=1)
        scores = []
        for fold, (train, test) in enumerate(folds.split(x, y)):
            print("fold", fold)
            model = self.hypermodel.build(trial.hyperparameters)
            history = self.hypermodel.fit(
                trial.hyperparameters, model, x[train], y[train], **kwargs
            )
            scores.append(history.history["loss"][-1])
            model.evaluate(x[test], y[test], verbose=0)
        return float(np.mean(scores))


class Classes(keras_tuner.HyperModel):  # type: ignore[misc]
    """Labels, one-hot or not."""

    def build(self, hp: Any) -> Any:
        loss = hp.Choice("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
        return compiled(keras.Input((6,)), keras.layers.Dense(3, "softmax"), loss=loss)


class InTime(keras_tuner.RandomSearch):  # type: ignore[misc]
    """Later folds test what earlier ones trained."""

    def run_trial(self, trial: Any, x: Any, y: Any) -> Any:
        size = trial.hyperparameters.Choice("batch", [3, 8])
        splits = TimeSeriesSplit(n_splits=2, test_size=8)
        losses = []
        for train, test in splits.split(x):
            model = self.hypermodel.build(trial.hyperparameters)
            model.fit(x[train], y[train], batch_size=size, verbose=0)
            losses.append(float(model.evaluate(x[test], y[test], batch_size=size, verbose=0)))
        return sum(losses) / len(losses)


class CompilesInFit(keras_tuner.HyperModel):  # type: ignore[misc]
    """A loss that is chosen in fit."""

    def build(self, hp: Any) -> Any:
        return keras.Sequential([keras.Input((6,)), keras.layers.Dense(hp.Choice("head", [1, 3]))])

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        loss = hp.Choice("loss", ["mse", "categorical_crossentropy"])
        model.compile(optimizer=keras.optimizers.Adam(hp.Float("rate", 1e-3, 1e-2)), loss=loss)
        return model.fit(
            x, np.concatenate([y] * 2, axis=1)[:, : hp.Choice("targets", [1, 2])], **kwargs
        )


class Freezes(Hyper):
    """Layers that are frozen, a rate that is set."""

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        for layer in model.layers[: hp.Int("frozen", 0, 2)]:
            layer.trainable = False
        model.optimizer.learning_rate = hp.Float("rate", 1e-3, 1e-2)
        columns = hp.Int("columns", 5, 6)
        return model.fit(x[:, :columns], y, **kwargs)


class Augments(keras_tuner.HyperModel):  # type: ignore[misc]
    """A model around the one that was built."""

    def build(self, hp: Any) -> Any:
        side = hp.Choice("side", [6, 8])
        return compiled(keras.Input((side, side, 1)), keras.layers.Flatten(), keras.layers.Dense(1))

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        crop = hp.Int("crop", 0, 1)
        augment = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Cropping2D(crop)])
        whole = keras.Sequential([augment, model])
        whole.compile("sgd", "mse")
        return whole.fit(x, y, **kwargs)


class Functional(Hyper):
    """The same with the inputs of the model."""

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        outputs = keras.layers.Reshape((hp.Choice("width", [1, 2]),))(model.outputs[0])
        whole = keras.Model(model.inputs, outputs)
        whole.compile("sgd", hp.Choice("loss", ["mse"]))
        return whole.fit(x, y, **kwargs)


class LooksAtShapes(keras_tuner.HyperModel):  # type: ignore[misc]
    """What fit gets is cut to what the model takes; a summary is printed."""

    def build(self, hp: Any) -> Any:
        return compiled(keras.Input((hp.Int("features", 4, 7),)), keras.layers.Dense(1))

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        model.summary()
        print(model.count_params())
        return model.fit(x[:, : model.input_shape[-1]], y, **kwargs)


class Catches(Hyper):
    """What fit refuses scores badly instead."""

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        try:
            return model.fit(x[:, : hp.Int("columns", 5, 6)], y, **kwargs)
        except ValueError as error:
            print("failed:", error)
            return {"loss": 1e9}


class CatchesAll(keras_tuner.RandomSearch):  # type: ignore[misc]
    """So does what the build refuses."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().run_trial(trial, *args, **kwargs)
        except Exception:
            return float("inf")


class Kernels(keras_tuner.HyperModel):  # type: ignore[misc]
    """A kernel that is larger than the image."""

    def build(self, hp: Any) -> Any:
        return compiled(
            keras.Input((8, 8, 1)), keras.layers.Conv2D(2, hp.Choice("kernel", [3, 9])),
            keras.layers.GlobalMaxPooling2D(), keras.layers.Dense(1),
        )  # fmt: skip


class Alone(keras_tuner.RandomSearch):  # type: ignore[misc]
    """No hypermodel: run_trial builds the model itself."""

    def run_trial(self, trial: Any, x: Any, y: Any) -> Any:
        hp = trial.hyperparameters
        model = keras.Sequential()
        model.add(keras.Input((8, 8, 1)))
        model.add(keras.layers.Conv2D(2, hp.Choice("kernel", [3, 9])))
        model.add(keras.layers.Flatten())
        model.add(keras.layers.Dense(hp.Choice("head", [1, 2])))
        model.compile("sgd", "mse")
        history = model.fit(
            x, np.concatenate([y] * 3, axis=1), batch_size=hp.Int("batch", 4, 5), verbose=0
        )
        return {"loss": history.history["loss"][-1]}


class AloneByHelper(keras_tuner.RandomSearch):  # type: ignore[misc]
    """The same with a helper."""

    def run_trial(self, trial: Any, x: Any, y: Any) -> Any:
        model = self.make(trial.hyperparameters)
        model.fit(x, y, verbose=0)
        return model.evaluate(x, y, verbose=0)

    def make(self, hp: Any) -> Any:
        inputs = keras.Input((8, 8, 1))
        x = keras.layers.Conv2D(2, hp.Choice("kernel", [3, 9]))(inputs)
        outputs = keras.layers.Dense(1)(keras.layers.Flatten()(x))
        made = keras.Model(inputs, outputs)
        made.compile("sgd", "mse")
        return made


class BlackBox(keras_tuner.RandomSearch):  # type: ignore[misc]
    """No model at all."""

    def run_trial(self, trial: Any) -> Any:
        x = trial.hyperparameters.Float("x", -1.0, 1.0)
        return x * x + 2 * x + 1


class Reshaping(keras.Model):  # type: ignore[misc]
    """Its own fit makes rows of what it gets."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(units, "softmax")

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def fit(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        return super().fit(x.reshape(len(x), -1), y, **kwargs)


class OwnFit(keras_tuner.HyperModel):  # type: ignore[misc]
    """A model with a fit of its own."""

    def build(self, hp: Any) -> Any:
        model = Reshaping(hp.Choice("units", [1, 2]))
        model.compile("sgd", hp.Choice("loss", ["mse", "categorical_crossentropy"]))
        return model

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        return model.fit(
            x, np.concatenate([y] * 3, axis=1)[:, : hp.Choice("targets", [1, 3])], **kwargs
        )


class Weighted(OfEights):
    """Class weights and sample weights from hyperparameters."""

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        weights = np.ones(len(x) - hp.Int("missing", 0, 1))
        weights[0] *= hp.Float("first", 1.0, 2.0)
        return model.fit(x, y, sample_weight=weights, batch_size=8, **kwargs)


class Resampled(Hyper):
    """Rows that are drawn at random."""

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        rows = np.random.permutation(len(x))[: hp.Int("rows", 8, 16, step=8)]
        x = x[rows].copy()
        x -= x.mean(axis=0)
        return model.fit(x[:, : hp.Int("columns", 5, 6)], y[rows], **kwargs)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One of them.

    Attributes:
        hypermodel: its class, or None.
        data: of ``search``.
        space: values by name; every combination is tried.
        fails: those that fail in stock.
        tuner: its class.
        judged: the training is.
        catches: what it catches completes, and is undecided.
        quiet: it takes ``verbose``.
    """

    hypermodel: Callable[[], Any] | None
    data: tuple[Any, ...]
    space: dict[str, list[Any]]
    fails: list[tuple[Any, ...]]
    tuner: Any = keras_tuner.RandomSearch
    judged: bool = True
    catches: bool = False
    quiet: bool = True

    def __str__(self) -> str:
        named = self.tuner if self.hypermodel is None else self.hypermodel
        own = "" if self.tuner is keras_tuner.RandomSearch else self.tuner.__name__
        return f"{getattr(named, '__name__', named)}{own}"


IMAGE_TARGETS = np.zeros((12, 1), "float32")
RECIPES = [
    Recipe(
        Batches,
        (X, Y),
        {"units": [1], "batch": [5, 8, 12]},
        [(1, 5), (1, 12)],
    ),
    Recipe(
        BatchesAndEpochs,
        (X, Y),
        {"units": [1], "batch": [5, 8], "shuffle": [True]},
        [(1, 5, True)],
    ),
    Recipe(OfEights, (X, Y), {"units": [1], "batch": [4, 8]}, [(1, 4)], TrialBatches),
    Recipe(OfEights, (X, Y), {"units": [1], "batch": [4, 8]}, [(1, 4)], TrialBatchesByName),
    Recipe(
        Steps, (SERIES,), {"window": [3, 6], "kernel": [2, 5]}, [(3, 5)], keras_tuner.RandomSearch
    ),
    Recipe(
        OtherSteps,
        (SERIES,),
        {"window": [3, 6], "kernel": [2], "cut": [3, 6]},
        [],
    ),
    Recipe(
        KerasSteps,
        (SERIES,),
        {"window": [3], "kernel": [2], "cut": [3, 6], "batch": [4]},
        [],
    ),
    Recipe(
        LastSteps, (X, Y), {"units": [1], "columns": [4, 6]}, [(1, 4)], keras_tuner.RandomSearch
    ),
    Recipe(
        Pipeline,
        (X, Y),
        {"units": [1], "batch": [4], "cut": [False, True]},
        [(1, 4, True)],
    ),
    Recipe(
        Splits,
        (X, Y),
        {"units": [1], "held": [0.2], "scale": [False, True]},
        [(1, 0.2, True)],
    ),
    Recipe(Hyper, (X, Y), {"units": [1], "columns": [5, 6]}, [(1, 5)], Folds),
    Recipe(
        Classes,
        (X, LABELS),
        {"loss": ["sparse_categorical_crossentropy", "categorical_crossentropy"]},
        [("categorical_crossentropy",)],
        Stratified,
    ),
    Recipe(OfEights, (X, Y), {"units": [1], "batch": [3, 8]}, [(1, 3)], InTime, quiet=False),
    Recipe(
        CompilesInFit,
        (X, Y),
        {
            "head": [1, 3],
            "loss": ["mse", "categorical_crossentropy"],
            "rate": [1e-3],
            "targets": [1, 2],
        },
        [
            (1, "categorical_crossentropy", 0.001, 2),
            (3, "mse", 0.001, 2),
            (3, "categorical_crossentropy", 0.001, 1),
            (3, "categorical_crossentropy", 0.001, 2),
        ],
    ),
    Recipe(
        Freezes,
        (X, Y),
        {"units": [1], "frozen": [1], "rate": [1e-3], "columns": [5, 6]},
        [(1, 1, 0.001, 5)],
    ),
    Recipe(
        Augments,
        (IMAGES, IMAGE_TARGETS),
        {"side": [6, 8], "crop": [0, 1]},
        [(6, 0), (8, 1)],
    ),
    Recipe(
        Functional,
        (X, Y),
        {"units": [1], "width": [1, 2], "loss": ["mse"]},
        [(1, 2, "mse")],
    ),
    Recipe(LooksAtShapes, (X, Y), {"features": [5, 6, 7]}, [(7,)]),
    Recipe(
        Catches,
        (X, Y),
        {"units": [1], "columns": [5, 6]},
        [],
        catches=True,
    ),
    Recipe(Kernels, (IMAGES, IMAGE_TARGETS), {"kernel": [3, 9]}, [], CatchesAll, catches=True),
    Recipe(
        None,
        (IMAGES, IMAGE_TARGETS),
        {"kernel": [3, 9], "head": [1, 2], "batch": [4]},
        [(3, 2, 4), (9, 1, 4), (9, 2, 4)],
        Alone,
        quiet=False,
    ),
    Recipe(None, (IMAGES, IMAGE_TARGETS), {"kernel": [3, 9]}, [(9,)], AloneByHelper, quiet=False),
    Recipe(None, (), {"x": [0.5]}, [], BlackBox, judged=False, quiet=False),
    Recipe(
        OwnFit,
        (IMAGES[..., 0], IMAGE_TARGETS),
        {"units": [2], "loss": ["mse", "categorical_crossentropy"], "targets": [1, 3]},
        [
            (2, "mse", 3),
            (2, "categorical_crossentropy", 1),
            (2, "categorical_crossentropy", 3),
        ],
    ),
    Recipe(
        Weighted,
        (X, Y),
        {"units": [1], "missing": [0, 1], "first": [1.5]},
        [(1, 1, 1.5)],
    ),
    Recipe(
        Resampled,
        (X, Y),
        {"units": [1], "rows": [8], "columns": [5, 6]},
        [(1, 8, 5)],
    ),
]
"""Each with what stock KerasTuner comes to."""
