"""The hooks in Keras: its layer calls, losses, seeds and downloads.

The hooks are installed once and stay; each looks for the *context* of a check in its own thread
and does what Keras does when there is none. Other threads therefore see stock Keras throughout,
and nothing has to be taken out again.
"""

from __future__ import annotations

import functools
import random
import threading
import types
from typing import Any

import keras
from keras.src.random import seed_generator
from keras.src.utils import file_utils

from shapesafe_tuner._compat.active import BORN, LOCAL, Hooks, current, touch
from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner._compat.keras import (
    constructors,
    creating,
    global_state,
    shortcuts,
    weightless,
)
from shapesafe_tuner._compat.types import Layer, Loss, Model, Nested, Tensor

__all__ = ["Hooks", "current", "use"]

_INSTALLED = threading.Lock()
_DONE = False


class use:  # noqa: N801
    """Make ``hooks`` this thread's for the duration; checks nest."""

    __slots__ = ("_hooks", "_outer")

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks

    def __enter__(self) -> None:
        if not _DONE:
            _install()
        self._outer = current()
        LOCAL.hooks = self._hooks

    def __exit__(self, *error: object) -> None:
        LOCAL.hooks = self._outer


def _install() -> None:
    global _DONE
    if _DONE:
        return
    with _INSTALLED:
        if not _DONE:
            weightless.install()
            _hook_seeds()
            global_state.install()
            _hook_layer_call()
            _hook_loss_call()
            _hook_downloads()
            shortcuts.install()
            backend.install()
            _hook_touched_layers()
            constructors.install()
            creating.install()
            _DONE = True


class _Draws(types.ModuleType):
    """``random`` as Keras's seed module sees it: a check draws nothing from it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(random, name)

    def randint(self, low: int, high: int) -> int:
        hooks = current()
        if hooks is None or hooks.keep_random_trace:
            return random.randint(low, high)
        return low


def _hook_seeds() -> None:
    # make_default_seed is imported by name in many modules; all share this one's globals.
    seed_generator.python_random = _Draws("random")


def _hook_touched_layers() -> None:
    """Tell layers that this check made from those that were there before it."""
    initialize_tracker = keras.Layer._initialize_tracker
    open_name_scope = keras.Layer._open_name_scope

    @functools.wraps(initialize_tracker)
    def mark_and_initialize(self: Layer) -> None:
        hooks = current()
        if hooks is not None and "_tracker" not in self.__dict__:
            self.__dict__[BORN] = hooks.born_here
            hooks.note_birth(self)
        initialize_tracker(self)

    @functools.wraps(open_name_scope)
    def touch_and_open(self: Layer) -> Any:
        hooks = current()
        if hooks is not None:
            touch(hooks, self)
            if not self.built:
                hooks.note_build(self)
        return open_name_scope(self)

    keras.Layer._initialize_tracker = mark_and_initialize
    keras.Layer._open_name_scope = touch_and_open


def _hook_layer_call() -> None:
    call = keras.Layer.__call__

    @functools.wraps(call)
    def recorded_call(self: Layer, *args: object, **kwargs: object) -> Nested:
        hooks = getattr(LOCAL, "hooks", None)
        if hooks is None:
            return call(self, *args, **kwargs)
        return hooks.around_call(self, call, args, kwargs)

    keras.Layer.__call__ = recorded_call


def _hook_loss_call() -> None:
    call = keras.losses.Loss.__call__

    @functools.wraps(call)
    def noted_call(
        self: Loss, y_true: Nested, y_pred: Nested, sample_weight: Tensor | None = None
    ) -> Tensor:
        hooks = current()
        if hooks is not None:
            hooks.compared(self, y_true, y_pred)
        return call(self, y_true, y_pred, sample_weight=sample_weight)

    keras.losses.Loss.__call__ = noted_call


def _hook_downloads() -> None:
    get_file = file_utils.get_file
    load_weights = keras.Model.load_weights

    @functools.wraps(get_file)
    def get_file_if_present(*args: object, **kwargs: object) -> Any:
        hooks = current()
        if hooks is None:
            return get_file(*args, **kwargs)
        name = str(kwargs.get("fname") or (args[0] if args else kwargs.get("origin")))
        hooks.download(name)
        return _Absent(name)

    @functools.wraps(load_weights)
    def load_present_weights(
        self: Model, filepath: object, *args: object, **kwargs: object
    ) -> None:
        if current() is not None and isinstance(filepath, _Absent):
            return
        load_weights(self, filepath, *args, **kwargs)

    file_utils.get_file = get_file_if_present
    keras.utils.get_file = get_file_if_present
    keras.Model.load_weights = load_present_weights


class _Absent(str):
    """The path of a file that a check does not fetch."""
