"""What a hyperparameter without a chosen value gives to ``build``."""

from __future__ import annotations

import math
from typing import Any

from shapesafe_tuner._compat.keras_tuner.domains import domain, hp_types
from shapesafe_tuner.tracing.lazy import lazy_value

__all__ = ["can_be_deferred", "deferred"]


def can_be_deferred(hp: Any) -> bool:
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
