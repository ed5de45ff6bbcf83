"""Keys of any Python values: equal for what a layer cannot tell apart, and only for that.

A check that is repeated looks up what was worked out before, so a key that is equal for too much
gives a wrong verdict, and one that is equal for too little only costs time. ``1``, ``1.0`` and
``True`` have three keys. A lambda that is made anew in every ``build`` has the key of the last one:
its code, what it closes over, and what the globals that it reads stand for *now*. What has no such
key raises :class:`~shapesafe_tuner.tracing.signals.NoKey`, and is worked out each time.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Hashable
from types import CodeType, FunctionType
from typing import Any, TypeAlias, cast

import keras

from shapesafe_tuner.tracing.signals import NoKey

__all__ = ["Key", "globals_of", "key_of"]

Key: TypeAlias = Hashable
"""Equal for equal calls, in the same process."""

_PLAIN = frozenset([int, float, str, bool, type(None), complex, bytes])


def key_of(value: Any) -> Key:
    """A hashable stand-in for a value, equal for values that a layer cannot tell apart.

    Raises:
        NoKey: there is no such thing for this value.
    """
    kind = type(value)
    if kind in _PLAIN:
        return kind, repr(value) if kind is float else value
    if kind in (list, tuple):
        return kind, *[key_of(item) for item in value]
    if kind is dict:
        return kind, *[(key_of(key), key_of(item)) for key, item in value.items()]
    described = getattr(kind, "own_key", None)
    if described is not None:
        return cast(Key, described(value))
    if inspect.isfunction(value):
        return _key_of_function(value)
    if inspect.isclass(value) or inspect.isbuiltin(value):
        return kind, value
    module = kind.__module__
    if module.startswith("keras.") and isinstance(
        value,
        (
            keras.initializers.Initializer,
            keras.regularizers.Regularizer,
            keras.constraints.Constraint,
            keras.optimizers.schedules.LearningRateSchedule,
            keras.dtype_policies.DTypePolicy,
        ),
    ):
        return kind, *[(name, key_of(item)) for name, item in sorted(vars(value).items())]
    raise NoKey(f"{kind.__name__} has no plain value")


def _key_of_function(function: FunctionType, depth: int = 0) -> Key:
    """Functions made anew in every build are equal if code and what they read are."""
    if depth > _DEEPEST:
        raise NoKey("functions call each other")
    code, known = function.__code__, function.__globals__
    return (
        code,
        id(known),
        key_of(list(function.__defaults__ or ())),
        key_of(dict(function.__kwdefaults__ or {})),
        key_of([cell.cell_contents for cell in function.__closure__ or ()]),
        tuple((name, _key_of_global(known[name], depth)) for name in _names(code) if name in known),
    )


_DEEPEST = 8


def _key_of_global(value: Any, depth: int) -> Key:
    if inspect.ismodule(value):
        return value
    return _key_of_function(value, depth + 1) if inspect.isfunction(value) else key_of(value)


@functools.cache
def _names(code: CodeType) -> tuple[str, ...]:
    """The names a function reads, and the functions inside it."""
    inner = [name for const in code.co_consts if inspect.iscode(const) for name in _names(const)]
    return tuple(dict.fromkeys([*code.co_names, *inner]))


@functools.cache
def _own_functions(cls: type) -> tuple[Any, ...]:
    """The methods of a layer class and its bases that are not Keras's."""
    own = [base for base in cls.__mro__ if base.__module__.split(".")[0] not in _LIBRARIES]
    return tuple(item for base in own for item in vars(base).values() if inspect.isfunction(item))


_LIBRARIES = ("keras", "builtins", "tensorflow", "torch", "jax")


def globals_of(cls: type) -> Key:
    """What the methods of a layer class read of their module, as it is now.

    Raises:
        NoKey: they read something that cannot be compared.
    """
    return tuple(
        (name, _key_of_global(method.__globals__[name], 0))
        for method in _own_functions(cls)
        for name in _names(method.__code__)
        if name in method.__globals__ and not inspect.isclass(method.__globals__[name])
    )
