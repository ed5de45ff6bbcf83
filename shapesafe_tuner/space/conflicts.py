"""Which combinations of values never fit, as small as can be said."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from shapesafe_tuner.findings import Conflict, in_order
from shapesafe_tuner.space.accounting import Box, Found, accounted, beyond
from shapesafe_tuner.space.explorer import Leaf, Part
from shapesafe_tuner.space.shares import Domains
from shapesafe_tuner.space.smallest import smallest
from shapesafe_tuner.verdict import ShapeFault

__all__ = ["Boxes", "conflicts_of"]


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

    def inside(self, box: Box) -> int:
        """Those that lie within a box."""
        found = self.all
        for name, values in box.items():
            found &= self._with_any(name, values)
        return found

    def touching_any(self, box: Box) -> int:
        """Those that have a configuration in a box."""
        found = self.all
        for name, values in box.items():
            found &= self._with_any(name, values) | self._free.get(name, self.all)
        return found

    def _with_any(self, name: str, values: Sequence[Any]) -> int:
        known, some = self._with.get(name, {}), 0
        for value in values:
            some |= known.get((type(value), value), 0)
        return some


def _bits(places: Iterable[int]) -> int:
    found = bytearray()
    for place in places:
        byte = place >> 3
        if byte >= len(found):
            found.extend(bytes(byte + 1 - len(found)))
        found[byte] |= 1 << (place & 7)
    return int.from_bytes(found, "little")


def places(mask: int) -> Iterator[int]:
    """The bits that are set."""
    if mask.bit_count() > mask.bit_length() // _SPARSE:
        yield from (place for place, bit in enumerate(reversed(bin(mask)[2:])) if bit == "1")
        return
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


_SPARSE = 20
"""Where one bit in so many is set, each is looked for by itself."""


def conflicts_of(
    items: Sequence[Leaf | Part], domains: Domains, drawn: Sequence[Leaf] = ()
) -> list[Conflict]:
    """The conflicts of a space, the costliest first; disjoint in what they account for.

    Args:
        items: leaves, and parts that are not settled: these may be feasible.
        domains: of the hyperparameters that decide.
        drawn: leaves that random configurations of these parts lie in.
    """
    may_be_feasible = Boxes([i for i in items if isinstance(i, Part) or i.feasible is not False])
    settled = [item for item in items if isinstance(item, Leaf)]
    refused = [leaf for leaf in (*settled, *drawn) if leaf.feasible is False]
    boxes: dict[tuple[Any, ...], list[tuple[Found, ShapeFault]]] = {}
    seen: set[Any] = set()
    for leaf in refused:
        assert leaf.fault is not None
        point = smallest(leaf.values, lambda values: not may_be_feasible.touching(values))
        key = tuple((name, type(value), value) for name, value in point.items())
        if key not in seen:
            seen.add(key)
            fault = dataclasses.replace(leaf.fault, hyperparameters=point)
            box: Found = {name: (value,) for name, value in point.items()}
            # One sentence cannot speak for layers of different kinds.
            boxes.setdefault((*point, fault.layer_type), []).append((box, fault))
    merged = [box for points in boxes.values() for box in _merged(points)]
    costs = accounted([box for box, _ in merged], _Cost(refused, domains))
    return [Conflict(merged[at][0], float(share), merged[at][1]) for at, share in costs]


_MOST_MERGED = 100
"""Hyperparameters of a conflict up to which it is merged; that costs their square."""


def _merged(boxes: list[tuple[Found, ShapeFault]]) -> list[tuple[Found, ShapeFault]]:
    """Those that differ in one hyperparameter only become one, again and again."""
    names = list(boxes[0][0]) if len(boxes) > 1 else []
    for name in reversed(names if len(names) <= _MOST_MERGED else []):
        joined: dict[Any, tuple[Found, ShapeFault]] = {}
        for box, fault in boxes:
            rest = tuple((other, repr(values)) for other, values in box.items() if other != name)
            if rest in joined:
                joined[rest][0][name] += box[name]
            else:
                joined[rest] = (dict(box), fault)
        boxes = list(joined.values())
    return [({name: in_order(values) for name, values in box.items()}, f) for box, f in boxes]


class _Cost:
    """What a box adds to others, of the leaves that are refused.

    A leaf demanded some values only, and lies in part in a box that asks for others.

    Args:
        leaves: those that are refused.
        domains: of the hyperparameters that decide.
    """

    def __init__(self, leaves: Sequence[Leaf], domains: Domains) -> None:
        self._leaves = leaves
        self._domains = domains
        self._known = Boxes(leaves)
        self._masks: dict[int, tuple[int, int]] = {}
        self._noted = 0
        self._gone = self._near = 0
        self._beside: dict[int, list[Box]] = {}

    def __call__(self, box: Box, earlier: Sequence[Box]) -> Fraction:
        for each in earlier[self._noted :]:
            self._note(each)
        self._noted = len(earlier)
        inside, touching = self._of(box)
        left = touching & ~self._gone
        whole = left & inside & ~self._near
        share = sum((self._leaves[place].share for place in places(whole)), Fraction(0))
        for place in places(left & ~whole):
            share += self._part(self._leaves[place], box, self._beside.get(place, ()))
        return share

    def _note(self, box: Box) -> None:
        """A box is one of the earlier ones from now on; it does not leave them again."""
        inside, touching = self._of(box)
        self._gone |= inside
        self._near |= touching
        for place in places(touching & ~inside):
            self._beside.setdefault(place, []).append(box)

    def _of(self, box: Box) -> tuple[int, int]:
        """The leaves inside a box, and those that lie in it in part at least."""
        if id(box) not in self._masks:
            known = {name: items for name, items in box.items() if name in self._domains.weights}
            inside = self._known.inside(box)
            some = self._known.touching_any(box) if len(known) == len(box) else inside
            self._masks[id(box)] = inside, some
        return self._masks[id(box)]

    def _part(self, leaf: Leaf, box: Box, earlier: Sequence[Box]) -> Fraction:
        """The share of what lies in a leaf and a box, and in no earlier one."""
        rest, *others = [
            {name: items for name, items in each.items() if name not in leaf.values}
            for each in (box, *earlier)
        ]
        weights = {name: self._weights(name, leaf) for each in (rest, *others) for name in each}
        return leaf.share * (beyond(rest, others, weights) or 0)

    def _weights(self, name: str, leaf: Leaf) -> Mapping[Any, Fraction]:
        """How often each value is drawn of a hyperparameter that the leaf did not demand."""
        known = self._domains.weights[name]
        active = Fraction(self._domains.active(name, leaf.values))
        if active == 1:
            return known
        return {**{v: share * active for v, share in known.items()}, _ABSENT: 1 - active}


_ABSENT = object()
