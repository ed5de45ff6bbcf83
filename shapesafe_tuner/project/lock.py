"""One process searches in a project at a time."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator

import filelock

from shapesafe_tuner.errors import ProjectError
from shapesafe_tuner.project.writing import is_local

__all__ = ["FILE", "sole_searcher"]

FILE = "shapesafe.lock"


@contextlib.contextmanager
def sole_searcher(folder: str) -> Iterator[None]:
    """Hold a project for a search; the system frees it when the process ends, however it does.

    Args:
        folder: of the project. Where its file system has no locks, the search goes on without
            one, with a warning.

    Raises:
        ProjectError: another search holds it.
    """
    lock = filelock.FileLock(os.path.join(folder, FILE), timeout=0)
    try:
        if is_local(folder):
            lock.acquire()
    except filelock.Timeout:
        raise ProjectError(
            f"The project {folder} is being searched by another process or tuner: wait until "
            "that one has ended, or give this one another project_name."
        ) from None
    except (OSError, NotImplementedError) as error:
        warnings.warn(
            f"The file system of {folder} has no locks ({error}): nothing will tell if a second "
            "process searches in the same project.",
            stacklevel=3,
        )
    try:
        yield
    finally:
        lock.release()
