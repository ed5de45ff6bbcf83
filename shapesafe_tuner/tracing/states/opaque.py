"""Values that are chosen for the rules but that ``build`` was not shown.

What rules alone look at need not be known to ``build``: it holds a proxy, and two runs that chose
differently are the same to it. Whatever it asks of the proxy is answered truly, and written down
as something that *crossed* to it: the answer, not the value.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Protocol

from shapesafe_tuner.structures import map_leaves
from shapesafe_tuner.tracing.lazy import Proxy, proxy_of

__all__ = ["Log", "Opaque", "crossed", "opaque", "revealed"]


class Log(Protocol):
    """Where what crosses is written down."""

    def cross(self, what: Any) -> None:
        """Something became known to ``build``."""

    def born(self, it: Any) -> None:
        """Something that ``build`` may hold was made."""

    def serves(self, value: Any) -> None:
        """A value that ``build`` was not shown served for something."""


class Opaque(Proxy):
    """What all of them have in common; ``_expression`` is the value."""

    __slots__ = ("_log",)

    def __init__(self, it: Any, log: Log) -> None:
        super().__init__(it)
        self._log = log
        log.born(self)

    def _show(self, what: str, result: Any) -> Any:
        self._log.serves(self)
        self._log.cross((what, type(result).__name__, repr(result)))
        return result

    def force(self) -> Any:
        """The value, which ``build`` knows from now on."""
        return self._show("value", self._expression)

    _force = force

    def __getattr__(self, name: str) -> Any:
        return getattr(self._show("value", self._expression), name)

    def own_key(self) -> Any:
        """Equal for equal values."""
        self._log.serves(self)
        return ("chosen", type(self._expression).__name__, repr(self._expression))


def _showing(name: str) -> Callable[..., Any]:
    def show(self: Any, *args: Any) -> Any:
        method = getattr(type(self)._type, name, None)
        if method is None:
            return NotImplemented
        plain = [_known(arg) for arg in args]
        result = method(self._expression, *plain)
        return result if result is NotImplemented else self._show(name, result)

    show.__name__ = name
    return show


def _known(value: Any) -> Any:
    if not issubclass(type(value), Opaque):
        return value
    value._log.serves(value)
    return value._expression


def _combining(name: str, *, swapped: bool) -> Callable[..., Any]:
    work = getattr(operator, name)

    def combine(self: Any, other: Any) -> Any:
        known = _known(other)
        if type(known) not in (int, float):
            if issubclass(type(known), Proxy):
                # The result depends on both; what is not chosen yet is no function of this one.
                known = known._expression
            value = self._show("value", self._expression)
            result = work(known, value) if swapped else work(value, known)
            return proxy_of(result)
        mine = _known(self)
        return opaque(work(known, mine) if swapped else work(mine, known), self._log)

    combine.__name__ = f"__{'r' if swapped else ''}{name}__"
    return combine


def _negative(self: Any) -> Any:
    return opaque(-_known(self), self._log)


class OpaqueInt(Opaque):
    """For an int."""

    __slots__ = ()
    _type = int


class OpaqueFloat(Opaque):
    """For a float."""

    __slots__ = ()
    _type = float


class OpaqueStr(Opaque):
    """For a string."""

    __slots__ = ()
    _type = str


_SHOWN = (
    "__index__ __int__ __float__ __complex__ __str__ __repr__ __format__ __hash__ __round__ "
    "__trunc__ __floor__ __ceil__ __abs__ __pow__ __rpow__ __divmod__ __rdivmod__ __invert__ "
    "__lshift__ __rlshift__ __rshift__ __rrshift__ __and__ __rand__ __or__ __ror__ __xor__ "
    "__rxor__ __reduce_ex__ __copy__ __deepcopy__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__"
).split()
for _cls in (OpaqueInt, OpaqueFloat, OpaqueStr):
    for _name in _SHOWN:
        setattr(_cls, _name, _showing(_name))
for _cls in (OpaqueInt, OpaqueFloat):
    for _name in ("add", "sub", "mul", "floordiv", "truediv", "mod"):
        setattr(_cls, f"__{_name}__", _combining(_name, swapped=False))
        setattr(_cls, f"__r{_name}__", _combining(_name, swapped=True))
    setattr(_cls, "__neg__", _negative)  # noqa: B010
for _name in "__len__ __iter__ __contains__ __getitem__ __add__ __mul__ __mod__ __rmul__".split():
    setattr(OpaqueStr, _name, _showing(_name))


def _truth(self: Any) -> bool:
    return bool(self._show("truth", bool(self._expression)))


def _joined(self: Any, other: Any) -> Any:
    return other + self._show("value", self._expression)


for _cls in (OpaqueInt, OpaqueFloat, OpaqueStr):
    setattr(_cls, "__bool__", _truth)  # noqa: B010
OpaqueStr.__radd__ = _joined  # type: ignore[attr-defined]

_KINDS: dict[type, type[Opaque]] = {int: OpaqueInt, float: OpaqueFloat, str: OpaqueStr}


def opaque(value: Any, log: Log) -> Any:
    """A proxy for a value that is chosen; the value itself where there is no such proxy."""
    kind = _KINDS.get(type(value))
    return value if kind is None else kind(value, log)


def crossed(value: Any) -> Any:
    """What was hidden becomes known."""
    return map_leaves(lambda leaf: leaf.force() if issubclass(type(leaf), Opaque) else leaf, value)


def revealed(value: Any) -> Any:
    """What rules are given: the values themselves."""
    return map_leaves(_revealed, value)


def _revealed(leaf: Any) -> Any:
    return leaf._expression if issubclass(type(leaf), Opaque) else leaf
