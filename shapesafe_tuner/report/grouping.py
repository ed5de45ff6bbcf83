"""Notes for reading: those that say the same of other losses and sizes are one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from shapesafe_tuner.shapes.sentences import joined

__all__ = ["grouped"]

_WORD = re.compile(r"\w+|\W+")
_MOST = 6
"""Losses or sizes that are named; of more, the first ones."""


def grouped(notes: Iterable[str]) -> list[str]:
    """The notes, one for each thing that they say; what concerns only saving comes last.

    Args:
        notes: as a report or a search has them.
    """
    groups: dict[tuple[str, ...], list[list[str]]] = {}
    for note in sorted(notes, key=_concerns_saving):
        words = _WORD.findall(note)
        groups.setdefault(_pattern(words), []).append(words)
    return [_told(group) for group in groups.values()]


def _concerns_saving(note: str) -> bool:
    return "refuses to save this model" in note


def _pattern(words: Sequence[str]) -> tuple[str, ...]:
    """The words, without sizes and the names of losses."""
    before = ("", "", *words)
    return tuple(
        "" if word.isdigit() or before[place : place + 2] == ("loss", " ") else word
        for place, word in enumerate(words)
    )


def _told(group: Sequence[Sequence[str]]) -> str:
    first = "".join(group[0])
    if len(group) == 1:
        return first
    others = dict.fromkeys(
        (seen[0], tuple(seen[1:]))
        for seen in (tuple(dict.fromkeys(words)) for words in zip(*group, strict=True))
        if len(seen) > 1
    )
    swaps = [f"{_named(instead)} in place of {word}" for word, instead in others]
    return f"{first} The same holds with {joined(swaps)}: {len(group):,} notes in all."


def _named(words: Sequence[str]) -> str:
    left = len(words) - _MOST
    return joined(list(words) if left <= 0 else [*words[:_MOST], f"{left:,} more"])
