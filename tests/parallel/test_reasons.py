"""Why a worker's trial failed, told to the chief over a real channel of gRPC."""

from __future__ import annotations

import socket
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import pytest

from shapesafe_tuner._compat.keras_tuner import rpc
from shapesafe_tuner.report.failures import reason_of
from shapesafe_tuner.search.chief import Attendance
from tests import toys
from tests.parallel.test_attendance import chief_of

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]


@pytest.fixture
def channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A chief that listens, and a worker's proxy of its oracle."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(port))
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "a")
    chief = chief_of(tmp_path, Attendance(10), max_consecutive_failed_trials=9)
    server = rpc.Server(chief.oracle, chief)
    stock = SimpleNamespace(_oracle=chief.oracle, multi_worker=False, should_report=True)
    client = rpc.Client(stock)
    yield chief, client
    client.leave()
    server.stop()


def _traceback_of_a_trial() -> str:
    """What KerasTuner keeps of a trial that a layer refuses."""
    model = keras.Sequential([keras.layers.Dense(1), keras.layers.Reshape((7,))])
    model.compile("sgd", "mse")
    try:
        model.fit(toys.X, toys.Y, verbose=0)
    except Exception:
        return traceback.format_exc()
    raise AssertionError("it trains")


@pytest.mark.parametrize("kind", ["traceback", "long", "none"])
def test_the_chief_learns_the_sentence_that_says_why(channel: Any, kind: str) -> None:
    chief, client = channel
    message = {
        "traceback": _traceback_of_a_trial(), "long": "ValueError: é" + "x" * 20_000, "none": None,
    }[kind]  # fmt: skip
    trial = client.create_trial("a")
    trial.status = "FAILED"
    trial.message = message and reason_of(message)
    client.end_trial(trial)
    kept = chief.oracle.trials[trial.trial_id]
    assert kept.status == "FAILED"
    told = reason_of(kept.message)
    if kind == "traceback":
        assert told == reason_of(message)
        assert "target_shape=(7,)" in told
    elif kind == "long":
        assert told.startswith("ValueError: é")
        assert len(told.encode()) < 8192
    else:
        assert told == "no message"
