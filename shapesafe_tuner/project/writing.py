"""Files of a project: written whole or not at all, and read with one clear error."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, Protocol

from shapesafe_tuner.project.problems import project_error

__all__ = [
    "DISK",
    "Disk",
    "RemoteFiles",
    "is_local",
    "making",
    "reading",
    "saving",
    "stopping_at_a_full_disk",
    "write_whole",
]


class RemoteFiles(Protocol):
    """What reads and writes files that are not on this machine's file system."""

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""

    def File(self, path: str, mode: str) -> contextlib.AbstractContextManager[IO[str]]:  # noqa: N802
        """Open a file."""


def is_local(path: str) -> bool:
    """Whether a path is one of this machine's file system, and not of a bucket elsewhere."""
    return "://" not in str(path)


class Disk:
    """Forces written files to the disk, at most once in some seconds: all that wait, together.

    A file that was written outlives its process at once. What has not been forced is lost only
    where the machine stops (a power cut). To force costs milliseconds a file, and a search writes
    seven times a trial: a trial of some seconds is on the disk when it ends, and a thousand short
    ones do not wait for the disk a thousand times.

    Args:
        seconds: between two times.
        clock: seconds, which never go back.
    """

    def __init__(self, seconds: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._next = -float("inf")
        self._waiting: set[str] = set()
        self._lock = threading.Lock()

    def written(self, file: IO[str] | IO[bytes], path: str) -> None:
        """Take note of a file that was written, and force what waits if it is time.

        Args:
            file: open, with nothing left in Python's buffer.
            path: where it will stand.

        Raises:
            OSError: the disk does not take it.
        """
        with self._lock:
            now = self._clock()
            if now < self._next:
                self._waiting.add(path)
                return
            self._next = now + self._seconds
            waiting, self._waiting = self._waiting - {path}, set()
        for other in sorted(waiting):
            # A project may have been removed since.
            with contextlib.suppress(FileNotFoundError), open(other, "r+b") as known:
                os.fsync(known.fileno())
        os.fsync(file.fileno())


DISK = Disk()
"""Of this process."""


def write_whole(path: str, text: str) -> None:
    """Put ``text`` in place of what a file held; whoever reads it finds the old or the new.

    Raises:
        ProjectError: it cannot be written. What the file held before is untouched.
    """
    part = path + ".part"
    with saving(path):
        try:
            with open(part, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                DISK.written(file, path)
            os.replace(part, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.remove(part)
            raise


@contextlib.contextmanager
def saving(path: str) -> Iterator[None]:
    """Say in one sentence that a file could not be written."""
    try:
        yield
    except OSError as error:
        raise project_error(
            f"{path} could not be saved ({error.strerror or error}). What was saved before is "
            "untouched: make room or give access, then run the same script again to go on."
        ) from error


@contextlib.contextmanager
def making(folder: str) -> Iterator[None]:
    """Say in one sentence that a folder could not be made, whoever makes it."""
    try:
        yield
    except Exception as error:
        raise project_error(
            f"The project's folder {folder} cannot be made ({_words_of(error)}). Give a "
            "`directory` that can be written to."
        ) from error


@contextlib.contextmanager
def reading(path: str, what: str) -> Iterator[None]:
    """Say in one sentence that a file is damaged.

    Args:
        path: of the file.
        what: it should hold.
    """
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise project_error(
            f"{path} cannot be read as {what} ({_words_of(error)}). It was left as it is: "
            "restore it, give another `project_name`, or pass `overwrite=True` to start anew."
        ) from error


def _words_of(error: Exception) -> str:
    if isinstance(error, KeyError) and error.args:
        return f"{error.args[0]} is missing, as where another kind of tuner wrote it"
    return getattr(error, "strerror", None) or str(error)


@contextlib.contextmanager
def stopping_at_a_full_disk(what: str) -> Iterator[None]:
    """End a search whose disk is full, rather than fail this trial and all that follow.

    Args:
        what: is done inside.
    """
    try:
        yield
    except Exception as error:
        if not _is_full_disk(error):
            raise
        raise project_error(
            f"{error}: {what} was stopped. Make room, then run the same script again to go on."
        ) from error


def _is_full_disk(error: Exception) -> bool:
    """Also where a backend's own error says it, in the words of the system."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return os.strerror(errno.ENOSPC) in str(error)
