"""What ``build`` may ask of layers and models: stand-ins answer as the real ones do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import keras_tuner
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner.tracing.standins.facades import Facade
from tests.backends import only_on

CASES: dict[str, Callable[[Any], list[Any]]] = {}


def asks(function: Callable[[Any], list[Any]]) -> Callable[[Any], list[Any]]:
    """A build-like function that gives a model and what it found out on the way."""
    CASES[function.__name__] = function
    return function


@asks
def classes(hp: Any) -> list[Any]:
    dense, inputs = layers.Dense(3), keras.Input((4,))
    model = keras.Sequential([inputs, dense])
    return [
        model,
        isinstance(dense, layers.Dense),
        isinstance(dense, layers.Layer),
        isinstance(dense, layers.Conv2D),
        isinstance(model, keras.Sequential),
        isinstance(model, keras.Model),
        isinstance(inputs, keras.KerasTensor),
        isinstance(keras.optimizers.Adam(), keras.optimizers.Optimizer),
        isinstance(keras.losses.Huber(), keras.losses.Loss),
        isinstance(keras.metrics.AUC(), keras.metrics.Metric),
        keras.ops.is_tensor(inputs),
        callable(dense),
        hasattr(model, "add"),
        dense.__class__.__name__,
    ]


@asks
def shapes_and_types(hp: Any) -> list[Any]:
    x = keras.Input((6, 4), dtype="int32")
    y = layers.Embedding(9, 5)(x[:, :, 0])
    model = keras.Model(x, y)
    return [model, x.shape, x.dtype, y.shape, y.ndim, len(y.shape), y.dtype, keras.ops.shape(y)]


@asks
def names(hp: Any) -> list[Any]:
    stack = [layers.Dense(4), layers.Dense(4), layers.Dense(4, name="mine"), layers.ReLU()]
    model = keras.Sequential([keras.Input((4,)), *stack])
    branch = given = keras.Input((4,), name="given")
    for number in range(3):
        branch = layers.Dense(4, name=f"block_{number}")(branch)
    graph = keras.Model(given, branch, name="graph")
    return [
        model,
        [layer.name for layer in model.layers],
        model.name,
        graph.name,
        given.name,
        [layer.name for layer in graph.layers],
    ]


@asks
def members(hp: Any) -> list[Any]:
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(3, 3, name="first")])
    model.add(layers.Flatten())
    model.add(layers.Dense(2, name="head"))
    return [
        model,
        len(model.layers),
        model.get_layer("head").name,
        model.layers[-1].output.shape,
        model.layers[0].input.shape,
        model.get_layer("first").count_params(),
        model.input_shape,
        model.output_shape,
        [tensor.shape for tensor in model.inputs],
        model.outputs[0].shape,
        model.count_params(),
        model.built,
    ]


@asks
def pop(hp: Any) -> list[Any]:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(9)])
    removed = model.pop()
    model.add(layers.Dense(2))
    return [model, removed.name, model.output_shape, model.count_params()]


@asks
def cut_at_a_layer(hp: Any) -> list[Any]:
    base = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="neck"), layers.Dense(9)])
    model = keras.Model(base.inputs, base.get_layer("neck").output)
    return [model, model.output_shape, model.count_params()]


@asks
def key_of(hp: Any) -> list[Any]:
    base = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    base.trainable = False
    base.layers[0].trainable = False
    head = layers.Dense(2, trainable=False)
    model = keras.Sequential([base, head])
    return [model, head.trainable, base.layers[0].trainable, model.count_params()]


@asks
def nested(hp: Any) -> list[Any]:
    inner_in = keras.Input((4,))
    inner = keras.Model(inner_in, layers.Dense(3)(layers.Dense(5)(inner_in)))
    left, right = keras.Input((4,)), keras.Input((4,))
    merged = layers.Concatenate()([inner(left), inner(right)])
    model = keras.Model([left, right], layers.Dense(1)(merged))
    return [model, inner.count_params(), model.count_params(), merged.shape, model.output_shape]


@asks
def shared_layer(hp: Any) -> list[Any]:
    dense = layers.Dense(3)
    left, right = keras.Input((4,)), keras.Input((4,))
    model = keras.Model([left, right], layers.Subtract()([dense(left), dense(right)]))
    return [model, model.count_params(), dense.count_params()]


@asks
def old_style_shapes(hp: Any) -> list[Any]:
    model = keras.Sequential()
    model.add(layers.Dense(3, input_shape=(7,)))
    model.add(layers.Dense(2))
    other = keras.Sequential([layers.Dense(3, input_dim=7), layers.Dense(2)])
    return [model, model.input_shape, model.count_params(), other.count_params()]


@asks
def build_afterwards(hp: Any) -> list[Any]:
    model = keras.Sequential([layers.Dense(3), layers.Dense(2)])
    model.build((None, 5))
    return [model, model.count_params(), model.output_shape]


@asks
def through_tensorflow(hp: Any) -> list[Any]:
    import tensorflow as tf

    inputs = tf.keras.Input((4,))
    outputs = tf.keras.layers.Dense(3)(inputs)
    model = tf.keras.Model(inputs, outputs)
    model.compile(tf.keras.optimizers.Adam(1e-3), tf.keras.losses.MeanSquaredError(), ["mae"])
    return [model, isinstance(outputs, keras.KerasTensor), model.count_params()]


@asks
def operators(hp: Any) -> list[Any]:
    x = keras.Input((6, 4))
    y = (x + 1) * 2 - x / 3
    y = -y @ keras.ops.transpose(y, (0, 2, 1))
    y = keras.ops.mean(y[:, 1:], axis=1)
    z = keras.ops.concatenate([y, keras.ops.relu(y)], axis=-1)
    parts = keras.ops.split(z, 2, axis=-1)
    return [keras.Model(x, parts), y.shape, z.shape, parts[1].shape]


@asks
def summary(hp: Any) -> list[Any]:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    return [model, model.summary(), model.summary(expand_nested=True)]


@asks
def wrapped(hp: Any) -> list[Any]:
    x = keras.Input((6, 4))
    y = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
    y = layers.TimeDistributed(layers.Dense(2))(y)
    y = layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)])(y)
    return [keras.Model(x, y), y.shape]


@asks
def several_outputs(hp: Any) -> list[Any]:
    x = keras.Input((6, 4))
    sequence, state, carry = layers.LSTM(3, return_sequences=True, return_state=True)(x)
    model = keras.Model(x, {"sequence": sequence, "state": state})
    return [model, sequence.shape, carry.shape, model.count_params()]


@asks
def helpers(hp: Any) -> list[Any]:
    x = keras.Input((8, 8, 2))
    rate = keras.optimizers.schedules.ExponentialDecay(1e-2, 10, 0.9)
    y = layers.Conv2D(
        3,
        3,
        kernel_initializer=keras.initializers.HeNormal(),
        kernel_regularizer=keras.regularizers.L2(1e-4),
        kernel_constraint=keras.constraints.MaxNorm(2.0),
        activation=keras.activations.relu,
    )(x)
    model = keras.Model(x, layers.GlobalMaxPooling2D()(y))
    model.compile(
        keras.optimizers.SGD(rate, momentum=0.9),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.TopKCategoricalAccuracy(2), "accuracy"],
    )
    return [model, y.shape, model.count_params()]


def plain(found: list[Any]) -> list[Any]:
    """What can be compared: tensors that ``ops.shape`` gives for an unknown size are unknown."""
    return [None if isinstance(item, Facade) else item for item in found]


@pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`/`input_dim`:UserWarning")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=only_on("tensorflow", "tf.keras"))
        if name == "through_tensorflow"
        else name
        for name in sorted(CASES)
    ],
)
def test_a_stand_in_answers_as_the_real_thing(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Any] = []

    def build(hp: Any) -> Any:
        model, *found = CASES[name](hp)
        seen.append(found)
        return model

    verdict = sst.check(build, {})
    keras.utils.clear_session(free_memory=False)
    model, *truth = CASES[name](keras_tuner.HyperParameters())
    capsys.readouterr()
    assert (verdict.feasible, verdict.stage) == (True, "analytic"), verdict
    assert plain(seen[0]) == plain(truth)
    assert len(seen) == 1
    assert verdict.parameters == model.count_params()
    assert verdict.output_shape == model.output_shape


def unknown_attribute(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    assert model.layers[0].kernel.shape == (4, 3)
    return model


def copied(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    return keras.models.clone_model(model)


def own_model_class(hp: Any) -> Any:
    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    model = Net()
    model(keras.Input((4,)))
    return model


def attribute_set(hp: Any) -> Any:
    dense = layers.Dense(3)
    dense.note = "mine"
    return keras.Sequential([keras.Input((4,)), dense])


@pytest.mark.parametrize("build", [unknown_attribute, copied, attribute_set])
def test_what_a_stand_in_does_not_know_keras_decides(build: Any) -> None:
    verdict = sst.check(build, {})
    assert (verdict.feasible, verdict.stage, verdict.parameters) == (True, "symbolic", 15)


def test_a_model_class_of_ones_own() -> None:
    verdict = sst.check(own_model_class, {})
    assert (verdict.feasible, verdict.parameters) == (True, 15)


class Doubled(layers.Layer):
    """Of the user's own, without a rule; it counts, which no stand-in may make it do."""

    calls = 0

    def __init__(self, times: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.times = times

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(shape[-1],))

    def call(self, inputs: Any) -> Any:
        Doubled.calls += 1
        return keras.ops.concatenate([inputs * self.scale] * self.times, axis=-1)


def test_a_custom_layer_is_asked_once_for_what_is_equal() -> None:
    def build(hp: Any) -> Any:
        x = keras.Input((hp.Int("features", 2, 9),))
        y = Doubled(hp.Int("times", 1, 3))(x)
        return keras.Model(x, layers.Dense(hp.Int("units", 1, 99))(y))

    first = sst.check(build, {"features": 4, "times": 3})
    assert (first.stage, first.parameters) == ("analytic", 4 + 13)
    before = Doubled.calls
    for units in range(2, 20):
        verdict = sst.check(build, {"features": 4, "times": 3, "units": units})
        assert (verdict.stage, verdict.parameters) == ("analytic", 4 + 13 * units)
    assert Doubled.calls == before
    sst.check(build, {"features": 5, "times": 3})
    assert Doubled.calls > before
