"""Layers that are called on arrays: ``Embedding(n, width)(ops.arange(n))`` computes at once.

What comes out is an array too, which no input of the model leads to. Its shape follows from the
rule of the layer; its numbers come from random weights, so that no build can depend on them.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from shapesafe_tuner.shapes.deferred import Deferred
from shapesafe_tuner.shapes.sentences import with_article
from shapesafe_tuner.shapes.spec import Spec, Specs, walk
from shapesafe_tuner.structures import leaves, map_leaves
from shapesafe_tuner.tracing.signals import NoSpec
from shapesafe_tuner.tracing.standins.answers import demand_sizes
from shapesafe_tuner.tracing.standins.graph import Args, LayerRecord

__all__ = ["arrays_of", "specs_of_arrays"]

_KNOWN = frozenset([
    keras.layers.Activation, keras.layers.Dense, keras.layers.Dropout, keras.layers.Embedding,
    keras.layers.Flatten, keras.layers.LayerNormalization, keras.layers.ReLU, keras.layers.Reshape,
])  # fmt: skip
"""Layers that take any numbers, if those of an ``Embedding`` are in its range."""
_MOST = 2**24
"""Numbers that are made at most."""


def specs_of_arrays(record: LayerRecord, args: Args) -> Specs:
    """Specs of the arrays that a layer is called on.

    Raises:
        NoSpec: it is called on something else, or the numbers may matter.
    """
    if record.layer_class not in _KNOWN or record.description.configured is None:
        raise NoSpec(f"{with_article(record.layer_class.__name__)} is called on what is no tensor")
    arrays = list(leaves(args))
    if not all(isinstance(item, np.ndarray) or keras.ops.is_tensor(item) for item in arrays):
        raise NoSpec(f"a layer is called on {type(arrays[0]).__name__ if arrays else 'nothing'}")
    if record.layer_class is keras.layers.Embedding:
        _assert_known(record, arrays)
    return map_leaves(_spec, args)


def _assert_known(record: LayerRecord, arrays: list[Any]) -> None:
    assert record.description.configured is not None
    rows = record.description.configured.arguments.input_dim
    if type(rows) is Deferred:
        rows.force()
    for item in arrays:
        numbers = keras.ops.convert_to_numpy(item)
        whole = np.issubdtype(numbers.dtype, np.integer)
        if not whole or (numbers.size and not 0 <= numbers.min() <= numbers.max() < rows):
            raise NoSpec("an Embedding is called on numbers that it may not know")


def _spec(array: Any) -> Spec:
    return Spec(tuple(map(int, array.shape)), keras.backend.standardize_dtype(array.dtype))


def arrays_of(specs: Specs) -> Any:
    """Arrays of these shapes.

    Raises:
        NoSpec: they are large, or have masks.
    """
    demand_sizes(specs)
    for spec in walk(specs):
        if spec.mask is not None or None in spec.shape or np.prod(spec.shape) > _MOST:
            raise NoSpec("a layer that is called on arrays gives more than plain arrays")
    return map_leaves(
        lambda leaf: keras.ops.zeros(leaf.shape, leaf.dtype) if type(leaf) is Spec else leaf, specs
    )
