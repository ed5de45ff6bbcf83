"""A ``HyperParameters`` that answers ``hp.Int(...)`` in a microsecond, for analytic runs.

KerasTuner makes, validates and copies an object at every call. Calls repeat word by word from one
configuration to the next, so what a call declares is worked out once and looked up afterwards.
Whatever else ``build`` does with its ``hp`` (``hp.space``, ``hp.get``, copies) needs KerasTuner's
own.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Collection
from typing import Any, NoReturn, TypeAlias

import keras_tuner

from shapesafe_tuner._compat.keras_tuner.configurations import (
    Ranges,
    RecordedHyperParameters,
    RecordedValues,
)
from shapesafe_tuner._compat.keras_tuner.domains import hp_types, place_of, range_of
from shapesafe_tuner._compat.types import Condition, HyperParameter, HyperParameters, Value
from shapesafe_tuner.memory import Memory

__all__ = ["Declarations", "QuickHyperParameters", "StockNeeded"]

_MISSING: Any = object()
_GET = dict.get
_Place: TypeAlias = str | tuple[str, str]
"""The name of a hyperparameter, with the conditions of its scope where it has any."""
_DECLARED: Memory[object, tuple[HyperParameter, str]] = Memory(20_000)
"""The hyperparameter that a call declares, whatever the build, and its range in words."""


class StockNeeded(BaseException):
    """``build`` does what only KerasTuner's own ``HyperParameters`` answers."""


class Declarations:
    """What was declared before a ``build`` runs.

    Args:
        space: the ``HyperParameters`` registered so far, or None.
        in_advance: names whose range the user fixed before ``build``.

    Attributes:
        first: by place, what is registered already; its default and range hold.
    """

    def __init__(self, space: HyperParameters | None, in_advance: Collection[str]) -> None:
        known = [] if space is None else list(space.space)
        self.size = len(known)
        self.first: dict[_Place, tuple[HyperParameter, str]] = {}
        for item in known:
            place = place_of(item) if item.conditions else item.name
            self.first.setdefault(place, (item, range_of(item)))
        self.in_advance = in_advance


class QuickHyperParameters(keras_tuner.HyperParameters):  # type: ignore[misc]
    """One configuration, for one analytic run.

    Args:
        values: the chosen values, which record what is read.
        declarations: what is declared already.

    Attributes:
        asked: by place, the hyperparameters that this run declared.
        needs_stock: True once ``build`` did what this class has no answer for.
        defer: gives the value of a hyperparameter that has none; None for its default.
    """

    def __init__(
        self,
        values: RecordedValues,
        declarations: Declarations,
        defer: Callable[[HyperParameter], Value] | None = None,
    ) -> None:
        self.values = values
        self._name_scopes: list[str] = []
        self._conditions: list[Condition] = []
        self.active_scopes: list[list[Condition]] = []
        self.inactive_scopes: list[list[Condition]] = []
        self._declarations = declarations
        self.asked: dict[_Place, tuple[HyperParameter, str]] = {}
        self.needs_stock = False
        self.defer = defer

    def own_attributes(self) -> dict[str, Any]:
        """What user code has set on it."""
        return {name: value for name, value in vars(self).items() if name not in _OURS}

    def as_stock(self) -> RecordedHyperParameters:
        """KerasTuner's own class, with the same values and what this run has declared."""
        stock: Any = keras_tuner.HyperParameters()
        for parameter, _ in self.asked.values():
            stock._register(parameter)
        stock.values = self.values
        return stock  # type: ignore[no-any-return]

    def _exists(self, name: str, conditions: Collection[Condition] | None = None) -> bool:
        """Whether the parent of a conditional scope is declared; if not, KerasTuner says so."""
        within = self._conditions if conditions is None else conditions
        place = (name, _scope(within)) if within else name
        return place in self.asked or place in self._declarations.first or bool(self._hps)

    def _answer(
        self, kind: Any, name: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[HyperParameter, Value]:
        """The hyperparameter that a call declares, and its value; None where it is inactive."""
        if type(name) is not str:
            return self._hps
        if "parent_name" in kwargs:
            parent, its_values = kwargs.pop("parent_name"), kwargs.pop("parent_values", None)
            if parent:
                with self.conditional_scope(parent, its_values):
                    return self._answer(kind, name, args, kwargs)
        if self._name_scopes:
            name = self._get_name(name)
        declarations = self._declarations
        place: _Place = name
        within = self._conditions
        if within:
            if any(condition.name == name for condition in within):
                return self._hps  # KerasTuner refuses it
            place = (name, _scope(within))
        # Bytes tell 1 from 1.0 and True, as a hash of the arguments would not.
        key = (kind, place, marshal.dumps((args, kwargs), 2))
        found = _DECLARED.get(key)
        if found is None:
            found = _declare(key, kind(name, *args, **kwargs, conditions=list(within)))
        values = self.values
        first = self.asked.get(place)
        if first is None:
            first = self.asked[place] = declarations.first.get(place, found)
        if first is not found and first[1] != found[1] and name not in declarations.in_advance:
            values.reregistered[name] = Ranges(first[1], found[1])
        if within and not self._conditions_are_active(within):
            return first[0], None
        values.names_read[name] = None
        value = _GET(values, name, _MISSING)
        if value is _MISSING:
            defer = self.defer
            value = values[name] = first[0].default if defer is None else defer(first[0])
        return first[0], value

    @property
    def _hps(self) -> NoReturn:
        self.needs_stock = True
        raise StockNeeded

    _space = _hps


_OURS = frozenset(
    "values _values _name_scopes _conditions active_scopes _active_scopes inactive_scopes "
    "_inactive_scopes _declarations asked needs_stock defer _follower".split()
)


def _declare(key: object, parameter: HyperParameter) -> tuple[HyperParameter, str]:
    found = _DECLARED[key] = (parameter, range_of(parameter))
    return found


def _scope(conditions: Collection[Condition]) -> str:
    """The conditions of a scope, as :func:`place_of` writes them."""
    return repr([condition.get_config() for condition in conditions])


def _quick(method: str) -> Callable[..., Value]:
    kind = getattr(hp_types, method)

    def ask(self: Any, name: object, *args: Any, **kwargs: Any) -> Value:
        return self._answer(kind, name, args, kwargs)[1]

    ask.__doc__ = getattr(keras_tuner.HyperParameters, method).__doc__
    return ask


for _method in ("Choice", "Int", "Float", "Boolean", "Fixed"):
    setattr(QuickHyperParameters, _method, _quick(_method))
