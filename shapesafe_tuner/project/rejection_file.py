"""The rejections of a project on disk: one JSON object a line, beside KerasTuner's own files.

``oracle.json`` holds how many lines belong to its state. Lines beyond that were written by a
process that died before it saved its state; the draws will be made again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence

from shapesafe_tuner.plain import to_json
from shapesafe_tuner.project.problems import project_error
from shapesafe_tuner.project.writing import DISK, RemoteFiles, saving
from shapesafe_tuner.verdict import Rejection

__all__ = ["FILE", "RejectionFile"]

FILE = "shapesafe_rejections.jsonl"


class RejectionFile:
    """A file to which rejections are added; only its writer cuts off what does not count.

    Args:
        path: of the file, which need not be there.
        remote: for a path that is not of this machine's file system, what has ``exists`` and
            ``File`` for it; there the file is written anew each time.

    Attributes:
        path: of the file.
        saved: how many rejections of the project the file has.
    """

    def __init__(self, path: str, remote: RemoteFiles | None = None) -> None:
        self.path = path
        self._remote = remote
        self.saved = 0
        self._end = 0

    def read(self, count: int | None) -> list[Rejection]:
        """The rejections that belong to a saved state. The file stays as it is.

        Args:
            count: how many there are, or None where stock KerasTuner wrote the state last: then
                all whole lines count.

        Raises:
            ProjectError: the file has fewer whole lines than the state counts.
        """
        lines = self._content().splitlines(keepends=True)
        kept: list[Rejection] = []
        for number, line in enumerate(lines if count is None else lines[:count], start=1):
            rejection = _read(line)
            if rejection is not None:
                kept.append(rejection)
            elif count is not None or number < len(lines):
                raise project_error(
                    f"{self.path}, line {number}: this is not a saved rejection. Restore the "
                    "file, or start anew with overwrite=True."
                )
        if count is not None and len(kept) < count:
            raise project_error(
                f"{self.path} has {len(kept)} rejections, but the saved search counts {count}: "
                "restore the file, or start anew with overwrite=True."
            )
        self.saved = len(kept)
        self._end = sum(map(len, lines[: len(kept)]))
        return kept

    def append(self, rejections: Sequence[Rejection]) -> None:
        """Add what the file does not have yet.

        Args:
            rejections: all of the project's, oldest first.

        Raises:
            ProjectError: it cannot be written; what counts is untouched.
        """
        if self._size() < self._end:
            self.saved = self._end = 0
        added = rejections[self.saved :]
        if not added and self._size() == self._end:
            return
        lines = "".join(to_json(item.to_dict()) + "\n" for item in added).encode()
        with saving(self.path):
            self._write(lines)
        self.saved = len(rejections)
        self._end += len(lines)

    def _content(self) -> bytes:
        if self._remote is not None:
            if not self._remote.exists(self.path):
                return b""
            with self._remote.File(self.path, "r") as file:
                return str(file.read()).encode()
        if not os.path.exists(self.path):
            return b""
        with open(self.path, "rb") as file:
            return file.read()

    def _size(self) -> int:
        if self._remote is not None:
            return len(self._content())
        return os.path.getsize(self.path) if os.path.exists(self.path) else 0

    def _write(self, lines: bytes) -> None:
        if self._remote is not None:
            text = (self._content()[: self._end] + lines).decode()
            with self._remote.File(self.path, "w") as file:
                file.write(text)
            return
        with open(self.path, "ab", buffering=0) as file:
            file.truncate(self._end)
            try:
                left = memoryview(lines)
                while left:
                    left = left[file.write(left) :]
                DISK.written(file, self.path)
            except OSError:
                file.truncate(self._end)
                raise


def _read(line: bytes) -> Rejection | None:
    try:
        found = Rejection.from_dict(json.loads(line)) if line.endswith(b"\n") else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return found if found is None or isinstance(found.values, Mapping) else None
