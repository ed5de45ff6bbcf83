"""Data given as functions of ``hp``, and batch sizes by name: against a real ``fit`` of each."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
from click.testing import CliRunner

import shapesafe_tuner as sst
from shapesafe_tuner.cli import main

SERIES = np.arange(24.0, dtype="float32").reshape(24, 1)


def _windows(hp: Any) -> np.ndarray:
    length = hp.Choice("window", [4, 8, 12])
    return np.stack([SERIES[i : i + length] for i in range(0, 24 - length)])


def _next(hp: Any) -> np.ndarray:
    return SERIES[hp.Choice("window", [4, 8, 12]) :]


def _convolved(hp: Any) -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((hp.Choice("window", [4, 8, 12]), 1)),
            keras.layers.Conv1D(2, hp.Choice("kernel", [3, 6])),
            keras.layers.GlobalMaxPooling1D(),
            keras.layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    return model


def _fixed_batch(hp: Any) -> keras.Model:
    inputs = keras.Input(batch_shape=(8, 3, 1))
    x = keras.layers.LSTM(hp.Choice("units", [1, 2]), stateful=True)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(x))
    model.compile("sgd", "mse")
    hp.Choice("batch", [4, 8, 16])
    return model


X, Y = np.zeros((16, 3, 1), "float32"), np.zeros((16, 1), "float32")


def _trains(build: Any, values: dict[str, Any], x: Any, y: Any, batch: Any = None) -> bool:
    """Whether Keras builds and trains the configuration."""
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    given = [part(hp) if callable(part) else part for part in (x, y, batch)]
    try:
        build(hp).fit(given[0], given[1], batch_size=given[2], verbose=0)
    except Exception:
        return False
    return True


def test_windows_of_each_length() -> None:
    for window, kernel in itertools.product([4, 8, 12], [3, 6]):
        values = {"window": window, "kernel": kernel}
        verdict = sst.check(_convolved, values, x=_windows, y=_next)
        assert verdict.feasible is _trains(_convolved, values, _windows, _next)
    report = sst.validate_search_space(_convolved, x=_windows, y=_next)
    assert report.exact
    assert report.total == 6
    assert report.feasible_fraction == pytest.approx(5 / 6)


def test_windows_that_are_cut_from_other_lengths_than_the_model_takes() -> None:
    def shorter(hp: Any) -> np.ndarray:
        return _windows(hp)[:, : hp.Int("kept", 3, 4)]

    for window, kept in itertools.product([4, 8], [3, 4]):
        values = {"window": window, "kept": kept}
        verdict = sst.check(_fully_connected, values, x=shorter, y=_next)
        assert verdict.feasible is _trains(_fully_connected, values, shorter, _next)
        if not verdict:
            assert verdict.fault is not None
            assert set(verdict.fault.hyperparameters) <= {"window", "kept"}


def _fully_connected(hp: Any) -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((hp.Choice("window", [4, 8, 12]), 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("batch", ["batch", lambda hp: hp.Choice("batch", [4, 8, 16])])
def test_batch_sizes_by_name_or_function(batch: Any) -> None:
    for size, units in itertools.product([4, 8, 16], [1, 2]):
        values = {"batch": size, "units": units}
        verdict = sst.check(_fixed_batch, values, x=X, y=Y, batch_size=batch)
        assert verdict.feasible is _trains(_fixed_batch, values, X, Y, size)
        if not verdict:
            assert verdict.fault is not None
            assert dict(verdict.fault.hyperparameters) == {"batch": size}
    report = sst.validate_search_space(_fixed_batch, x=X, y=Y, batch_size=batch)
    assert report.exact
    assert report.total == 6
    assert report.feasible_fraction == pytest.approx(1 / 3)
    assert {name for conflict in report.conflicts for name in conflict.values} == {"batch"}
    assert sst.repair(_fixed_batch, {"batch": 4}, x=X, y=Y, batch_size=batch)["batch"] == 8
    assert not sst.explain(_fixed_batch, {"batch": 4}, x=X, y=Y, batch_size=batch).verdict


def test_a_batch_size_of_a_name_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match=r"batch_size='bacth'.*Did you mean 'batch'"):
        sst.check(_fixed_batch, {}, x=X, y=Y, batch_size="bacth")


def test_what_only_the_data_reads_belongs_to_the_space() -> None:
    def batch(hp: Any) -> int:
        return int(hp.Int("rows", 1, 4)) * 4

    report = sst.validate_search_space(_fixed_batch, x=X, y=Y, batch_size=batch)
    assert report.total == 2 * 3 * 4
    assert report.feasible_fraction == pytest.approx(1 / 4)
    assert "rows" not in report.irrelevant


def test_a_function_that_fails_is_a_fault_and_a_bug_of_its_own_is_none() -> None:
    def too_long(hp: Any) -> Any:
        if hp.Choice("long", [2, 99]) > len(X):
            raise ValueError("the window is longer than the series")
        return X

    def misspelt(hp: Any) -> Any:
        length = hp.Choice("long", [2, 99])
        return X.reshap(length)

    refused = sst.check(_fixed_batch, {"long": 99}, x=too_long, y=Y, batch_size=8)
    assert refused.feasible is False
    assert refused.fault is not None
    assert "the data cannot be made" in refused.fault.reason
    assert dict(refused.fault.hyperparameters) == {"long": 99}
    unknown = sst.check(_fixed_batch, {"long": 99}, x=misspelt, y=Y)
    assert unknown.feasible is not False
    assert any("reshap" in note for note in unknown.warnings)


def test_functions_run_once_for_what_they_read_and_leave_no_trace(
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = []

    def noisy(hp: Any) -> Any:
        calls.append(hp.Choice("window", [4, 8, 12]))
        print("reading", np.random.rand())
        return _windows(hp)

    before = np.random.get_state()[1].copy()  # type: ignore[union-attr]
    sst.validate_search_space(_convolved, x=noisy, y=_next)
    assert sorted(set(calls)) == [4, 8, 12]
    assert len(calls) <= 6
    assert (np.random.get_state()[1] == before).all()  # type: ignore[union-attr]
    assert capsys.readouterr().out == ""


def test_the_command_takes_a_name(tmp_path: Any) -> None:
    target = tmp_path / "model.py"
    target.write_text(
        "import keras\n"
        "def build(hp):\n"
        "    inputs = keras.Input(batch_shape=(8, 3, 1))\n"
        "    hp.Choice('batch', [4, 8])\n"
        "    model = keras.Model(inputs, keras.layers.LSTM(1, stateful=True)(inputs))\n"
        "    model.compile('sgd', 'mse')\n"
        "    return model\n"
    )
    options = [f"{target}:build", "--x", "3,1", "--y", "1", "--batch-size", "batch"]
    ran = CliRunner().invoke(main, ["check", *options, "--set", "batch=8"])
    assert ran.exit_code == 0, ran.output
    refused = CliRunner().invoke(main, ["check", *options, "--set", "batch=4"])
    assert refused.exit_code == 1, refused.output
    assert CliRunner().invoke(main, ["check", *options[:-1], "0"]).exit_code == 2
