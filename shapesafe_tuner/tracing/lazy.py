"""Hyperparameter values that are not chosen yet, as ``build`` meets them.

A proxy answers ``isinstance`` as the value would, gives proxies for arithmetic, and demands its
hyperparameter the moment code needs the value itself (Runciman, Naylor and Lindblad, *SmallCheck
and Lazy SmallCheck*, Haskell Symposium 2008, did so for test data). There is one class for each
type of value, with the methods that type has: code asks ``callable(x)``, ``hasattr(x, "__len__")``.

With ``units = hp.Int("units", 8, 64)`` not chosen, ``units * 2`` is a proxy for 16 to 128 and
``units > 4`` is True, for it is so for each of the values; ``units > 32`` demands *units*, and so
do ``range(units)`` and ``f"dense_{units}"``. A layer's rule is given the expression behind the
proxy (:class:`~shapesafe_tuner.shapes.deferred.Deferred`): ``Dense(units)`` demands nothing.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import keras

from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner._compat.keras_tuner.domains import domain, hp_types
from shapesafe_tuner._compat.types import HyperParameter, Value
from shapesafe_tuner.shapes.deferred import Deferred, demand
from shapesafe_tuner.structures import leaves, map_leaves

__all__ = [
    "LazyFloat", "LazyInt", "LazyPenalty", "LazyStr", "Proxy", "any_of",
    "can_be_deferred", "deferred", "expressions",
    "lazy_value", "proxies_in", "proxy_of", "shown_sizes", "unwrapped",
]  # fmt: skip


class Proxy:
    """What all proxies have in common; ``_expression`` is what it stands for."""

    __slots__ = ("__weakref__", "_expression")
    _type: type = object

    def __init__(self, expression: Any) -> None:
        self._expression = expression

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self)._type

    def _force(self) -> Any:
        return self._expression.force()

    def force(self) -> Any:
        """Demand the hyperparameters behind it."""
        return self._expression.force()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and not hasattr(type(self)._type, name):
            raise AttributeError(name)
        return self._force()

    def own_key(self) -> tuple[object, ...]:
        """Equal for what stands for the same."""
        return ("deferred", type(self).__name__, self._expression.key)


def _forcing(name: str) -> Callable[..., Any]:
    def force(self: Any, *args: Any) -> Any:
        return self._force()

    force.__name__ = name
    return force


def _number(name: str) -> Callable[..., Any]:
    work = getattr(operator, name)

    def combine(self: Any, *others: Any) -> Any:
        plain = [unwrapped(other) for other in others]
        if any(type(other) not in (int, float, Deferred) for other in plain):
            return NotImplemented if isinstance(others[0], Proxy) else self._force()
        return proxy_of(work(self._expression, *plain))

    return combine


def _reflected(name: str) -> Callable[..., Any]:
    work = getattr(operator, name)

    def combine(self: Any, other: Any) -> Any:
        if type(other) not in (int, float):
            return self._force()
        return proxy_of(work(other, self._expression))

    return combine


def _compared(name: str) -> Callable[..., Any]:
    work = getattr(operator, name)

    def compare(self: Any, other: Any) -> Any:
        plain = unwrapped(other)
        if type(plain) not in (int, float, Deferred):
            return self._force()
        return work(self._expression, plain)

    return compare


_FORCING = (
    "__index__ __int__ __float__ __complex__ __str__ __repr__ __format__ __hash__ __round__ "
    "__trunc__ __floor__ __ceil__ __abs__ __pow__ __rpow__ __divmod__ __rdivmod__ __invert__ "
    "__lshift__ __rlshift__ __rshift__ __rrshift__ __and__ __rand__ __or__ __ror__ __xor__ "
    "__rxor__ __rfloordiv__ __rtruediv__ __rmod__ __reduce_ex__ __copy__ __deepcopy__ __bool__"
).split()


class _LazyNumber(Proxy):
    __slots__ = ()


for _name in _FORCING:
    setattr(_LazyNumber, _name, _forcing(_name))
for _name in ("add", "sub", "mul", "floordiv", "truediv", "mod", "neg"):
    setattr(_LazyNumber, f"__{_name}__", _number(_name))
for _name in ("add", "sub", "mul"):
    setattr(_LazyNumber, f"__r{_name}__", _reflected(_name))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(_LazyNumber, f"__{_name}__", _compared(_name))


class LazyInt(_LazyNumber):
    """For an int."""

    __slots__ = ()
    _type = int


class LazyFloat(_LazyNumber):
    """For a float."""

    __slots__ = ()
    _type = float

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> Any:
        """A tensor of a trace: what is computed there shows no value to anybody."""
        if not backend.is_tracing():
            return self._force()
        return keras.ops.convert_to_tensor(self.highest, dtype)

    @property
    def lowest(self) -> float:
        """The least it may be."""
        return float(self._expression.low)

    @property
    def highest(self) -> float:
        """The most it may be."""
        return float(self._expression.high)


class _Text:
    """A string that is not chosen; nothing is known of it but its values."""

    __slots__ = ("key", "name", "values")

    def __init__(self, name: str, values: tuple[str, ...]) -> None:
        self.name = name
        self.values = values
        self.key = (name, values)

    def force(self) -> NoReturn:
        demand(self.name)


class LazyStr(Proxy):
    """For a string; all but its existence demands it."""

    __slots__ = ()
    _type = str

    @property
    def choices(self) -> tuple[str, ...]:
        """The values it may have."""
        return self._expression.values  # type: ignore[no-any-return]


for _name in (
    *_FORCING, "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__len__", "__iter__",
    "__contains__", "__getitem__", "__add__", "__radd__", "__mul__", "__rmul__", "__mod__",
):  # fmt: skip
    setattr(LazyStr, _name, _forcing(_name))


class LazyPenalty:
    """For a regularizer of Keras whose factors are not chosen; they change no shape."""

    def __init__(self, kind: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._given = (kind, args, kwargs)
        for value in (*args, *kwargs.values()):
            # Keras refuses negative factors.
            if issubclass(type(value), _LazyNumber) and value < 0:
                value.force()

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return self._given[0]

    def __getattr__(self, name: str) -> Any:
        return self.force()

    def force(self) -> Any:
        """Demand its factors."""
        _, args, kwargs = self._given
        return next(v for v in (*args, *kwargs.values()) if issubclass(type(v), Proxy)).force()

    def any(self) -> Any:
        """A real one with some factors, for who does not read them."""
        kind, args, kwargs = self._given
        return kind(*any_of(list(args)), **any_of(kwargs))

    def own_key(self) -> tuple[object, ...]:
        """Equal for what stands for the same."""
        kind, args, kwargs = self._given
        plain = [getattr(type(v), "own_key", repr)(v) for v in (*args, *kwargs.values())]
        return ("penalty", kind, len(args), tuple(kwargs), *plain)


def proxy_of(expression: Any) -> Any:
    """The proxy for an expression; a number is itself."""
    if not isinstance(expression, Deferred):
        return expression
    return LazyInt(expression) if expression.whole else LazyFloat(expression)


def shown_sizes(shape: tuple[Any, ...]) -> tuple[Any, ...]:
    """A shape with proxies for sizes that are not chosen."""
    return tuple([proxy_of(size) if type(size) is Deferred else size for size in shape])


def unwrapped(value: Value) -> Any:
    """The expression behind a proxy of a number; anything else as it is."""
    return value._expression if issubclass(type(value), _LazyNumber) else value


def expressions(value: Value) -> Any:
    """``value`` with the expressions of numbers that are not chosen in place of their proxies."""
    return map_leaves(unwrapped, value)


def proxies_in(value: Value) -> Iterator[Proxy]:
    """What is not chosen in a structure."""
    return (leaf for leaf in leaves(value) if issubclass(type(leaf), Proxy))


def any_of(value: Value) -> Any:
    """Numbers that are not chosen as one of those they may be, where no outcome depends on them."""
    return map_leaves(_any_of, value)


def _any_of(leaf: Value) -> Any:
    return leaf._expression.low if issubclass(type(leaf), _LazyNumber) else leaf


def can_be_deferred(hp: HyperParameter | Any) -> bool:
    """Whether a proxy can stand for its values.

    Code tells True from 1 by ``is``, mixed values have no one type, and nan has no place between
    bounds; nor has what arithmetic makes of infinities.
    """
    if isinstance(hp, hp_types.Choice):
        kinds = set(map(type, hp.values))
        return len(kinds) == 1 and (kinds != {float} or all(map(math.isfinite, hp.values)))
    if isinstance(hp, hp_types.Float):
        return math.isfinite(hp.min_value) and math.isfinite(hp.max_value)
    return not isinstance(hp, hp_types.Boolean)


def deferred(hp: Any) -> Any:
    """A proxy for its values; what it has a single value for is that value.

    Raises:
        Demand: there is no proxy for values of this type.
    """
    if isinstance(hp, hp_types.Fixed):
        return hp.value
    if isinstance(hp, hp_types.Choice):
        values = domain(hp)
        assert values is not None
        return lazy_value(hp.name, values, min(values), max(values), type(values[0]))
    kind = int if isinstance(hp, hp_types.Int) else float
    only = [hp.min_value] if hp.min_value == hp.max_value else None
    return lazy_value(hp.name, only, hp.min_value, hp.max_value, kind)


def lazy_value(name: str, values: Sequence[Any] | None, low: Any, high: Any, kind: type) -> Any:
    """A proxy for a hyperparameter, or its only value.

    Args:
        name: of the hyperparameter.
        values: its domain, or None where it is infinite.
        low, high: bounds of numbers.
        kind: type of the values.

    Raises:
        Demand: its values cannot be deferred.
    """
    if values is not None and len(values) == 1:
        return values[0]
    if kind is str and values is not None:
        return LazyStr(_Text(name, tuple(values)))
    if kind not in (int, float):
        demand(name)
    size = None if values is None else len(values)
    return proxy_of(Deferred(("hp", name, low, high, size), low, high, (name,), kind is int))
