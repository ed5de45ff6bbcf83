"""Read the shapes of the user's data: the distinct batches that ``fit`` would make of it."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any

import keras
import numpy as np

from shapesafe_tuner.shapes.sentences import counted, joined
from shapesafe_tuner.tracing.data.iterables import iterable_batches
from shapesafe_tuner.tracing.data.looking import look_at
from shapesafe_tuner.tracing.data.spec import (
    Array,
    Batch,
    Data,
    DataSpec,
    RefusedData,
    TensorSpec,
    UnreadableData,
    cut,
    leaves,
    map_arrays,
    map_specs,
    raw_leaves,
)
from shapesafe_tuner.tracing.environment import random_states_kept

__all__ = ["is_arrays", "read_data"]

DEFAULT_BATCH = 32
"""``fit``'s batch size when none is given (keras/src/trainers/data_adapters)."""


def read_data(
    x: Data = None,
    y: Data = None,
    sample_weight: Data = None,
    validation_data: Data = None,
    *,
    batch_size: int | None = None,
    validation_batch_size: int | None = None,
    validation_split: float = 0.0,
    class_weight: Data = None,
    steps_per_epoch: int | None = None,
    as_fit: bool = False,
) -> DataSpec | None:
    """The batches that ``Model.fit`` would make of these arguments.

    Args:
        x, y, sample_weight, validation_data, batch_size, validation_batch_size,
        validation_split, class_weight, steps_per_epoch: as for ``Model.fit``. Specifications
            (``keras.InputSpec``, ``keras.KerasTensor``, ``jax.ShapeDtypeStruct``) may stand for
            arrays; their first axis is the batch or the number of samples, or None.
        as_fit: True where ``y=None`` means that ``fit`` gets no targets, False where it means
            that they are not at hand.

    Returns:
        None without data, otherwise what could be read.
    """
    if x is None:
        return None
    notes: list[str] = []
    batches: list[Batch] = []
    try:
        with random_states_kept():
            batches, held_out = _source(
                x, y, sample_weight, batch_size, validation_split, class_weight, steps_per_epoch
            )
            if validation_data is not None:
                val_x, val_y, weight = keras.utils.unpack_x_y_sample_weight(validation_data)
                size = validation_batch_size or batch_size
                held_out, _ = _source(val_x, val_y, weight, size, 0.0, None, None)
        batches += [dataclasses.replace(batch, kind="validation") for batch in held_out]
    except RefusedData as refused:
        return DataSpec(problem=str(refused))
    except UnreadableData as unreadable:
        notes.append(str(unreadable))
    known = as_fit or y is not None or not is_arrays(x)
    distinct = tuple(dict.fromkeys(batches))
    in_training = {batch.size for batch in distinct if batch.kind == "train"}
    spec = getattr(x, "element_spec", None)
    unknown = spec is not None and _batch_of(spec) is None
    return DataSpec(distinct, None, known, tuple(notes), len(in_training) > 1 or unknown)


def _source(
    x: Data,
    y: Data,
    sample_weight: Data,
    batch_size: int | None,
    split: float,
    class_weight: Data,
    steps: int | None,
) -> tuple[list[Batch], list[Batch]]:
    """The distinct batches of one source, and of what ``validation_split`` holds back."""
    if not is_arrays(x):
        batches = iterable_batches(x, class_weight)
        for name, given in (("y", y), ("sample_weight", sample_weight)):
            if given is not None:
                raise RefusedData(
                    f"fit takes no {name} beside x of type {type(x).__name__}, whose batches hold "
                    "the targets and the sample weights too."
                )
        if split:
            raise RefusedData(
                f"fit takes no validation_split of x of type {type(x).__name__}; give "
                "validation_data."
            )
        return batches, []
    for name, given in (("y", y), ("sample_weight", sample_weight)):
        _refuse_plain(name, given)
    data = _array_batch(x, y, sample_weight, class_weight)
    samples = _samples(data)
    if samples is None:
        return [data.resized(batch_size or DEFAULT_BATCH)], []
    held_out = samples - math.floor(samples * (1.0 - split)) if split else 0
    size = batch_size or (math.ceil(samples / steps) if steps else DEFAULT_BATCH)
    return cut(data, samples - held_out, size), cut(data, held_out, size)


def _refuse_plain(name: str, given: Data) -> None:
    """Keras takes arrays, in lists too, but no lists of numbers."""
    for leaf in raw_leaves(given):
        if not _array_like(leaf):
            raise RefusedData(
                f"fit does not take a {type(leaf).__name__} in {name} (Unrecognized data type); "
                "make it an array with numpy.asarray."
            )


def is_arrays(x: Data) -> bool:
    """Whether ``fit`` takes it as arrays, whose targets are given beside them."""
    leaves = list(raw_leaves(x))
    return bool(leaves) and all(_array_like(leaf) for leaf in leaves)


def _array_like(leaf: Array) -> bool:
    if leaf is None or isinstance(leaf, keras.InputSpec):
        return True
    return hasattr(leaf, "shape") and (hasattr(leaf, "dtype") or hasattr(leaf, "dtypes"))


def _array_batch(x: Data, y: Data, sample_weight: Data, class_weight: Data) -> Batch:
    if class_weight is not None and (sample_weight is not None or isinstance(y, (list, dict))):
        raise RefusedData("fit takes class_weight for a single output and without sample_weight.")
    specs = [
        map_arrays(functools.partial(_array_spec, targets=part is y and y is not x), part)
        for part in (x, y, sample_weight)
    ]
    if class_weight is not None:
        specs[2] = TensorSpec((next(leaves(specs[1])).shape[0],), keras.config.floatx())
    elif isinstance(specs[1], (tuple, dict)) and isinstance(specs[2], TensorSpec):
        weight = specs[2]
        specs[2] = map_specs(lambda _: weight, specs[1])
    return Batch(*specs)


def _array_spec(leaf: Array, *, targets: bool) -> TensorSpec:
    """Keras casts floats to ``floatx`` and gives a pandas Series a second axis."""
    if isinstance(leaf, keras.InputSpec):
        shape = leaf.shape if leaf.shape is not None else (None,) * (leaf.ndim or 1)
        return TensorSpec(tuple(shape), leaf.dtype or keras.config.floatx())
    _refuse_text(leaf, targets=targets)
    shape = tuple(None if size is None else int(size) for size in leaf.shape)
    sparse = hasattr(leaf, "tocoo") or type(leaf).__name__ == "SparseTensor"
    if hasattr(leaf, "dtypes"):
        _refuse_columns(leaf)
        kinds = {_dtype(kind) for kind in np.atleast_1d(np.asarray(leaf.dtypes, dtype=object))}
        name = next(iter(kinds)) if len(kinds) == 1 else keras.config.floatx()
        if type(leaf).__name__ == "Series":
            shape = (*shape, 1)
    else:
        name = _dtype(leaf.dtype)
    return TensorSpec(shape, name, sparse, look_at(leaf, floats=targets))


def _refuse_text(leaf: Array, *, targets: bool) -> None:
    """Keras takes text in NumPy only as a one-dimensional array of ``str`` objects."""
    if not isinstance(leaf, np.ndarray) or leaf.dtype.kind not in "OUS":
        return
    if leaf.dtype.kind != "O" or not all(isinstance(item, str) for item in leaf):
        instead = (
            "turn labels into numbers, for example with keras.layers.StringLookup"
            if targets
            else "give text as a tf.constant"
        )
        raise RefusedData(
            f"fit does not take a NumPy array of shape {leaf.shape} and dtype {leaf.dtype} "
            f"(Invalid dtype); {instead}."
        )


def _refuse_columns(table: Array) -> None:
    """Keras takes columns of numbers and truth values alone."""
    for dtype in np.atleast_1d(np.asarray(table.dtypes, dtype=object)):
        if str(dtype) == "object":
            continue
        try:
            keras.backend.standardize_dtype(dtype)
        except ValueError:
            raise RefusedData(
                f"fit takes no column of dtype {dtype} (Invalid dtype); turn it into numbers."
            ) from None


def _dtype(dtype: Any) -> str:
    name = str(getattr(dtype, "name", dtype)).removeprefix("torch.")
    if name in ("object", "string") or name.startswith(("str", "bytes", "<U", "|S")):
        return "string"
    is_float = name.startswith(("float", "bfloat"))
    return keras.config.floatx() if is_float else name


def _samples(data: Batch) -> int | None:
    counts = {
        name: {spec.shape[0] for spec in leaves(part) if spec.shape}
        for name, part in (("x", data.x), ("y", data.y), ("sample_weight", data.sample_weight))
    }
    every = set[int | None]().union(*counts.values())
    known = {count for count in every if count is not None}
    if len(known) > 1:
        said = [
            f"{name} has {joined([counted(count, 'sample') for count in sorted(known & each)])}"
            for name, each in counts.items()
            if known & each
        ]
        raise RefusedData(f"{joined(said)}; fit needs the same number in each.")
    return known.pop() if len(known) == 1 and None not in every else None


def _batch_of(element_spec: Any) -> int | None:
    """The batch size that a ``tf.data.Dataset`` declares."""
    for leaf in keras.tree.flatten(element_spec):
        shape = getattr(leaf, "shape", None)
        if shape is not None and shape.rank:
            return None if shape[0] is None else int(shape[0])
    return None
