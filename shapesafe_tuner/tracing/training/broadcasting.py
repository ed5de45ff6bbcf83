"""Losses that silently broadcast targets against outputs: training runs, and learns little."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shapesafe_tuner.tracing.attribution import type_name
from shapesafe_tuner.verdict import Note, Shape

__all__ = ["suspicious"]

_ELEMENTWISE = frozenset(
    [
        "meansquarederror",
        "meanabsoluteerror",
        "meanabsolutepercentageerror",
        "meansquaredlogarithmicerror",
        "huber",
        "logcosh",
        "hinge",
        "squaredhinge",
        "poisson",
    ]
)


def suspicious(comparisons: Iterable[tuple[Any, Shape, Shape]]) -> list[Note]:
    """A note on each loss that broadcast its arguments.

    Args:
        comparisons: of a trace: the loss, the shape of its targets, that of the outputs.
    """
    found: dict[Note, None] = {}
    for loss, targets, outputs in comparisons:
        if type_name(loss).lower().replace("_", "") not in _ELEMENTWISE or not targets:
            continue
        compared = _same_rank(targets, outputs), _same_rank(outputs, targets)
        if compared[0][1:] != compared[1][1:] and None not in (*targets[1:], *outputs[1:]):
            said = (
                f"Suspicious: the loss {loss.name} silently broadcasts targets {_sizes(targets)} "
                f"against outputs {_sizes(outputs)}. Give both the same shape."
            )
            found[Note(said, "suspicious")] = None
    return list(found)


def _same_rank(shape: Shape, other: Shape) -> Shape:
    """Keras drops, or adds, a last axis of 1 (keras/src/losses/loss.py)."""
    if len(shape) == len(other) + 1 and shape[-1] == 1 and len(other) > 1:
        return shape[:-1]
    if len(other) == len(shape) + 1 and other[-1] == 1 and len(shape) == 1:
        return (*shape, 1)
    return shape


def _sizes(shape: Shape) -> str:
    return str(("batch", *shape[1:])).replace("'", "")
