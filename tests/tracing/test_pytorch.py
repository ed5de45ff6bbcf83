"""What is PyTorch's own: steps that compute at once, traced on tensors without storage."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import shapesafe_tuner as sst
from tests.backends import BACKEND, only_on
from tests.tracing.models import EagerAutoencoder

pytestmark = [
    only_on("torch", "its steps compute at once"),
    pytest.mark.filterwarnings("ignore"),
]

if BACKEND == "torch":
    import torch

X = np.random.default_rng(0).random((6, 8), dtype="float32")
LABELS = np.array([0, 1, 2, 0, 1, 2])
ONE_HOT = keras.utils.to_categorical(LABELS, 3)


def agrees(build: Any, x: Any, y: Any) -> sst.Verdict:
    """The verdict, once it is that of a real ``fit``."""
    verdict = sst.check(build, {}, x=x, y=y, batch_size=4)
    try:
        build(None).fit(x, y, batch_size=4, verbose=0)
    except (RuntimeError, ValueError):
        assert verdict.feasible is False
    else:
        assert verdict.feasible is True
    return verdict


@pytest.mark.parametrize("metric", ["AUC", "F1Score", "MeanIoU", "Precision", "R2Score"])
def test_metrics_that_look_at_values_are_computed(metric: str) -> None:
    arguments = {"num_classes": 3} if metric == "MeanIoU" else {}

    def build(hp: Any) -> keras.Model:
        model = keras.Sequential([keras.Input((8,)), layers.Dense(3, activation="sigmoid")])
        model.compile("adam", "mse", metrics=[getattr(keras.metrics, metric)(**arguments)])
        return model

    assert agrees(build, X, ONE_HOT).feasible


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_kernel_that_refuses_the_gradient_of_a_loss(from_logits: bool, channels: int) -> None:
    images, masks = np.ones((6, 8, 8, 3), "float32"), np.zeros((6, 8, 8, 1), "int32")

    def build(hp: Any) -> keras.Model:
        last = None if from_logits else "softmax"
        model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(channels, 1)])
        model.add(layers.Activation(last or "linear"))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
        model.compile("adam", loss)
        return model

    agrees(build, images, masks)


def over_positions(hp: Any) -> keras.Model:
    inputs = keras.Input((8,))
    x = layers.Dense(4)(inputs) + layers.Embedding(1, 4)(ops.arange(1))
    model = keras.Model(inputs, layers.Dense(3)(x))
    model.compile("adam", "mse")
    return model


def test_a_tensor_computed_from_weights_in_build_trains_once() -> None:
    verdict = agrees(over_positions, X, ONE_HOT)
    assert verdict.fault is not None
    assert "computed from weights" in verdict.fault.reason
    once = sst.check(over_positions, {}, x=X, y=ONE_HOT, batch_size=6)
    assert once.feasible is None
    assert "in the first training step only" in once.warnings[0]


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "nadam", "lion", "rmsprop", "adafactor"])
def test_a_step_of_ones_own_is_traced_with_any_optimizer(optimizer: str) -> None:
    def build(hp: Any) -> keras.Model:
        model = EagerAutoencoder()
        model.compile(optimizer)
        return model

    assert sst.check(build, {}, x=X, batch_size=4).feasible


def test_parameters_that_a_check_asked_for_are_forgotten() -> None:
    kept = EagerAutoencoder()
    kept.compile("sgd")
    assert sst.check(lambda hp: kept, {}, x=X, batch_size=4).feasible
    kept.fit(X, batch_size=4, verbose=0)
    parameters = {id(parameter) for parameter in kept.parameters()}
    assert {id(weight.value) for weight in kept.trainable_weights} <= parameters
    assert not any(weight.value.is_meta for weight in kept.weights)


def needs_values(hp: Any) -> keras.Model:
    class Chooses(layers.Layer):
        def call(self, x: Any) -> Any:
            return x if bool(ops.sum(x) > 0) else -x

    model = keras.Sequential([keras.Input((8,)), Chooses(), layers.Dense(3)])
    model.compile("adam", "mse")
    return model


def test_what_needs_values_is_undecided_and_says_so() -> None:
    verdict = sst.check(needs_values, {}, x=X, y=ONE_HOT)
    assert verdict.feasible is None
    assert "needs the numbers in a tensor" in verdict.warnings[0]


def test_the_state_of_pytorch_is_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    def state() -> Any:
        return (
            torch.get_rng_state().tolist(),
            torch.is_grad_enabled(),
            torch.get_default_dtype(),
            torch.get_default_device(),
            type(torch.ones(1)),
        )

    def impossible(hp: Any) -> keras.Model:
        model = keras.Sequential([layers.Dropout(0.5, seed=1), layers.Conv2D(4, 9)])
        model.compile("adam", "mse")
        return model

    before = state()
    for build, x in ((over_positions, X), (impossible, np.ones((6, 4, 4, 1), "float32"))):
        sst.check(build, {}, x=x, y=ONE_HOT)
    assert state() == before
    assert capfd.readouterr().err == ""
