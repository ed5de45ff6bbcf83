"""What users give to the public functions: its types, and errors that name the function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any, Literal, Protocol

__all__ = [
    "BatchSize", "Builds", "Constraints", "HasValues", "Hypermodel", "OnInfeasible", "Values",
    "checked_constraints", "checked_hypermodel", "checked_values",
]  # fmt: skip


class Builds(Protocol):
    """A ``keras_tuner.HyperModel``."""

    def build(self, hp: Any) -> Any:
        """The model for these hyperparameters."""


class HasValues(Protocol):
    """A ``keras_tuner.HyperParameters``."""

    values: Any
    space: Any


Hypermodel = Callable[[Any], Any] | Builds
"""``build(hp) -> keras.Model``, or a ``keras_tuner.HyperModel``."""
Values = Mapping[str, Any] | HasValues
"""Values of hyperparameters by name, or a ``keras_tuner.HyperParameters``."""
Constraints = Sequence[Callable[[Any], bool]]
"""Functions ``hp -> bool``; one that returns False refuses a configuration."""
BatchSize = int | str | Callable[[Any], int]
"""A number of samples, ``hp -> int``, or the name of a hyperparameter."""
OnInfeasible = Literal["resample", "repair", "warn"]


def checked_hypermodel(function: str, hypermodel: object) -> None:
    """Nothing happens if this is a function or a ``HyperModel``.

    Args:
        function: the public one that was called.
        hypermodel: what it was given.

    Raises:
        TypeError: it is something else.
    """
    kind = type(hypermodel)
    if kind is FunctionType:
        return
    if inspect.isclass(hypermodel):
        if _is_a(hypermodel, "keras_tuner", "HyperModel"):
            name = hypermodel.__name__
            raise TypeError(
                f"{_wanted(function)}; {name} is a class: pass an instance of it, {name}()."
            )
    elif _is_a(kind, "keras", "Model"):
        raise TypeError(f"{_wanted(function)}, not a model that is already built.")
    elif not callable(hypermodel) and not _is_a(kind, "keras_tuner", "HyperModel"):
        raise TypeError(f"{_wanted(function)}, not {kind.__name__}.")


def _wanted(function: str) -> str:
    return (
        f"{function}(): hypermodel must be a function build(hp) that returns a Keras model, or a "
        "keras_tuner.HyperModel"
    )


def checked_values(function: str, values: object) -> dict[str, Any]:
    """Values as a dict, from a dict or a ``HyperParameters``.

    Args:
        function: the public one that was called.
        values: what it was given.

    Raises:
        TypeError: they are neither.
    """
    if isinstance(values, (dict, Mapping)):
        for name in values:
            if not isinstance(name, str):
                raise TypeError(
                    f"{function}(): values must be a dict by name, and {name!r} is not a name: "
                    'for example {"kernel": 3}.'
                )
        return dict(values)
    known = getattr(values, "values", None)
    if hasattr(values, "space") and isinstance(known, Mapping):
        return dict(known)
    raise TypeError(
        f"{function}(): values must be a dict or a HyperParameters, not "
        f'{type(values).__name__}: for example {{"kernel": 3}}.'
    )


def checked_constraints(function: str, constraints: object) -> Constraints:
    """The constraints, each of them a function.

    Args:
        function: the public one that was called.
        constraints: what it was given.

    Raises:
        TypeError: one of them cannot be called, or they are no sequence.
    """
    wanted = f"{function}(): constraints must be a list of functions hp -> bool"
    if not isinstance(constraints, (tuple, list, Sequence)) or isinstance(constraints, str):
        raise TypeError(f"{wanted}, not {type(constraints).__name__}.")
    for constraint in constraints:
        if not callable(constraint):
            raise TypeError(f"{wanted}, and {constraint!r} is not one.")
    return constraints


def _is_a(kind: type, package: str, name: str) -> bool:
    """Whether a class is, or comes from, one of a library that need not be imported for this."""
    return any(
        base.__name__ == name and base.__module__.split(".")[0] == package for base in kind.__mro__
    )
