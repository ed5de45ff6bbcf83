"""Some values of a hyperparameter in words: ``kernel in 5..7``, ``blocks >= 4``."""

from __future__ import annotations

import itertools
from typing import Any

from shapesafe_tuner.escaping import short

__all__ = ["brief_words", "in_order", "words"]

_MOST_SHOWN = 8
"""Values that are named one by one."""


def in_order(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Numbers by size; anything else, and nan, as it is."""
    numbers = all(isinstance(v, (int, float)) and v == v for v in values)  # noqa: PLR0124
    return tuple(sorted(values)) if numbers else values


def words(name: str, values: tuple[Any, ...], domain: tuple[Any, ...] = ()) -> str:
    """Some values of a hyperparameter in words.

    Args:
        name: of the hyperparameter.
        values: some of its values, numbers in their order.
        domain: all of its values, where they are known.
    """
    said = brief_words(name, values, domain)
    if said is not None:
        return said
    if len(values) > _MOST_SHOWN:
        ends = short(repr(values[0])), short(repr(values[-1]))
        return f"{short(name)} in [{ends[0]}, ..., {ends[1]}] ({len(values)} values)"
    return f"{short(name)} in [{', '.join(short(repr(value)) for value in values)}]"


def brief_words(name: str, values: tuple[Any, ...], domain: tuple[Any, ...] = ()) -> str | None:
    """The same for one value, and for neighbours; None for others, which have to be listed."""
    name = short(name)
    if len(values) == 1:
        return f"{name}={short(repr(values[0]))}"
    if not all(type(v) in (int, float) and v == v for v in (*values, *domain)):  # noqa: PLR0124
        return None
    known = sorted(domain) or (list(values) if _whole_range(values) else [])
    first = known.index(values[0]) if values[0] in known else 0
    if tuple(known[first : first + len(values)]) != tuple(values):
        return None
    if first and values[-1] == known[-1]:
        return f"{name} >= {values[0]!r}"
    if not first and values[-1] != known[-1]:
        return f"{name} <= {values[-1]!r}"
    return f"{name} in {values[0]!r}..{values[-1]!r}"


def _whole_range(values: tuple[Any, ...]) -> bool:
    whole = all(type(value) is int for value in values)
    return whole and all(later - value == 1 for value, later in itertools.pairwise(values))
