"""Why a trial failed, in one line: what its traceback says, without the dump around it."""

from __future__ import annotations

import math
import re

__all__ = ["reason_of"]

_FRAME = re.compile(r'^\s+File "|^\s{4}|^Traceback \(|^\s*\^+\s*$')
_NAME = re.compile(r"^(?:[\w<>]+\.)*(\w+)(?::\s?(.*))?$")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_NODE = re.compile(r"\s*\[Op:\w+\]|\s*\[\[\{\{node .*|\s*name: \w*$")
_SAYS_NOTHING = ("Graph execution error", "Exception encountered when calling", "in user code")
_AROUND = (
    "Detected at node", "File \"", "<stack traces unavailable>", "Arguments received by",
    "defined at (most recent call last)", "Call arguments received", "Stack trace for op",
    "During handling of the above", "The above exception was",
)  # fmt: skip
_SHAPES = re.compile(r"\[\s*(?:\d|None|\?)|\(\s*(?:\d|None)|\b(?:shape|dimension|rank|size)s?\b")


def reason_of(message: str | None, score: float | None = None) -> str:
    """The sentence of a failed trial's message that says why.

    It is what the last exception says; where that is a frame around another message, as of
    TensorFlow's graphs and of Keras's layers, the first line in it that names shapes.

    Args:
        message: a traceback, as KerasTuner keeps it, or plain words.
        score: what the trial reported, if it did.
    """
    if message is None and score is not None and math.isnan(score):
        return "its objective is not a number (nan)"
    lines = _COLOURS.sub("", message or "").strip().splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("Traceback (")]
    lines = lines[starts[-1] + 1 :] if starts else lines
    while starts and lines and _FRAME.match(lines[0]):
        lines = lines[1:]
    if not lines:
        return "no message"
    header = _NAME.match(lines[0]) if starts else None
    kind, said = (header[1], header[2] or "") if header else ("", lines[0])
    said = _without_node(said)
    if not said or said.startswith(_SAYS_NOTHING) or _is_frame(said):
        found = [_without_node(line) for line in lines[1:]]
        found = [line for line in found if line and not _is_frame(line)]
        shapes = [line for line in found if _SHAPES.search(line)]
        said = next(iter([*shapes, *found]), said)
    return f"{kind}: {said}" if kind and said else kind or said


def _is_frame(line: str) -> bool:
    """Whether a line stands around the message of another error."""
    return line.startswith(_AROUND) or line.endswith("Error encountered:")


def _without_node(line: str) -> str:
    return _NODE.sub("", line).strip()
