"""Keras's global state: a check has one of its own, as a trial has after ``clear_session()``."""

from __future__ import annotations

import os
import threading
import types
from typing import NamedTuple

import keras
from keras.src.backend import config as backend_config
from keras.src.backend.common import global_state

from shapesafe_tuner._compat.active import current

__all__ = ["KERAS_FOLDER", "Policies", "install", "isolated_state", "policies"]

KERAS_FOLDER = os.path.dirname(os.path.abspath(keras.__file__))
"""Where the code of Keras is."""
_TRACKERS = [
    name
    for name in ("GLOBAL_STATE_TRACKER", "GLOBAL_SETTINGS_TRACKER")
    if hasattr(global_state, name)
]


class isolated_state:  # noqa: N801
    """Give this thread the global state of Keras that a trial has after ``clear_session()``.

    Names, policies, scopes and the list of uninitialised variables are emptied, and put back
    afterwards. Keras filters no traceback inside: where an error came from must stay visible.
    """

    __slots__ = ("_saved",)

    def __enter__(self) -> None:
        self._saved = [dict(tracker.__dict__) for tracker in _trackers()]
        _PROCESS_WIDE.enter()
        _clear_this_thread()

    def __exit__(self, *error: object) -> None:
        for tracker, values in zip(_trackers(), self._saved, strict=True):
            tracker.__dict__.clear()
            tracker.__dict__.update(values)
        _PROCESS_WIDE.leave()


class _Defaults(NamedTuple):
    dtype: str
    epsilon: float
    data_format: str


class _ProcessWide:
    """What all threads share: default dtype, epsilon and data format.

    Checks overlap, and one may begin while another one's ``build`` has changed these; so they
    are put back when the last check ends, to what they were when the first one began.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._checks = 0
        self._before = _Defaults("", 0.0, "")

    def enter(self) -> None:
        with self._lock:
            if not self._checks:
                self._before = _process_wide()
            self._checks += 1

    def leave(self) -> None:
        with self._lock:
            self._checks -= 1
            if not self._checks and self._before != _process_wide():
                keras.config.set_floatx(self._before.dtype)
                keras.config.set_epsilon(self._before.epsilon)
                keras.config.set_image_data_format(self._before.data_format)


_PROCESS_WIDE = _ProcessWide()


def _trackers() -> list[threading.local]:
    # clear_session() puts new ones in their place.
    return [getattr(global_state, name) for name in _TRACKERS]


def _process_wide() -> _Defaults:
    config = backend_config
    return _Defaults(config._FLOATX, config._EPSILON, config._IMAGE_DATA_FORMAT)


class Policies(NamedTuple):
    """What layers take from the global state: dtype policy, default dtype and data format."""

    policy: str
    dtype: str
    data_format: str


def policies() -> Policies:
    """What layers of this thread would take now."""
    policy = global_state.GLOBAL_STATE_TRACKER.__dict__.get("dtype_policy")
    dtype = backend_config._FLOATX
    # The first layer makes the policy of the default dtype, where none was set.
    name = dtype if policy is None else policy.name
    return Policies(name, dtype, backend_config._IMAGE_DATA_FORMAT)


def _clear_this_thread() -> None:
    for tracker in _trackers():
        tracker.__dict__.clear()
    keras.config.disable_traceback_filtering()


def clear_session_under_check() -> bool:
    """Clear only the check's own state; False when no check is active in this thread."""
    if current() is None:
        return False
    _clear_this_thread()
    return True


def install() -> None:
    """Let a check that calls ``clear_session`` clear its own state only."""
    # User code may hold the function itself, so its code is replaced, not its name.
    original = global_state.clear_session
    stock = types.FunctionType(
        original.__code__, original.__globals__, original.__name__, original.__defaults__
    )
    original.__globals__["_shapesafe_tuner_clear"] = clear_session_under_check
    original.__globals__["_shapesafe_tuner_stock"] = stock

    def clear_session(free_memory: bool = True) -> None:
        if not _shapesafe_tuner_clear():  # type: ignore[name-defined] # noqa: F821
            _shapesafe_tuner_stock(free_memory)  # type: ignore[name-defined] # noqa: F821

    original.__code__ = clear_session.__code__
