"""What a process leaves behind that dies in native code while a trial runs."""

from __future__ import annotations

import contextlib
import faulthandler
import os
from collections.abc import Iterator

from shapesafe_tuner.files import is_local

__all__ = ["crash_noted", "read_note"]

_FILE = "shapesafe_crash.txt"


@contextlib.contextmanager
def crash_noted(folder: str) -> Iterator[None]:
    """Let Python write down a fatal signal (an abort, a segmentation fault) of this process.

    Where the user has switched on ``faulthandler``, it goes on writing to where it did.

    Args:
        folder: of the trial; it is there.
    """
    if faulthandler.is_enabled() or not is_local(folder):
        yield
        return
    path = os.path.join(folder, _FILE)
    with open(path, "w", encoding="utf-8") as file:
        faulthandler.enable(file, all_threads=False)
        try:
            yield
        finally:
            faulthandler.disable()
    os.remove(path)


def read_note(folder: str) -> str | None:
    """The first line of what was written down in a trial's folder; None if nothing was."""
    path = os.path.join(folder, _FILE)
    if not is_local(folder) or not os.path.exists(path):
        return None
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.readline().strip() or None
