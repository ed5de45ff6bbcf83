"""What several backends answer alike: a backend's module takes from here what holds for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras.src import backend as keras_backend

from shapesafe_tuner._compat.types import Model, Nested, Operation, Tensor, Variable

__all__ = [
    "differentiate",
    "has_history",
    "is_refused_by_keras",
    "known_size",
    "runs_eagerly",
    "trained_once",
    "with_mask",
    "zeros",
]


def with_mask(made: Tensor, leaf: Tensor, make: Callable[[Tensor], Tensor]) -> Tensor:
    """What was made from a tensor, with a mask made from that tensor's mask."""
    mask = keras_backend.get_keras_mask(leaf)
    if mask is not None:
        keras_backend.set_keras_mask(made, make(mask))
    return made


def zeros(spec: Tensor | None) -> Tensor | None:
    """A tensor of zeros; None for a mask that is none."""
    return None if spec is None else keras.ops.zeros(spec.shape, spec.dtype)


def is_refused_by_keras(error: BaseException) -> bool:
    """Whether Keras refuses shapes; unpacking an unknown number of them is none of that."""
    return isinstance(error, ValueError) and "unpack" not in str(error)


def differentiate(
    compute: Callable[[], tuple[Tensor | None, Nested]],
    variables: Callable[[], list[Variable]],
    watched: list[Tensor],
) -> tuple[list[Tensor | None], Nested]:
    """The total in place of each gradient: none is lost that a step would miss."""
    total, result = compute()
    return [total] * (len(variables()) + len(watched)), result


def runs_eagerly(model: Model) -> bool:
    """Whether ``compile`` was told to run Python on real values."""
    return bool(getattr(model, "run_eagerly", False))


def trained_once(model: Model) -> Operation | None:
    """None: gradients are those of a function or graph that ``fit`` makes itself."""
    return None


def has_history(value: Any) -> bool:
    """No tensor remembers what it was computed from."""
    return False


def known_size(size: Any) -> int | None:
    """A size of a traced shape."""
    return None if size is None else int(size)
