"""Keeps a user's own code from what outlives a check, and stops it at its first ``fit``."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import keras
import numpy as np

from shapesafe_tuner._compat.keras.trainer import before_training
from shapesafe_tuner._compat.types import Layer, Model, Nested
from shapesafe_tuner.tracing.attribution import OURS

__all__ = ["FitCall", "Guarded", "NeedsModel", "Reached", "RefusedByFit", "Stopped", "untouchable"]


class Reached(BaseException):
    """``fit`` was called. Not an ``Exception``: no handler of the user's is meant to take it."""


class NeedsModel(BaseException):
    """The code looks at the model before it calls ``fit``."""


class Stopped(BaseException):
    """The code is about to do what outlives a check."""


class RefusedByFit(
    ValueError, TypeError, ArithmeticError, LookupError, RuntimeError, AssertionError
):
    """What a build or a ``fit`` raises to see whether the user's code catches it.

    It is of every type that Keras may raise there.
    """


@dataclasses.dataclass(frozen=True)
class FitCall:
    """What ``fit`` was called with.

    Attributes:
        model: that it was called on; None for a probe.
        args, kwargs: of the call.
    """

    model: Model | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


_LOCAL = threading.local()
_HOOKED = threading.Lock()
_EVENTS = frozenset({
    "_thread.start_new_thread", "os.chdir", "os.fork", "os.link", "os.mkdir", "os.posix_spawn",
    "os.putenv", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.system", "os.truncate",
    "shutil.copyfile", "shutil.rmtree", "socket.bind", "socket.connect", "sqlite3.connect",
    "subprocess.Popen",
})  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_installed = False


class Guarded:
    """While it is entered, this thread writes no file, starts no process or thread, trains nothing.

    Args:
        takes_models: stop at the ``fit`` of any model, and keep its arguments; otherwise only a
            probe may be trained.
        raising: what every ``fit`` raises instead.

    Attributes:
        stopped: what was about to happen; whoever swallows the exception, it counts.
        wanted: what the code read from its model, where a probe stands for it.
        call: of ``fit``.
        is_paused: while ``build`` runs.
    """

    def __init__(self, *, takes_models: bool = False, raising: RefusedByFit | None = None) -> None:
        self._takes_models, self._raising = takes_models, raising
        self.is_paused = False
        self.stopped: str | None = None
        self.wanted: str | None = None
        self.call: FitCall | None = None

    def __enter__(self) -> Guarded:
        global _installed
        with _HOOKED:
            if not _installed:
                sys.addaudithook(_audit)
                before_training(_before)
                _installed = True
        self._outer = getattr(_LOCAL, "guard", None)
        _LOCAL.guard = self
        return self

    def __exit__(self, *error: object) -> None:
        _LOCAL.guard = self._outer

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """While ``build`` runs, which may do what it always may."""
        before, self.is_paused = self.is_paused, True
        try:
            yield
        finally:
            self.is_paused = before

    def reach(self, model: Model | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """``fit`` is called.

        Raises:
            Reached, RefusedByFit: always.
        """
        if self._raising is not None:
            raise self._raising
        self.call = self.call or FitCall(model, args, kwargs)
        raise Reached

    def need_model(self, what: str) -> None:
        """The code asks something of its model that a probe cannot answer.

        Raises:
            NeedsModel: always.
        """
        self.wanted = self.wanted or what
        raise NeedsModel(what)

    def stop(self, what: str) -> None:
        """Something is about to happen that outlives a check.

        Raises:
            Stopped: always.
        """
        self.stopped = self.stopped or what
        raise Stopped(what)

    def before_training(
        self, method: str, model: Model, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """A model is about to train, or to compute on batches."""
        if self.is_paused or self.stopped is not None:
            return
        if method != "fit":
            self.stop(method)
        elif self._takes_models:
            self.reach(model, args, kwargs)
        else:
            self.need_model("the fit of another model")

    def before_call(self, layer: Layer, given: Nested) -> None:
        """A layer is about to be called: no model computes numbers."""
        watched = isinstance(layer, keras.Model) and not self.is_paused and self.stopped is None
        if watched and any(map(_is_data, keras.tree.flatten(given))):
            self.stop("a model on data")


def _is_data(item: object) -> bool:
    """Whether a model would compute numbers from it."""
    if isinstance(item, np.ndarray):
        return True
    symbolic = isinstance(item, keras.KerasTensor) or not hasattr(item, "numpy")
    return keras.ops.is_tensor(item) and not symbolic


def _before(method: str, model: Model, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    guard = getattr(_LOCAL, "guard", None)
    if guard is not None:
        guard.before_training(method, model, args, kwargs)


def _audit(event: str, args: tuple[Any, ...]) -> None:
    guard = getattr(_LOCAL, "guard", None)
    if guard is None or guard.is_paused or guard.stopped is not None:
        return
    if event == "open":
        mode, flags = args[1], args[2]
        writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else (
            isinstance(flags, int) and flags & _WRITES
        )  # fmt: skip
        if not writes or _is_autograph(sys._getframe(1)):
            return
    elif event not in _EVENTS:
        return
    guard.stop(event)


_AUTOGRAPH = os.sep.join(["", "tensorflow", "python", "autograph", ""])


def _is_autograph(frame: FrameType | None) -> bool:
    """TensorFlow writes a file where it traces a function of the user's."""
    while frame is not None and not frame.f_code.co_filename.startswith(OURS):
        if _AUTOGRAPH in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False


def untouchable(data: Any) -> Any:
    """The same data, where arrays cannot be written to."""
    if isinstance(data, np.ndarray):
        view = data.view()
        view.flags.writeable = False
        return view
    if type(data) in (tuple, list):
        return type(data)(map(untouchable, data))
    if type(data) is dict:
        return {name: untouchable(item) for name, item in data.items()}
    return data
