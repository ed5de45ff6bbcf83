"""Operations in the ``call`` of the user's own classes, where a real build computes with a backend.

Only what differentiates, and gives floats for floats of one type, is answered here: everything else
leaves the run. A rule answers where there is one; otherwise the backend traces the operation, once
for the same shapes.
"""

from __future__ import annotations

from typing import Any

from shapesafe_tuner.shapes.operations import BINARY, ELEMENTWISE
from shapesafe_tuner.shapes.spec import Spec, walk

__all__ = ["known_operation"]

_FLOAT = "float32"
_TRACED = frozenset(
    "Matmul Softmax LogSoftmax Mean Sum Max Min Amax Amin Reshape Transpose ExpandDims Squeeze "
    "Concatenate Stack Einsum GetItem Swapaxes Moveaxis Repeat Tile Power Dot Tensordot Prod Var "
    "Std Flip Roll Clip Logsumexp Norm".split()
)


def known_operation(operation: Any, args: Any, kwargs: Any) -> str | None:
    """Why an operation is not answered in a ``call``; None where it is.

    Args:
        operation: of ``keras.ops``.
        args, kwargs: with ``Spec`` in place of tensors.
    """
    name = type(operation).__name__
    known = name in BINARY or name in ELEMENTWISE or name in _TRACED
    if not known or not type(operation).__module__.startswith("keras."):
        return f"{name} is computed in the call of a layer"
    specs = list(walk((args, kwargs)))
    if any(spec.dtype != _FLOAT or spec.mask is not None for spec in specs):
        return f"{name} is computed of other than floats of one type"
    if not all(map(_is_plain, (*args, *kwargs.values()))):
        return f"{name} is computed of an array"
    return None


def _is_plain(value: Any) -> bool:
    if isinstance(value, Spec) or value is None or value is Ellipsis:
        return True
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, slice):
        return all(map(_is_plain, (value.start, value.stop, value.step)))
    return type(value) in (int, bool, str) or isinstance(value, float)
