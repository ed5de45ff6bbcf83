"""Every form of data: the batches that are read from it are those that fit makes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner.tracing.data.iterables import give_back
from shapesafe_tuner.tracing.data.reading import read_data
from shapesafe_tuner.tracing.data.spec import Batch, DataSpec, TensorSpec
from tests.backends import BACKEND, only_on

if BACKEND == "tensorflow":
    import tensorflow as tf

DATASET = only_on("tensorflow", "a tf.data.Dataset or a tensor of TensorFlow")

X, Y = np.zeros((70, 8)), np.zeros(70, "int64")
F32 = "float32"


def spec(*shape: int | None, dtype: str = F32) -> TensorSpec:
    return TensorSpec(shape, dtype)


def read(*args: Any, **kwargs: Any) -> DataSpec:
    data = read_data(*args, **kwargs)
    assert data is not None
    return data


def sizes(data: DataSpec) -> list[tuple[str, int | None]]:
    return [(batch.kind, batch.size) for batch in data.batches]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"x": X, "y": Y}, [("train", 32), ("train", 6)]),
        ({"x": X[:64], "y": Y[:64]}, [("train", 32)]),
        ({"x": X[:5], "y": Y[:5]}, [("train", 5)]),
        ({"x": X, "y": Y, "batch_size": 70}, [("train", 70)]),
        ({"x": X, "y": Y, "steps_per_epoch": 3}, [("train", 24), ("train", 22)]),
        (
            {"x": X, "y": Y, "validation_split": 0.2},
            [("train", 32), ("train", 24), ("validation", 14)],
        ),
        (
            {"x": X[:64], "y": Y[:64], "validation_data": (X, Y), "validation_batch_size": 50},
            [("train", 32), ("validation", 50), ("validation", 20)],
        ),
    ],
)
def test_sizes_of_batches(given: dict[str, Any], expected: list[tuple[str, int]]) -> None:
    assert sizes(read(**given)) == expected


class Pairs(keras.utils.PyDataset):
    """70 samples in batches of 32."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        part = slice(32 * index, 32 * index + 32)
        return X[part].astype(F32), Y[part]


def dataset(**options: Any) -> Any:
    return tf.data.Dataset.from_tensor_slices((X.astype(F32), Y)).batch(32, **options)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        pytest.param(dataset, [32, 6], marks=DATASET),
        pytest.param(
            lambda: dataset().shuffle(9).map(lambda x, y: (x, y)).prefetch(2),
            [32, 6],
            marks=DATASET,
        ),
        pytest.param(lambda: dataset(drop_remainder=True), [32], marks=DATASET),
        pytest.param(
            lambda: dataset().unbatch().filter(lambda x, y: True).batch(16), [16], marks=DATASET
        ),
        (Pairs, [32, 6]),
    ],
)
def test_iterables(x: Any, expected: list[int]) -> None:
    data = read(x())
    assert [batch.size for batch in data.batches] == expected
    first = data.batches[0]
    assert first.x == spec(expected[0], 8)
    assert first.y == spec(expected[0], dtype="int64")


@DATASET
def test_reading_takes_nothing_from_a_dataset() -> None:
    taken: list[int] = []

    def generate() -> Iterator[Any]:
        taken.append(1)
        yield np.zeros((4, 8), F32)

    signature = tf.TensorSpec((None, 8), tf.float32)
    read(tf.data.Dataset.from_generator(generate, output_signature=signature).shuffle(3))
    assert taken == []


def test_a_generators_first_batch_is_given_back() -> None:
    def generate() -> Iterator[Any]:
        for number in range(3):
            yield np.full((4, 8), number, F32), np.zeros(4)

    generator = generate()
    assert read(generator).batches == read(generator).batches
    assert read(generator).batches[0].x == spec(4, 8)
    assert [int(x[0, 0]) for x, _ in give_back(generator)] == [0, 1, 2]
    assert give_back(X) is X


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        (np.zeros((5, 3), "float64"), spec(5, 3)),
        (np.zeros((5, 3), "float16"), spec(5, 3)),
        (np.zeros(5, "int32"), spec(5, dtype="int32")),
        (np.zeros(5, bool), spec(5, dtype="bool")),
        (keras.ops.zeros((5, 3), "int32"), spec(5, 3, dtype="int32")),
        (np.array(["a"] * 5, dtype=object), spec(5, dtype="string")),
        (pd.DataFrame({"a": [1.0] * 5, "b": [2] * 5}), spec(5, 2)),
        (pd.DataFrame({"a": [1] * 5, "b": [2] * 5}), spec(5, 2, dtype="int64")),
        (pd.Series([1.0] * 5), spec(5, 1)),
        (keras.KerasTensor((5, 3), dtype="int8"), spec(5, 3, dtype="int8")),
        (keras.InputSpec(shape=(5, 3), dtype="int8"), spec(5, 3, dtype="int8")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_arrays_and_their_dtypes(leaf: Any, expected: TensorSpec) -> None:
    assert read(leaf).batches == (Batch(expected),)


@DATASET
def test_tensors_of_tensorflow() -> None:
    assert read(tf.zeros((5, 3), tf.int64)).batches == (Batch(spec(5, 3, dtype="int64")),)
    assert read(tf.constant(["a"] * 5)).batches == (Batch(spec(5, dtype="string")),)


@pytest.mark.parametrize("symbol", [keras.KerasTensor, lambda shape: keras.InputSpec(shape=shape)])
def test_data_not_at_hand_has_full_batches(symbol: Any) -> None:
    given = {"x": symbol((None, 8)), "y": symbol((None,))}
    assert sizes(read(**given)) == [("train", 32)]
    assert sizes(read(**given, batch_size=7)) == [("train", 7)]
    assert read(**given).batches[0].y == spec(32)


def test_structures_are_kept_and_lists_become_tuples() -> None:
    given = {"x": {"a": X, "b": [X[:, :2], X]}, "y": [Y, X], "sample_weight": np.ones(70)}
    first = read(**given).batches[0]
    assert first.x == {"a": spec(32, 8), "b": (spec(32, 2), spec(32, 8))}
    assert first.y == (spec(32, dtype="int64"), spec(32, 8))
    assert first.sample_weight == (spec(32), spec(32))
    assert hash(first) == hash(read(**given).batches[0])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"x": X, "y": Y[:69]}, "x has 70 samples and y has 69 samples; fit needs the same number"),
        (
            {"x": X, "y": Y, "sample_weight": np.ones(3)},
            "x has 70 samples, y has 70 samples and sample_weight has 3 samples; fit needs",
        ),
        ({"x": np.array([["a"]] * 4), "y": Y[:4]}, "a NumPy array of shape (4, 1) and dtype <U1"),
        ({"x": (8, 8, 1)}, "for data of this shape keras.Input((8, 8, 1))"),
        ({"x": X, "y": np.array(["a"] * 70)}, "turn labels into numbers"),
        ({"x": X, "y": [Y, Y], "class_weight": {0: 1.0}}, "class_weight for a single output"),
    ],
)
def test_data_that_fit_refuses(given: dict[str, Any], said: str) -> None:
    problem = read(**given).problem
    assert problem is not None
    assert said in problem


def model(hp: Any) -> keras.Model:
    built = keras.Sequential([keras.Input((8,)), layers.Dense(1)])
    built.compile("sgd", "mse")
    return built


def test_data_that_fit_refuses_makes_every_configuration_infeasible() -> None:
    verdict = sst.check(model, {}, x=X, y=Y[:69])
    assert verdict.feasible is False
    assert verdict.fault is not None
    assert "fit needs the same number in each" in verdict.fault.reason
    with pytest.raises(ValueError, match="cardinality"):
        model(None).fit(X, Y[:69], verbose=0)


def test_unreadable_data_leaves_training_unjudged() -> None:
    verdict = sst.check(model, {}, x=type("Loader", (), {})())
    assert verdict.feasible
    assert "data of type Loader cannot be read before training" in verdict.warnings[0]


def test_random_batches_of_a_pydataset_move_no_random_state() -> None:
    class Noisy(Pairs):
        def __getitem__(self, index: int) -> Any:
            x, y = super().__getitem__(index)
            return x + np.random.normal() + random.random(), y

    before = (random.getstate(), list(np.random.get_state()[1]))
    assert sst.check(model, {}, x=Noisy()).feasible
    assert (random.getstate(), list(np.random.get_state()[1])) == before
