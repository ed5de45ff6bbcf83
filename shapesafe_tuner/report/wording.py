"""How reports that are looked at say shares, values and names; what is too long is cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shapesafe_tuner.findings import Axis, Conflict, words

__all__ = [
    "abridged",
    "bin_labels",
    "conflict_words",
    "counted",
    "percent",
    "range_words",
    "sentence",
    "times",
    "value_words",
    "whole_percent",
]  # fmt: skip

_LONGEST = 48
_LONGEST_SENTENCE = 320


def abridged(text: str, longest: int = _LONGEST) -> str:
    """Text with its middle left out where it is longer than ``longest``."""
    if len(text) <= longest:
        return text
    tail = longest // 3
    return text[: longest - tail - 1] + "…" + text[len(text) - tail :]


def sentence(text: str) -> str:
    """A sentence on one line, of bounded length."""
    return abridged(" ".join(text.split()), _LONGEST_SENTENCE)


def percent(share: float) -> str:
    """A share with two decimals, or none for all and nothing; what is little is not nothing."""
    if 0 < share < 0.0001:
        return "<0.01%"
    if 0.9999 < share < 1:
        return ">99.99%"
    return f"{share:.0%}" if share in (0, 1) else f"{share:.2%}"


def counted(number: int, noun: str) -> str:
    """A number of things: "1 trial", "1,200 trials"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def times(number: int) -> str:
    """How often: "once", "3 times"."""
    return "once" if number == 1 else counted(number, "time")


def whole_percent(share: float | None) -> str:
    """A share in whole per cent without the sign, for the cell of a map; "·" for None."""
    if share is None:
        return "·"
    if 0 < share < 0.005:
        return "<1"
    if 0.995 <= share < 1:
        return ">99"
    return f"{100 * share:.0f}"


def value_words(value: Any) -> str:
    """A value: numbers with four digits at most, text without quotes."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return abridged(str(value), 24)


def range_words(first: Any, last: Any) -> str:
    """A value, or from which to which."""
    return value_words(first) if first == last else f"{value_words(first)}..{value_words(last)}"


def bin_labels(axis: Axis) -> list[str]:
    """What stands beside the rows, or above the columns, of a map."""
    return [range_words(first, last) for first, last in axis.bins]


def conflict_words(conflict: Conflict, domains: Mapping[str, tuple[Any, ...]]) -> list[str]:
    """The members of a conflict; none where every configuration is one."""
    return [
        abridged(words(abridged(name), _cut(values), _cut(domains.get(name, ()))), 120)
        for name, values in conflict.values.items()
    ]


def _cut(values: tuple[Any, ...]) -> tuple[Any, ...]:
    cut = tuple(
        abridged(value, 24) if isinstance(value, str) else _rounded(value) for value in values
    )
    return cut if len(set(cut)) == len(set(values)) else values


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
