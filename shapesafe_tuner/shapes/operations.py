"""Operations of ``keras.ops``: which have a rule, and what it says (``keras/src/ops/numpy.py``).

    h = ops.reshape(h, (-1, height * width, channels)) + positions

Keras says what an operation gives where no rule does; in a training step it is traced then, which
takes a hundred times as long. A rule stands for what is short and certain: floats of one dtype go
in, one tensor of that dtype comes out, and a gradient passes. Masks end at an operation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shapesafe_tuner.shapes.deferred import Deferred
from shapesafe_tuner.shapes.dims import broadcast
from shapesafe_tuner.shapes.spec import Dim, Refused, Spec, walk

__all__ = ["BINARY", "COMBINING", "ELEMENTWISE", "check_operation", "operands", "result"]

COMBINING = frozenset(
    "Add Subtract Multiply Divide TrueDivide FloorDivide Mod Power Maximum Minimum "
    "Equal NotEqual Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr".split()
)
"""Class names of the operations behind the operators of Python, and their like."""
BINARY = frozenset(["Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Maximum", "Minimum"])
"""Those whose gradient goes to both sides, and that give the dtype of both."""
ELEMENTWISE = frozenset(
    "Relu Sigmoid Tanh Silu Gelu Elu Selu Softplus Softsign LeakyRelu Relu6 Square Sqrt Rsqrt Exp "
    "Log Negative Absolute Abs LogSigmoid Cos Sin HardSigmoid HardSilu".split()
)
"""Those that give a tensor like the one they are called on."""
_FLOATS = frozenset(["float16", "bfloat16", "float32"])
"""Not float64: JAX gives float32 for it in some operations."""
_Shape = tuple[Dim, ...]


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


def result(name: str, state: Mapping[str, Any], args: Sequence[Any]) -> Spec | None:
    """What an operation gives, in a build and in a step; None where Keras itself has to say.

    Args:
        name: of the operation's class, one of Keras's own.
        state: what the operation was made with, such as an axis.
        args: what it is called on, with ``Spec`` in place of tensors.

    Raises:
        Refused: the sizes do not go together.
    """
    specs = list(walk(args))
    dtypes = {spec.dtype for spec in specs}
    if len(dtypes) != 1 or not dtypes <= _FLOATS:
        return None
    if any(type(size) is int and size < 1 for spec in specs for size in spec.shape):
        return None
    if name in ELEMENTWISE:
        shape: _Shape | None = specs[0].shape if len(args) == 1 and args[0] is specs[0] else None
    elif name in BINARY or name == "Power":
        shape = _combined(name, args)
    elif name in _RULES:
        open_sizes, rule = _RULES[name]
        if not open_sizes and any(type(size) is Deferred for s in specs for size in s.shape):
            return None
        shape = rule(dict(state), *args)
    else:
        shape = None
    return None if shape is None else Spec(shape, specs[0].dtype)


def _combined(name: str, args: Sequence[Any]) -> _Shape | None:
    if len(args) != 2:
        return None
    first, second = args
    if isinstance(first, Spec) and isinstance(second, Spec):
        return None if name == "Power" else broadcast(first.shape, second.shape)
    if name == "Power" and not isinstance(first, Spec):
        return None
    number, spec = (second, first) if isinstance(first, Spec) else (first, second)
    is_number = type(number) is int or isinstance(number, float)
    return spec.shape if is_number and isinstance(spec, Spec) else None


def _reshaped(state: dict[str, Any], x: Any) -> _Shape | None:
    wanted = state.pop("newshape", None)
    if state or not isinstance(x, Spec) or not _are_whole(wanted):
        return None
    if any(size < 1 and size != -1 for size in wanted) or wanted.count(-1) > 1:
        return None
    if None in x.shape:
        return tuple([None if size == -1 else size for size in wanted]) if -1 in wanted else None
    size, known = math.prod(x.shape), math.prod(size for size in wanted if size != -1)
    if size % known if -1 in wanted else size != known:
        raise Refused(
            f"cannot reshape {_text(x)} to {tuple(wanted)}: {size} numbers do not fill it"
        )
    return tuple([size // known if each == -1 else each for each in wanted])


def _transposed(state: dict[str, Any], x: Any) -> _Shape | None:
    axes = state.pop("axes", None)
    if state or not isinstance(x, Spec):
        return None
    rank = len(x.shape)
    if axes is None:
        return x.shape[::-1]
    if not _are_whole(axes) or sorted(axes) != list(range(rank)):
        return None
    return tuple([x.shape[axis] for axis in axes])


def _expanded(state: dict[str, Any], x: Any) -> _Shape | None:
    axis = state.pop("axis", None)
    if state or not isinstance(x, Spec) or type(axis) is not int:
        return None
    rank = len(x.shape) + 1
    if not -rank <= axis < rank:
        return None
    place = axis % rank
    return (*x.shape[:place], 1, *x.shape[place:])


def _squeezed(state: dict[str, Any], x: Any) -> _Shape | None:
    axis = state.pop("axis", None)
    if state or not isinstance(x, Spec) or type(axis) is not int:
        return None
    rank = len(x.shape)
    if not -rank <= axis < rank or x.shape[axis] != 1:
        return None
    place = axis % rank
    return (*x.shape[:place], *x.shape[place + 1 :])


def _joined(state: dict[str, Any], tensors: Any) -> _Shape | None:
    axis = state.pop("axis", None)
    shapes = _shapes(tensors)
    if state or not shapes or type(axis) is not int:
        return None
    rank = len(shapes[0])
    if not -rank <= axis < rank:
        return None
    place = axis % rank
    rests = [(*shape[:place], *shape[place + 1 :]) for shape in shapes]
    if any(len(shape) != rank for shape in shapes) or any(rest != rests[0] for rest in rests):
        return None
    along = [shape[place] for shape in shapes]
    total: Dim = None
    if None not in along:
        total = along[0]
        for size in along[1:]:
            total = total + size
    return (*rests[0][:place], total, *rests[0][place:])


def _stacked(state: dict[str, Any], tensors: Any) -> _Shape | None:
    axis = state.pop("axis", None)
    shapes = _shapes(tensors)
    if state or not shapes or type(axis) is not int or any(one != shapes[0] for one in shapes):
        return None
    rank = len(shapes[0]) + 1
    if not -rank <= axis < rank:
        return None
    place = axis % rank
    return (*shapes[0][:place], len(shapes), *shapes[0][place:])


def _reduced(state: dict[str, Any], x: Any) -> _Shape | None:
    axes, keeps, initial = (state.pop(name, None) for name in ("axis", "keepdims", "initial"))
    if state or initial is not None or not isinstance(x, Spec) or type(keeps) is not bool:
        return None
    rank = len(x.shape)
    axes = range(rank) if axes is None else [axes] if type(axes) is int else axes
    if not _are_whole(axes) or not all(-rank <= axis < rank for axis in axes):
        return None
    gone = {axis % rank for axis in axes}
    if len(gone) != len(axes):
        return None
    kept = [1 if place in gone else size for place, size in enumerate(x.shape)]
    return tuple([size for place, size in enumerate(kept) if keeps or place not in gone])


def _normalized(state: dict[str, Any], x: Any) -> _Shape | None:
    axis = state.pop("axis", None)
    if state or not isinstance(x, Spec) or type(axis) is not int:
        return None
    return x.shape if -len(x.shape) <= axis < len(x.shape) else None


def _taken(state: dict[str, Any], x: Any, key: Any = None) -> _Shape | None:
    """Part of a tensor, as by ``x[:, 0]`` (``GetItem.compute_output_spec``)."""
    keys = list(key) if type(key) is tuple else [key]
    named = [each for each in keys if each is not None and each is not Ellipsis]
    if state or not isinstance(x, Spec) or len(named) > len(x.shape) or keys.count(Ellipsis) > 1:
        return None
    whole = [slice(None)] * (len(x.shape) - len(named))
    place = keys.index(Ellipsis) if Ellipsis in keys else len(keys)
    keys[place : place + 1] = whole
    left, shape = iter(x.shape), list[Dim]()
    for each in keys:
        taken = [1] if each is None else _taken_of(next(left), each)
        if taken is None:
            return None
        shape += taken
    return tuple(shape)


def _taken_of(size: Dim, key: Any) -> list[Dim] | None:
    """What one index or slice leaves of an axis; None where that is not known."""
    if type(key) is int:
        return [] if size is not None and -size <= key < size else None
    if type(key) is not slice or key == slice(None):
        return [size] if type(key) is slice else None
    if size is None or not _are_whole([each for each in _parts(key) if each is not None]):
        return None
    length = len(range(size)[key]) if key.step != 0 else 0
    return [length] if length else None


def _parts(key: slice) -> tuple[Any, Any, Any]:
    return key.start, key.stop, key.step


def _multiplied(state: dict[str, Any], x: Any, y: Any = None) -> _Shape | None:
    """Rows by one matrix, or matrix by matrix for each of a batch."""
    if state or not isinstance(x, Spec) or not isinstance(y, Spec):
        return None
    rank = len(y.shape)
    batched = rank > 2 and x.shape[:-2] == y.shape[:-2]
    if min(len(x.shape), rank) < 2 or not (rank == 2 or batched):
        return None
    inner, expected, columns = x.shape[-1], y.shape[-2], y.shape[-1]
    if inner is None or expected is None or columns is None:
        return None
    if inner != expected:
        raise Refused(
            f"cannot multiply {_text(x)} by {_text(y)}: {inner} columns meet {expected} rows"
        )
    return (*x.shape[:-1], columns)


def _shapes(tensors: Any) -> list[_Shape]:
    """The shapes of a list of tensors; none where something else is among them."""
    if not isinstance(tensors, (list, tuple)) or isinstance(tensors, Spec):
        return []
    return [item.shape for item in tensors if isinstance(item, Spec)] if _are_specs(tensors) else []


def _are_specs(items: Sequence[Any]) -> bool:
    return all(isinstance(item, Spec) for item in items)


def _are_whole(items: Any) -> bool:
    return isinstance(items, (list, tuple, range)) and all(type(item) is int for item in items)


def _text(spec: Spec) -> str:
    return str(tuple(spec.shape))


_RULES: Mapping[str, tuple[bool, Callable[..., _Shape | None]]] = {
    "Reshape": (False, _reshaped),
    "Transpose": (True, _transposed),
    "ExpandDims": (True, _expanded),
    "Squeeze": (False, _squeezed),
    "Concatenate": (True, _joined),
    "Stack": (True, _stacked),
    **dict.fromkeys(["Mean", "Sum", "Max", "Min", "Var", "Std"], (True, _reduced)),
    **dict.fromkeys(["Softmax", "LogSoftmax"], (True, _normalized)),
    "GetItem": (False, _taken),
    "Matmul": (True, _multiplied),
}
"""By the name of the class, whether sizes may be open, and the rule."""
