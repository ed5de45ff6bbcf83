"""Values in JSON's own types, and back: what a project, a report and a verdict are saved as.

``{"rate": nan, "units": np.int64(8)}`` becomes ``{"rate": {"__float__": "nan"}, "units": 8}``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

__all__ = ["plain", "restored", "to_json"]


def plain(value: Any) -> Any:
    """``value`` in JSON's own types; what has none is written as its ``str``.

    JSON has no nan and no infinities: they become ``{"__float__": "nan"}``, which
    :func:`restored` reads back.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {_FLOAT: repr(float(value))}
    if value is None or isinstance(value, (bool, int, str)):
        return value
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "ndim", None) == 0:
        return plain(item())
    return str(value)


def restored(value: Any) -> Any:
    """``value`` as it was before :func:`plain`, with lists for tuples."""
    if isinstance(value, Mapping):
        if value.keys() == {_FLOAT} and value[_FLOAT] in _NOT_FINITE:
            return float(value[_FLOAT])
        return {key: restored(item) for key, item in value.items()}
    return [restored(item) for item in value] if isinstance(value, list) else value


def to_json(value: Any, indent: int | None = None) -> str:
    """``value`` as JSON that every parser reads."""
    return json.dumps(plain(value), indent=indent, allow_nan=False)


_FLOAT = "__float__"
_NOT_FINITE = ("nan", "inf", "-inf")
