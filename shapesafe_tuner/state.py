"""The rejections of a project on disk: one JSON object a line, beside KerasTuner's own files.

``oracle.json`` holds how many lines belong to its state. Lines beyond that were written by a
process that died before it saved its state; the draws will be made again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from shapesafe_tuner.verdict import Rejection, to_json

__all__ = ["FILE", "KEY", "append_rejections", "read_rejections"]

KEY = "shapesafe"
"""Of our part in the state of an oracle."""
FILE = "shapesafe_rejections.jsonl"


def append_rejections(path: str, rejections: Sequence[Rejection], already: int) -> None:
    """Add to the file what it does not have yet.

    Args:
        path: of the file.
        rejections: all of the project's, oldest first.
        already: how many of them the file has.
    """
    if already == len(rejections):
        return
    lines = [to_json(item.to_dict()) + "\n" for item in rejections[already:]]
    with open(path, "a", encoding="utf-8") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())


def read_rejections(path: str, count: int | None) -> list[Rejection]:
    """The rejections that belong to a saved state; surplus lines are cut off.

    Args:
        path: of the file.
        count: how many there are, or None where stock KerasTuner wrote the state last: then all
            whole lines count.

    Raises:
        RuntimeError: the file has fewer whole lines than the state counts.
    """
    if not os.path.exists(path):
        lines = []
    else:
        with open(path, encoding="utf-8") as file:
            lines = [line for line in file.read().split("\n") if line]
    kept: list[Rejection] = []
    for number, line in enumerate(lines if count is None else lines[:count], start=1):
        rejection = _read(line)
        if rejection is not None:
            kept.append(rejection)
        elif count is not None or number < len(lines):
            raise RuntimeError(f"{path}, line {number}: this is not a saved rejection.")
    if count is not None and len(kept) < count:
        raise RuntimeError(
            f"{path} has {len(kept)} rejections, but the saved search counts {count}: "
            "restore the file, or start anew with overwrite=True."
        )
    if len(lines) > len(kept):
        part = path + ".part"
        with open(part, "w", encoding="utf-8") as file:
            file.writelines(to_json(item.to_dict()) + "\n" for item in kept)
        os.replace(part, path)
    return kept


def _read(line: str) -> Rejection | None:
    try:
        return Rejection.from_dict(json.loads(line))
    except (ValueError, KeyError, TypeError):
        return None
