"""What is looked at of the values in the data: their range, and whether some are missing.

A bounded look: at most 16,384 elements of an array, evenly spaced, so that an array of 400 MB costs
what a small one does, and no copy of it is made. A label or token id that only a few samples have
may thus be missed; what is found is there. Of an iterable the first batch is looked at, where
reading its shapes takes one; of a ``tf.data.Dataset`` nothing.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

__all__ = ["Values", "look_at"]

MOST = 16_384
"""Elements of an array that are looked at."""


@dataclasses.dataclass(frozen=True)
class Values:
    """What was seen of an array.

    Attributes:
        low, high: of the numbers in it.
        whole: all of them are whole numbers.
        missing: some are NaN.
    """

    low: float
    high: float
    whole: bool
    missing: bool = False


def look_at(array: Any, *, floats: bool) -> Values | None:
    """Look at an array, a table or a tensor whose values are at hand.

    Args:
        array: what the user gave.
        floats: whether to look at other numbers than integers.

    Returns:
        None where there is nothing to see.
    """
    some = _some_of(array)
    if some is None or some.size == 0 or some.dtype.kind not in ("iuf" if floats else "iu"):
        return None
    missing = bool(np.isnan(some).any()) if some.dtype.kind == "f" else False
    finite = some[np.isfinite(some)] if some.dtype.kind == "f" else some
    if finite.size == 0:
        return Values(0.0, 0.0, whole=False, missing=missing)
    whole = some.dtype.kind != "f" or bool((finite == np.floor(finite)).all())
    return Values(float(finite.min()), float(finite.max()), whole, missing)


def _some_of(array: Any) -> np.ndarray[Any, Any] | None:
    """Rows of it, evenly spaced; None where that takes reading more."""
    if type(array).__name__ == "EagerTensor" and hasattr(array, "numpy"):
        array = array.numpy()
    rows = getattr(array, "iloc", array)
    if not isinstance(array, np.ndarray) and rows is array:
        return None
    size = math.prod(array.shape)
    if array.shape == () or size == 0 or size // array.shape[0] > MOST:
        return None
    step = -(-size // MOST)
    return np.asarray(rows[::step])
