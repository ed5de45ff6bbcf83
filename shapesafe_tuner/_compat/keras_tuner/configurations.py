"""The ``HyperParameters`` of one configuration, which remembers what ``build`` reads of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import keras_tuner

from shapesafe_tuner._compat.keras_tuner.domains import place_of, range_of

__all__ = ["RecordedValues", "configuration", "lazy_configuration"]


class RecordedValues(dict[str, Any]):
    """A configuration's values that remembers which were read, in what order.

    Attributes:
        names_read: names in the order of their first reading.
        frozen: hyperparameters registered again with another range: the first range, which
            holds, and the last one asked for.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.names_read: dict[str, None] = {}
        self.frozen: dict[str, tuple[str, str]] = {}

    def __getitem__(self, name: str) -> Any:
        self.names_read[name] = None
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.names_read[str(name)] = None
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.names_read[name] = None
        return super().get(name, default)

    def items(self) -> Any:
        self.names_read.update(dict.fromkeys(self))
        return super().items()

    def values(self) -> Any:
        self.names_read.update(dict.fromkeys(self))
        return super().values()

    def read(self) -> dict[str, Any]:
        """The values that were read, in the order of their first reading."""
        own = dict(dict.items(self))
        return {name: own[name] for name in self.names_read if name in own}


def configuration(space: Any, values: Mapping[str, Any], in_advance: Collection[str] = ()) -> Any:
    """A ``HyperParameters`` as a trial gets it, whose ``values`` record what is read.

    Args:
        space: the ``HyperParameters`` known so far, or None.
        values: chosen values; active hyperparameters without one take their default.
        in_advance: names whose range the user fixed before ``build``; to ignore another one is
            what was asked for.
    """
    hp = keras_tuner.HyperParameters() if space is None else space.copy()
    hp.values = dict(values)
    for known in hp.space:
        if known.name not in hp.values and hp.is_active(known):
            hp.values[known.name] = known.default
    hp.values = RecordedValues(hp.values)
    _notice_frozen_bounds(hp, in_advance)
    return hp


def lazy_configuration(
    space: Any, values: Mapping[str, Any], in_advance: Collection[str], defer: Callable[[Any], Any]
) -> Any:
    """As :func:`configuration`, where ``defer`` gives what has no value when it is first read."""
    hp = keras_tuner.HyperParameters() if space is None else space.copy()
    hp.values = RecordedValues(values)
    retrieve = hp._retrieve

    def deferring(asked: Any) -> Any:
        if not dict.__contains__(hp.values, asked.name) and hp._conditions_are_active(
            asked.conditions
        ):
            known = [item for item in hp._hps[asked.name] if item.conditions == asked.conditions]
            # Its conditions are a list that KerasTuner empties when the scope ends.
            met = known[0] if known else type(asked).from_config(asked.get_config())
            dict.__setitem__(hp.values, asked.name, defer(met))
        return retrieve(asked)

    hp._retrieve = deferring
    _notice_frozen_bounds(hp, in_advance)
    return hp


def _notice_frozen_bounds(hp: Any, in_advance: Collection[str]) -> None:
    """Note in ``hp.values.frozen`` which later registrations KerasTuner ignores."""
    retrieve = hp._retrieve
    holds = {place_of(known): range_of(known) for known in hp.space if known.name not in in_advance}

    def noticing(asked: Any) -> Any:
        place = place_of(asked)
        first = holds.setdefault(place, range_of(asked))
        if first != range_of(asked):
            hp.values.frozen[asked.name] = (first, range_of(asked))
        return retrieve(asked)

    hp._retrieve = noticing
