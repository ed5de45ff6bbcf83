"""Ctrl-C at the worst moment: what a check puts up is taken down, and the interruption arrives."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from typing import Any

import keras
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner._compat.interruption import interruptible
from shapesafe_tuner._compat.keras.global_state import isolated_state
from shapesafe_tuner.tracing import environment
from shapesafe_tuner.tracing.environment import Check, check_environment
from shapesafe_tuner.tracing.quiet import QUIET_THREADS


def build(hp: Any) -> Any:
    return keras.Sequential([keras.Input((8, 1)), layers.Conv1D(1, hp.Int("kernel", 1, 12))])


class Pressed(isolated_state):
    """Ctrl-C comes while it is put up, or taken down."""

    when, left = "enter", 1

    def __enter__(self) -> None:
        super().__enter__()
        self.press("enter")

    def __exit__(self, *error: object) -> None:
        self.press("exit")
        super().__exit__(*error)

    @classmethod
    def press(cls, when: str) -> None:
        if when == cls.when and cls.left:
            cls.left -= 1
            signal.raise_signal(signal.SIGINT)


@pytest.fixture(params=["enter", "exit"])
def pressed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type[Pressed]:
    monkeypatch.setattr(Pressed, "when", request.param)
    monkeypatch.setattr(Pressed, "left", 1)
    monkeypatch.setattr(environment, "isolated_state", Pressed)
    return Pressed


@pytest.fixture(autouse=True)
def nothing_is_left() -> Any:
    streams, handler = (sys.stdout, sys.stderr), signal.getsignal(signal.SIGINT)
    name = keras.layers.Dense(1).name
    yield
    assert not QUIET_THREADS.is_quiet()
    assert (sys.stdout, sys.stderr) == streams
    assert signal.getsignal(signal.SIGINT) is handler
    after = int(keras.layers.Dense(1).name.rpartition("_")[2])
    assert after == int(name.rpartition("_")[2] or 0 if "_" in name else 0) + 1


def test_a_check_is_interrupted_and_leaves_nothing(pressed: type[Pressed]) -> None:
    with pytest.raises(KeyboardInterrupt):
        sst.check(build, {})
    assert not pressed.left
    assert sst.check(build, {}).feasible is True


def test_a_validation_gives_the_report_so_far(
    pressed: type[Pressed], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = sst.validate_search_space(build)
    assert report.interrupted
    assert not pressed.left
    assert not sst.validate_search_space(build).interrupted


@interruptible
def lost(*surroundings: Any) -> None:
    with contextlib.ExitStack() as stack:
        for one in surroundings:
            stack.enter_context(one)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("Ctrl-C was lost")


def test_elsewhere_it_is_raised_at_once() -> None:
    with pytest.raises(KeyboardInterrupt):
        lost()
    with pytest.raises(KeyboardInterrupt):
        lost(check_environment(Check()))


def test_a_handler_of_the_users_own_stays() -> None:
    seen = []
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        interruptible(signal.raise_signal)(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [signal.SIGINT]


def test_other_threads_are_left_alone() -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(sst.check(build, {}).feasible))
    thread.start()
    thread.join()
    assert found == [True]
