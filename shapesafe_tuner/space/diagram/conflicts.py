"""The minimal conflicts of a diagram that cost most, found without a run of ``build``."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from shapesafe_tuner.findings import Conflict, in_order
from shapesafe_tuner.space.accounting import Found, Weights, accounted, beyond
from shapesafe_tuner.space.diagram.diagram import Diagram
from shapesafe_tuner.space.diagram.questions import Completions, Draws
from shapesafe_tuner.space.smallest import smallest
from shapesafe_tuner.verdict import ShapeFault

__all__ = ["MOST_CONFLICTS", "costliest_conflicts"]

MOST_CONFLICTS = 24
_DRAWS = 150
_MOST_POINTS = 128
"""Combinations of a conflict's hyperparameters that are all looked at."""

_MOST_GROWN = 12
"""Hyperparameters of a conflict that is made wider; to do so costs their square."""


def costliest_conflicts(diagram: Diagram, weights: Weights) -> list[Conflict]:
    """Minimal conflicts, the costliest first, disjoint in what they account for.

    Infeasible configurations are drawn by their share, and what each leaves out without becoming
    possible is left out (QuickXplain; see :mod:`shapesafe_tuner.space.smallest`).

    Args:
        diagram: of the space.
        weights: by name, how often each value is drawn.
    """
    completions = Completions(diagram)
    fits = completions.fit
    draws = Draws(diagram, diagram.shares(lambda end: end.feasible is False))
    if not draws.possible:
        return []
    generator = random.Random(0)
    found: dict[Any, tuple[Found, ShapeFault]] = {}
    for _ in range(_DRAWS):
        values, end = draws.draw(generator)
        assert end.fault is not None
        if any(_within(values, box) for box, _ in found.values()):
            continue
        point = smallest(values, lambda some: not fits(some))
        for box in _boxes(point, weights, completions):
            key = tuple((name, tuple(map(repr, items))) for name, items in box.items())
            found.setdefault(
                key, (box, dataclasses.replace(end.fault, hyperparameters=dict(point)))
            )
    return _accounted(list(found.values()), weights)


def _within(values: Mapping[str, Any], box: Found) -> bool:
    return all(name in values and values[name] in items for name, items in box.items())


def _boxes(point: Mapping[str, Any], weights: Weights, completions: Completions) -> list[Found]:
    """The conflict of these hyperparameters that a point lies in, as large as it can be."""
    fits = completions.fit
    if math.prod(len(weights[name]) for name in point) > _MOST_POINTS:
        return [_grown(point, weights, completions)]
    names = list(point)
    points = [
        chosen
        for chosen in itertools.product(*(weights[name] for name in names))
        if _is_minimal(dict(zip(names, chosen, strict=True)), fits)
    ]
    rows: dict[tuple[Any, ...], list[Any]] = {}
    # Those that differ in one hyperparameter only become one, again and again.
    boxes = [tuple((value,) for value in chosen) for chosen in points]
    for place in reversed(range(len(names))):
        rows = {}
        for each in boxes:
            rest = (*each[:place], *each[place + 1 :])
            rows.setdefault(rest, []).extend(each[place])
        boxes = [(*rest[:place], tuple(items), *rest[place:]) for rest, items in rows.items()]
    return [
        {name: in_order(items) for name, items in zip(names, each, strict=True)} for each in boxes
    ]


def _grown(point: Mapping[str, Any], weights: Weights, completions: Completions) -> Found:
    """A box around a point, value by value, in which no combination fits and each name counts."""
    box: Found = {name: (value,) for name, value in point.items()}
    if len(point) > _MOST_GROWN:
        return box
    for name in sorted(point, key=lambda name: -len(weights[name])):
        for value in weights[name]:
            wider = {**box, name: (value,)}
            if value in box[name] or completions.fit_some(wider):
                continue
            if all(
                completions.fit_some({n: some for n, some in wider.items() if n != other})
                for other in point
            ):
                box[name] += (value,)
    return {name: in_order(values) for name, values in box.items()}


def _is_minimal(values: dict[str, Any], fits: Any) -> bool:
    return not fits(values) and all(
        fits({other: value for other, value in values.items() if other != name}) for name in values
    )


def _accounted(boxes: Sequence[tuple[Found, ShapeFault]], weights: Weights) -> list[Conflict]:
    """Each with what it costs beyond those before it."""
    cost = functools.partial(beyond, weights=weights)
    found = []
    for place, share in accounted([box for box, _ in boxes], cost, MOST_CONFLICTS):
        box, fault = boxes[place]
        values = {
            name: value if value in box[name] else box[name][0]
            for name, value in fault.hyperparameters.items()
        }
        found.append(
            Conflict(box, float(share), dataclasses.replace(fault, hyperparameters=values))
        )
    return found
