"""Batches of data that comes as an iterable: datasets, loaders, generators."""

from __future__ import annotations

import dataclasses
import types
import weakref
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from shapesafe_tuner.shapes.sentences import with_article
from shapesafe_tuner.tracing.data.looking import look_at
from shapesafe_tuner.tracing.data.spec import (
    Array,
    Batch,
    Data,
    RefusedData,
    TensorSpec,
    UnreadableData,
    cut,
    map_arrays,
)

__all__ = ["give_back", "iterable_batches"]


def iterable_batches(x: Data, class_weight: Data) -> list[Batch]:
    """Batches of a dataset, a PyDataset, a DataLoader or a generator."""
    if hasattr(x, "element_spec"):
        batches = _dataset_batches(x)
    elif isinstance(x, keras.utils.PyDataset):
        count = x.num_batches  # None: without an end
        if count == 0:
            raise RefusedData("the PyDataset has length 0.")
        last = [_batch(x[count - 1])] if count is not None and count > 1 else []
        batches = [_batch(x[0]), *last]
    elif type(x).__module__.startswith("torch.") and hasattr(x, "collate_fn"):
        batches = _loader_batches(x)
    elif isinstance(x, types.GeneratorType):
        batches = [_batch(_peek(x))]
    elif type(x).__module__ == "builtins":
        raise RefusedData(
            f"fit does not take {with_article(type(x).__name__)} as data (Unrecognized data type); "
            f"give {_instead_of(x)}."
        )
    else:
        raise UnreadableData(
            f"the shapes of data of type {type(x).__name__} cannot be read before training"
        )
    if class_weight is None:
        return batches
    weight = TensorSpec((None,), keras.config.floatx())
    return [
        dataclasses.replace(batch, sample_weight=weight.with_batch(batch.size)) for batch in batches
    ]


def _instead_of(x: Data) -> str:
    if isinstance(x, (tuple, list)) and x and all(type(size) is int for size in x):
        return f"arrays, or for data of this shape keras.Input({tuple(x)})"
    return "arrays, a dataset, a PyDataset or a generator of batches"


def _batch(data: Data) -> Batch:
    try:
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
    except ValueError:
        raise RefusedData(
            f"a batch must be x, (x, y) or (x, y, sample_weight), not {len(data)} parts."
        ) from None
    return Batch(*(map_arrays(_element_spec, part) for part in (x, y, weight)))


def _element_spec(leaf: Array) -> TensorSpec:
    """Batches of an iterable are passed on as they are: no cast to ``floatx``."""
    array = leaf if hasattr(leaf, "dtype") and hasattr(leaf, "shape") else np.asarray(leaf)
    if getattr(array.shape, "rank", 0) is None:
        raise UnreadableData("the dataset's elements have no known rank")
    shape = tuple(None if size is None else int(size) for size in array.shape)
    name = str(getattr(array.dtype, "name", array.dtype)).removeprefix("torch.")
    text = name in ("object", "string") or name.startswith(("str", "bytes"))
    values = look_at(leaf, floats=True)
    return TensorSpec(shape, "string" if text else name, "Sparse" in type(leaf).__name__, values)


def _dataset_batches(dataset: Data) -> list[Batch]:
    """A ``tf.data.Dataset`` says its shapes; its batch size is read off the ``batch`` step.

    Nothing is taken from it: one more pass would move the state of a shuffle.
    """
    batch = _batch(dataset.element_spec)
    if batch.size is not None:
        return [batch]
    size, samples = _batching(dataset)
    if size is None:
        return [batch]
    if samples is None or samples < 0:
        return [batch.resized(size)]
    return cut(batch, samples, size)


def _batching(dataset: Data) -> tuple[int | None, int | None]:
    """The batch size and the number of samples, as far as the last steps keep them."""
    keeps_batches = ("Prefetch", "Cache", "Shuffle", "Map", "Options", "Model", "Repeat", "Assert")
    shortens = ("Take", "Skip", "Shard")
    whole = True
    step = dataset
    while step is not None:
        kind = type(step).__name__.lstrip("_")
        if "Batch" in kind and hasattr(step, "_batch_size"):
            source = step._input_dataset
            return int(step._batch_size), int(source.cardinality()) if whole else None
        whole = whole and not any(word in kind for word in shortens)
        if not any(word in kind for word in (*keeps_batches, *shortens)):
            return None, None
        step = getattr(step, "_input_dataset", None)
    return None, None


def _loader_batches(loader: Data) -> list[Batch]:
    """A DataLoader's own collation of one sample tells the shapes; nothing is shuffled."""
    if loader.batch_size is None or not hasattr(loader.dataset, "__getitem__"):
        raise UnreadableData("a DataLoader without a map-style dataset cannot be read in advance")
    batch = _batch(loader.collate_fn([loader.dataset[0]]))
    samples = len(loader.dataset)
    if loader.drop_last:
        samples -= samples % loader.batch_size
    return cut(batch, samples, loader.batch_size)


_PEEKED: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


def _peek(generator: Any) -> Any:
    if generator not in _PEEKED:
        try:
            _PEEKED[generator] = next(generator)
        except StopIteration:
            raise RefusedData("the generator yields no batch.") from None
    return _PEEKED[generator]


def give_back(data: Data) -> Any:
    """``data`` with the batch that reading its shapes took, where it is a generator."""
    if not isinstance(data, types.GeneratorType) or data not in _PEEKED:
        return data
    first = _PEEKED.pop(data)

    def again() -> Iterator[Any]:
        yield first
        yield from data

    return again()
