"""Which combinations of values never fit, as small as can be said."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from shapesafe_tuner.space.explorer import Leaf
from shapesafe_tuner.verdict import ShapeFault

__all__ = ["Conflict", "Feasible", "conflicts_of", "shrunk"]

Point = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Conflict:
    """Values that no completion can rescue.

    Attributes:
        values: for each hyperparameter of the conflict the values that take part; every
            combination of them is infeasible, and no hyperparameter can be left out.
        fraction: of the space it costs, not counting what a conflict before it costs already.
        fault: of one of its configurations.
    """

    values: Mapping[str, tuple[Any, ...]]
    fraction: float
    fault: ShapeFault

    def __hash__(self) -> int:
        return hash((tuple(self.values), self.fraction))


class Feasible:
    """The feasible leaves, indexed by value: one bit for each leaf.

    Args:
        leaves: all feasible leaves of an exact tree.
    """

    def __init__(self, leaves: Sequence[Leaf]) -> None:
        self._all = (1 << len(leaves)) - 1
        self._by_value: dict[str, dict[Any, int]] = {}
        self._free: dict[str, int] = {}
        for place, leaf in enumerate(leaves):
            for name, value in leaf.values.items():
                masks = self._by_value.setdefault(name, {})
                key = (type(value), value)
                masks[key] = masks.get(key, 0) | 1 << place
                self._free[name] = self._free.get(name, self._all) & ~(1 << place)

    def allows(self, values: Mapping[str, Any]) -> bool:
        """Whether some feasible configuration has these values."""
        found = self._all
        for name, value in values.items():
            if name in self._free:
                masks = self._by_value[name]
                found &= masks.get((type(value), value), 0) | self._free[name]
        return found != 0


def shrunk(values: Mapping[str, Any], feasible: Feasible) -> Point:
    """A smallest part of an infeasible combination that is infeasible already.

    QuickXplain (Junker, *Preferred explanations and relaxations for over-constrained problems*,
    AAAI 2004); values read first are kept rather than later ones.
    """
    if not feasible.allows({}):
        return {}
    items = list(values.items())

    def explain(background: list[Any], added: bool, rest: list[Any]) -> list[Any]:
        if added and not feasible.allows(dict(background)):
            return []
        if len(rest) == 1:
            return rest
        half = len(rest) // 2
        first, second = rest[:half], rest[half:]
        late = explain([*background, *first], True, second)
        early = explain([*background, *late], bool(late), first)
        return [*early, *late]

    found = dict(explain([], False, items)) if items else {}
    return {name: value for name, value in values.items() if name in found}


def conflicts_of(leaves: Sequence[Leaf], *, exact: bool) -> list[Conflict]:
    """The conflicts of a tree, the costliest first; disjoint in what they account for.

    Args:
        leaves: of the tree.
        exact: the tree is whole, so that combinations can be shrunk.
    """
    feasible = Feasible([leaf for leaf in leaves if leaf.verdict.feasible is not False])
    refused = [leaf for leaf in leaves if leaf.verdict.feasible is False]
    boxes: dict[tuple[Any, ...], list[tuple[Point, ShapeFault]]] = {}
    seen: set[Any] = set()
    for leaf in refused:
        fault = leaf.verdict.fault
        assert fault is not None
        point = shrunk(leaf.values, feasible) if exact else dict(leaf.values)
        key = tuple((name, type(value), value) for name, value in point.items())
        if key not in seen:
            seen.add(key)
            # One sentence cannot speak for layers of different kinds.
            boxes.setdefault((*point, fault.layer_type), []).append((point, fault))
    merged = [box for points in boxes.values() for box in _merged(points)]
    return _accounted(merged, refused)


def _merged(points: list[tuple[Point, ShapeFault]]) -> list[tuple[dict[str, Any], ShapeFault]]:
    """Boxes: points that differ in one hyperparameter only become one, again and again."""
    boxes = [({name: (value,) for name, value in p.items()}, fault) for p, fault in points]
    for name in reversed(list(boxes[0][0])):
        joined: dict[Any, tuple[dict[str, Any], ShapeFault]] = {}
        for box, fault in boxes:
            rest = tuple((other, repr(values)) for other, values in box.items() if other != name)
            if rest in joined:
                joined[rest][0][name] += box[name]
            else:
                joined[rest] = (dict(box), fault)
        boxes = list(joined.values())
    return [({name: _sorted(values) for name, values in box.items()}, f) for box, f in boxes]


def _sorted(values: tuple[Any, ...]) -> tuple[Any, ...]:
    numbers = all(isinstance(value, (int, float)) for value in values)
    return tuple(sorted(values)) if numbers else values


def _accounted(
    boxes: Sequence[tuple[dict[str, Any], ShapeFault]], refused: Sequence[Leaf]
) -> list[Conflict]:
    left = list(refused)
    covered = [(sum((leaf.share for leaf in left if _covers(b, leaf)), Fraction(0)), b, f)
               for b, f in boxes]  # fmt: skip
    found = []
    for _, box, fault in sorted(covered, key=lambda item: -item[0]):
        mine = [leaf for leaf in left if _covers(box, leaf)]
        if not mine:
            continue
        gone = {id(leaf) for leaf in mine}
        left = [leaf for leaf in left if id(leaf) not in gone]
        share = sum((leaf.share for leaf in mine), Fraction(0))
        first = {name: values[0] for name, values in box.items()}
        named = dataclasses.replace(fault, hyperparameters=first, input_shapes=None)
        found.append(Conflict(box, float(share), named))
    return sorted(found, key=lambda conflict: -conflict.fraction)


def _covers(box: Mapping[str, tuple[Any, ...]], leaf: Leaf) -> bool:
    return all(name in leaf.values and leaf.values[name] in box[name] for name in box)
