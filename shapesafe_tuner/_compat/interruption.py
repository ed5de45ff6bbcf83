"""Ctrl-C that waits while the surroundings of a check are put up or taken down.

Python raises ``KeyboardInterrupt`` between any two instructions. Where that happens half way
through, streams would stay silent and Keras's names those of a check for as long as the process
lives. A check of 0.1 ms spends a tenth of its time there, so it does happen.
"""

from __future__ import annotations

import functools
import signal
import threading

# What is in ``signal`` besides turns numbers into members of an enum and back, at each check.
from _signal import getsignal  # type: ignore[import-not-found]
from _signal import signal as set_handler
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, ParamSpec, TypeVar

__all__ = ["interruptible", "raise_if_interrupted", "undivided"]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")

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


def interruptible(function: Callable[_Given, _Answer]) -> Callable[_Given, _Answer]:
    """A function that users call, in which Ctrl-C waits for what is undivided.

    A handler of the user's own stays in its place, and so does that of an outer call.
    """

    @functools.wraps(function)
    def waiting(*args: _Given.args, **kwargs: _Given.kwargs) -> _Answer:
        if not _takes_over():
            return function(*args, **kwargs)
        try:
            return function(*args, **kwargs)
        finally:
            set_handler(signal.SIGINT, signal.default_int_handler)
            raise_if_interrupted()

    return waiting


def _takes_over() -> bool:
    """Put our handler in the place of Python's; False where there is another one."""
    if getsignal(signal.SIGINT) is not signal.default_int_handler:
        return False
    try:
        set_handler(signal.SIGINT, _interrupt)
    except ValueError:  # Only the main thread has handlers.
        return False
    return True


def _interrupt(number: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code in _UNDIVIDED:
            _WAITING.set()
            return
        frame = frame.f_back
    raise KeyboardInterrupt
