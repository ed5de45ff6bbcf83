"""What a hyperparameter without a chosen value gives to ``build``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shapesafe_tuner._compat.hyperparameters import hp_types
from shapesafe_tuner.shapes.deferred import Demand, demand, demanded, forget_demands
from shapesafe_tuner.tracing.lazy import lazy_value

__all__ = ["asked", "deferred", "needed_of"]


def deferred(hp: Any) -> Any:
    """A proxy where its values can be deferred; what it has a single value for is that value.

    Raises:
        Demand: they cannot: code tells True from 1 by ``is``, and mixed values have no one type.
    """
    if isinstance(hp, hp_types.Fixed):
        return hp.value
    if isinstance(hp, hp_types.Boolean):
        return demand(hp.name)
    if isinstance(hp, hp_types.Choice):
        values = list(dict.fromkeys(hp.values))
        kinds = {type(value) for value in values}
        kind = kinds.pop() if len(kinds) == 1 else object
        return lazy_value(hp.name, values, min(values), max(values), kind)
    kind = int if isinstance(hp, hp_types.Int) else float
    only = [hp.min_value] if hp.min_value == hp.max_value else None
    return lazy_value(hp.name, only, hp.min_value, hp.max_value, kind)


def asked(hp: Any) -> Any:
    """Its only value.

    Raises:
        Demand: it has several.
    """
    return hp.value if isinstance(hp, hp_types.Fixed) else demand(hp.name)


def needed_of(
    judge: Callable[[Mapping[str, Any], Callable[[Any], Any]], Any], values: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The values without which a verdict cannot be reached; all others may be anything.

    Args:
        judge: judges a configuration of which only some values are chosen.
        values: the whole configuration; what it lacks has its default.

    Returns:
        Them, in the order of the demands, or None where no verdict was reached.
    """
    chosen: dict[str, Any] = {}
    defaults: dict[str, Any] = {}

    def defer(hp: Any) -> Any:
        defaults.setdefault(hp.name, hp.default)
        return deferred(hp)

    while True:
        forget_demands()
        try:
            found = judge(chosen, defer)
        except Demand:
            found = None
        name = demanded()
        forget_demands()
        if name is None:
            return None if found is None else chosen
        if name in chosen:
            return None
        chosen[name] = values.get(name, defaults[name])
