"""Streams that are silent in one thread."""

from __future__ import annotations

import sys
import threading
import warnings

import pytest

from shapesafe_tuner.tracing.quiet import QUIET_THREADS


def speak() -> None:
    print("word")
    print("word", file=sys.stderr)
    sys.stdout.writelines(["a", "b"])
    warnings.warn("word", stacklevel=2)


def test_a_quiet_thread_says_nothing_and_another_one_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stdout, stderr, warn = sys.stdout, sys.stderr, warnings.warn
    with QUIET_THREADS:
        assert QUIET_THREADS.is_quiet()
        speak()
        other = threading.Thread(target=print, args=("other",))
        other.start()
        other.join()
    assert capsys.readouterr() == ("other\n", "")
    assert (sys.stdout, sys.stderr, warnings.warn) == (stdout, stderr, warn)
    assert not QUIET_THREADS.is_quiet()


def test_it_is_quiet_until_the_last_check_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    with QUIET_THREADS:
        with QUIET_THREADS:
            speak()
        speak()
    assert capsys.readouterr() == ("", "")


def test_what_user_code_puts_in_place_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = object()
    before = sys.stdout
    with QUIET_THREADS:
        monkeypatch.setattr(sys, "stdout", mine)
    assert sys.stdout is mine
    monkeypatch.undo()
    sys.stdout = before
