"""Layers made outside build, layers that adapt inside it, and text; against real Keras."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner.tracing.environment import Check
from shapesafe_tuner.tracing.standins.adopting import RealLayers
from shapesafe_tuner.tracing.standins.run import AnalyticRun
from tests import toys
from tests.backends import BACKEND

pytestmark = [
    *(pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS),
    # Keras says so before it raises.
    pytest.mark.filterwarnings("ignore:Layer '.*' looks like it has unbuilt state"),
    pytest.mark.filterwarnings("ignore:`build..` was called on layer"),
    # PyTorch's tensor, not a leaf, in the graph of a model.
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor"),
]
needs_strings = pytest.mark.skipif(not backend.TAKES_STRINGS, reason="a backend without strings")
SAMPLES = 6
ROWS = np.random.default_rng(0).random((SAMPLES, 16)).astype("float32")
IMAGES = np.zeros((SAMPLES, 12, 12, 3), "float32")
WORDS = ["a b c d", "e f", "a", "b a", "c", "d e f"]


def rows(width: int) -> Any:
    return ROWS[:, :width]


def taught(layer: Any, data: Any) -> Any:
    layer.adapt(data)
    return layer


NORMALIZATION = taught(layers.Normalization(), ROWS)
OF_ANY_WIDTH = taught(layers.Normalization(axis=None), ROWS)
FIXED = layers.Normalization(mean=1.0, variance=2.0)
FLIP, ROTATE = layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)
AUGMENTATION = keras.Sequential([layers.RandomFlip(), layers.RandomZoom(0.1)])
BUILT = keras.Sequential([layers.RandomFlip(), layers.Rescaling(1 / 255)])
BUILT(IMAGES)
DROPOUT, FLATTEN = layers.Dropout(0.3), layers.Flatten()
SHARED = layers.Dense(4)


def headed(inputs: Any, x: Any) -> Any:
    model = keras.Model(inputs, layers.Dense(1)(x))
    model.compile("sgd", "mse")
    return model


def normalized(hp: Any) -> Any:
    inputs = keras.Input((hp.Choice("width", [16, 8]),))
    return headed(inputs, NORMALIZATION(inputs))


def normalized_twice(hp: Any) -> Any:
    inputs = keras.Input((16,))
    x = layers.Dense(hp.Choice("units", [16, 8]))(NORMALIZATION(inputs))
    return headed(inputs, NORMALIZATION(x))


def first_of_a_stack(hp: Any) -> Any:
    stack = [NORMALIZATION, layers.Dense(hp.Choice("units", [16, 8])), OF_ANY_WIDTH]
    model = keras.Sequential([*stack, layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def within_a_stack(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((16,)), layers.Dense(hp.Choice("units", [16, 8]))])
    model.add(NORMALIZATION)
    model.add(layers.Dense(1))
    model.compile("sgd", "mse")
    return model


def on_each_step(hp: Any) -> Any:
    inputs = keras.Input((hp.Choice("width", [16, 8]),))
    steps = layers.Reshape((1, -1))(inputs)
    return headed(inputs, layers.Flatten()(layers.TimeDistributed(NORMALIZATION)(steps)))


def never_adapted(hp: Any) -> Any:
    inputs = keras.Input((hp.Choice("width", [16, 8]),))
    return headed(inputs, FIXED(inputs))


def adapted_in_build(hp: Any) -> Any:
    inputs = keras.Input((hp.Choice("width", [16, 8]),))
    layer = layers.Normalization()
    layer.adapt(rows(hp.Choice("seen", [16, 8])))
    return headed(inputs, layer(inputs))


def adapted_late(hp: Any) -> Any:
    inputs = keras.Input((hp.Choice("width", [16, 8]),))
    layer = layers.Normalization()
    x = layer(inputs)
    layer.adapt(rows(hp.Choice("seen", [16, 8])))
    return headed(inputs, x)


def with_bins(hp: Any) -> Any:
    inputs = keras.Input((16,))
    layer = layers.Discretization(num_bins=hp.Choice("bins", [3, 5]), output_mode="one_hot")
    layer.adapt(ROWS[:, :1])
    x = layers.Flatten()(layer(inputs[:, :1]))
    return headed(inputs, layers.Add()([x, layers.Dense(hp.Choice("units", [3, 5]))(inputs)]))


class Normalizing(layers.Layer):  # type: ignore[misc]
    """Holds a layer that was made outside, and has weights of its own."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.normalization = NORMALIZATION
        self.dense = layers.Dense(units)

    def call(self, x: Any) -> Any:
        return self.dense(self.normalization(x))


def in_a_layer(hp: Any) -> Any:
    inputs = keras.Input((hp.Choice("width", [16, 8]),))
    return headed(inputs, Normalizing(hp.Int("units", 1, 2))(inputs))


def augmented_by_a_list(hp: Any) -> Any:
    inputs = x = keras.Input((12, 12, 3))
    for layer in (FLIP, ROTATE):
        x = layer(x)
    x = layers.Conv2D(2, hp.Choice("kernel", [3, 13]))(x)
    return headed(inputs, layers.GlobalAveragePooling2D()(x))


def augmented_by_a_model(hp: Any) -> Any:
    inputs = keras.Input((12, 12, 3))
    x = layers.Conv2D(2, hp.Choice("kernel", [3, 13]))(AUGMENTATION(inputs))
    return headed(inputs, layers.GlobalAveragePooling2D()(x))


def augmented_by_a_built_model(hp: Any) -> Any:
    inputs = keras.Input((12, 12, 3))
    x = layers.Conv2D(hp.Choice("channels", [3, 4]), 1)(inputs)
    return headed(inputs, layers.GlobalAveragePooling2D()(BUILT(x)))


def small_layers(hp: Any) -> Any:
    inputs = keras.Input((12, 12, 3))
    x = layers.Conv2D(2, hp.Choice("kernel", [3, 13]))(inputs)
    return headed(inputs, FLATTEN(DROPOUT(x)))


def frozen(layer: Any, shape: tuple[int | None, ...]) -> Any:
    layer.build(shape)
    layer.trainable = False
    return layer


EMBEDDING = frozen(layers.Embedding(20, 4, name="pretrained"), (None, 16))
BACKBONE = keras.Sequential([keras.Input((16,)), layers.Dense(8, name="inner")], name="backbone")
BACKBONE.trainable = False


def on_a_frozen_embedding(hp: Any) -> Any:
    inputs = keras.Input((16,))
    x = layers.Conv1D(2, hp.Choice("kernel", [3, 17]))(EMBEDDING(inputs))
    return headed(inputs, layers.GlobalAveragePooling1D()(x))


def on_a_frozen_backbone(hp: Any) -> Any:
    inputs = keras.Input((hp.Choice("width", [16, 8]),))
    return headed(inputs, BACKBONE(inputs))


def shared_weights(hp: Any) -> Any:
    inputs = keras.Input((16,))
    x = layers.Dense(hp.Choice("units", [16, 8]), name="first")(SHARED(inputs))
    model = keras.Model(inputs, layers.Dense(1, name="last")(x))
    model.compile("sgd", "mse")
    return model


BUILDS: dict[Callable[[Any], Any], tuple[str, dict[str, list[int]]]] = {
    normalized: ("width", {"width": [16, 8]}),
    normalized_twice: ("", {"units": [16, 8]}),
    first_of_a_stack: ("", {"units": [16, 8]}),
    within_a_stack: ("", {"units": [16, 8]}),
    on_each_step: ("width", {"width": [16, 8]}),
    never_adapted: ("width", {"width": [16, 8]}),
    adapted_in_build: ("width", {"width": [16, 8], "seen": [16, 8]}),
    adapted_late: ("width", {"width": [16, 8], "seen": [16, 8]}),
    with_bins: ("", {"bins": [3, 5], "units": [3, 5]}),
    in_a_layer: ("width", {"width": [16, 8], "units": [1, 2]}),
    augmented_by_a_list: ("images", {"kernel": [3, 13]}),
    augmented_by_a_model: ("images", {"kernel": [3, 13]}),
    augmented_by_a_built_model: ("images", {"channels": [3, 4]}),
    small_layers: ("images", {"kernel": [3, 13]}),
    on_a_frozen_embedding: ("", {"kernel": [3, 17]}),
    on_a_frozen_backbone: ("width", {"width": [16, 8]}),
    shared_weights: ("", {"units": [16, 8]}),
}
"""Builds, what their width of the data is called, and the values to try."""
LEFT_TO_KERAS = (shared_weights, never_adapted, adapted_late)


def trained(build: Any, values: dict[str, Any], x: Any) -> int | None:
    """The number of weights of a model that trains; None where Keras refuses."""
    keras.utils.clear_session()
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    try:
        model = build(hp)
        model.fit(x, np.zeros((SAMPLES, 1), "float32"), verbose=0)
    except Exception:
        return None
    parameters: int = model.count_params()
    return parameters


def configurations(domains: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(domains, one, strict=True)) for one in itertools.product(*domains.values())]


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_as_in_keras(build: Any) -> None:
    data, domains = BUILDS[build]
    outcomes = set()
    for values in configurations(domains):
        x = IMAGES if data == "images" else rows(values.get(data, 16))
        verdict = sst.check(build, values, x=x, y=np.zeros((SAMPLES, 1), "float32"))
        parameters = trained(build, values, x)
        assert verdict.feasible is (parameters is not None), (values, verdict)
        if verdict:
            assert verdict.parameters == parameters
            assert (verdict.slow_because is None) is (build not in LEFT_TO_KERAS), values
        outcomes.add(verdict.feasible)
    assert True in outcomes


def test_what_was_made_outside_stays_as_it_was() -> None:
    graph = keras.Model(BACKBONE.inputs, BACKBONE.outputs[0], name="graph")

    def on_a_graph(hp: Any) -> Any:
        inputs = keras.Input((16,))
        return headed(inputs, layers.Dense(hp.Int("units", 1, 2))(graph(inputs)))

    sst.check(on_a_graph, {"units": 1}, x=ROWS, y=np.zeros((SAMPLES, 1), "float32"))
    assert not graph._inbound_nodes
    objects = [NORMALIZATION, FLIP, ROTATE, *AUGMENTATION.layers, DROPOUT, EMBEDDING, BACKBONE]
    before = [(layer.built, len(layer._inbound_nodes), len(vars(layer))) for layer in objects]
    mean = np.array(NORMALIZATION.mean)
    for build, (data, domains) in BUILDS.items():
        for values in configurations(domains):
            x = IMAGES if data == "images" else rows(values.get(data, 16))
            sst.check(build, values, x=x, y=np.zeros((SAMPLES, 1), "float32"))
    after = [(layer.built, len(layer._inbound_nodes), len(vars(layer))) for layer in objects]
    assert after == before
    assert np.array_equal(mean, np.array(NORMALIZATION.mean))


def test_what_it_has_learned_since_counts() -> None:
    layer = taught(layers.Discretization(num_bins=3, output_mode="one_hot"), ROWS)

    def build(hp: Any) -> Any:
        inputs = keras.Input((1,))
        return headed(inputs, layers.Dense(hp.Choice("units", [2, 3]))(layer(inputs)))

    first = sst.check(build, {"units": 2})
    layer.bin_boundaries = [0.1, 0.2, 0.3, 0.4]
    second = sst.check(build, {"units": 2})
    assert first.parameters is not None
    assert second.parameters == first.parameters + 2 * 2
    assert first.slow_because is second.slow_because is None


@pytest.mark.parametrize("build", [normalized, adapted_in_build, first_of_a_stack, in_a_layer])
def test_a_whole_space(build: Any) -> None:
    domains = BUILDS[build][1]
    x = rows(16)
    report = sst.validate_search_space(build, x=x, y=np.zeros((SAMPLES, 1), "float32"))
    feasible = [trained(build, values, x) is not None for values in configurations(domains)]
    assert report.exact
    assert report.feasible_fraction == sum(feasible) / len(feasible)


def stacked(hp: Any) -> Any:
    inputs = x = keras.Input((12, 12, 3))
    for layer in (FLIP, ROTATE):
        x = layer(x)
    for block in range(14):
        x = layers.Conv2D(hp.Int(f"filters_{block}", 2, 9), hp.Choice(f"kernel_{block}", [1, 3]))(x)
    return headed(inputs, layers.GlobalAveragePooling2D()(x))


@pytest.mark.parametrize("data", [{}, {"x": IMAGES, "y": np.zeros((SAMPLES, 1), "float32")}])
def test_states_behind_them_merge(data: dict[str, Any]) -> None:
    report = sst.validate_search_space(stacked, exact=True, **data)
    fits = sum(math.comb(14, threes) for threes in range(6))  # each takes 2 of 12
    assert report.feasible_fraction == fits / 2**14
    # Elsewhere states do not merge where there is data.
    assert report.runs < (2_000 if not data or BACKEND == "tensorflow" else 8_000)


def test_what_adapts_to_equal_data_learns_once(monkeypatch: pytest.MonkeyPatch) -> None:
    learned = []
    adapt = layers.Normalization.adapt

    def counted(self: Any, data: Any) -> None:
        learned.append(data)
        adapt(self, data)

    monkeypatch.setattr(layers.Normalization, "adapt", counted)

    def build(hp: Any) -> Any:
        inputs = keras.Input((16,))
        layer = layers.Normalization(mean=None, name=None, axis=-1)
        layer.adapt(ROWS + hp.Choice("shift", [0.0, 1.0]))
        return headed(inputs, layers.Dense(hp.Int("units", 1, 8))(layer(inputs)))

    for shift in (0.0, 1.0):
        for units in range(1, 9):
            assert sst.check(build, {"units": units, "shift": shift}).feasible
    assert len(learned) == 2


def test_layers_with_weights_are_left_to_keras() -> None:
    spectrogram = layers.STFTSpectrogram(frame_length=8, frame_step=4, fft_length=8)
    fixed = layers.Normalization(mean=1.0, variance=2.0)
    graph = keras.Model(BACKBONE.inputs, BACKBONE.outputs[0])
    real_layers = RealLayers(AnalyticRun(Check()))
    for layer in (SHARED, layers.PReLU(), spectrogram, keras.Sequential([SHARED]), fixed, graph):
        assert real_layers.adopt(layer) is None, layer


# Text.


def looked_up(hp: Any) -> Any:
    inputs = keras.Input((1,), dtype="string")
    layer = layers.StringLookup(vocabulary=["a", "b"], output_mode=hp.Choice("mode", MODES))
    return headed(inputs, layers.Dense(hp.Int("units", 1, 2))(layer(inputs)))


def hashed(hp: Any) -> Any:
    inputs = keras.Input((1,), dtype="string")
    x = layers.Hashing(hp.Int("bins", 1, 2), output_mode="one_hot")(inputs)
    return headed(inputs, x)


def cut_into_words(hp: Any) -> Any:
    inputs = keras.Input((1,), dtype="string")
    layer = layers.TextVectorization(output_sequence_length=hp.Choice("words", [3, 6]))
    layer.adapt(WORDS)
    assert len(layer.get_vocabulary()) == layer.vocabulary_size()
    x = layers.Embedding(layer.vocabulary_size(), 4)(layer(inputs))
    x = layers.Conv1D(2, hp.Choice("kernel", [3, 5]))(x)
    return headed(inputs, layers.GlobalMaxPooling1D()(x))


def without_a_lookup(hp: Any) -> Any:
    inputs = keras.Input((1,), dtype="string")
    return headed(inputs, layers.Dense(hp.Int("units", 1, 2))(inputs))


def reshaped(hp: Any) -> Any:
    inputs = keras.Input((1,), dtype="string")
    x = layers.StringLookup(vocabulary=["a"])(layers.Reshape((hp.Choice("size", [1, 2]),))(inputs))
    return headed(inputs, layers.Flatten()(layers.Embedding(3, 2)(x)))


def numbers_alone(hp: Any) -> Any:
    inputs = keras.Input((1,))
    return headed(inputs, layers.Dense(hp.Int("units", 1, 2))(inputs))


MODES = ["int", "one_hot", "multi_hot", "count"]
TEXTS: dict[Callable[[Any], Any], dict[str, list[Any]]] = {
    looked_up: {"mode": MODES, "units": [1, 2]},
    hashed: {"bins": [1, 2]},
    cut_into_words: {"words": [3, 6], "kernel": [3, 5]},
    without_a_lookup: {"units": [1, 2]},
    reshaped: {"size": [1, 2]},
    numbers_alone: {"units": [1, 2]},
}


@needs_strings
@pytest.mark.parametrize("build", TEXTS, ids=lambda build: build.__name__)
def test_text_as_in_keras(build: Any) -> None:
    x = keras.ops.convert_to_tensor([[word] for word in WORDS])
    by_rules = 0
    for values in configurations(TEXTS[build]):
        verdict = sst.check(build, values, x=x, y=np.zeros((SAMPLES, 1), "float32"))
        assert verdict.feasible is (trained(build, values, x) is not None), (values, verdict)
        by_rules += bool(verdict) and verdict.slow_because is None
    assert by_rules or build in (without_a_lookup, numbers_alone)


class Casting(layers.Layer):  # type: ignore[misc]
    """Code of the user's own that casts what it is called on."""

    def call(self, x: Any) -> Any:
        return keras.ops.cast(x, "float32")


def without_an_input(hp: Any) -> Any:
    model = keras.Sequential([layers.Dense(hp.Int("units", 1, 2)), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def cast_by_a_layer(hp: Any) -> Any:
    inputs = keras.Input((1,), dtype="string")
    return headed(inputs, layers.Dense(hp.Int("units", 1, 2))(Casting()(inputs)))


NUMBERS = ROWS[:, :1]


@needs_strings
@pytest.mark.parametrize(
    ("build", "x", "reason"),
    [
        (looked_up, NUMBERS, "was made for strings and gets numbers of float32"),
        (looked_up, NUMBERS.astype("int64"), "was made for strings and gets numbers of int64"),
        (numbers_alone, None, "was made for numbers of float32 and gets strings"),
        (without_an_input, None, "fails on a batch of 6 samples: Cast string to float is not"),
        (cast_by_a_layer, None, "Cast string to float is not"),
    ],
)
def test_no_step_casts_between_strings_and_numbers(build: Any, x: Any, reason: str) -> None:
    x = keras.ops.convert_to_tensor([[word] for word in WORDS]) if x is None else x
    verdict = sst.check(build, {}, x=x, y=np.zeros((SAMPLES, 1), "float32"))
    assert trained(build, {}, x) is None
    assert verdict.feasible is False
    assert reason in verdict.reason
    assert sst.check(build, {}).feasible
