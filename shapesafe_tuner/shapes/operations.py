"""Operations on two tensors whose shapes must combine (``keras/src/ops/numpy.py``)."""

from __future__ import annotations

from typing import Any

from shapesafe_tuner.shapes.dims import broadcast
from shapesafe_tuner.shapes.spec import Spec

__all__ = ["COMBINING", "check_operation", "operands"]

COMBINING = frozenset(
    "Add Subtract Multiply Divide TrueDivide FloorDivide Mod Power Maximum Minimum "
    "Equal NotEqual Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr".split()
)
"""Class names of the operations behind the operators of Python, and their like."""


def check_operation(name: str, args: Any, kwargs: Any) -> None:
    """Refuse what cannot be broadcast; what an operation gives Keras itself says.

    Args:
        name: of the operation's class.
        args, kwargs: with ``Spec`` in place of tensors.

    Raises:
        Refused: two sizes differ and neither is 1.
    """
    if name not in COMBINING:
        return
    specs = operands(args, kwargs)
    if len(specs) == 2:
        broadcast(specs[0].shape, specs[1].shape)


def operands(args: Any, kwargs: Any) -> list[Spec]:
    """What an operation is called on: tensors, and arrays that were computed before."""
    return [
        item if isinstance(item, Spec) else Spec(tuple(map(int, item.shape)), str(item.dtype))
        for item in (*args, *kwargs.values())
        if isinstance(item, Spec) or (hasattr(item, "shape") and hasattr(item, "dtype"))
    ]
