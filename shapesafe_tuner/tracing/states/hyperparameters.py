"""The ``HyperParameters`` of a followed run: what ``build`` reads of them is written down."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
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

    @property
    def scopes(self) -> tuple[Any, ...]:
        """The scopes that are open, and whether what is read in them is active."""
        conditions = [
            (item.name, repr(item.values), item.is_active(self._values))
            for item in self._conditions
        ]
        return (*self._name_scopes, *conditions)

    def name_scope(self, name: Any) -> Any:
        """KerasTuner's, opened and closed without being followed."""
        return _Scope(self._follower, super().name_scope, name)

    def conditional_scope(self, parent_name: Any, parent_values: Any) -> Any:
        """KerasTuner's; whether it is active becomes known, and not the value of its parent."""
        stock = super().conditional_scope

        @contextlib.contextmanager
        def opened(*given: Any) -> Iterator[None]:
            with stock(*given):
                condition = self._conditions[-1]
                self._follower.looks_at(condition.name)
                self._follower.cross((condition.name, condition.is_active(self._values)))
                yield

        return _Scope(self._follower, opened, parent_name, parent_values)

    def _answer(self, kind: Any, name: Any, args: Any, kwargs: Any) -> Any:
        follower = self._follower
        with follower.library_call("read"):
            name, args, kwargs = (crossed(each) for each in (name, args, kwargs))
            hp, value = super()._answer(kind, name, args, kwargs)
            if value is None:
                return hp, None
            found = _known(follower, hp, value)
            follower.asks(hp.name, found)
            return hp, found


class _Scope:
    """A context manager of KerasTuner's, whose code is not followed as the user's would be."""

    def __init__(self, follower: Follower, make: Callable[..., Any], *given: Any) -> None:
        self._follower = follower
        with follower.library_call("scope"):
            self._manager = make(*[crossed(each) for each in given])

    def __enter__(self) -> None:
        with self._follower.library_call("scope"):
            self._manager.__enter__()

    def __exit__(self, *error: Any) -> Any:
        with self._follower.library_call("scope"):
            return self._manager.__exit__(*error)


def _looked_at(attribute: str) -> property:
    """An attribute that says more than a state does: once ``build`` reads it, nothing is merged."""

    def get(self: Any) -> Any:
        if self._follower.in_user_code:
            self._follower.uses("values")
        return vars(self)[f"_{attribute}"]

    def put(self: Any, values: Any) -> None:
        vars(self)[f"_{attribute}"] = values

    return property(get, put)


for _attribute in ("values", "active_scopes", "inactive_scopes"):
    setattr(FollowedHyperParameters, _attribute, _looked_at(_attribute))


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
