"""What a hyperparameter without a chosen value gives to ``build``."""

from __future__ import annotations

from typing import Any

from shapesafe_tuner._compat.hyperparameters import hp_types
from shapesafe_tuner.shapes.deferred import demand
from shapesafe_tuner.tracing.lazy import lazy_value

__all__ = ["asked", "deferred"]


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
