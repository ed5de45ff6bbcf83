"""Ctrl-C that waits while the surroundings of a check are put up or taken down.

Python raises ``KeyboardInterrupt`` between any two instructions. Where that happens half way
through, streams would stay silent and Keras's names those of a check for as long as the process
lives. A check of 0.1 ms spends a tenth of its time there, so it does happen.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any, TypeVar

__all__ = ["interruptible", "raise_if_interrupted", "undivided"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

_UNDIVIDED: set[CodeType] = set()
_WAITING = threading.Event()


def undivided(function: _Function) -> _Function:
    """A function that Ctrl-C does not divide: it ends with :func:`raise_if_interrupted`."""
    _UNDIVIDED.add(function.__code__)
    return function


def raise_if_interrupted() -> None:
    """Raise the ``KeyboardInterrupt`` that came while something undivided was running.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    if _WAITING.is_set() and threading.current_thread() is threading.main_thread():
        _WAITING.clear()
        raise KeyboardInterrupt


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Around what a user calls: Ctrl-C waits for what is undivided.

    A handler of the user's own stays in its place.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise_if_interrupted()


def _interrupt(number: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code in _UNDIVIDED:
            _WAITING.set()
            return
        frame = frame.f_back
    raise KeyboardInterrupt
