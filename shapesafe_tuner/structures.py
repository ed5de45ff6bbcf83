"""Nested structures: leaves in dicts, lists and tuples, at any depth.

Only ``dict``, ``list`` and ``tuple`` themselves are looked into. What derives from them means
something of its own, and is a leaf: a ``Spec`` is a tuple with names. So is None.

>>> map_leaves(len, ["one", {"two": ("three", "four")}])
[3, {'two': (5, 4)}]
>>> list(leaves(["one", {"two": ("three", "four")}]))
['one', 'three', 'four']
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

__all__ = ["Structure", "leaves", "map_leaves"]

Structure: TypeAlias = Any
"""A leaf, or leaves in dicts, lists and tuples."""


def leaves(structure: Structure) -> Iterator[Any]:
    """The leaves, in order."""
    kind = type(structure)
    if kind is list or kind is tuple or kind is dict:
        for item in structure.values() if kind is dict else structure:
            yield from leaves(item)
    else:
        yield structure


def map_leaves(convert: Callable[[Any], Any], structure: Structure) -> Any:
    """The same structure with each leaf converted."""
    kind = type(structure)
    if kind is list or kind is tuple:
        return kind([map_leaves(convert, item) for item in structure])
    if kind is dict:
        return {name: map_leaves(convert, item) for name, item in structure.items()}
    return convert(structure)
