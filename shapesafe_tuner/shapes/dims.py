"""What rules ask of sizes, shapes and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shapesafe_tuner.shapes.deferred import Deferred
from shapesafe_tuner.shapes.sentences import rank_needed, width_needed
from shapesafe_tuner.shapes.spec import Dim, Refused, Spec, Unknown, text

__all__ = [
    "axes_of", "broadcast", "check_axes", "check_input", "exceed", "integer", "is_whole",
    "known_channels", "number",
    "one", "positive", "product",
    "same_channels", "sizes", "unlike",
]  # fmt: skip


def one(inputs: Any) -> Spec:
    """The single input of a layer that takes one tensor."""
    if not isinstance(inputs, Spec):
        raise Unknown("it is called on several tensors")
    return inputs


def is_whole(value: Any) -> bool:
    """Whether it is an int, if need be one that is not chosen yet; a bool is none."""
    return type(value) is int or (isinstance(value, Deferred) and value.whole)


def exceed(bound: int, *several: Sequence[Dim]) -> bool:
    """Whether each of these has a size above the bound; what is not chosen is looked at last."""

    def is_open(size: Dim) -> bool:
        return isinstance(size, Deferred)

    return all(
        any(size > bound for size in sorted(sizes_, key=is_open))
        for sizes_ in sorted(several, key=lambda sizes_: any(map(is_open, sizes_)))
    )


def integer(value: Any, name: str) -> int:
    """``value`` if it is an integer; otherwise how Keras would treat it is unknown."""
    if isinstance(value, Deferred):
        return value if value.whole else value.force()  # type: ignore[return-value]
    if type(value) is not int:
        raise Unknown(f"{name}={value!r} is not an int")
    return value


def positive(value: Any, name: str) -> int:
    """``value`` if it is a positive integer.

    Raises:
        Refused: it is zero or negative.
    """
    if integer(value, name) <= 0:
        raise Refused(f"needs a positive {name}, not {value}")
    return value  # type: ignore[no-any-return]


def sizes(value: Any, count: int, name: str, *, zero: bool = False) -> tuple[int, ...]:
    """An integer for every axis (``keras/src/utils/argument_validation.py``).

    Raises:
        Refused: wrong number of values, or one that is negative, or zero where ``zero`` is False.
    """
    if is_whole(value):
        value = (value,) * count
    if not isinstance(value, (tuple, list)):
        raise Unknown(f"{name}={value!r} is neither an int nor a tuple")
    values = tuple(integer(item, name) for item in value)
    if len(values) != count:
        raise Refused(f"needs {name} as one integer or {count}, not {values}")
    if any(item < (0 if zero else 1) for item in values):
        raise Refused(f"needs {name} of {'0 or more' if zero else 'at least 1'}, not {values}")
    return values


def check_input(
    spec: Spec,
    *,
    rank: int | None = None,
    min_rank: int | None = None,
    max_rank: int | None = None,
    axes: Mapping[int, Dim] | None = None,
) -> None:
    """What a layer's ``InputSpec`` checks (``keras/src/layers/input_spec.py``).

    Raises:
        Refused: the rank or the size of an axis is not what the layer expects.
    """
    found = len(spec.shape)
    for wanted, refused, least in (
        (rank, rank is not None and found != rank, ""),
        (min_rank, min_rank is not None and found < min_rank, "at least "),
        (max_rank, max_rank is not None and found > max_rank, "at most "),
    ):
        if refused and wanted is not None:
            raise Refused(rank_needed(wanted, found, text(spec), least))
    for axis, expected in (axes or {}).items():
        size = spec.shape[axis]
        if expected is not None and size is not None and size != expected:
            raise Refused(width_needed(expected, axis, size, text(spec)))


def known_channels(spec: Spec, axis: int) -> int:
    """The size of the channel axis, which weights depend on.

    Raises:
        Refused: it is None.
    """
    channels: int | None = spec.shape[axis]
    if channels is None:
        raise Refused(f"needs to know the size of axis {axis} of its input {text(spec)}")
    return channels


def same_channels(spec: Spec, built_on: Spec | None, axis: int) -> dict[int, Dim]:
    """The ``axes`` for :func:`check_input` of a layer that was built before."""
    return {} if built_on is None else {axis: built_on.shape[axis]}


def unlike(values: Any) -> bool:
    """Whether two of the sizes that are known differ."""
    known = [value for value in values if value is not None]
    return any(value != known[0] for value in known[1:])


def product(values: Any) -> Any:
    """Product of sizes, or None when one is not known."""
    total = 1
    for value in values:
        if value is None:
            return None
        total = total * value
    return total


def broadcast(first: tuple[Dim, ...], second: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """NumPy's rule, with None for what is not known (``keras/src/ops/operation_utils.py``).

    Raises:
        Refused: two known sizes differ and neither is 1.
    """
    rank = max(len(first), len(second))
    left = (1,) * (rank - len(first)) + tuple(first)
    right = (1,) * (rank - len(second)) + tuple(second)
    result: list[Dim] = []
    for a, b in zip(reversed(left), reversed(right), strict=True):
        if a == 1:
            result.append(b)
        elif a is None:
            result.append(None if b == 1 else b)
        elif b == 1 or b is None or a == b:
            result.append(a)
        else:
            raise Refused(
                f"cannot combine {tuple(first)} and {tuple(second)}: {a} and {b} differ and "
                "neither is 1"
            )
    return tuple(reversed(result))


def number(value: Any, name: str) -> float:
    """``value`` if it is an int or a float; otherwise how Keras would treat it is unknown."""
    if type(value) not in (int, float) and not isinstance(value, Deferred):
        raise Unknown(f"{name}={value!r} is not a number")
    return value  # type: ignore[no-any-return]


def axes_of(value: Any, name: str = "axis") -> tuple[int, ...]:
    """One axis or several, as a tuple."""
    values = value if isinstance(value, (tuple, list)) else (value,)
    return tuple(integer(item, name) for item in values)


def check_axes(axes: tuple[int, ...], spec: Spec) -> None:
    """Refuse axes that the input does not have."""
    rank = len(spec.shape)
    for axis in axes:
        if not -rank <= axis < rank:
            raise Refused(f"has no axis {axis} in an input of shape {text(spec)}")
