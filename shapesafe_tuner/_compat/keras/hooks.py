"""Private names of Keras: its global state, its variables, its layer calls.

The hooks are installed once and stay; each looks for the *context* of a check in its own thread
and does what Keras does when there is none. Other threads therefore see stock Keras throughout,
and nothing has to be taken out again.
"""

from __future__ import annotations

import functools
import os
import random
import threading
import types
from collections.abc import Callable
from typing import Any, Protocol

import keras
from keras.src import backend as keras_backend
from keras.src.backend import config as backend_config
from keras.src.backend.common import global_state
from keras.src.layers.layer import Layer
from keras.src.ops.operation import Operation
from keras.src.random import seed_generator

from shapesafe_tuner._compat import backends
from shapesafe_tuner._compat.keras import constructors, shortcuts, weightless

KERAS_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(global_state.__file__)))
KERAS_FOLDER = os.path.dirname(os.path.dirname(KERAS_FOLDER))

__all__ = [
    "KERAS_FOLDER",
    "Hooks",
    "Layer",
    "Operation",
    "current",
    "isolated_state",
    "policies",
    "use",
]


class Hooks(Protocol):
    """What a check wants to be asked while it is active in this thread."""

    keep_random_trace: bool
    variables_as_handles: bool
    analytic: Any
    handles: list[Any]
    born_here: object
    grown: dict[int, Any]

    def touch(self, layer: Any) -> None:
        """Told that a layer which was there before is about to change."""

    def keep_value(self, variable: Any, assign: Callable[[Any, Any], None]) -> None:
        """Told that a variable with a value is about to get another one."""

    def around_call(self, layer: Any, call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Run one layer call."""

    def compared(self, loss: Any, y_true: Any, y_pred: Any) -> None:
        """Told what a loss is about to compare."""

    def materialise(self, shape: tuple[int, ...], dtype: str) -> None:
        """Allow, or refuse by raising, that a variable of this shape gets its storage."""

    def download(self, name: str) -> None:
        """Told that the build asked for a file of weights that is not on this machine."""


_LOCAL = threading.local()
_TRACKERS = [
    name
    for name in ("GLOBAL_STATE_TRACKER", "GLOBAL_SETTINGS_TRACKER")
    if hasattr(global_state, name)
]
_INSTALLED = threading.Lock()
_DONE = False


def current() -> Hooks | None:
    """The hooks active in this thread, or None."""
    return getattr(_LOCAL, "hooks", None)


class use:  # noqa: N801
    """Make ``hooks`` this thread's for the duration; checks nest."""

    __slots__ = ("_hooks", "_outer")

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks

    def __enter__(self) -> None:
        if not _DONE:
            _install()
        self._outer = current()
        _LOCAL.hooks = self._hooks

    def __exit__(self, *error: object) -> None:
        _LOCAL.hooks = self._outer


class isolated_state:  # noqa: N801
    """Give this thread the global state of Keras that a trial has after ``clear_session()``.

    Names, policies, scopes and the list of uninitialised variables are emptied, and put back
    afterwards. Traceback filtering is off inside: where an error came from must stay visible.
    """

    __slots__ = ("_saved", "_tracebacks")

    def __enter__(self) -> None:
        self._saved = [dict(tracker.__dict__) for tracker in _trackers()]
        _PROCESS_WIDE.enter()
        _clear_this_thread()
        self._tracebacks = backends.full_tracebacks()
        self._tracebacks.__enter__()

    def __exit__(self, *error: object) -> None:
        self._tracebacks.__exit__(None, None, None)
        for tracker, values in zip(_trackers(), self._saved, strict=True):
            tracker.__dict__.clear()
            tracker.__dict__.update(values)
        _PROCESS_WIDE.leave()


class _ProcessWide:
    """What all threads share: default dtype, epsilon and data format.

    Checks overlap, and one may begin while another one's ``build`` has changed these; so they
    are put back when the last check ends, to what they were when the first one began.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._checks = 0
        self._before = ("", 0.0, "")

    def enter(self) -> None:
        with self._lock:
            if not self._checks:
                self._before = _process_wide()
            self._checks += 1

    def leave(self) -> None:
        with self._lock:
            self._checks -= 1
            if not self._checks and self._before != _process_wide():
                keras.config.set_floatx(self._before[0])
                keras.config.set_epsilon(self._before[1])
                keras.config.set_image_data_format(self._before[2])


_PROCESS_WIDE = _ProcessWide()


def _trackers() -> list[Any]:
    # clear_session() puts new ones in their place.
    return [getattr(global_state, name) for name in _TRACKERS]


def _process_wide() -> tuple[str, float, str]:
    config = backend_config
    return config._FLOATX, config._EPSILON, config._IMAGE_DATA_FORMAT


def policies() -> tuple[Any, str, str]:
    """What layers take from the global state: dtype policy, default dtype and data format."""
    policy = global_state.GLOBAL_STATE_TRACKER.__dict__.get("dtype_policy")
    name = None if policy is None else policy.name
    return name, backend_config._FLOATX, backend_config._IMAGE_DATA_FORMAT


def _clear_this_thread() -> None:
    for tracker in _trackers():
        tracker.__dict__.clear()
    keras.config.disable_traceback_filtering()


def _install() -> None:
    global _DONE
    if _DONE:
        return
    with _INSTALLED:
        if not _DONE:
            weightless.install(current)
            _hook_seeds()
            _hook_clear_session()
            _hook_layer_call()
            _hook_loss_call()
            _hook_downloads()
            _hook_optimizer_keys()
            shortcuts.install(current)
            backends.install(current)
            _hook_touched_layers()
            constructors.install(_LOCAL)
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


def clear_session_under_check() -> bool:
    """Clear only the check's own state; False when no check is active in this thread."""
    if current() is None:
        return False
    _clear_this_thread()
    return True


def _hook_clear_session() -> None:
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


def _hook_touched_layers() -> None:
    """Tell layers that this check made from those that were there before it."""
    initialize_tracker = Layer._initialize_tracker
    open_name_scope = Layer._open_name_scope

    @functools.wraps(initialize_tracker)
    def mark_and_initialize(self: Any) -> None:
        hooks = current()
        if hooks is not None and "_tracker" not in self.__dict__:
            self.__dict__["_shapesafe_born"] = hooks.born_here
        initialize_tracker(self)

    @functools.wraps(open_name_scope)
    def touch_and_open(self: Any) -> Any:
        hooks = current()
        if hooks is not None:
            shortcuts.touch(hooks, self)
        return open_name_scope(self)

    Layer._initialize_tracker = mark_and_initialize
    Layer._open_name_scope = touch_and_open


def _hook_layer_call() -> None:
    call = Layer.__call__

    @functools.wraps(call)
    def recorded_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        hooks = getattr(_LOCAL, "hooks", None)
        if hooks is None:
            return call(self, *args, **kwargs)
        return hooks.around_call(self, call, args, kwargs)

    Layer.__call__ = recorded_call


def _hook_loss_call() -> None:
    call = keras.losses.Loss.__call__

    @functools.wraps(call)
    def noted_call(self: Any, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        hooks = current()
        if hooks is not None:
            hooks.compared(self, y_true, y_pred)
        return call(self, y_true, y_pred, sample_weight=sample_weight)

    keras.losses.Loss.__call__ = noted_call


def _hook_downloads() -> None:
    from keras.src.models.model import Model
    from keras.src.utils import file_utils

    get_file = file_utils.get_file
    load_weights = Model.load_weights

    @functools.wraps(get_file)
    def get_file_if_present(*args: Any, **kwargs: Any) -> Any:
        hooks = current()
        if hooks is None:
            return get_file(*args, **kwargs)
        name = str(kwargs.get("fname") or (args[0] if args else kwargs.get("origin")))
        hooks.download(name)
        return _Absent(name)

    @functools.wraps(load_weights)
    def load_present_weights(self: Any, filepath: Any, *args: Any, **kwargs: Any) -> Any:
        if current() is not None and isinstance(filepath, _Absent):
            return None
        return load_weights(self, filepath, *args, **kwargs)

    file_utils.get_file = get_file_if_present
    keras.utils.get_file = get_file_if_present
    Model.load_weights = load_present_weights


def _hook_optimizer_keys() -> None:
    # TensorFlow's optimizer tells variables apart by their storage (backend/tensorflow/optimizer).
    if backends.BACKEND != "tensorflow":
        return
    from keras.src.backend.tensorflow.optimizer import TFOptimizer

    var_key = TFOptimizer._var_key

    @functools.wraps(var_key)
    def key_without_storage(self: Any, variable: Any) -> Any:
        if (
            current() is not None
            and isinstance(variable, keras_backend.Variable)
            and variable._value is None
        ):
            return id(variable)
        return var_key(self, variable)

    TFOptimizer._var_key = key_without_storage


class _Absent(str):
    """The path of a file that a check does not fetch."""
