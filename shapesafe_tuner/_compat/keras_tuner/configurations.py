"""The ``HyperParameters`` of one configuration, which remembers what ``build`` reads of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple, Protocol

import keras_tuner

from shapesafe_tuner._compat.keras_tuner.domains import place_of, range_of
from shapesafe_tuner._compat.keras_tuner.modules import keras_tuner_module
from shapesafe_tuner._compat.types import HyperParameter, HyperParameters, Value, Values

__all__ = [
    "LOOK_UPS",
    "Ranges",
    "RecordedHyperParameters",
    "RecordedValues",
    "configuration",
    "lazy_configuration",
    "registered",
]

LOOK_UPS = str(keras_tuner_module("engine.hyperparameters.hyperparameters").__file__)
"""The file whose errors are about names and scopes, and not about ranges."""


class Ranges(NamedTuple):
    """The range of a hyperparameter that holds, and the one that KerasTuner ignored, in words."""

    holds: str
    ignored: str


class RecordedValues(dict[str, Value]):
    """A configuration's values that remembers which were read, in what order.

    Attributes:
        names_read: names in the order of their first reading.
        reregistered: hyperparameters registered again with another range, by their names.
    """

    def __init__(self, values: Values) -> None:
        super().__init__(values)
        self.names_read: dict[str, None] = {}
        self.reregistered: dict[str, Ranges] = {}

    def __getitem__(self, name: str) -> Value:
        self.names_read[name] = None
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.names_read[str(name)] = None
        return super().__contains__(name)

    def get(self, name: str, default: Value = None) -> Value:
        self.names_read[name] = None
        return super().get(name, default)

    def items(self) -> Any:
        self.names_read.update(dict.fromkeys(self))
        return super().items()

    def values(self) -> Any:
        self.names_read.update(dict.fromkeys(self))
        return super().values()

    def read(self) -> dict[str, Value]:
        """The values that were read, in the order of their first reading."""
        own = dict(dict.items(self))
        return {name: own[name] for name in self.names_read if name in own}


class RecordedHyperParameters(HyperParameters, Protocol):
    """A ``HyperParameters`` whose values remember which were read."""

    values: RecordedValues


def configuration(
    space: HyperParameters | None, values: Values, in_advance: Collection[str] = ()
) -> RecordedHyperParameters:
    """A ``HyperParameters`` as a trial gets it, whose ``values`` record what is read.

    Args:
        space: the ``HyperParameters`` known so far, or None.
        values: chosen values; active hyperparameters without one take their default.
        in_advance: names whose range the user fixed before ``build``; to ignore another one is
            what was asked for.
    """
    hp: Any = keras_tuner.HyperParameters() if space is None else space.copy()
    hp.values = dict(values)
    for known in hp.space:
        if known.name not in hp.values and hp.is_active(known):
            hp.values[known.name] = known.default
    hp.values = RecordedValues(hp.values)
    _notice_ignored_ranges(hp, in_advance)
    return hp  # type: ignore[no-any-return]


def registered(hp: RecordedHyperParameters, parameter: HyperParameter) -> Value:
    """The value of a hyperparameter as if its call stood here; None where it is not active."""
    inner: Any = hp
    return inner._retrieve(parameter)


def lazy_configuration(
    space: HyperParameters | None,
    values: Values,
    in_advance: Collection[str],
    defer: Callable[[HyperParameter], Value],
) -> RecordedHyperParameters:
    """As :func:`configuration`, where ``defer`` gives what has no value when it is first read."""
    hp: Any = keras_tuner.HyperParameters() if space is None else space.copy()
    hp.values = RecordedValues(values)
    retrieve = hp._retrieve

    def deferring(asked: HyperParameter) -> Value:
        if not dict.__contains__(hp.values, asked.name) and hp._conditions_are_active(
            asked.conditions
        ):
            known = [item for item in hp._hps[asked.name] if item.conditions == asked.conditions]
            # Its conditions are a list that KerasTuner empties when the scope ends.
            met = known[0] if known else type(asked).from_config(asked.get_config())
            dict.__setitem__(hp.values, asked.name, defer(met))
        return retrieve(asked)

    hp._retrieve = deferring
    _notice_ignored_ranges(hp, in_advance)
    return hp  # type: ignore[no-any-return]


def _notice_ignored_ranges(hp: Any, in_advance: Collection[str]) -> None:
    """Note in ``hp.values.reregistered`` which later registrations KerasTuner ignores."""
    retrieve = hp._retrieve
    holds = {place_of(known): range_of(known) for known in hp.space if known.name not in in_advance}

    def noticing(asked: HyperParameter) -> Value:
        place = place_of(asked)
        first = holds.setdefault(place, range_of(asked))
        if first != range_of(asked):
            hp.values.reregistered[asked.name] = Ranges(first, range_of(asked))
        return retrieve(asked)

    hp._retrieve = noticing
