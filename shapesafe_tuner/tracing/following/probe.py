"""A model that only has ``fit``: where a user's own code ends that prepares the training."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any, NoReturn

import numpy as np

from shapesafe_tuner._compat.keras.trainer import before_training

__all__ = ["Guarded", "NeedsModel", "Probe", "Reached", "Stopped", "untouchable"]


class Reached(BaseException):
    """``fit`` was called. Not an ``Exception``: no handler of the user's is meant to take it."""


class NeedsModel(BaseException):
    """The code looks at the model before it calls ``fit``."""


class Stopped(BaseException):
    """The code is about to do what outlives a check."""


class Probe:
    """Stands for the model, and keeps what ``fit`` gets first.

    Attributes:
        call: its positional and keyword arguments.
        wanted: what was asked of the model before.
    """

    call: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    wanted: str | None = None

    def fit(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Ends the run."""
        if self.call is None:
            vars(self)["call"] = (args, kwargs)
        raise Reached

    def __getattr__(self, name: str) -> NoReturn:
        self._need(name)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        self._need(f"{name} =")

    def _need(self, what: str) -> NoReturn:
        vars(self).setdefault("wanted", what)
        raise NeedsModel(what)

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """A model is called."""
        self._need("its call")

    def __bool__(self) -> bool:  # noqa: PLE0304
        self._need("its truth")

    def __iter__(self) -> NoReturn:
        self._need("its elements")

    def __len__(self) -> int:  # noqa: PLE0303
        self._need("its length")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        self._need("a copy of it")


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
    """While it is entered, this thread writes no file and starts no process or thread.

    Attributes:
        stopped: what was about to happen; whoever swallows the exception, it counts.
    """

    stopped: str | None = None

    def __enter__(self) -> Guarded:
        global _installed
        with _HOOKED:
            if not _installed:
                sys.addaudithook(_audit)
                before_training(_stop)
                _installed = True
        self._outer = getattr(_LOCAL, "guard", None)
        _LOCAL.guard = self
        return self

    def __exit__(self, *error: object) -> None:
        _LOCAL.guard = self._outer


def _stop(method: str) -> None:
    """Another model than the probe is about to train, or to compute."""
    guard = getattr(_LOCAL, "guard", None)
    if guard is not None:
        guard.stopped = guard.stopped or f"the {method} of another model"
        raise Stopped(method)


def _audit(event: str, args: tuple[Any, ...]) -> None:
    guard = getattr(_LOCAL, "guard", None)
    if guard is None or guard.stopped is not None:
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
    guard.stopped = event
    raise Stopped(event)


def _is_autograph(frame: Any) -> bool:
    """TensorFlow writes a file where it traces a function of the user's."""
    while frame is not None and "shapesafe_tuner" not in frame.f_code.co_filename:
        if "autograph" in frame.f_code.co_filename:
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
