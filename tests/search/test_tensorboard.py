"""Rejections in TensorBoard: read back, beside the trials, without TensorFlow's writer."""

from __future__ import annotations

import os
import pathlib
import sys
from typing import Any

import keras
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import shapesafe_tuner as sst
from shapesafe_tuner.search import chief
from shapesafe_tuner.search.tensorboard import RUN
from tests import toys

pytestmark = [pytest.mark.filterwarnings(ignored) for ignored in toys.IGNORED_WARNINGS]


def read(folder: pathlib.Path) -> Any:
    events = EventAccumulator(str(folder / RUN))
    events.Reload()
    return events


def scalars(events: Any, name: str) -> list[tuple[int, float]]:
    from tensorboard.util import tensor_util

    return [(event.step, tensor_util.make_ndarray(event.tensor_proto).item())
            for event in events.Tensors(f"rejections/{name}")]  # fmt: skip


def summaries(events: Any) -> list[str]:
    from tensorboard.util import tensor_util

    return [tensor_util.make_ndarray(event.tensor_proto).item().decode()
            for event in events.Tensors("rejections/summary")]  # fmt: skip


@pytest.mark.parametrize("name", ["RandomSearch", "Hyperband"])
def test_rejections_are_written_beside_the_trials(tmp_path: pathlib.Path, name: str) -> None:
    tuner = toys.make(name, toys.square, tmp_path / "project", seed=3)
    log = tmp_path / "log"
    tuner.search(toys.X, toys.Y, verbose=0, callbacks=[keras.callbacks.TensorBoard(str(log))])
    rejected = len(tuner.rejections)
    assert rejected
    events = read(log)
    assert set(events.Tags()["tensors"]) == {
        "rejections/count", "rejections/share of draws", "rejections/seconds of checking",
        "rejections/summary",
    }  # fmt: skip
    counts = scalars(events, "count")
    steps = [step for step, _ in counts]
    assert steps == sorted(steps)
    assert len(counts) > 1
    assert counts[-1] == (len(tuner.oracle.trials), rejected)
    (share,) = [value for step, value in scalars(events, "share of draws")[-1:]]
    assert share == pytest.approx(rejected / tuner.oracle.drawn)
    last = summaries(events)[-1]
    assert f"{rejected} rejected" in last
    assert all(line.startswith("    ") for line in last.splitlines())
    assert tuner.rejections[0].verdict.fault.reason in last or "other reason" in last
    if keras.backend.backend() == "tensorflow":
        beside = {entry for entry in os.listdir(log) if entry != RUN}
        assert beside <= set(tuner.oracle.trials)
        assert beside


def test_what_a_search_without_a_feasible_configuration_refused_is_written(
    tmp_path: pathlib.Path,
) -> None:
    tuner = toys.make("RandomSearch", toys.Scored(toys.never), tmp_path / "project")
    with pytest.raises(sst.errors.NoFeasibleConfigurationError):
        tuner.search(callbacks=keras.callbacks.TensorBoard(str(tmp_path / "log")), verbose=0)
    assert scalars(read(tmp_path / "log"), "count")[-1] == (0, len(tuner.rejections))


def test_without_the_callback_nothing_is_written(tmp_path: pathlib.Path) -> None:
    tuner = toys.make("RandomSearch", toys.Scored(toys.few), tmp_path / "project")
    tuner.search(verbose=0, callbacks=[keras.callbacks.EarlyStopping("score", mode="min")])
    assert tuner.rejections
    assert not list(tmp_path.rglob("events.out*"))


def test_a_stock_tuner_made_safe_writes_too(tmp_path: pathlib.Path) -> None:
    import keras_tuner

    tuner = sst.shape_safe(keras_tuner.GridSearch)(
        toys.Scored(toys.few), toys.SCORE, max_trials=10, directory=str(tmp_path / "project")
    )
    tuner.search(verbose=0, callbacks=[keras.callbacks.TensorBoard(str(tmp_path / "log"))])
    assert scalars(read(tmp_path / "log"), "count")[-1] == (4, 2)


def test_the_chief_of_a_parallel_search_writes_what_it_refused(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"TUNER_ID": "chief", "ORACLE_IP": "127.0.0.1", "ORACLE_PORT": "1"}.items():
        monkeypatch.setenv(f"KERASTUNER_{name}", value)
    monkeypatch.setattr(chief, "serve", toys.run)  # in place of workers
    tuner = toys.make("GridSearch", toys.Scored(toys.few), tmp_path / "project", trials=10)
    tuner.search(verbose=0, callbacks=[keras.callbacks.TensorBoard(str(tmp_path / "log"))])
    assert scalars(read(tmp_path / "log"), "count")[-1] == (4, 2)


def test_only_a_callback_of_tensorboard_needs_it(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    tuner = toys.make("RandomSearch", toys.square, tmp_path / "project", seed=3, max_trials=1)
    board = keras.callbacks.TensorBoard(str(tmp_path / "log"))
    with pytest.raises(ModuleNotFoundError, match="pip install tensorboard"):
        tuner.search(toys.X, toys.Y, verbose=0, callbacks=[board])
    tuner.search(toys.X, toys.Y, verbose=0)
    assert [trial.status for trial in tuner.oracle.trials.values()] == ["COMPLETED"]
