"""Tiny search spaces whose feasible part is known by arithmetic, and how the tests run them."""

from __future__ import annotations

import gc
import math
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import threadpoolctl

import shapesafe_tuner as sst
from shapesafe_tuner._compat.keras_tuner.oracle_hooks import put_in

LENGTH = 8
"""Of the sequences in ``X``: cropping it by 8 or more cannot be built."""
X = np.linspace(0.0, 1.0, 8 * LENGTH).reshape(8, LENGTH, 1).astype("float32")
Y = X.sum(axis=(1, 2)).reshape(8, 1)
SCORE = keras_tuner.Objective("score", "min")

IGNORED_WARNINGS = (
    # KerasTuner's lock asks for the current thread by its old name.
    "ignore:.*currentThread.*:DeprecationWarning",
    "ignore:.*getName.*:DeprecationWarning",
    # Keras says so of every generator and dataset.
    "ignore:`shuffle=True` was passed:UserWarning",
    # scikit-learn's Gaussian process on a handful of points.
    "ignore:.*close to the specified (lower|upper) bound.*",
    "ignore:.*lbfgs failed to converge.*",
)

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""The signal that no process survives; on Windows any one is that."""

TUNERS = ("RandomSearch", "BayesianOptimization", "Hyperband", "GridSearch")

Build = Callable[[Any], Any]


def finish(x: Any, inputs: Any, units: int = 1, **compiling: Any) -> keras.Model:
    """A compiled model with a dense head on ``x``; eager, which is quicker for one step."""
    model = keras.Model(inputs, keras.layers.Dense(units)(keras.layers.Flatten()(x)))
    model.compile(**{"optimizer": "sgd", "loss": "mse", "run_eagerly": True, **compiling})
    return model


def crop(left: int, right: int, **compiling: Any) -> keras.Model:
    """A model that exists when fewer than ``LENGTH`` steps are cropped."""
    inputs = keras.Input((LENGTH, 1))
    return finish(keras.layers.Cropping1D((left, right))(inputs), inputs, **compiling)


class Rectangle:
    """A space of two integers that crop from the left and from the right.

    Args:
        a, b: lowest and highest value of each.
        default: where it is not the lowest.
        **compiling: arguments of ``compile``.
    """

    def __init__(
        self,
        a: tuple[int, int] = (0, 9),
        b: tuple[int, int] = (0, 9),
        default: tuple[int | None, int | None] = (None, None),
        **compiling: Any,
    ) -> None:
        self._ranges = {"a": (*a, default[0]), "b": (*b, default[1])}
        self._compiling = compiling

    def declare(self, hp: Any) -> tuple[int, int]:
        """Register both; returns their values."""
        left, right = (
            hp.Int(name, low, high, default=default)
            for name, (low, high, default) in self._ranges.items()
        )
        return left, right

    def __call__(self, hp: Any) -> keras.Model:
        return crop(*self.declare(hp), **self._compiling)


square = Rectangle()
"""10 x 10 configurations, 36 feasible: those with a + b <= 7."""


def fits(values: Any) -> bool:
    """Whether a configuration of a ``Rectangle`` is feasible."""
    return bool(values["a"] + values["b"] <= 7)


def few(hp: Any) -> keras.Model:
    """Six configurations; a = 4, 5, 6, 7 are feasible, 8 and 9 are not."""
    return crop(hp.Int("a", 4, 9), 0)


def never(hp: Any) -> keras.Model:
    """Four configurations, none feasible."""
    return crop(hp.Int("a", 8, 11), 0)


def bad_default(hp: Any) -> keras.Model:
    """The default cannot be built; three hyperparameters are read after the failing layer."""
    inputs = keras.Input((LENGTH, 1))
    x = keras.layers.Cropping1D((hp.Int("left", 0, 9, default=9), 0))(inputs)
    deep = hp.Boolean("deep")
    with hp.conditional_scope("deep", [True]):
        if deep:
            x = keras.layers.Dense(hp.Int("hidden", 1, 3))(x)
    return finish(keras.layers.Dropout(hp.Float("rate", 0.0, 0.5, step=0.25))(x), inputs)


def feasible(hp: Any) -> keras.Model:
    """Everything can be built; with a conditional scope that the default does not enter."""
    inputs = keras.Input((LENGTH, 1))
    x = keras.layers.Dense(hp.Int("units", 1, 6), hp.Choice("activation", ["relu", "tanh"]))(inputs)
    deep = hp.Boolean("deep")
    with hp.conditional_scope("deep", [True]):
        if deep:
            x = keras.layers.Dense(hp.Int("hidden", 1, 3))(x)
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    return finish(x, inputs, optimizer=keras.optimizers.SGD(rate), metrics=["mae"])


def conditional(hp: Any) -> keras.Model:
    """8 configurations in two scopes, 5 feasible: crop 6 and 7, pool 2, 4 and 8."""
    inputs = keras.Input((LENGTH, 1))
    kind, layer = hp.Choice("kind", ["crop", "pool"]), None
    with hp.conditional_scope("kind", ["crop"]):
        if kind == "crop":
            layer = keras.layers.Cropping1D((hp.Int("a", 6, 9), 0))
    with hp.conditional_scope("kind", ["pool"]):
        if kind == "pool":
            layer = keras.layers.MaxPooling1D(hp.Choice("window", [2, 4, 8, 16]))
    return finish(layer(inputs), inputs)


def fits_conditional(values: Any) -> bool:
    """Whether a configuration of ``conditional`` is feasible."""
    return bool(values["a"] <= 7 if values["kind"] == "crop" else values["window"] <= LENGTH)


def head(hp: Any) -> keras.Model:
    """Always builds; training needs labels as wide as the head."""
    inputs = keras.Input((LENGTH, 1))
    return finish(inputs, inputs, hp.Int("width", 2, 5), loss="categorical_crossentropy")


def labels(width: int, samples: int = 8) -> np.ndarray:
    """One-hot labels for ``head``."""
    return np.eye(width, dtype="float32")[np.arange(samples) % width]


class Scored(keras_tuner.HyperModel):  # type: ignore[misc]
    """Builds for real and scores by arithmetic instead of training; ``score`` is minimised.

    Args:
        build: the model function.
        stop_at: number of the fit, from 1, that is interrupted.
    """

    def __init__(self, build: Build, stop_at: int | None = None) -> None:
        super().__init__()
        self._build_model = build
        self._stop_at = stop_at
        self.fits = 0

    def build(self, hp: Any) -> Any:
        return self._build_model(hp)

    def fit(self, hp: Any, model: Any, *args: Any, callbacks: Any = (), **kwargs: Any) -> Any:
        self.fits += 1
        if self.fits == self._stop_at:
            raise KeyboardInterrupt
        logs = {"score": score_of(hp.values)}
        for callback in callbacks:
            callback.set_model(model)
            callback.on_epoch_end(0, logs)
        return logs


def score_of(values: Any) -> float:
    """A made-up result: smooth, with its best value inside the feasible part of ``square``."""
    numbers = [
        value
        for name, value in sorted(values.items())
        if isinstance(value, (int, float)) and not name.startswith("tuner/")
    ]
    return math.fsum((value - 3) ** 2 + 0.01 * place for place, value in enumerate(numbers))


def make(
    name: str,
    hypermodel: Any,
    folder: Path,
    *,
    stock: bool = False,
    trials: int = 4,
    objective: Any = None,
    seed: int = 1,
    **settings: Any,
) -> Any:
    """One of the four tuners, ours or stock, small: Hyperband runs 3 + 1 and 2 trials."""
    if name == "Hyperband":
        settings = {"max_epochs": 3, "factor": 3, **settings}
    else:
        settings = {"max_trials": trials, **settings}
    if name == "BayesianOptimization":
        settings = {"num_initial_points": 2, **settings}
    if objective is None:
        objective = SCORE if isinstance(hypermodel, Scored) else "loss"
    tuner_class = getattr(keras_tuner if stock else sst, name)
    return tuner_class(hypermodel, objective, seed=seed, directory=str(folder), **settings)


def trials_of(tuner_or_oracle: Any) -> list[Any]:
    """The trials in the order in which they started."""
    oracle = getattr(tuner_or_oracle, "oracle", tuner_or_oracle)
    return [oracle.trials[trial_id] for trial_id in oracle.start_order]


def statuses(tuner: Any) -> set[str]:
    """Which states its trials are in."""
    return {trial.status for trial in trials_of(tuner)}


def values_of(tuner: Any) -> list[dict[str, Any]]:
    """What the trials ran with, without Hyperband's own entries."""
    return [plain(trial.hyperparameters.values) for trial in trials_of(tuner)]


def plain(values: Any) -> dict[str, Any]:
    """The user's hyperparameters."""
    return {name: value for name, value in values.items() if not name.startswith("tuner/")}


def rejected(tuner: Any) -> list[dict[str, Any]]:
    """The values of the rejections."""
    return [dict(rejection.values) for rejection in tuner.rejections]


def put_in_folder(oracle: Any, folder: Path) -> Any:
    """Give an oracle a project, as a tuner does, and silence it."""
    put_in(oracle, str(folder))
    return oracle


def run(oracle: Any, most: int = 1000, score: Callable[[Any], float] = score_of) -> list[Any]:
    """Create and complete trials as a tuner does, without models; returns them."""
    for _ in range(most):
        trial = oracle.create_trial("tuner0")
        if trial.status == "STOPPED":
            break
        complete(oracle, trial, score)
    return trials_of(oracle)


def complete(oracle: Any, trial: Any, score: Callable[[Any], float] = score_of) -> None:
    """Report a result and end the trial."""
    oracle.update_trial(trial.trial_id, {"score": score(trial.hyperparameters.values)})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


# A Gaussian process on ten points only loses time by threads of linear algebra.
threadpoolctl.threadpool_limits(1)
# KerasTuner collects garbage twice in each trial, most of it in what imports left behind.
gc.collect()
gc.freeze()
