"""Recurrent networks: sequences that are returned or not, states and cells."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner as kt
from keras import layers

from tests.labelled import arrays
from tests.labelled.model import Space


def stacked_lstm(hp: kt.HyperParameters) -> keras.Model:
    """Stacked layers, each of which may forget to return its sequence."""
    model = keras.Sequential()
    count = hp.Int("count", 1, 3)
    careful = hp.Boolean("careful", default=True)
    for i in range(count):
        units = hp.Int(f"units_{i}", 4, 16, step=4)
        returned = i < count - 1 if careful else hp.Boolean(f"return_{i}")
        kind = {"lstm": layers.LSTM, "gru": layers.GRU, "rnn": layers.SimpleRNN}
        layer = kind[hp.Choice("kind", ["lstm", "gru", "rnn"])]
        if i == 0:
            model.add(layer(units, return_sequences=returned, input_shape=(10, 3)))
        else:
            model.add(layer(units, return_sequences=returned))
        model.add(layers.Dropout(0.2))
    model.add(layers.Dense(1))
    model.compile("adam", "mse")
    return model


def bidirectional(hp: kt.HyperParameters) -> keras.Model:
    """Merge modes of two directions with a residual connection."""
    inputs = keras.Input((8, 12))
    mode = hp.Choice("mode", ["concat", "sum", "mul", "ave"])
    units = hp.Choice("units", [6, 12])
    layer = layers.LSTM(units, return_sequences=True)
    x = layers.Bidirectional(layer, merge_mode=mode)(inputs)
    if hp.Boolean("residual", default=True):
        x = layers.Add()([inputs, x])
    x = layers.LayerNormalization()(x)
    x = layers.Bidirectional(layers.GRU(units, return_sequences=hp.Boolean("sequences")))(x)
    x = layers.Dense(4)(x)
    if hp.Boolean("pool"):
        x = layers.GlobalAveragePooling1D()(x)
    model = keras.Model(inputs, layers.Activation("softmax")(x))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def sequence_to_sequence(hp: kt.HyperParameters) -> keras.Model:
    """An encoder whose states start a decoder of possibly another width."""
    encoder_inputs = keras.Input((None,), name="source")
    decoder_inputs = keras.Input((None,), name="target")
    width = hp.Choice("embedding", [8, 16])
    units = hp.Choice("encoder_units", [8, 16])
    x = layers.Embedding(30, width, mask_zero=True)(encoder_inputs)
    _, hidden, cell = layers.LSTM(units, return_state=True)(x)
    y = layers.Embedding(30, width, mask_zero=hp.Boolean("mask"))(decoder_inputs)
    decoder_units = hp.Choice("decoder_units", [8, 16])
    if hp.Boolean("bridge"):
        hidden = layers.Dense(decoder_units)(hidden)
        cell = layers.Dense(decoder_units)(cell)
    decoder = layers.LSTM(decoder_units, return_sequences=True, return_state=True)
    y, _, _ = decoder(y, initial_state=[hidden, cell])
    outputs = layers.TimeDistributed(layers.Dense(30, activation="softmax"))(y)
    model = keras.Model([encoder_inputs, decoder_inputs], outputs)
    model.compile("rmsprop", "sparse_categorical_crossentropy")
    return model


def repeat_decoder(hp: kt.HyperParameters) -> keras.Model:
    """A forecaster that repeats its code: the horizon must be that of the targets."""
    model = keras.Sequential()
    model.add(layers.InputLayer(shape=(14, 2)))
    model.add(layers.LSTM(hp.Int("encoder", 4, 12, step=4)))
    if hp.Boolean("repeats", default=True):
        model.add(layers.RepeatVector(hp.Choice("horizon", [7, 5, 1])))
    model.add(layers.LSTM(hp.Int("decoder", 4, 12, step=4), return_sequences=True))
    model.add(layers.TimeDistributed(layers.Dense(hp.Choice("targets", [1, 2]))))
    model.compile("adam", "mse")
    return model


def cells(hp: kt.HyperParameters) -> keras.Model:
    """Cells stacked in one layer."""
    inputs = keras.Input((7, 5))
    count = hp.Int("cells", 1, 3)
    stack = [layers.GRUCell(hp.Choice(f"cell_{i}", [4, 8, 12])) for i in range(count)]
    if hp.Boolean("stacked", default=True):
        x = layers.RNN(layers.StackedRNNCells(stack), return_sequences=True)(inputs)
    else:
        x = layers.RNN(stack, return_sequences=True)(inputs)
    query = layers.Dense(8)(layers.GlobalMaxPooling1D()(x))
    scores = layers.Dot(axes=(2, 1))([x, query])
    scores = layers.Reshape((7, 1))(layers.Softmax()(scores))
    x = layers.Flatten()(layers.Multiply()([scores, x]))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def stateful(hp: kt.HyperParameters) -> keras.Model:
    """A stateful layer that knows its batch: the data come in batches of four and two."""
    batch = hp.Choice("batch", [2, 4, 6])
    model = keras.Sequential()
    if hp.Boolean("shape_first", default=True):
        model.add(keras.Input(batch_shape=(batch, 5, 3)))
    model.add(layers.LSTM(hp.Int("units", 4, 8), stateful=hp.Boolean("stateful")))
    model.add(layers.Dense(1))
    model.compile("adam", "mse")
    return model


def pairs() -> dict[str, Any]:
    """Source and target sequences as a list."""
    sequences = [arrays.whole(30, 9), arrays.whole(30, 6)]
    return arrays.given(sequences, arrays.whole(30, 6))


SPACES = (
    Space(
        "recurrent_stacked_lstm",
        stacked_lstm,
        lambda: arrays.given(arrays.real(10, 3), arrays.real()),
        14,
    ),
    Space(
        "recurrent_bidirectional",
        bidirectional,
        lambda: arrays.given(arrays.real(8, 12), arrays.onehot(4)),
        12,
    ),
    Space("recurrent_seq2seq", sequence_to_sequence, pairs, 12, tags=("states",)),
    Space(
        "recurrent_repeat",
        repeat_decoder,
        lambda: arrays.given(arrays.real(14, 2), arrays.real(7, 1)),
        14,
    ),
    Space(
        "recurrent_cells",
        cells,
        lambda: arrays.given(arrays.real(7, 5), arrays.labels(2)),
        12,
    ),
    Space(
        "recurrent_stateful",
        stateful,
        lambda: arrays.given(arrays.real(5, 3), arrays.real(), shuffle=False),
        12,
        tags=("batch",),
    ),
)
