"""Subclassed models: with and without build, and with their own training."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner as kt
from keras import layers, ops

from tests.labelled import arrays
from tests.labelled.model import Space


class Unbuilt(keras.Model):
    """A convolutional network that is not built before the data come."""

    def __init__(self, kernel: int, pool: int, depth: int) -> None:
        super().__init__()
        self.convolutions = [layers.Conv2D(6, kernel, activation="relu") for _ in range(depth)]
        self.pool = layers.MaxPooling2D(pool)
        self.flatten = layers.Flatten()
        self.head = layers.Dense(10, activation="softmax")

    def call(self, inputs: Any) -> Any:
        """Convolutions, each followed by the same pooling layer."""
        x = inputs
        for convolution in self.convolutions:
            x = self.pool(convolution(x))
        return self.head(self.flatten(x))


def unbuilt(hp: kt.HyperParameters) -> keras.Model:
    """Nothing is known of the shapes before `fit`."""
    kernel = hp.Choice("kernel", [3, 5, 7])
    model = Unbuilt(kernel, hp.Choice("pool", [2, 3]), hp.Int("depth", 1, 3))
    rate = hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model


class Residual(keras.Model):
    """A subclassed network of dense layers that builds its own weights."""

    def __init__(self, width: int, inner: int, skip: bool) -> None:
        super().__init__()
        self.first = layers.Dense(width, activation="relu")
        self.second = layers.Dense(inner)
        self.normalize = layers.BatchNormalization()
        self.head = layers.Dense(1)
        self.width, self.inner, self.skip = width, inner, skip

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build every layer for the shape it will be called on."""
        self.first.build(input_shape)
        self.second.build((None, self.width))
        self.normalize.build((None, self.inner))
        self.head.build((None, self.inner))
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The skip connection is only taken in training."""
        x = self.first(inputs)
        y = self.normalize(self.second(x), training=training)
        if self.skip and training:
            y = y + x
        return self.head(y)


def residual(hp: kt.HyperParameters) -> keras.Model:
    """A branch that only exists in training."""
    model = Residual(
        hp.Choice("width", [8, 16, 24]), hp.Choice("inner", [8, 16]), hp.Boolean("skip")
    )
    if hp.Boolean("called"):
        model(ops.zeros((2, 5)))
    elif hp.Boolean("built"):
        model.build((None, hp.Choice("features", [5, 6])))
    model.compile("adam", "mse", metrics=["mae"])
    return model


class Variational(keras.Model):
    """A variational autoencoder with its own training step."""

    def __init__(self, encoder: keras.Model, decoder: keras.Model) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.tracker = keras.metrics.Mean(name="loss")

    @property
    def metrics(self) -> list[keras.Metric]:
        """The tracked loss."""
        return [self.tracker]

    def train_step(self, data: Any) -> dict[str, Any]:
        """Reconstruction error plus the divergence of the code."""
        import tensorflow as tf

        images = data[0] if isinstance(data, tuple) else data
        with tf.GradientTape() as tape:
            mean, variance = self.encoder(images, training=True)
            code = mean + tf.exp(0.5 * variance) * tf.random.normal(tf.shape(mean))
            rebuilt = self.decoder(code, training=True)
            error = tf.reduce_mean(tf.square(images - rebuilt))
            divergence = -0.5 * tf.reduce_mean(1 + variance - mean**2 - tf.exp(variance))
            loss = error + divergence
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        self.tracker.update_state(loss)
        return {"loss": self.tracker.result()}


def variational(hp: kt.HyperParameters) -> keras.Model:
    """Encoder and decoder are tuned apart from each other."""
    latent = hp.Choice("latent", [2, 4])
    inputs = keras.Input((16, 16, 1))
    x = inputs
    for i in range(hp.Int("down", 1, 2)):
        x = layers.Conv2D(4 * (i + 1), 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dense(8)(layers.Flatten()(x))
    mean = layers.Dense(latent)(x)
    width = hp.Choice("variance", [2, 4]) if hp.Boolean("apart") else latent
    variance = layers.Dense(width)(x)
    encoder = keras.Model(inputs, [mean, variance])
    code = keras.Input((latent,))
    start = hp.Choice("start", [4, 8])
    y = layers.Reshape((start, start, 4))(layers.Dense(start * start * 4)(code))
    for _ in range(hp.Int("up", 1, 2) if hp.Boolean("chosen") else 8 // start):
        y = layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")(y)
    decoder = keras.Model(code, layers.Conv2D(1, 3, padding="same")(y))
    model = Variational(encoder, decoder)
    model.compile(optimizer="adam")
    return model


class Contrastive(keras.Model):
    """A model whose loss compares two views of the batch."""

    def __init__(self, width: int, projected: int) -> None:
        super().__init__()
        self.body = keras.Sequential([layers.Dense(width, activation="relu"), layers.Dense(4)])
        self.projection = layers.Dense(projected)

    def call(self, inputs: Any) -> Any:
        """Class scores."""
        return self.projection(self.body(inputs))

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Squared difference to the targets, plus the agreement with the body."""
        code = self.body(x)
        return ops.mean(ops.square(y_pred - y)) + ops.mean(ops.square(code - y_pred))


def contrastive(hp: kt.HyperParameters) -> keras.Model:
    """The projection has to agree with the body and with the targets."""
    model = Contrastive(hp.Int("width", 4, 16, step=4), hp.Choice("projected", [4, 1, 3]))
    model.compile(hp.Choice("optimizer", ["adam", "sgd"]))
    return model


def strategy(hp: kt.HyperParameters) -> keras.Model:
    """A model built under a distribution strategy."""
    import tensorflow as tf

    with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
        model = keras.Sequential([keras.Input((4, 4, 2))])
        model.add(layers.Conv2D(hp.Choice("filters", [4, 8]), hp.Int("kernel", 2, 5)))
        model.add(layers.Flatten())
        model.add(layers.Dense(10, activation="softmax"))
        model.compile("adam", "sparse_categorical_crossentropy")
    return model


SPACES = (
    Space(
        "subclassed_unbuilt",
        unbuilt,
        lambda: arrays.given(arrays.real(28, 28, 1), arrays.labels(10)),
        20,
    ),
    Space(
        "subclassed_residual",
        residual,
        lambda: arrays.given(arrays.real(5), arrays.real(1)),
        24,
        tags=("training",),
    ),
    Space(
        "subclassed_variational",
        variational,
        lambda: arrays.given(arrays.real(16, 16, 1)),
        18,
        tags=("train_step",),
        tensorflow_only="its train_step takes gradients from a GradientTape",
    ),
    Space(
        "subclassed_contrastive",
        contrastive,
        lambda: arrays.given(arrays.real(3), arrays.real(4)),
        18,
        tags=("compute_loss",),
    ),
    Space(
        "subclassed_strategy",
        strategy,
        lambda: arrays.given(arrays.real(4, 4, 2), arrays.labels(10)),
        8,
        tags=("strategy",),
        tensorflow_only="it is built under a tf.distribute strategy",
    ),
)
