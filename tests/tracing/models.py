"""Hypermodels that once tripped a check, each with the data it is fitted on.

They are judged in ``test_against_fit.py`` by Keras itself: a real build and a real ``fit``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from tests.backends import BACKEND, only_on
from tests.labelled import arrays

if BACKEND == "tensorflow":
    import tensorflow as tf

X = np.random.default_rng(0).random((6, 8), dtype="float32")
SEQUENCE = np.random.default_rng(1).random((6, 8, 4), dtype="float32")
LABELS = np.array([0, 1, 2, 0, 1, 2])
ONE_HOT = keras.utils.to_categorical(LABELS, 3)
SCALARS = np.linspace(0.0, 1.0, 6, dtype="float32")
WORDS = np.array(["a b", "c", "d", "e f g", "h", "i"])

CASES: dict[str, tuple[Callable[[Any], keras.Model], dict[str, Any]]] = {}
MARKS: dict[str, pytest.MarkDecorator] = {}


def case(
    x: Any = X, y: Any = LABELS, mark: pytest.MarkDecorator | None = None, **fit: Any
) -> Callable[[Any], Any]:
    """Register a hypermodel with the arguments of its ``fit``."""

    def register(build: Any) -> Any:
        CASES[build.__name__] = (build, {"x": x, "y": y, **fit})
        if mark is not None:
            MARKS[build.__name__] = mark
        return build

    return register


def dataset(then: Callable[[Any], Any] = lambda batches: batches) -> Any:
    """Features and scalars in batches; ``then`` is what only ``tf.data`` can do with them."""
    batches = arrays.batches(X, SCALARS)
    return then(batches) if BACKEND == "tensorflow" else batches


def compiled(
    model: keras.Model, loss: Any = "sparse_categorical_crossentropy", **options: Any
) -> Any:
    """Compile with Adam."""
    model.compile("adam", loss, **options)
    return model


def classifier(*hidden: Any, features: int = 8) -> keras.Sequential:
    """A softmax over three classes on top of these layers."""
    return keras.Sequential(
        [keras.Input((features,)), *hidden, layers.Dense(3, activation="softmax")]
    )


class Subclassed(keras.Model):
    """Fails only in training when told to."""

    def __init__(self, fails_in_training: bool = False) -> None:
        super().__init__()
        self.hidden = layers.Dense(4)
        self.dropout = layers.Dropout(0.1)
        self.head = layers.Dense(3, activation="softmax")
        self.fails_in_training = fails_in_training

    def call(self, x: Any, training: bool = False) -> Any:
        h = self.dropout(self.hidden(x), training=training)
        if training and self.fails_in_training:
            h = ops.concatenate([h, ops.zeros((5, 2))], axis=-1)
        return self.head(h)


class Autoencoder(keras.Model):
    """Variational, with a train_step of its own."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.encoder = layers.Dense(6)
        self.decoder = layers.Dense(width)
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.seed_generator = keras.random.SeedGenerator(1)

    @property
    def metrics(self) -> list[Any]:
        return [self.loss_tracker]

    def call(self, x: Any) -> Any:
        mean, log_variance = ops.split(self.encoder(x), 2, axis=-1)
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return self.decoder(mean + ops.exp(log_variance / 2) * noise)

    def train_step(self, data: Any) -> dict[str, Any]:
        if isinstance(data, tuple):
            data = data[0]
        with tf.GradientTape() as tape:
            loss = ops.mean(ops.square(self(data, training=True) - data))
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}


class StatelessAutoencoder(Autoencoder):
    """The same with the train_step of JAX, a pure function of the state."""

    def train_step(self, state: Any, data: Any) -> Any:
        import jax

        trainable, non_trainable, optimizer, metrics = state
        x = data[0] if isinstance(data, tuple) else data

        def loss_of(trainable: Any, non_trainable: Any) -> Any:
            outputs, changed = self.stateless_call(trainable, non_trainable, x)
            return ops.mean(ops.square(outputs - x)), changed

        differentiate = jax.value_and_grad(loss_of, has_aux=True)
        (loss, non_trainable), gradients = differentiate(trainable, non_trainable)
        trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
        metrics = self.loss_tracker.stateless_update_state(metrics, loss)
        logs = {"loss": self.loss_tracker.stateless_result(metrics)}
        return logs, (trainable, non_trainable, optimizer, metrics)


class EagerAutoencoder(Autoencoder):
    """The same with the train_step of PyTorch, which computes at once."""

    def train_step(self, data: Any) -> Any:
        import torch

        x = data[0] if isinstance(data, tuple) else data
        self.zero_grad()
        loss = ops.mean(ops.square(self(x, training=True) - x))
        loss.backward()
        weights = self.trainable_weights
        with torch.no_grad():
            self.optimizer.apply([weight.value.grad for weight in weights], weights)
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}


TrainsItself = {
    "tensorflow": Autoencoder,
    "jax": StatelessAutoencoder,
    "torch": EagerAutoencoder,
}[BACKEND]


class Reconstruction(keras.Model):
    """Compares its output with its input in compute_loss."""

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None,
        training: bool = True,
    ) -> Any:  # fmt: skip
        return ops.mean(ops.square(y_pred - x))


class AddsLoss(layers.Layer):
    """Adds a loss in its call."""

    def call(self, x: Any) -> Any:
        self.add_loss(ops.mean(x))
        return x


@case()
def subclassed(hp: Any) -> Any:
    return compiled(Subclassed())


@case()
def subclassed_fails_in_training(hp: Any) -> Any:
    return compiled(Subclassed(fails_in_training=True))


@case()
def subclassed_eager(hp: Any) -> Any:
    return compiled(Subclassed(), run_eagerly=True)


@case(y=None)
def own_train_step(hp: Any) -> Any:
    model = TrainsItself()
    model.compile("adam")
    return model


@case(y=None)
def own_train_step_of_wrong_width(hp: Any) -> Any:
    model = TrainsItself(width=5)
    model.compile("adam")
    return model


@case()
def own_train_step_optimizer_built(hp: Any) -> Any:
    model = TrainsItself()
    model.compile("adam")
    model(X)
    model.optimizer.build(model.trainable_variables)
    return model


@case()
def own_compute_loss(hp: Any) -> Any:
    inputs = keras.Input((8,))
    model = Reconstruction(inputs, layers.Dense(8)(inputs))
    model.compile("adam")
    return model


@case()
def own_compute_loss_of_wrong_width(hp: Any) -> Any:
    inputs = keras.Input((8,))
    model = Reconstruction(inputs, layers.Dense(5)(inputs))
    model.compile("adam")
    return model


@case()
def normalization_adapted(hp: Any) -> Any:
    normalization = layers.Normalization()
    normalization.adapt(X)
    return compiled(classifier(normalization))


@case(
    x=tf.constant(WORDS) if BACKEND == "tensorflow" else WORDS,
    mark=only_on("tensorflow", "strings are TensorFlow's"),
)
def text_vectorization_adapted(hp: Any) -> Any:
    text = layers.TextVectorization(max_tokens=20, output_sequence_length=4)
    text.adapt(np.array(["a b c", "d e f"]))
    words = keras.Input((1,), dtype="string")
    h = layers.Flatten()(layers.Embedding(20, 4)(text(words)))
    return compiled(keras.Model(words, layers.Dense(3, activation="softmax")(h)))


@case()
def weights_set(hp: Any) -> Any:
    model = classifier(layers.Dense(4))
    model.layers[0].set_weights([np.ones((8, 4)), np.ones(4)])
    model.set_weights(model.get_weights())
    return compiled(model)


@case()
def weights_of_wrong_shape_set(hp: Any) -> Any:
    model = classifier(layers.Dense(4))
    model.layers[0].set_weights([np.ones((8, 5)), np.ones(5)])
    return compiled(model)


@case(mark=only_on("tensorflow", "strategies are TensorFlow's"))
def under_a_strategy(hp: Any) -> Any:
    with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
        return compiled(classifier(layers.Dense(4)))


@case()
def called_in_build(hp: Any) -> Any:
    model = keras.Sequential([layers.Dense(4), layers.Dense(3, activation="softmax")])
    model(X)
    model.predict(X, verbose=0)
    return compiled(model)


@case()
def layer_on_a_concrete_tensor(hp: Any) -> Any:
    inputs = keras.Input((8,))
    positions = layers.Embedding(8, 1)(ops.arange(8))
    h = inputs + ops.squeeze(positions, -1)
    return compiled(keras.Model(inputs, layers.Dense(3, activation="softmax")(h)))


@case()
def deferred(hp: Any) -> Any:
    return compiled(keras.Sequential([layers.Dense(4), layers.Dense(3, activation="softmax")]))


@case(x=SEQUENCE)
def attention_of_unequal_widths(hp: Any) -> Any:
    inputs = keras.Input((8, 4))
    h = layers.GlobalAveragePooling1D()(layers.Attention()([layers.Dense(5)(inputs), inputs]))
    return compiled(keras.Model(inputs, layers.Dense(3, activation="softmax")(h)))


@case(x=SEQUENCE, batch_size=6)
def stateful(hp: Any) -> Any:
    model = keras.Sequential([keras.Input(batch_shape=(6, 8, 4)), layers.LSTM(4, stateful=True)])
    model.add(layers.Dense(3, activation="softmax"))
    return compiled(model)


@case(x=SEQUENCE)
def stateful_on_a_smaller_last_batch(hp: Any) -> Any:
    model = keras.Sequential([keras.Input(batch_shape=(4, 8, 4)), layers.LSTM(4, stateful=True)])
    model.add(layers.Dense(3, activation="softmax"))
    return compiled(model)


@case(y=SCALARS)
def scalars_against_ten_outputs(hp: Any) -> Any:
    return compiled(keras.Sequential([keras.Input((8,)), layers.Dense(10)]), "mse")


@case(y=SCALARS)
def scalars_against_one_output(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((8,)), layers.Dense(1)])
    return compiled(model, "mse", metrics=["mae"])


@case(y=SCALARS)
def broadcast_in_silence(hp: Any) -> Any:
    return compiled(keras.Sequential([keras.Input((8,)), layers.Reshape((8, 1))]), "mse")


@case(y=ONE_HOT)
def metrics_of_one_hot_labels(hp: Any) -> Any:
    metrics = ["accuracy", keras.metrics.AUC(), keras.metrics.F1Score()]
    return compiled(classifier(), "categorical_crossentropy", metrics=metrics)


@case()
def categorical_loss_on_integer_labels(hp: Any) -> Any:
    return compiled(classifier(), "categorical_crossentropy")


@case(x={"a": X, "b": X[:, :3]}, y={"p": LABELS, "q": SCALARS})
def dictionaries(hp: Any) -> Any:
    a, b = keras.Input((8,), name="a"), keras.Input((3,), name="b")
    h = layers.Concatenate()([a, b])
    p = layers.Dense(3, activation="softmax", name="p")(h)
    model = keras.Model({"a": a, "b": b}, {"p": p, "q": layers.Dense(1, name="q")(h)})
    return compiled(
        model,
        {"p": "sparse_categorical_crossentropy", "q": "mse"},
        metrics={"p": ["accuracy"], "q": ["mae"]},
        loss_weights={"p": 1.0, "q": 0.5},
    )


@case(x=[X, X[:, :3]], y=[LABELS, SCALARS], sample_weight=np.ones(6))
def lists_with_one_sample_weight(hp: Any) -> Any:
    a, b = keras.Input((8,)), keras.Input((3,))
    h = layers.Concatenate()([a, b])
    outputs = [layers.Dense(3, activation="softmax")(h), layers.Dense(1)(h)]
    return compiled(keras.Model([a, b], outputs), ["sparse_categorical_crossentropy", "mse"])


@case(sample_weight=np.ones((6, 2)))
def sample_weight_of_wrong_shape(hp: Any) -> Any:
    return compiled(classifier())


@case(class_weight={0: 1.0, 1: 2.0, 2: 1.0})
def class_weights(hp: Any) -> Any:
    return compiled(classifier())


@case()
def mixed_precision(hp: Any) -> Any:
    keras.config.set_dtype_policy("mixed_float16")
    return compiled(classifier(layers.Dense(4)))


@case()
def layers_by_name(hp: Any) -> Any:
    model = classifier(layers.Dense(4))
    assert model.get_layer("dense").units == 4
    return compiled(model)


@case()
def session_cleared_in_build(hp: Any) -> Any:
    keras.utils.clear_session()
    keras.backend.clear_session()
    keras.utils.set_random_seed(3)
    return compiled(classifier(layers.Dense(4)))


@case()
def lambda_layer(hp: Any) -> Any:
    return compiled(classifier(layers.Lambda(lambda x: x[:, :4] * 2, output_shape=(4,))))


@case(mark=only_on("tensorflow", "an operation of TensorFlow"))
def tensorflow_op_on_a_keras_tensor(hp: Any) -> Any:
    inputs = keras.Input((8,))
    return compiled(keras.Model(inputs, layers.Dense(3)(tf.reduce_mean(inputs, 1, keepdims=True))))


@case()
def not_compiled(hp: Any) -> Any:
    return classifier()


@case()
def no_loss(hp: Any) -> Any:
    model = classifier()
    model.compile("adam")
    return model


@case()
def losses_of_layers(hp: Any) -> Any:
    regularized = layers.Dense(3, kernel_regularizer="l2", activity_regularizer="l1")
    return compiled(classifier(AddsLoss(), regularized))


@case(validation_data=(X[:, :5], LABELS))
def validation_of_another_width(hp: Any) -> Any:
    return compiled(classifier())


@case(x=dataset(), y=None)
def dataset_against_ten_outputs(hp: Any) -> Any:
    return compiled(keras.Sequential([keras.Input((8,)), layers.Dense(10)]), "mse")


@case(x=dataset(lambda batches: batches.prefetch(1)), y=None)
def dataset_against_one_output(hp: Any) -> Any:
    return compiled(keras.Sequential([keras.Input((8,)), layers.Dense(1)]), "mse")


@case(x=np.zeros((6, 32, 32, 3), "float32"))
def backbone(hp: Any) -> Any:
    base = keras.applications.MobileNet(
        input_shape=(32, 32, 3), alpha=0.25, include_top=False, weights=None, pooling="avg"
    )
    return compiled(keras.Sequential([base, layers.Dense(3, activation="softmax")]))


@case()
def summary_and_clone(hp: Any) -> Any:
    model = classifier(layers.Dense(4))
    model.summary()
    print("built")
    return compiled(keras.models.clone_model(model))


@case()
def schedule_and_loss_objects(hp: Any) -> Any:
    model = classifier(layers.BatchNormalization())
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    model.compile(
        keras.optimizers.SGD(schedule, clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(),
        metrics=[keras.metrics.SparseTopKCategoricalAccuracy(2)],
    )
    return model


@case()
def optimizer_built_in_build(hp: Any) -> Any:
    model = compiled(classifier())
    model.optimizer.build(model.trainable_variables)
    return model


@case()
def own_loss_subtracts_unequal_shapes(hp: Any) -> Any:
    def loss(y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.square(ops.cast(y_true, "float32") - y_pred))

    return compiled(keras.Sequential([keras.Input((8,)), layers.Dense(4)]), loss)


@case(x=np.zeros((6, 4, 6, 6, 1), "float32"))
def kernel_too_large_in_a_wrapper(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((4, 6, 6, 1))])
    model.add(layers.TimeDistributed(layers.Conv2D(2, 7)))
    return compiled(model)


@case(x=np.zeros((6, 6, 6, 1), "float32"))
def pooling_of_wrong_rank_in_a_wrapper(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((6, 6, 1))])
    model.add(layers.TimeDistributed(layers.MaxPooling2D(2)))
    model.add(layers.Flatten())
    model.add(layers.Dense(3, activation="softmax"))
    return compiled(model)


@case()
def sequential_grown_popped_and_nested(hp: Any) -> Any:
    inner = keras.Sequential([keras.Input((8,)), layers.Dense(5), layers.Dense(6)])
    inner.pop()
    assert inner.output_shape == (None, 5)
    model = keras.Sequential([keras.Input((8,)), inner])
    model.add(layers.Reshape((5, 1)))
    model.add(layers.Flatten())
    model.add(layers.Dense(3, activation="softmax"))
    assert [layer.output.shape[-1] for layer in model.layers][-1] == 3
    return compiled(model)


@case()
def layer_tried_and_left_out(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((8,))])
    try:
        model.add(layers.Conv1D(4, 3))
    except ValueError:
        model.pop()
    model.add(layers.Dense(3, activation="softmax"))
    return compiled(model)


@case()
def unknown_argument(hp: Any) -> Any:
    return compiled(classifier(layers.Dense(4, unitz=3)))


@case()
def missing_argument(hp: Any) -> Any:
    return compiled(classifier(layers.Dense()))


@case()
def arithmetic_on_an_unknown_size(hp: Any) -> Any:
    inputs = keras.Input((None,))
    length = inputs.shape[1]
    return compiled(keras.Model(inputs, layers.Dense(length // 2)(inputs)))


@case()
def index_beyond_the_rank(hp: Any) -> Any:
    inputs = keras.Input((8,))
    return compiled(keras.Model(inputs, layers.Dense(inputs.shape[3])(inputs)))


@case(x=X, y=LABELS[:5])
def different_numbers_of_samples(hp: Any) -> Any:
    return compiled(classifier())


@case()
def activity_regularizer_of_a_keras_layer(hp: Any) -> Any:
    return compiled(classifier(layers.Dense(3, kernel_regularizer="l2", activity_regularizer="l1")))


@case(y=np.zeros((6, 2), "float32"), validation_data=(X, np.zeros((6, 3), "float32")))
def validation_targets_of_another_width(hp: Any) -> Any:
    return compiled(keras.Sequential([keras.Input((8,)), layers.Dense(2)]), "mse")


@case(x=X[:5], y=SCALARS[:5])
def scalars_against_a_last_batch_of_one(hp: Any) -> Any:
    return compiled(keras.Sequential([keras.Input((8,)), layers.Dense(4)]), "mse")


@case()
def batch_size_in_a_reshape_of_ops(hp: Any) -> Any:
    inputs = keras.Input((8,))
    h = ops.reshape(ops.reshape(inputs, (4, 8)), (-1, 8))
    return compiled(keras.Model(inputs, layers.Dense(3, activation="softmax")(h)))


class UsesItsBatchSize(keras.Model):
    """Needs a size that ``fit`` does not know when it traces."""

    def __init__(self) -> None:
        super().__init__()
        self.head = layers.Dense(3, activation="softmax")

    def call(self, x: Any) -> Any:
        return self.head(ops.concatenate([x, ops.zeros((x.shape[0], 2))], axis=-1))


class TwoOptimizers(keras.Model):
    """Trains its parts with an optimizer each, as a GAN does."""

    def __init__(self) -> None:
        super().__init__()
        self.generator, self.critic = layers.Dense(8), layers.Dense(1)
        self.first, self.second = keras.optimizers.Adam(), keras.optimizers.SGD()

    def call(self, x: Any) -> Any:
        return self.critic(self.generator(x))

    def train_step(self, x: Any) -> dict[str, Any]:
        for optimizer, part, output in (
            (self.first, self.critic, lambda: self.critic(x)),
            (self.second, self.generator, lambda: self(x)),
        ):
            gradients = self.gradients(output, part)
            optimizer.apply_gradients(zip(gradients, part.trainable_weights, strict=True))
        return {"loss": ops.mean(self(x))}

    def gradients(self, output: Any, part: Any) -> list[Any]:
        if BACKEND == "torch":
            self.zero_grad()
            ops.mean(ops.square(output() - 1.0)).backward()
            return [weight.value.grad for weight in part.trainable_weights]
        with tf.GradientTape() as tape:
            loss = ops.mean(ops.square(output() - 1.0))
        return list(tape.gradient(loss, part.trainable_weights))


@case()
def batch_size_used_in_call(hp: Any) -> Any:
    return compiled(UsesItsBatchSize())


@case(
    y=None,
    mark=pytest.mark.skipif(BACKEND == "jax", reason="gradients are functions of the state on JAX"),
)
def two_optimizers(hp: Any) -> Any:
    model = TwoOptimizers()
    model.compile()
    return model


@case()
def fitted_in_build(hp: Any) -> Any:
    model = compiled(classifier(layers.Dense(4)))
    model.fit(X, LABELS, verbose=0)
    return model


@case()
def predicts_in_build(hp: Any) -> Any:
    model = classifier(layers.Dense(4))
    if not np.allclose(model.predict(X, verbose=0).sum(axis=1), 1.0, atol=1e-3):
        raise ValueError("these are no probabilities")
    return compiled(model)


@case()
def constant_of_wrong_shape(hp: Any) -> Any:
    constant = keras.initializers.Constant(np.ones((7, 4), "float32"))
    return compiled(classifier(layers.Dense(4, kernel_initializer=constant)))


@case()
def initializer_of_wrong_rank(hp: Any) -> Any:
    return compiled(classifier(layers.Dense(4, bias_initializer="orthogonal")))


@case()
def own_initializer(hp: Any) -> Any:
    def halves(shape: Any, dtype: Any = None) -> Any:
        return ops.full(shape, 0.5, dtype=dtype)

    return compiled(classifier(layers.Dense(4, kernel_initializer=halves)))


@case()
def own_initializer_of_wrong_shape(hp: Any) -> Any:
    def square(shape: Any, dtype: Any = None) -> Any:
        return ops.ones((3, 3), dtype=dtype)

    return compiled(classifier(layers.Dense(4, kernel_initializer=square)))


@case(
    x=dataset(lambda batches: batches.take(1)),
    y=None,
    mark=only_on("tensorflow", "a part of a tf.data.Dataset"),
)
def part_of_a_dataset_against_ten_outputs(hp: Any) -> Any:
    return compiled(keras.Sequential([keras.Input((8,)), layers.Dense(10)]), "mse")


@case(x=SEQUENCE, y=np.zeros((6, 5, 5, 4), "float32"))
def resizing_takes_the_batch_for_a_side(hp: Any) -> Any:
    return compiled(keras.Sequential([keras.Input((8, 4)), layers.Resizing(5, 5)]), "mse")
