"""Sizes that are not chosen yet: arithmetic on hyperparameters with the bounds they stay within.

A comparison is answered where it holds for every value or for none, by interval arithmetic (Moore,
*Interval Analysis*, 1966); otherwise the hyperparameter is *demanded*. So a run that ends without a
demand gives its answer for every value.

A kernel between 3 and 9 on a map of 28 leaves ``28 - k + 1`` places, 20 to 26: that this is
positive holds for every kernel, and the sizes of the next map are that expression. On a map of 8 it
may be 0, and the kernel is demanded. Equal expressions have equal keys, so that the sum of a tensor
with itself fits although its size is not chosen.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

__all__ = ["Deferred", "Demand", "demanded", "forget_demands", "watched"]

_LOCAL = threading.local()


class Demand(BaseException):
    """Ends a run that cannot go on without the value of a hyperparameter.

    Args:
        name: of the hyperparameter.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def demanded() -> str | None:
    """What this thread's run demanded first, even where somebody swallowed the exception."""
    return getattr(_LOCAL, "name", None)


def forget_demands() -> None:
    """Before a new run."""
    _LOCAL.name = None


@contextlib.contextmanager
def watched(watcher: Callable[[str], None]) -> Iterator[None]:
    """Tell of a demand before the run is left.

    Args:
        watcher: called with the name of the hyperparameter.
    """
    _LOCAL.watcher = watcher
    try:
        yield
    finally:
        _LOCAL.watcher = None


def demand(name: str) -> NoReturn:
    """Leave the run; it counts for nothing, whoever swallows this."""
    if demanded() is None:
        _LOCAL.name = name
        watcher = getattr(_LOCAL, "watcher", None)
        if watcher is not None:
            watcher(name)
    raise Demand(name)


class Deferred:
    """A number that depends on hyperparameters.

    Args:
        key: tells equal expressions from others.
        low, high: bounds, both included.
        names: of the hyperparameters in it.
        whole: it is an integer for every value.
    """

    __slots__ = ("high", "key", "low", "names", "whole")

    def __init__(
        self, key: Any, low: float, high: float, names: tuple[str, ...], whole: bool
    ) -> None:
        self.key = key
        self.low = low
        self.high = high
        self.names = names
        self.whole = whole

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """That of its values: a rule that looks for an int finds one."""
        return int if self.whole else float

    def force(self) -> NoReturn:
        """Demand what it depends on."""
        demand(self.names[0])

    def _with(self, symbol: str, other: Any, *, swapped: bool = False) -> Any:
        plain = type(other) in (int, float)
        if not plain and not isinstance(other, Deferred):
            return NotImplemented
        low, high = (other, other) if plain else (other.low, other.high)
        mine, theirs = (self.low, self.high), (low, high)
        left, right = (theirs, mine) if swapped else (mine, theirs)
        bounds = _bounds(symbol, left, right)
        if bounds is None:
            self.force()
        keys = (self.key, other if plain else other.key)
        names = self.names if plain else tuple(dict.fromkeys((*self.names, *other.names)))
        whole = self.whole and (type(other) is int if plain else other.whole) and symbol != "/"
        key = (symbol, *(reversed(keys) if swapped else keys), type(other).__name__)
        return Deferred(key, *bounds, names, whole)

    def __add__(self, other: Any) -> Any:
        return self._with("+", other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._with("-", other)

    def __rsub__(self, other: Any) -> Any:
        return self._with("-", other, swapped=True)

    def __mul__(self, other: Any) -> Any:
        if type(other) is int and other == 1:
            return self
        return self._with("*", other)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        if self.whole and type(other) is int and other == 1:
            return self
        return self._with("//", other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._with("//", other, swapped=True)

    def __truediv__(self, other: Any) -> Any:
        return self._with("/", other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._with("/", other, swapped=True)

    def __mod__(self, other: Any) -> Any:
        if self.whole and type(other) is int and other == 1:
            return 0
        return self._with("%", other)

    def __rmod__(self, other: Any) -> Any:
        return self._with("%", other, swapped=True)

    def __neg__(self) -> Any:
        return self * -1

    def _compare(self, other: Any) -> tuple[float, float]:
        """Bounds of ``self - other``."""
        if isinstance(other, Deferred):
            if other.key == self.key:
                return 0, 0
            return self.low - other.high, self.high - other.low
        return self.low - other, self.high - other

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, (int, float, Deferred)):
            return False
        low, high = self._compare(other)
        if low == high == 0:
            return True
        if low <= 0 <= high:
            self.force()
        return False

    def __ne__(self, other: Any) -> bool:
        return not self == other

    def __hash__(self) -> int:  # noqa: PLE0309
        # In a set or a dict, equal values of different expressions would count as different.
        self.force()

    def __lt__(self, other: Any) -> bool:
        low, high = self._compare(other)
        return high < 0 or (self.force() if low < 0 else False)

    def __le__(self, other: Any) -> bool:
        low, high = self._compare(other)
        return high <= 0 or (self.force() if low <= 0 else False)

    def __gt__(self, other: Any) -> bool:
        return not self <= other

    def __ge__(self, other: Any) -> bool:
        return not self < other

    def __bool__(self) -> bool:
        return self != 0

    def _asked(self, *others: Any) -> Any:
        self.force()

    __index__ = __int__ = __float__ = __complex__ = __round__ = __trunc__ = __floor__ = __ceil__ = (
        _asked
    )
    __abs__ = __divmod__ = __rdivmod__ = __pow__ = __rpow__ = __invert__ = __and__ = __or__ = _asked

    def __repr__(self) -> str:
        return _formula(self)


_LONGEST, _DEEPEST = 24, 3


def _formula(number: Deferred) -> str:
    """``144 x filters`` for a sentence; what gets long as what it lies between."""
    text = _written(number.key)
    if len(text) <= _LONGEST:
        return text
    return f"{_written(number.low)} to {_written(number.high)}"


def _written(key: Any, depth: int = 0) -> str:
    if not isinstance(key, tuple):
        return f"{key:g}" if isinstance(key, float) else str(key)
    symbol, left, *others = key
    if symbol == "hp":
        return str(left)
    if depth > _DEEPEST:
        return " " * _LONGEST
    sides = [_written(side, depth + 1) for side in (left, others[0])]
    if symbol == "*" and not isinstance(others[0], tuple):
        sides.reverse()
    left, right = (f"({side})" if " " in side else side for side in sides)
    return f"{left} {_SIGNS.get(symbol, symbol)} {right}"


_SIGNS = {"*": "x", "%": "mod"}


def _bounds(symbol: str, left: Any, right: Any) -> tuple[float, float] | None:
    """Bounds of the result; None where they are not known."""
    if symbol == "+":
        return left[0] + right[0], left[1] + right[1]
    if symbol == "-":
        return left[0] - right[1], left[1] - right[0]
    if symbol == "*":
        corners = [a * b for a in left for b in right]
        return min(corners), max(corners)
    if not right[0] > 0:
        return None
    if symbol == "%":
        return 0, right[1]
    corners = [a / b for a in left for b in right]
    if symbol == "/":
        return min(corners), max(corners)
    return math.floor(min(corners)), math.floor(max(corners))
