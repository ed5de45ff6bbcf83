"""What is known of a constructor call, worked out once: equal calls make equal layers."""

from __future__ import annotations

import functools
import inspect
import marshal
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from shapesafe_tuner.memory import Memory
from shapesafe_tuner.shapes.registry import Configured
from shapesafe_tuner.shapes.spec import Refused, Unknown
from shapesafe_tuner.tracing.signals import NoKey
from shapesafe_tuner.tracing.standins.binding import bind

__all__ = ["Description", "Descriptions", "frozen"]

_PLAIN = frozenset([int, float, str, bool, type(None), complex, bytes])
_MOST = 20_000
"""Constructor calls, and calls of one layer, that are remembered."""


class Description:
    """A layer as its constructor call describes it.

    Attributes:
        layer_class: its class.
        args, kwargs: of the constructor, without the name.
        configured: its rule; None where the layer itself has to be asked.
        refused: the rule's refusal of the constructor call, or None.
        key: equal for equal calls; None where that cannot be told.
        calls: what the layer answered, by what it was called on.
        constructed: Keras has accepted the constructor call.
        quick: answers of its rule to a call on one tensor: by input and by what it was built on,
            the number of weights and the output.
        rows: rows of the shape table, made once.
    """

    __slots__ = (
        "args", "calls", "configured", "constructed", "key", "kwargs", "layer_class", "quick",
        "refused", "rows",
    )  # fmt: skip

    def __init__(
        self,
        layer_class: type,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        key: Any,
        *,
        look_up: bool = True,
    ) -> None:
        self.layer_class = layer_class
        self.args = tuple(args)
        self.kwargs = dict(kwargs)
        self.key = key
        self.calls: Memory[Any, Any] = Memory(_MOST)
        self.quick: Memory[Any, Any] = Memory(_MOST)
        self.rows: Memory[Any, Any] = Memory(_MOST)
        self.configured: Configured | None = None
        self.refused: Refused | None = None
        self.constructed = False
        if not look_up:
            return
        try:
            self.configured = bind(layer_class, args, kwargs)
        except Refused as refused:
            self.refused = refused
        except Unknown:
            pass


class Descriptions:
    """The descriptions of this process, by constructor call and the policies that hold for it."""

    def __init__(self) -> None:
        self._known: Memory[Any, Description] = Memory(_MOST)

    def describe(
        self, layer_class: type, args: tuple[Any, ...], kwargs: dict[str, Any], policy: Any
    ) -> Description:
        """The description of a constructor call.

        Args:
            layer_class: the class that is called.
            args, kwargs: without the name.
            policy: what else it depends on: the global dtype policy and data format.
        """
        if not layer_class.__module__.startswith("keras."):
            try:
                policy = (policy, globals_of(layer_class))
            except (NoKey, TypeError, ValueError):
                return Description(layer_class, args, kwargs, None)
        try:
            # Bytes tell 1 from 1.0 and True, as a hash of the arguments would not.
            key: Any = (layer_class, marshal.dumps((args, kwargs), 2), policy)
        except ValueError:
            try:
                key = (layer_class, frozen(args), frozen(kwargs), policy)
            except (NoKey, TypeError, ValueError):
                return Description(layer_class, args, kwargs, None)
        known = self._known.get(key)
        if known is None:
            known = Description(layer_class, _detached(args), _detached(kwargs), key)
            self._known[key] = known
        return known


def _detached(value: Any) -> Any:
    """Descriptions in place of stand-ins: what is remembered must not keep a run alive."""
    kind = type(value)
    if kind in (list, tuple):
        return kind(_detached(item) for item in value)
    if kind is dict:
        return {key: _detached(item) for key, item in value.items()}
    return getattr(value._it, "description", value) if hasattr(kind, "configured") else value


def frozen(value: Any) -> Any:
    """A hashable stand-in for a value, equal for values that a layer cannot tell apart.

    Raises:
        NoKey: there is no such thing for this value.
    """
    kind = type(value)
    if kind in _PLAIN:
        return kind, repr(value) if kind is float else value
    if kind in (list, tuple):
        return kind, *[frozen(item) for item in value]
    if kind is dict:
        return kind, *[(frozen(key), frozen(item)) for key, item in value.items()]
    described = getattr(kind, "frozen_as", None)
    if described is not None:
        return described(value)
    if inspect.isfunction(value):
        return _frozen_function(value)
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
        return kind, *[(name, frozen(item)) for name, item in sorted(vars(value).items())]
    raise NoKey(f"{kind.__name__} has no plain value")


def _frozen_function(function: Any, depth: int = 0) -> Any:
    """Functions made anew in every build are equal if code and what they read are."""
    if depth > _DEEPEST:
        raise NoKey("functions call each other")
    code, known = function.__code__, function.__globals__
    return (
        code,
        id(known),
        frozen(list(function.__defaults__ or ())),
        frozen(dict(function.__kwdefaults__ or {})),
        frozen([cell.cell_contents for cell in function.__closure__ or ()]),
        tuple((name, _frozen_global(known[name], depth)) for name in _names(code) if name in known),
    )


_DEEPEST = 8


def _frozen_global(value: Any, depth: int) -> Any:
    if inspect.ismodule(value):
        return value
    return _frozen_function(value, depth + 1) if inspect.isfunction(value) else frozen(value)


@functools.cache
def _names(code: Any) -> tuple[str, ...]:
    """The names a function reads, and the functions inside it."""
    inner = [name for const in code.co_consts if inspect.iscode(const) for name in _names(const)]
    return tuple(dict.fromkeys([*code.co_names, *inner]))


@functools.cache
def _own_functions(cls: type) -> tuple[Any, ...]:
    """The methods of a layer class and its bases that are not Keras's."""
    own = [base for base in cls.__mro__ if base.__module__.split(".")[0] not in _LIBRARIES]
    return tuple(item for base in own for item in vars(base).values() if inspect.isfunction(item))


_LIBRARIES = ("keras", "builtins", "tensorflow", "torch", "jax")


def globals_of(cls: type) -> Any:
    """What the methods of a layer class read of their module, as it is now.

    Raises:
        NoKey: there is something whose equality cannot be told.
    """
    return tuple(
        (name, _frozen_global(method.__globals__[name], 0))
        for method in _own_functions(cls)
        for name in _names(method.__code__)
        if name in method.__globals__ and not inspect.isclass(method.__globals__[name])
    )
