"""Why a trial failed: the sentence, out of what KerasTuner keeps."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest

import shapesafe_tuner as sst
from shapesafe_tuner.report.failures import reason_of
from tests import toys
from tests.backends import only_on

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]


def _told(raising: Callable[[], Any]) -> str:
    """What KerasTuner keeps of an error."""
    try:
        raising()
    except Exception:
        return traceback.format_exc()
    raise AssertionError("nothing was raised")


def _raise(error: Exception) -> None:
    raise error


def _chained() -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError as error:
        raise ValueError("the second one\nand its details") from error


@pytest.mark.parametrize(
    ("raising", "said"),
    [
        (lambda: _raise(ValueError("5 and 6 differ")), "ValueError: 5 and 6 differ"),
        (lambda: _raise(KeyError("val_loss")), "KeyError: 'val_loss'"),
        (lambda: _raise(ValueError()), "ValueError"),
        (
            lambda: _raise(keras_tuner.errors.FailedTrialError("too wide")),
            "FailedTrialError: too wide",
        ),
        (_chained, "ValueError: the second one"),
    ],
)
def test_the_last_exception_is_the_reason(raising: Callable[[], Any], said: str) -> None:
    assert reason_of(_told(raising)) == said


def test_messages_that_are_no_tracebacks() -> None:
    why = "The process ended once while this trial ran (killed); it is not run again."
    assert reason_of(why) == why
    assert reason_of(None) == "no message"
    assert reason_of(None, float("nan")) == "its objective is not a number (nan)"


def _model(*layers: Any, loss: str) -> keras.Model:
    model = keras.Sequential([keras.Input((6,)), *layers])
    model.compile("sgd", loss)
    return model


X = np.zeros((8, 6), "float32")


@only_on("tensorflow", "messages of its kernels")
@pytest.mark.parametrize(
    ("layers", "loss", "x", "y", "words"),
    [
        (
            [keras.layers.Dense(2, activation="softmax")], "sparse_categorical_crossentropy",
            X, np.full(8, 7), "Received a label value of 7 which is outside",
        ),
        (
            [keras.layers.Embedding(3, 2), keras.layers.Flatten(), keras.layers.Dense(1)], "mse",
            X + 9, np.zeros((8, 1)), "is not in [0, 3)",
        ),
        ([keras.layers.Dense(3)], "mse", X, np.zeros((8, 2)), "but are 2 and 3"),
        ([keras.layers.Dense(3)], "mse", X[:, :5], np.zeros((8, 3)), "to have value 6"),
    ],
)  # fmt: skip
def test_the_dump_of_a_graph_is_no_reason(
    layers: list[Any], loss: str, x: Any, y: Any, words: str
) -> None:
    said = reason_of(_told(lambda: _model(*layers, loss=loss).fit(x, y, verbose=0)))
    assert words in said
    assert "\n" not in said
    assert "\x1b" not in said


class Reshape(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return keras.ops.reshape(x, (4, 5))


@only_on("tensorflow", "the words of its shape inference")
def test_a_message_within_a_message() -> None:
    said = reason_of(_told(lambda: _model(Reshape(), loss="mse")))
    assert "Error encountered" not in said
    assert "reshape" in said.lower()


class Failing(toys.Scored):
    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        if hp.get("a") % 2:
            raise ValueError("an odd number of\nlines")
        return super().fit(hp, model, *args, **kwargs)


def test_the_summary_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tuner = sst.RandomSearch(
        Failing(toys.square), toys.SCORE, max_trials=6, seed=1, directory=str(tmp_path),
        max_consecutive_failed_trials=6,
    )  # fmt: skip
    tuner.search(verbose=0)
    assert "FAILED" in toys.statuses(tuner)
    tuner.feasibility_summary()
    assert ": ValueError: an odd number of\n" in capsys.readouterr().out
