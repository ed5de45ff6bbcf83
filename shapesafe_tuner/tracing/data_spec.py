"""What shapes the user's data has: the batches that ``fit`` would make of it."""

from __future__ import annotations

import dataclasses
import math
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import keras
import numpy as np

__all__ = ["Batch", "DataSpec", "TensorSpec", "give_back", "read_data"]

DEFAULT_BATCH = 32
"""``fit``'s batch size when none is given (keras/src/trainers/data_adapters)."""


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """Shape (batch axis first, None where unknown) and dtype of one array of a batch."""

    shape: tuple[int | None, ...]
    dtype: str
    sparse: bool = False

    def with_batch(self, size: int | None) -> TensorSpec:
        """The same with another batch size; scalars have none."""
        return dataclasses.replace(self, shape=(size, *self.shape[1:])) if self.shape else self


@dataclasses.dataclass(frozen=True)
class Batch:
    """One batch as ``train_step`` or ``test_step`` gets it: structures of :class:`TensorSpec`."""

    x: Any
    y: Any = None
    sample_weight: Any = None
    kind: Literal["train", "validation"] = "train"

    def resized(self, size: int | None) -> Batch:
        """The same batch with another number of samples."""
        x, y, weight = (
            _map(lambda spec: spec.with_batch(size), part)
            for part in (self.x, self.y, self.sample_weight)
        )
        return dataclasses.replace(self, x=x, y=y, sample_weight=weight)

    @property
    def size(self) -> int | None:
        """Number of samples, None if unknown."""
        return next((spec.shape[0] for spec in _leaves(self.x) if spec.shape), None)


@dataclasses.dataclass(frozen=True)
class DataSpec:
    """The distinct batches of a ``fit``: the first, a smaller last one, those of validation.

    Attributes:
        batches: in the order in which ``fit`` meets them.
        problem: why ``fit`` refuses the data itself, whatever the model.
        targets_known: False when ``x`` was given alone, to be judged without a loss.
        notes: what about the data could not be read.
    """

    batches: tuple[Batch, ...] = ()
    problem: str | None = None
    targets_known: bool = True
    notes: tuple[str, ...] = ()


class _Refused(ValueError):
    """``fit`` refuses this data."""


class _Unreadable(ValueError):
    """The shapes of this data cannot be read without consuming it."""


def read_data(
    x: Any = None,
    y: Any = None,
    sample_weight: Any = None,
    validation_data: Any = None,
    *,
    batch_size: int | None = None,
    validation_batch_size: int | None = None,
    validation_split: float = 0.0,
    class_weight: Any = None,
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
        train, held_out = _source(
            x, y, sample_weight, batch_size, validation_split, class_weight, steps_per_epoch
        )
        batches += train
        if validation_data is not None:
            val = tuple(validation_data) if isinstance(validation_data, (list, tuple)) else None
            parts = val if val is not None else (validation_data,)
            held_out, _ = _source(
                *(*parts, None, None)[:3], validation_batch_size or batch_size, 0.0, None, None
            )
        batches += [dataclasses.replace(batch, kind="validation") for batch in held_out]
    except _Refused as refused:
        return DataSpec(problem=str(refused))
    except _Unreadable as unreadable:
        notes.append(str(unreadable))
    known = as_fit or y is not None or not _is_arrays(x)
    return DataSpec(tuple(dict.fromkeys(batches)), None, known, tuple(notes))


def _source(
    x: Any,
    y: Any,
    sample_weight: Any,
    batch_size: int | None,
    split: float,
    class_weight: Any,
    steps: int | None,
) -> tuple[list[Batch], list[Batch]]:
    """The distinct batches of one source, and of what ``validation_split`` holds back."""
    if not _is_arrays(x):
        return _iterable_batches(x, class_weight), []
    data = _array_batch(x, y, sample_weight, class_weight)
    samples = _samples(data)
    if samples is None:
        return [data.resized(batch_size or DEFAULT_BATCH)], []
    held_out = samples - math.floor(samples * (1.0 - split)) if split else 0
    size = batch_size or (math.ceil(samples / steps) if steps else DEFAULT_BATCH)
    return _cut(data, samples - held_out, size), _cut(data, held_out, size)


def _cut(data: Batch, samples: int, size: int) -> list[Batch]:
    """The full batch and the smaller last one of ``samples`` samples."""
    sizes = ([size] if samples >= size else []) + ([samples % size] if samples % size else [])
    return [data.resized(count) for count in sizes]


def _is_arrays(x: Any) -> bool:
    leaves = list(_raw_leaves(x))
    return bool(leaves) and all(_array_like(leaf) for leaf in leaves)


def _array_like(leaf: Any) -> bool:
    if leaf is None or isinstance(leaf, keras.InputSpec):
        return True
    return hasattr(leaf, "shape") and (hasattr(leaf, "dtype") or hasattr(leaf, "dtypes"))


def _array_batch(x: Any, y: Any, sample_weight: Any, class_weight: Any) -> Batch:
    if class_weight is not None and (sample_weight is not None or isinstance(y, (list, dict))):
        raise _Refused("fit takes class_weight for a single output and without sample_weight.")
    specs = [_map_raw(_array_spec, part) for part in (x, y, sample_weight)]
    if class_weight is not None:
        specs[2] = TensorSpec((next(_leaves(specs[1])).shape[0],), keras.config.floatx())
    elif isinstance(specs[1], (tuple, dict)) and isinstance(specs[2], TensorSpec):
        weight = specs[2]
        specs[2] = _map(lambda _: weight, specs[1])
    return Batch(*specs)


def _array_spec(leaf: Any) -> TensorSpec:
    """Keras casts floats to ``floatx`` and gives a pandas Series a second axis."""
    if isinstance(leaf, keras.InputSpec):
        shape = leaf.shape if leaf.shape is not None else (None,) * (leaf.ndim or 1)
        return TensorSpec(tuple(shape), leaf.dtype or keras.config.floatx())
    shape = tuple(None if size is None else int(size) for size in leaf.shape)
    sparse = hasattr(leaf, "tocoo") or type(leaf).__name__ == "SparseTensor"
    if hasattr(leaf, "dtypes"):
        kinds = {_dtype(kind) for kind in np.atleast_1d(np.asarray(leaf.dtypes, dtype=object))}
        name = next(iter(kinds)) if len(kinds) == 1 else keras.config.floatx()
        if type(leaf).__name__ == "Series":
            shape = (*shape, 1)
    else:
        name = _dtype(leaf.dtype)
    return TensorSpec(shape, name, sparse)


def _dtype(dtype: Any) -> str:
    name = str(getattr(dtype, "name", dtype)).removeprefix("torch.")
    if name in ("object", "string") or name.startswith(("str", "bytes", "<U", "|S")):
        return "string"
    is_float = name.startswith(("float", "bfloat"))
    return keras.config.floatx() if is_float else name


def _samples(data: Batch) -> int | None:
    counts = {
        spec.shape[0]
        for part in (data.x, data.y, data.sample_weight)
        for spec in _leaves(part)
        if spec.shape
    }
    known = {count for count in counts if count is not None}
    if len(known) > 1:
        listed = " and ".join(str(count) for count in sorted(known))
        raise _Refused(
            f"x, y and sample_weight have different numbers of samples ({listed}); "
            "fit needs the same number in each."
        )
    return known.pop() if len(known) == 1 and None not in counts else None


def _iterable_batches(x: Any, class_weight: Any) -> list[Batch]:
    """Batches of a dataset, a PyDataset, a DataLoader or a generator."""
    if hasattr(x, "element_spec"):
        batches = _dataset_batches(x)
    elif isinstance(x, keras.utils.PyDataset):
        count = getattr(x, "num_batches", None) or len(x)
        batches = [_batch(x[0])] + ([_batch(x[count - 1])] if count and count > 1 else [])
    elif type(x).__module__.startswith("torch.") and hasattr(x, "collate_fn"):
        batches = _loader_batches(x)
    elif isinstance(x, types.GeneratorType):
        batches = [_batch(_peek(x))]
    else:
        raise _Unreadable(
            f"the shapes of data of type {type(x).__name__} cannot be read before training"
        )
    if class_weight is None:
        return batches
    weight = TensorSpec((None,), keras.config.floatx())
    return [
        dataclasses.replace(batch, sample_weight=weight.with_batch(batch.size)) for batch in batches
    ]


def _batch(data: Any) -> Batch:
    x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
    return Batch(*(_map_raw(_element_spec, part) for part in (x, y, weight)))


def _element_spec(leaf: Any) -> TensorSpec:
    """Batches of an iterable are passed on as they are: no cast to ``floatx``."""
    array = leaf if hasattr(leaf, "dtype") and hasattr(leaf, "shape") else np.asarray(leaf)
    if getattr(array.shape, "rank", 0) is None:
        raise _Unreadable("the dataset's elements have no known rank")
    shape = tuple(None if size is None else int(size) for size in array.shape)
    name = str(getattr(array.dtype, "name", array.dtype)).removeprefix("torch.")
    text = name in ("object", "string") or name.startswith(("str", "bytes"))
    return TensorSpec(shape, "string" if text else name, "Sparse" in type(leaf).__name__)


def _dataset_batches(dataset: Any) -> list[Batch]:
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
    return _cut(batch, samples, size)


def _batching(dataset: Any) -> tuple[int | None, int | None]:
    """The batch size and the number of samples, as far as the last steps keep them."""
    keeps_batches = ("Prefetch", "Cache", "Shuffle", "Map", "Options", "Model", "Repeat", "Assert")
    step = dataset
    while step is not None:
        kind = type(step).__name__.lstrip("_")
        if "Batch" in kind and hasattr(step, "_batch_size"):
            source = step._input_dataset
            return int(step._batch_size), int(source.cardinality())
        if not any(word in kind for word in keeps_batches):
            return None, None
        step = getattr(step, "_input_dataset", None)
    return None, None


def _loader_batches(loader: Any) -> list[Batch]:
    """A DataLoader's own collation of one sample tells the shapes; nothing is shuffled."""
    if loader.batch_size is None or not hasattr(loader.dataset, "__getitem__"):
        raise _Unreadable("a DataLoader without a map-style dataset cannot be read in advance")
    batch = _batch(loader.collate_fn([loader.dataset[0]]))
    samples = len(loader.dataset)
    if loader.drop_last:
        samples -= samples % loader.batch_size
    return _cut(batch, samples, loader.batch_size)


_PEEKED: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


def _peek(generator: Any) -> Any:
    if generator not in _PEEKED:
        try:
            _PEEKED[generator] = next(generator)
        except StopIteration:
            raise _Refused("the generator yields no batch.") from None
    return _PEEKED[generator]


def give_back(data: Any) -> Any:
    """``data`` with the batch that reading its shapes took, where it is a generator."""
    if not isinstance(data, types.GeneratorType) or data not in _PEEKED:
        return data
    first = _PEEKED.pop(data)

    def again() -> Iterator[Any]:
        yield first
        yield from data

    whole = again()
    return whole


def _map(function: Callable[[TensorSpec], TensorSpec], structure: Any) -> Any:
    """Apply to the specifications of a structure."""
    if isinstance(structure, dict):
        return _Structure({key: _map(function, item) for key, item in structure.items()})
    if isinstance(structure, tuple):
        return tuple(_map(function, item) for item in structure)
    return structure if structure is None else function(structure)


def _map_raw(function: Callable[[Any], TensorSpec], structure: Any) -> Any:
    """Apply to the arrays of a structure. Keras feeds lists as tuples."""
    if isinstance(structure, Mapping):
        return _Structure({key: _map_raw(function, item) for key, item in structure.items()})
    if isinstance(structure, (list, tuple)):
        return tuple(_map_raw(function, item) for item in structure)
    return structure if structure is None else function(structure)


class _Structure(dict[str, Any]):
    """A dict of specifications that can be a member of a frozen, hashable batch."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))


def _leaves(structure: Any) -> Iterator[TensorSpec]:
    if isinstance(structure, dict):
        for item in structure.values():
            yield from _leaves(item)
    elif isinstance(structure, tuple):
        for item in structure:
            yield from _leaves(item)
    elif structure is not None:
        yield structure


def _raw_leaves(structure: Any) -> Iterator[Any]:
    if isinstance(structure, Mapping):
        for item in structure.values():
            yield from _raw_leaves(item)
    elif isinstance(structure, (list, tuple)):
        for item in structure:
            yield from _raw_leaves(item)
    else:
        yield structure
