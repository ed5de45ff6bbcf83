"""What ``Model.fit`` makes of its arguments before it trains, on as little data as will do.

Source: keras/src/trainers/epoch_iterator.py and data_adapters/.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras.src import tree
from keras.src.trainers.data_adapters import array_slicing
from keras.src.trainers.epoch_iterator import EpochIterator

__all__ = ["adapt", "is_array", "split"]


def is_array(leaf: Any) -> bool:
    """Whether ``fit`` takes this as an array; None is no data."""
    return bool(array_slicing.can_slice_array(leaf))


def adapt(
    x: Any, y: Any, sample_weight: Any, class_weight: Any, batch_size: Any, steps: Any
) -> int | None:
    """Have Keras take these data as ``fit`` takes them, without training.

    Nothing is drawn from an iterable, and no whole array is copied or read.

    Returns:
        The number of batches, None where Keras does not know it in advance.

    Raises:
        Exception: what ``fit`` raises.
    """
    whole = (x, y, sample_weight)
    few = tuple(tree.map_structure(_few, part) for part in whole)
    if not all(is_array(leaf) for leaf in tree.flatten(whole)):
        return _batches(few, class_weight, batch_size, steps)
    count = _batches(whole, None, batch_size, steps)
    _batches(few, class_weight, batch_size, steps)
    array_slicing.convert_to_sliceable(few, target_backend=keras.backend.backend())
    return count


def _batches(data: Any, class_weight: Any, batch_size: Any, steps: Any) -> int | None:
    adapter = EpochIterator(
        *data, class_weight=class_weight, batch_size=batch_size, steps_per_epoch=steps
    ).data_adapter
    return None if adapter.num_batches is None else int(adapter.num_batches)


def split(samples: int, validation_split: float) -> None:
    """Have Keras hold samples back for validation.

    Raises:
        ValueError: what ``fit`` raises where one part would be empty.
    """
    array_slicing.train_validation_split(
        np.broadcast_to(np.float32(0), (samples,)), validation_split=validation_split
    )


def _few(leaf: Any) -> Any:
    """Two samples of an array, which Keras takes or refuses as it does all of them."""
    if leaf is None or not is_array(leaf) or not getattr(leaf, "shape", None):
        return leaf
    try:
        return leaf.iloc[:2] if hasattr(leaf, "iloc") else leaf[:2]
    except (TypeError, ValueError, NotImplementedError):  # some sparse arrays have no slices
        return leaf
