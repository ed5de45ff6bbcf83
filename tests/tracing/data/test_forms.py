"""Forms of data that ``fit`` takes or refuses: a check says what a real ``fit`` does."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner
import numpy as np
import pandas
import pytest

import shapesafe_tuner as sst
from tests.backends import BACKEND

if BACKEND == "tensorflow":
    import tensorflow as tf

pytestmark = pytest.mark.filterwarnings("ignore")
X = np.random.default_rng(0).random((8, 4), dtype="float32")
Y = X.sum(axis=1, keepdims=True)
NUMBERS = {"b": [1.0] * 8, "c": [1] * 8, "d": [True] * 8}


class Batches(keras.utils.PyDataset):
    def __init__(self, count: int = 2, features: int = 4) -> None:
        super().__init__()
        self.count, self.features = count, features

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        return X[:4, : self.features], Y[:4]


def table(first: Any) -> Any:
    return pandas.DataFrame({"a": first, **NUMBERS})


def batches() -> Any:
    yield X[:4], Y[:4]


FORMS: dict[str, dict[str, Any]] = {
    "arrays": {"x": X, "y": Y},
    "numbers in y": {"x": X, "y": [1.0] * 8},
    "lists in y": {"x": X, "y": [[1.0]] * 8},
    "lists in x": {"x": X.tolist(), "y": Y},
    "an array in a list": {"x": [X], "y": [Y]},
    "two arrays": {"x": [X, X], "y": Y},
    "numbers as weights": {"x": X, "y": Y, "sample_weight": [1.0] * 8},
    "weights": {"x": X, "y": Y, "sample_weight": np.ones(8)},
    "too few weights": {"x": X, "y": Y, "sample_weight": np.ones(7)},
    "whole numbers": {"x": X.astype(int), "y": Y},
    "text": {"x": X.astype(str), "y": Y},
    "a table": {"x": pandas.DataFrame(X), "y": pandas.Series(Y[:, 0])},
    "a mixed table": {"x": table([1] * 8), "y": Y},
    "a column of text": {"x": table(["t"] * 8), "y": Y},
    "a column of categories": {"x": table(pandas.Categorical(["t"] * 8)), "y": Y},
    "a column of dates": {"x": table(pandas.date_range("2020", periods=8)), "y": Y},
    "a PyDataset": {"x": Batches()},
    "an empty PyDataset": {"x": Batches(0)},
    "a narrow PyDataset": {"x": Batches(features=3)},
    "a PyDataset and y": {"x": Batches(), "y": Y},
    "a narrow PyDataset to validate on": {"x": Batches(), "validation_data": Batches(features=3)},
    "a word": {"x": "abc", "y": Y},
    "a number": {"x": 3, "y": Y},
    "a range": {"x": range(8), "y": Y},
    "an iterator": {"x": iter([(X, Y)])},
    "another width to validate on": {"x": X, "y": Y, "validation_data": (X[:, :3], Y)},
    "numbers to validate on": {"x": X, "y": Y, "validation_data": (X, [1.0] * 8)},
}
if BACKEND == "tensorflow":
    PAIRS = tf.data.Dataset.from_tensor_slices((X, Y))
    FORMS |= {
        "a dataset": {"x": PAIRS.batch(4)},
        "a dataset without batches": {"x": PAIRS},
        "a dataset and y": {"x": PAIRS.batch(4), "y": Y},
        "a dataset and weights": {"x": PAIRS.batch(4), "sample_weight": np.ones(8)},
        "a dataset of four": {"x": tf.data.Dataset.from_tensors((X, Y, Y, Y))},
    }


def build(hp: Any) -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("form", FORMS)
def test_a_form_of_data(form: str) -> None:
    try:
        build(keras_tuner.HyperParameters()).fit(**FORMS[form], verbose=0)
    except Exception:
        trains = False
    else:
        trains = True
    verdict = sst.check(build, {}, **FORMS[form])
    assert verdict.feasible is trains, verdict


def test_a_generator_with_targets_beside_it_is_refused() -> None:
    verdict = sst.check(build, {}, x=batches(), y=Y)
    assert verdict.fault is not None
    assert "fit takes no y beside x of type generator" in verdict.fault.reason
    with pytest.raises(ValueError, match="should not be passed"):
        build(keras_tuner.HyperParameters()).fit(batches(), Y, verbose=0)
