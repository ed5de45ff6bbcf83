"""Layers that outlive a check: made once outside of build, or kept by build for the next one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

import shapesafe_tuner as sst
from tests.tracing.models import TrainsItself

X, Y = np.ones((6, 8), "float32"), np.ones((6, 3), "float32")


class Doubling(layers.Layer):
    """Of the user's own, with weights, a sublayer and a seed generator."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = layers.Dense(4)
        self.dropout = layers.Dropout(0.1)

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(shape=(input_shape[-1],), name="scale")
        self.inner.build(input_shape)
        self.built = True

    def call(self, x: Any) -> Any:
        inner = self.dropout(self.inner(x * self.scale))
        return ops.concatenate([inner, inner], axis=-1)


MAKERS: dict[str, Callable[[], Any]] = {
    "Dense": lambda: layers.Dense(4, name="kept"),
    "BatchNormalization": lambda: layers.BatchNormalization(name="kept"),
    "Dropout": lambda: layers.Dropout(0.5, name="kept"),
    "own": lambda: Doubling(name="kept"),
    "Sequential": lambda: keras.Sequential(
        [layers.Dense(4, name="a"), layers.Dropout(0.1, name="b")], name="kept"
    ),
    "built Sequential": lambda: keras.Sequential(
        [keras.Input((8,)), layers.Dense(4, name="a")], name="kept"
    ),
    "Normalization": lambda: layers.Normalization(name="kept"),
}


def on_top_of(kept: Any, features: int = 8) -> keras.Model:
    inputs = keras.Input((features,))
    model = keras.Model(inputs, layers.Dense(3, name="head")(kept(inputs)))
    model.compile("adam", "mse")
    return model


def state(kept: Any) -> Any:
    return (
        kept.built,
        [weight.shape for weight in kept.weights],
        [type(node).__name__ for node in kept._inbound_nodes],
        sorted(kept.__dict__),
    )


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("data", [{}, {"x": X, "y": Y}], ids=["build", "train"])
def test_a_layer_made_before_is_as_it_was(kind: str, data: dict[str, Any]) -> None:
    kept = MAKERS[kind]()
    before = state(kept)
    values = [weight.numpy().copy() for weight in kept.weights]
    assert sst.check(lambda hp: on_top_of(kept), {}, **data).feasible
    assert state(kept) == before
    for weight, value in zip(kept.weights, values, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


@pytest.mark.parametrize("kind", sorted(MAKERS.keys() - {"built Sequential"}))
def test_a_refused_configuration_does_not_decide_its_shapes(kind: str) -> None:
    kept = MAKERS[kind]()

    def build(hp: Any) -> keras.Model:
        model = on_top_of(kept, features=5)
        keras.Sequential([keras.Input((3,)), layers.LSTM(2)])
        return model

    assert sst.check(build, {}).feasible is False
    model = on_top_of(kept)
    history = model.fit(X, Y, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"][0])


@pytest.mark.parametrize("kind", MAKERS)
def test_a_layer_that_build_keeps_gets_real_weights_when_used(kind: str) -> None:
    cache: list[Any] = []

    def build(hp: Any) -> keras.Model:
        if not cache:
            cache.append(MAKERS[kind]())
        return on_top_of(cache[0])

    assert sst.check(build, {}, x=X, y=Y).feasible
    model = build(None)
    kernels = [w.numpy() for w in model.weights if w.path.endswith("kernel")]
    assert all(np.abs(kernel).sum() > 0 for kernel in kernels)
    before = [weight.numpy().copy() for weight in model.trainable_weights]
    model.fit(X, Y, epochs=1, verbose=0)
    moved = [
        np.abs(weight.numpy() - value).sum()
        for weight, value in zip(model.trainable_weights, before, strict=True)
    ]
    assert max(moved) > 0
    assert sst.check(build, {}, x=X, y=Y).feasible


def test_kept_layers_do_not_share_their_initial_weights() -> None:
    cache: list[Any] = []

    def build(hp: Any) -> keras.Model:
        if not cache:
            cache.extend([layers.Dense(8, name="a"), layers.Dense(8, name="b")])
        inputs = keras.Input((8,))
        return keras.Model(inputs, cache[1](cache[0](inputs)))

    sst.check(build, {})
    build(None)
    first, second = (layer.kernel.numpy() for layer in cache)
    assert np.abs(first - second).max() > 0


def test_a_kept_model_with_its_own_train_step_trains_afterwards() -> None:
    cache: list[Any] = []

    def build(hp: Any) -> keras.Model:
        if not cache:
            cache.append(TrainsItself())
            cache[0].compile("adam")
        return cache[0]

    assert sst.check(build, {}, x=X).feasible
    history = build(None).fit(X, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"][0])


def test_optimizers_losses_and_metrics_made_before_serve_real_training() -> None:
    optimizer, loss = keras.optimizers.Adam(), keras.losses.MeanSquaredError()
    metric = keras.metrics.MeanAbsoluteError()

    def build(hp: Any) -> keras.Model:
        model = keras.Sequential([keras.Input((8,)), layers.Dense(3)])
        model.compile(optimizer, loss, metrics=[metric])
        return model

    assert sst.check(build, {}, x=X, y=Y).feasible
    assert not optimizer.built
    assert float(metric.result()) == 0.0
    assert np.isfinite(build(None).fit(X, Y, verbose=0).history["mean_absolute_error"][0])


def test_what_build_does_to_a_model_made_before_is_undone() -> None:
    kept = keras.Sequential(
        [keras.Input((8,)), layers.Dense(4, name="a"), layers.BatchNormalization(name="b")],
        name="kept",
    )
    kept.compile("sgd", "mae")
    kept.fit(X, Y[:, :1] * np.ones((6, 4)), verbose=0)
    before = [weight.numpy().copy() for weight in kept.weights]

    def build(hp: Any) -> keras.Model:
        kept.set_weights([np.zeros_like(weight) for weight in before])
        kept(X * 3, training=True)
        kept.trainable = False
        kept.pop()
        kept.compile("adam", "mse")
        return on_top_of(kept)

    assert sst.check(build, {}, x=X, y=Y).feasible
    for weight, value in zip(kept.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)
    assert kept.trainable
    assert [layer.name for layer in kept.layers] == ["a", "b"]
    assert (kept.loss, type(kept.optimizer).__name__) == ("mae", "SGD")
    assert np.isfinite(kept.evaluate(X, np.zeros((6, 4)), verbose=0))


def test_predictions_in_build_are_those_of_real_weights() -> None:
    kept = keras.Sequential([layers.Dense(4, bias_initializer="ones", name="a")], name="kept")
    seen: list[Any] = []

    def build(hp: Any) -> keras.Model:
        seen.append(np.abs(kept.predict(X, verbose=0) - ops.convert_to_numpy(kept(X))).max())
        return on_top_of(layers.Dense(2))

    assert sst.check(build, {}).feasible
    assert seen[0] < 1e-5
    assert np.abs(kept.predict(X, verbose=0) - ops.convert_to_numpy(kept(X))).max() < 1e-5
