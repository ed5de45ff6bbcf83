"""Nested structures: leaves in dicts, lists and tuples, at any depth.

Only ``dict``, ``list`` and ``tuple`` themselves are looked into. What derives from them means
something of its own, and is a leaf: a ``Spec`` is a tuple with names. So is None.

>>> map_leaves(len, ["one", {"two": ("three", "four")}])
[3, {'two': (5, 4)}]
>>> leaves(["one", {"two": ("three", "four")}])
['one', 'three', 'four']
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

__all__ = ["Structure", "leaves", "map_leaves"]

Structure: TypeAlias = Any
"""A leaf, or leaves in dicts, lists and tuples."""


def leaves(structure: Structure) -> list[Any]:
    """The leaves, in order."""
    kind = type(structure)
    if not (kind is list or kind is tuple or kind is dict):
        return [structure]
    found: list[Any] = []
    _gather(structure, found)
    return found


def _gather(structure: Structure, found: list[Any]) -> None:
    for item in structure.values() if type(structure) is dict else structure:
        kind = type(item)
        if kind is list or kind is tuple or kind is dict:
            _gather(item, found)
        else:
            found.append(item)


def map_leaves(convert: Callable[[Any], Any], structure: Structure) -> Any:
    """The same structure with each leaf converted."""
    kind = type(structure)
    if kind is list or kind is tuple:
        return kind([map_leaves(convert, item) for item in structure])
    if kind is dict:
        return {name: map_leaves(convert, item) for name, item in structure.items()}
    return convert(structure)
