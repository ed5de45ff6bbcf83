"""Tensors of an analytic run: ``KerasTensor`` without the cost of making one."""

from __future__ import annotations

from typing import Any

import keras
from keras.src.backend import get_keras_mask, set_keras_mask

from shapesafe_tuner._compat.types import Tensor
from shapesafe_tuner.shapes.spec import Spec

__all__ = [
    "SymbolicTensor",
    "get_keras_mask",
    "plain_tensor",
    "set_keras_mask",
    "spec_of",
    "symbolic",
    "unowned",
]


class SymbolicTensor(keras.KerasTensor):  # type: ignore[misc]
    """A ``KerasTensor`` that knows its spec and the node that made it.

    Real operations of Keras take it for what it poses as. Its history is the analytic run's own,
    so whoever asks for Keras's ends that run.
    """

    _sparse = False
    _ragged = False
    _ragged_rank = None
    _row_splits_dtype = None
    record_history = True
    spec: Spec
    node: Any
    place: int
    facts: Any = None

    def __init__(self) -> None:
        raise TypeError("made by symbolic()")

    @property
    def shape(self) -> Any:
        """Its shape; sizes that are not chosen yet are proxies."""
        shape, run = self._shape, self.node.run
        if run.show is None:
            return shape
        run.read(self)
        return run.show(shape)

    @property
    def dtype(self) -> Any:
        """Its dtype."""
        return self.node.run.shown_dtype(self)

    def own_attributes(self) -> dict[str, Any]:
        """What user code has set on it."""
        return {name: value for name, value in vars(self).items() if name not in _OURS}

    @property
    def name(self) -> Any:
        """Its own name where it was given one; Keras counts the others."""
        return self.node.tensor_name()

    @property
    def _keras_mask(self) -> Tensor | None:
        self.node.run.read(self)
        mask = self.spec.mask
        return None if mask is None else keras.KerasTensor(mask, "bool")

    @property
    def _keras_history(self) -> Any:
        self.node.run.escalate("the history of a tensor is read")


def _guard(name: str) -> None:
    """Leave a run where a tensor of the backend would answer otherwise than a ``KerasTensor``.

    In the ``call`` of a layer, user code has tensors of the backend before it.
    """
    method = getattr(keras.KerasTensor, name, None)

    def guarded(self: SymbolicTensor, *args: Any, **kwargs: Any) -> Any:
        run = self.node.run
        if run.inside_call:
            run.escalate(f"{name} of a tensor is asked for in the call of a layer")
        return NotImplemented if method is None else method(self, *args, **kwargs)

    setattr(SymbolicTensor, name, guarded)


for _name in (
    "reshape", "squeeze", "__matmul__", "__rmatmul__", "__pow__", "__rpow__", "__floordiv__",
    "__rfloordiv__", "__mod__", "__rmod__", "__lt__", "__le__", "__gt__", "__ge__", "__eq__",
    "__ne__",
    "__and__", "__rand__", "__or__", "__ror__", "__invert__", "__xor__", "__rxor__", "__abs__",
    "__round__",
):  # fmt: skip
    _guard(_name)
SymbolicTensor.__hash__ = object.__hash__  # type: ignore[method-assign]
_OURS = frozenset(["_shape", "_dtype", "spec", "node", "place", "facts"])
_new = SymbolicTensor.__new__


def symbolic(spec: Spec, node: Any, place: int = 0) -> SymbolicTensor:
    """A tensor of this specification, the ``place``-th that this node made."""
    tensor: SymbolicTensor = _new(SymbolicTensor)
    tensor._shape = spec[0]
    tensor._dtype = spec[1]
    tensor.spec = spec
    tensor.node = node
    tensor.place = place
    return tensor


def unowned(tensor: SymbolicTensor) -> SymbolicTensor:
    """The same tensor for records that must not keep the user's own alive."""
    copy: SymbolicTensor = _new(SymbolicTensor)
    copy.__dict__.update(tensor.__dict__)
    return copy


def plain_tensor(spec: Spec) -> Tensor:
    """An ordinary ``KerasTensor`` of this specification, with its mask."""
    tensor = keras.KerasTensor(spec.shape, spec.dtype)
    if spec.mask is not None:
        tensor._keras_mask = keras.KerasTensor(spec.mask, "bool")
    return tensor


def spec_of(tensor: Tensor) -> Spec:
    """The specification of a tensor of Keras or its backend."""
    mask = getattr(tensor, "_keras_mask", None)
    return Spec(
        tuple(tensor.shape),
        keras.backend.standardize_dtype(tensor.dtype),
        None if mask is None else tuple(mask.shape),
    )
