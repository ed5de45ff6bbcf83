"""Operations in the ``call`` of the user's own classes, where a real build computes with a backend.

Only what differentiates, and gives floats for floats of one type, is answered here: everything else
leaves the run. A rule answers where one is short and certain; otherwise the backend traces the
operation, once for the same shapes.
"""

from __future__ import annotations

from typing import Any

from shapesafe_tuner.shapes.dims import broadcast
from shapesafe_tuner.shapes.spec import Refused, Spec, walk

__all__ = ["known_operation", "ruled"]

_FLOAT = "float32"
_BINARY = frozenset(["Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Maximum", "Minimum"])
_ELEMENTWISE = frozenset(
    "Relu Sigmoid Tanh Silu Gelu Elu Selu Softplus Softsign LeakyRelu Relu6 Square Sqrt Rsqrt Exp "
    "Log Negative Absolute Abs LogSigmoid Identity Cos Sin HardSigmoid HardSilu".split()
)
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
    known = name in _BINARY or name in _ELEMENTWISE or name in _TRACED
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


def ruled(operation: Any, args: Any, kwargs: Any) -> Spec | None:
    """What an operation gives, where a rule says so.

    Raises:
        Refused: the backend refuses the shapes.
    """
    name = type(operation).__name__
    if kwargs:
        return None
    if name in _ELEMENTWISE:
        return args[0] if len(args) == 1 and isinstance(args[0], Spec) else None
    if name in _BINARY and len(args) == 2:
        first, second = args
        if isinstance(first, Spec) and isinstance(second, Spec):
            return Spec(broadcast(first.shape, second.shape), _FLOAT)
        number, spec = (second, first) if isinstance(first, Spec) else (first, second)
        is_number = type(number) is int or isinstance(number, float)
        return spec if is_number and isinstance(spec, Spec) else None
    if name == "Matmul" and len(args) == 2 and all(isinstance(item, Spec) for item in args):
        return _product(*args)
    return None


def _product(first: Spec, second: Spec) -> Spec | None:
    """A batch of rows by one matrix."""
    if len(second.shape) != 2 or len(first.shape) < 2:
        return None
    inner, expected = first.shape[-1], second.shape[0]
    if inner is None or expected is None or second.shape[1] is None:
        return None
    if inner != expected:
        raise Refused(
            f"cannot multiply {_text(first)} by {_text(second)}: {inner} columns meet "
            f"{expected} rows"
        )
    return Spec((*first.shape[:-1], second.shape[1]), _FLOAT)


def _text(spec: Spec) -> str:
    return str(tuple(spec.shape))
