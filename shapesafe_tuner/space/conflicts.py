"""Which combinations of values never fit, as small as can be said."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shapesafe_tuner.findings import Conflict, in_order
from shapesafe_tuner.space.explorer import Leaf, Part
from shapesafe_tuner.space.smallest import smallest
from shapesafe_tuner.verdict import ShapeFault

__all__ = ["Boxes", "conflicts_of"]

Box = dict[str, tuple[Any, ...]]


class Boxes:
    """Parts of a space, indexed by value: one bit for each.

    Args:
        items: leaves or parts.
    """

    def __init__(self, items: Sequence[Leaf | Part]) -> None:
        self.all = (1 << len(items)) - 1
        by_value: dict[str, dict[Any, list[int]]] = {}
        for place, item in enumerate(items):
            for name, value in item.values.items():
                by_value.setdefault(name, {}).setdefault((type(value), value), []).append(place)
        self._with = {
            name: {key: _bits(places) for key, places in known.items()}
            for name, known in by_value.items()
        }
        self._free = {
            name: self.all & ~_bits(place for places in known.values() for place in places)
            for name, known in by_value.items()
        }

    def touching(self, values: Mapping[str, Any]) -> int:
        """Those that have a configuration with these values."""
        found = self.all
        for name, value in values.items():
            if name in self._with:
                found &= self._with[name].get((type(value), value), 0) | self._free[name]
        return found

    def inside(self, box: Mapping[str, tuple[Any, ...]]) -> int:
        """Those that lie within a box."""
        found = self.all
        for name, values in box.items():
            known = self._with.get(name, {})
            some = 0
            for value in values:
                some |= known.get((type(value), value), 0)
            found &= some
        return found


def _bits(places: Iterable[int]) -> int:
    found = bytearray()
    for place in places:
        byte = place >> 3
        if byte >= len(found):
            found.extend(bytes(byte + 1 - len(found)))
        found[byte] |= 1 << (place & 7)
    return int.from_bytes(found, "little")


def places(mask: int) -> Iterable[int]:
    """The bits that are set."""
    return (place for place, bit in enumerate(reversed(bin(mask)[2:])) if bit == "1")


def conflicts_of(items: Sequence[Leaf | Part], drawn: Sequence[Leaf] = ()) -> list[Conflict]:
    """The conflicts of a space, the costliest first; disjoint in what they account for.

    Args:
        items: leaves, and parts that are not settled: these may be feasible.
        drawn: leaves that random configurations of these parts lie in.
    """
    perhaps = Boxes([i for i in items if isinstance(i, Part) or i.feasible is not False])
    settled = [item for item in items if isinstance(item, Leaf)]
    refused = [leaf for leaf in (*settled, *drawn) if leaf.feasible is False]
    boxes: dict[tuple[Any, ...], list[tuple[Box, ShapeFault]]] = {}
    seen: set[Any] = set()
    for leaf in refused:
        assert leaf.fault is not None
        point = smallest(leaf.values, lambda values: not perhaps.touching(values))
        key = tuple((name, type(value), value) for name, value in point.items())
        if key not in seen:
            seen.add(key)
            fault = dataclasses.replace(leaf.fault, hyperparameters=point)
            box: Box = {name: (value,) for name, value in point.items()}
            # One sentence cannot speak for layers of different kinds.
            boxes.setdefault((*point, fault.layer_type), []).append((box, fault))
    merged = [box for points in boxes.values() for box in _merged(points)]
    return _accounted(merged, refused)


_MOST_MERGED = 100
"""Hyperparameters of a conflict up to which it is merged; that costs their square."""


def _merged(boxes: list[tuple[Box, ShapeFault]]) -> list[tuple[Box, ShapeFault]]:
    """Those that differ in one hyperparameter only become one, again and again."""
    names = list(boxes[0][0]) if len(boxes) > 1 else []
    for name in reversed(names if len(names) <= _MOST_MERGED else []):
        joined: dict[Any, tuple[Box, ShapeFault]] = {}
        for box, fault in boxes:
            rest = tuple((other, repr(values)) for other, values in box.items() if other != name)
            if rest in joined:
                joined[rest][0][name] += box[name]
            else:
                joined[rest] = (dict(box), fault)
        boxes = list(joined.values())
    return [({name: in_order(values) for name, values in box.items()}, f) for box, f in boxes]


def _accounted(boxes: Sequence[tuple[Box, ShapeFault]], refused: Sequence[Leaf]) -> list[Conflict]:
    known = Boxes(refused)
    shares = [float(leaf.share) for leaf in refused]

    def share(mask: int) -> float:
        # Correctly rounded, so the order of the leaves does not matter.
        return math.fsum(shares[place] for place in places(mask))

    masks = [known.inside(box) for box, _ in boxes]
    left = known.all
    found = []
    for _, _, mask, (box, fault) in sorted(
        (-share(mask), number, mask, boxes[number]) for number, mask in enumerate(masks)
    ):
        mine = mask & left
        left &= ~mask
        if mine:
            found.append(Conflict(box, share(mine), fault))
    return sorted(found, key=lambda conflict: -conflict.fraction)
