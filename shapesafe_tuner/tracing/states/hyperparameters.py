"""The ``HyperParameters`` of a followed run: what ``build`` reads of them is written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shapesafe_tuner._compat.keras_tuner.domains import domain
from shapesafe_tuner._compat.keras_tuner.quick import QuickHyperParameters
from shapesafe_tuner.tracing.lazy import Proxy, can_be_deferred
from shapesafe_tuner.tracing.states.early import stem
from shapesafe_tuner.tracing.states.follower import Follower
from shapesafe_tuner.tracing.states.opaque import crossed, opaque

__all__ = ["FollowedHyperParameters"]


class FollowedHyperParameters(QuickHyperParameters):
    """One configuration of a followed run.

    Args:
        *given: as of :class:`QuickHyperParameters`.
        follower: of the run.
    """

    def __init__(self, *given: Any, follower: Follower) -> None:
        self._follower = follower
        super().__init__(*given)

    def _exists(self, *_: Any) -> bool:
        """A conditional scope is opened: what is active in it is no part of a state."""
        return bool(self._hps)

    @property
    def values(self) -> Any:
        """The values; ``build`` itself does not read them, or nothing is merged."""
        if self._follower.in_user_code:
            self._follower.uses("values")
        return self._values

    @values.setter
    def values(self, values: Any) -> None:
        self._values = values


def _followed(method: str) -> Callable[..., Any]:
    stock = getattr(QuickHyperParameters, method)

    def ask(self: Any, name: Any, *args: Any, **kwargs: Any) -> Any:
        follower = self._follower
        with follower.library_call("read"):
            name, args, kwargs = (crossed(each) for each in (name, args, kwargs))
            value = stock(self, name, *args, **kwargs)
            return _shown(follower, self.asked[name][0], value)

    ask.__doc__ = stock.__doc__
    return ask


for _method in ("Choice", "Int", "Float", "Boolean", "Fixed"):
    setattr(FollowedHyperParameters, _method, _followed(_method))


def _shown(follower: Follower, hp: Any, value: Any) -> Any:
    """What ``build`` gets when it reads a hyperparameter."""
    found = _known(follower, hp, value)
    follower.asks(hp.name, found)
    return found


def _known(follower: Follower, hp: Any, value: Any) -> Any:
    if hp.name not in follower.ranges:
        follower.ranges[hp.name] = follower.memory.declared(hp)
    if issubclass(type(value), Proxy):
        return value
    values = domain(hp)
    if values is not None and len(values) == 1:
        return value
    memory, kinds = follower.memory, (int, float, str)
    hidden = memory.hides and stem(hp.name) not in memory.shown
    if hidden and type(value) in kinds and can_be_deferred(hp):
        return opaque(value, follower)
    follower.cross((hp.name, type(value).__name__, repr(value)))
    return value
