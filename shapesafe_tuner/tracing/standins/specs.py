"""Symbolic tensors and what is known of them, in nested structures; keys of such structures."""

from __future__ import annotations

from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor
from shapesafe_tuner._compat.types import Nested
from shapesafe_tuner.shapes.deferred import Deferred
from shapesafe_tuner.shapes.spec import Dim, Spec, Specs
from shapesafe_tuner.structures import Structure, leaves, map_leaves
from shapesafe_tuner.tracing.remembering.keys import Key, key_of
from shapesafe_tuner.tracing.signals import NoSpec

__all__ = ["hashable", "specs_of", "tensors"]


def tensors(structure: Nested) -> list[SymbolicTensor]:
    """The symbolic tensors of a structure, in order."""
    return [leaf for leaf in leaves(structure) if type(leaf) is SymbolicTensor]


def specs_of(structure: Nested) -> Specs:
    """Specs in place of symbolic tensors.

    Raises:
        NoSpec: there is something else in it that no rule can look at.
    """
    if type(structure) is SymbolicTensor:
        return structure.spec
    return map_leaves(_spec, structure)


def _spec(leaf: Structure) -> Spec | None:
    if type(leaf) is SymbolicTensor:
        return leaf.spec
    if leaf is None:
        return None
    raise NoSpec(f"a layer is called on {type(leaf).__name__}")


def _keys(shape: tuple[Dim, ...]) -> Key:
    return tuple([("deferred", s.key) if type(s) is Deferred else s for s in shape])


def hashable(specs: Structure) -> Key:
    """A key for a structure of specs and plain values."""
    if type(specs) is Spec:
        for size in specs.shape:
            if type(size) is Deferred:
                return (_keys(specs.shape), specs.dtype, specs.mask and _keys(specs.mask))
        return specs
    if specs is None:
        return None
    if type(specs) is dict:
        return ("dict", *[(key, hashable(item)) for key, item in specs.items()])
    if type(specs) in (list, tuple):
        return (type(specs), *[hashable(item) for item in specs])
    return key_of(specs)
