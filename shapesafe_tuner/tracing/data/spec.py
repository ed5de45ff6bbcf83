"""The shapes of a batch, as ``fit`` makes batches: frozen records and their structures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

from shapesafe_tuner._compat.types import Nested
from shapesafe_tuner.tracing.data.looking import Values
from shapesafe_tuner.tracing.signals import SizesMatter

__all__ = [
    "Array",
    "Batch",
    "Data",
    "DataSpec",
    "RefusedData",
    "TensorSpec",
    "UnreadableData",
    "cut",
    "leaves",
    "map_arrays",
    "map_specs",
    "raw_leaves",
]

Data: TypeAlias = Any
"""What ``fit`` takes: arrays, tables, datasets, loaders, generators, or specifications of them."""
Array: TypeAlias = Any
"""One array, table, tensor or specification of a batch."""


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """One array of a batch.

    Attributes:
        shape: the batch axis first, None where it is unknown.
        dtype: of its elements.
        sparse: it is a sparse tensor.
        values: what was seen of them, where they are at hand; the same spec with or without.
    """

    shape: tuple[int | None, ...]
    dtype: str
    sparse: bool = False
    values: Values | None = dataclasses.field(default=None, compare=False)

    def with_batch(self, size: int | None) -> TensorSpec:
        """The same with another batch size; scalars have none."""
        return dataclasses.replace(self, shape=(size, *self.shape[1:])) if self.shape else self


@dataclasses.dataclass(frozen=True)
class Batch:
    """One batch as ``train_step`` or ``test_step`` gets it: structures of :class:`TensorSpec`."""

    x: Nested
    y: Nested = None
    sample_weight: Nested = None
    kind: Literal["train", "validation"] = "train"

    def resized(self, size: int | None) -> Batch:
        """The same batch with another number of samples."""
        x, y, weight = (
            map_specs(lambda spec: spec.with_batch(size), part)
            for part in (self.x, self.y, self.sample_weight)
        )
        return dataclasses.replace(self, x=x, y=y, sample_weight=weight)

    @property
    def size(self) -> int | None:
        """Number of samples, None if unknown."""
        return next((spec.shape[0] for spec in leaves(self.x) if spec.shape), None)


@dataclasses.dataclass(frozen=True)
class DataSpec:
    """The distinct batches of a ``fit``: the first, a smaller last one, those of validation.

    Attributes:
        batches: in the order in which ``fit`` meets them.
        problem: why ``fit`` refuses the data itself, whatever the model.
        refuses_call: what it refuses is how it is called, which is so for all values.
        targets_known: False when ``x`` was given alone, to be judged without a loss.
        notes: what about the data could not be read.
        open_batch: True when ``fit`` traces its step with an unknown batch size (TensorFlow does
            where the batches are not all equal).
        stands_for: sizes of other batches that these stand for, apart from their size the same.
    """

    batches: tuple[Batch, ...] = ()
    problem: str | None = None
    targets_known: bool = True
    notes: tuple[str, ...] = ()
    open_batch: bool = False
    stands_for: frozenset[int] = frozenset()
    refuses_call: bool = False

    @property
    def seen(self) -> tuple[Values | None, ...]:
        """What was seen of the values of all arrays, for a key."""
        return tuple(spec.values for batch in self.batches for spec in leaves((batch.x, batch.y)))

    def assert_stands_for_all(self, sizes: Iterable[int | None]) -> None:
        """Hold the sizes that these batches stand for against others that they may meet.

        Args:
            sizes: of the axes of outputs. A loss broadcasts a batch of the same size, or of 1.

        Raises:
            SizesMatter: some of them are the same.
        """
        same = self.stands_for.intersection(size for size in sizes if size is not None)
        if same:
            raise SizesMatter(same)


class RefusedData(ValueError):
    """``fit`` refuses this data, whatever the model."""


class UnreadableData(ValueError):
    """The shapes of this data cannot be read without consuming it."""


def cut(data: Batch, samples: int, size: int) -> list[Batch]:
    """The full batch and the smaller last one of ``samples`` samples."""
    sizes = ([size] if samples >= size else []) + ([samples % size] if samples % size else [])
    return [data.resized(count) for count in sizes]


def map_specs(function: Callable[[TensorSpec], TensorSpec], structure: Nested) -> Any:
    """Apply to the specifications of a structure."""
    if isinstance(structure, dict):
        return _Structure({key: map_specs(function, item) for key, item in structure.items()})
    if isinstance(structure, tuple):
        return tuple(map_specs(function, item) for item in structure)
    return structure if structure is None else function(structure)


def map_arrays(function: Callable[[Any], TensorSpec], structure: Nested) -> Any:
    """Apply to the arrays of a structure. Keras feeds lists as tuples."""
    if isinstance(structure, Mapping):
        return _Structure({key: map_arrays(function, item) for key, item in structure.items()})
    if isinstance(structure, (list, tuple)):
        return tuple(map_arrays(function, item) for item in structure)
    return structure if structure is None else function(structure)


class _Structure(dict[str, Any]):
    """A dict of specifications that can be a member of a frozen, hashable batch."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))


def leaves(structure: Nested) -> Iterator[TensorSpec]:
    """The specifications of a structure, in order."""
    if isinstance(structure, dict):
        for item in structure.values():
            yield from leaves(item)
    elif isinstance(structure, tuple):
        for item in structure:
            yield from leaves(item)
    elif structure is not None:
        yield structure


def raw_leaves(structure: Nested) -> Iterator[Any]:
    """What the user put into a structure of data, in order."""
    if isinstance(structure, Mapping):
        for item in structure.values():
            yield from raw_leaves(item)
    elif isinstance(structure, (list, tuple)):
        for item in structure:
            yield from raw_leaves(item)
    else:
        yield structure
