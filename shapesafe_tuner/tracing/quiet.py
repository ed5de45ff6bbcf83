"""Streams and warnings that are silent in the threads that are in a check, and in no other.

``sys.stdout``, ``sys.stderr`` and ``warnings.warn`` belong to the process. While a thread is in a
check they are replaced by ones that ask which thread is speaking.
"""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

__all__ = ["QUIET_THREADS"]

Stream: TypeAlias = Any
"""``sys.stdout``, or whatever stands in its place."""


class _Quiet:
    """A stream that drops what quiet threads write and passes on everything else."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return len(text) if QUIET_THREADS.is_quiet() else int(self._stream.write(text) or len(text))

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    @property
    def buffer(self) -> Stream:
        return _Quiet(self._stream.buffer)

    def flush(self) -> None:
        if not QUIET_THREADS.is_quiet():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _QuietThreads:
    """Which threads are in a check; the streams are wrapped while there is any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth: dict[int, int] = {}
        self._undo: Callable[[], None] = lambda: None

    def is_quiet(self) -> bool:
        return threading.get_ident() in self._depth

    def __enter__(self) -> None:
        with self._lock:
            if not self._depth:
                self._undo = _wrap_streams()
            thread = threading.get_ident()
            self._depth[thread] = self._depth.get(thread, 0) + 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            thread = threading.get_ident()
            self._depth[thread] -= 1
            if not self._depth[thread]:
                del self._depth[thread]
            if not self._depth:
                self._undo()


QUIET_THREADS = _QuietThreads()


def _unwrapped(stream: Stream) -> Any:
    """The stream itself: other code may have kept a wrapper, and put it back after its check."""
    while isinstance(stream, _Quiet):
        stream = stream._stream
    return stream


def _wrap_streams() -> Callable[[], None]:
    out, err, warn = _unwrapped(sys.stdout), _unwrapped(sys.stderr), warnings.warn
    quiet_out, quiet_err = _Quiet(out), _Quiet(err)

    def quiet_warn(
        message: Warning | str,
        category: type[Warning] | None = None,
        stacklevel: int = 1,
        source: object = None,
        **options: Any,
    ) -> None:
        if not QUIET_THREADS.is_quiet():
            warn(message, category, stacklevel + 1, source, **options)

    sys.stdout, sys.stderr, warnings.warn = quiet_out, quiet_err, quiet_warn

    def undo() -> None:
        if sys.stdout is quiet_out:
            sys.stdout = out
        if sys.stderr is quiet_err:
            sys.stderr = err
        if warnings.warn is quiet_warn:
            warnings.warn = warn

    return undo
