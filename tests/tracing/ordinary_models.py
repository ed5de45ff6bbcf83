"""Hypermodels in ordinary code that rules follow: what is made before, shared, cut, set later.

As those of ``models.py``: a real build and a real ``fit`` judge them.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from tests.tracing.models import SCALARS, X, case

LONG = pytest.mark.deep
WIDTH = X.shape[1]
PAIRS = np.zeros((6, 2), "float32")
HUBER, SMOOTHED = keras.losses.Huber(0.5), keras.losses.BinaryCrossentropy(label_smoothing=0.1)
APART = keras.metrics.MeanAbsoluteError(name="apart")


def head(loss: Any, optimizer: Any = "sgd", units: int = 1, **more: Any) -> Any:
    model = keras.Sequential([keras.Input((WIDTH,)), layers.Dense(4), layers.Dense(units)])
    model.compile(optimizer, loss, **more)
    return model


def weighted(factor: Any) -> Any:
    inner = keras.losses.MeanSquaredError()
    return lambda y, p: inner(y, p) * factor


@case(y=SCALARS, mark=LONG)
def loss_made_before(hp: Any) -> Any:
    return head(HUBER, metrics=[APART])


@case(y=PAIRS[:4].reshape(-1), mark=LONG)
def too_few_targets_for_a_loss_made_before(hp: Any) -> Any:
    return head(HUBER)


@case(y=np.zeros((6, 3), "float32"))
def loss_made_before_and_a_narrow_head(hp: Any) -> Any:
    return head(SMOOTHED, units=2)


@case(y=SCALARS, mark=LONG)
def loss_around_a_loss(hp: Any) -> Any:
    return head(weighted(np.float32(2.0)))


@case(y=np.zeros((6, 3), "float32"))
def loss_around_a_loss_and_a_narrow_head(hp: Any) -> Any:
    return head(weighted(2.0), units=2)


@case(y=SCALARS, mark=LONG)
def array_of_no_shape_that_fits_in_a_loss(hp: Any) -> Any:
    return head(weighted(np.ones((5, 7), "float32")))


@case(y=SCALARS, mark=LONG)
def rate_set_later(hp: Any) -> Any:
    optimizer = keras.optimizers.Adam()
    optimizer.learning_rate = hp.Float("rate", 1e-4, 1e-1)
    return head("mse", optimizer)


@case(y=SCALARS, mark=LONG)
def rate_of_a_schedule_set_later(hp: Any) -> Any:
    decay = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    optimizer = keras.optimizers.Adam(decay)
    optimizer.learning_rate = 0.1
    return head("mse", optimizer)


@case(y=SCALARS)
def rate_of_the_model_set_later(hp: Any) -> Any:
    model = head("mse", hp.Choice("optimizer", ["adam", "sgd"]))
    model.optimizer.learning_rate = hp.Float("rate", 1e-4, 1e-1)
    return model


@case(y=SCALARS)
def threshold_beyond_its_bounds(hp: Any) -> Any:
    return head("mse", metrics=[keras.metrics.Precision(thresholds=hp.Float("t", 1.5, 2.0))])


@case(y=SCALARS)
def momentum_beyond_its_bounds(hp: Any) -> Any:
    return head("mse", keras.optimizers.SGD(momentum=hp.Float("m", 1.5, 2.0)))


def forked(one: Any, other: Any, loss: Any) -> Any:
    inputs = keras.Input((WIDTH,))
    outputs = [one(layers.Dense(4)(inputs)), other(layers.Dense(4)(inputs))]
    model = keras.Model(inputs, outputs)
    model.compile("sgd", loss)
    return model


@case(y=[SCALARS, SCALARS])
def head_used_twice(hp: Any) -> Any:
    shared = layers.Dense(1)
    return forked(shared, shared, "mse")


@case(y=[SCALARS, np.zeros((6, 3), "float32")])
def head_used_twice_and_other_targets(hp: Any) -> Any:
    shared = layers.Dense(2)
    return forked(shared, shared, ["mse", "mae"])


@case(y={"shared": SCALARS}, mark=LONG)
def head_used_twice_and_one_target(hp: Any) -> Any:
    shared = layers.Dense(1, name="shared")
    return forked(shared, shared, "mse")


@case(y=[SCALARS, SCALARS], mark=LONG)
def one_output_twice(hp: Any) -> Any:
    inputs = keras.Input((WIDTH,))
    outputs = layers.Dense(1)(inputs)
    model = keras.Model(inputs, [outputs, outputs])
    model.compile("sgd", "mse")
    return model


def behind(first: Any, last: Any, shape: Any = (WIDTH,)) -> Any:
    """A model that begins behind a layer."""
    start = first(keras.Input(shape))
    model = keras.Model(start, last(start))
    model.compile("sgd", "mse")
    return model


@case(y=SCALARS)
def model_behind_noise(hp: Any) -> Any:
    return behind(layers.GaussianNoise(0.1), layers.Dense(1))


@case(y=SCALARS)
def model_behind_a_layer_that_changes_the_width(hp: Any) -> Any:
    return behind(layers.Dense(3), layers.Dense(1), (5,))


@case(X[:, :3], y=SCALARS)
def model_behind_a_layer_on_what_it_gave(hp: Any) -> Any:
    return behind(layers.Dense(3), layers.Dense(1), (5,))


@case(y=SCALARS, mark=LONG)
def model_behind_a_mask(hp: Any) -> Any:
    return behind(layers.Masking(), layers.Dense(1))


@case(y=SCALARS)
def layer_before_and_behind(hp: Any) -> Any:
    same = layers.Dense(WIDTH)
    return behind(same, lambda x: layers.Dense(1)(same(x)))


class Forked(keras.Model):
    """Has two outputs, in a tuple or by name."""

    def __init__(self, width: int = 1, *, named: bool = False) -> None:
        super().__init__()
        self.inner, self.one, self.other = layers.Dense(4), layers.Dense(width), layers.Dense(1)
        self.named = named

    def call(self, x: Any) -> Any:
        x = self.inner(x)
        if self.named:
            return {"one": self.one(x), "other": self.other(x)}
        return self.one(x), self.other(x)


def two_losses(model: Any, loss: Any, **more: Any) -> Any:
    model.compile("sgd", loss, **more)
    return model


@case(y=[SCALARS, SCALARS])
def own_model_of_two_outputs(hp: Any) -> Any:
    return two_losses(Forked(), ["mse", "mae"], metrics=[["mae"], None])


@case(y={"one": SCALARS, "other": SCALARS}, mark=LONG)
def own_model_of_named_outputs(hp: Any) -> Any:
    return two_losses(Forked(named=True), {"one": "mse", "other": "mae"})


@case(y={"one": SCALARS, "another": SCALARS}, mark=LONG)
def own_model_of_other_names(hp: Any) -> Any:
    return two_losses(Forked(named=True), {"one": "mse", "another": "mae"})


@case(y=[np.zeros((6, 3), "float32"), SCALARS])
def own_model_of_a_narrow_output(hp: Any) -> Any:
    return two_losses(Forked(2), ["mse", "mae"])


@case(y=SCALARS)
def own_model_of_two_outputs_and_one_loss(hp: Any) -> Any:
    return two_losses(Forked(), ["mse"])


@case(y=[SCALARS, SCALARS], mark=LONG)
def own_model_that_adds_its_outputs(hp: Any) -> Any:
    def added(y: Any, p: Any) -> Any:
        return ops.mean(ops.square(y - p))

    return two_losses(Forked(), [added, added], loss_weights=[0.5, hp.Float("weight", 0.0, 1.0)])
