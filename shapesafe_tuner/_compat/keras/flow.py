"""Where gradients arrive: at a layer's weights and inputs, at a model's outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras.src import tree

from shapesafe_tuner._compat.active import Hooks, StrayLookup
from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner._compat.keras import weightless
from shapesafe_tuner._compat.keras.steps import constrain
from shapesafe_tuner._compat.types import Layer, Model, Nested, Tensor, Variable

__all__ = ["Flow", "reached_by_loss", "trace_flow"]


class Flow(NamedTuple):
    """What the trace of one layer's or operation's step shows.

    Attributes:
        outputs: specifications.
        to_weights: a gradient arrives at a trainable weight of its own.
        to_inputs: one arrives at an input.
        penalties: the dtypes of what the layer adds to the loss.
        strays: what looks up rows that a table does not have.
    """

    outputs: Nested
    to_weights: bool
    to_inputs: bool
    penalties: tuple[str, ...] = ()
    strays: tuple[StrayLookup, ...] = ()


def trace_flow(call: Callable[..., Nested], layer: Layer | None, check: Hooks, *specs: Any) -> Flow:
    """Trace a call in a training step, and the gradient of the sum of what it gives.

    Args:
        call: takes tensors in the structure of ``specs``.
        layer: whose weights count, or None.
        check: the active check.
        specs: ``keras.KerasTensor`` in any structure.
    """
    arrives: list[bool] = []
    weights: list[Variable] = []
    dtypes: set[str] = set()

    def called(*given: Nested) -> tuple[Nested, list[Tensor]]:
        outputs = call(*given)
        penalties = [] if layer is None else [_penalty(loss) for loss in layer.losses]
        dtypes.update(keras.backend.standardize_dtype(tensor.dtype) for tensor in penalties)
        return outputs, penalties

    def step(*given: Nested) -> Nested:
        def compute() -> tuple[Tensor | None, Nested]:
            outputs, penalties = called(*given)
            counts = [*_floats(outputs), *penalties]
            sums = [keras.ops.cast(keras.ops.sum(tensor), "float32") for tensor in counts]
            return sum(sums) if sums else None, outputs

        def trainable() -> list[Variable]:
            weights[:] = [] if layer is None else layer.trainable_variables
            return weights

        if not backend.NEEDS_GRADIENT:
            outputs, _ = called(*given)
        else:
            gradients, outputs = backend.differentiate(compute, trainable, _floats(given))
            arrives[:] = [gradient is not None for gradient in gradients]
        constrain(layer)
        return outputs

    if not backend.NEEDS_GRADIENT:
        return Flow(backend.trace(step, *specs), True, True, tuple(sorted(dtypes)))
    with weightless.handles([] if layer is None else layer.trainable_variables, check):
        outputs = backend.trace(step, *specs)
    arrived = any(arrives[: len(weights)]), any(arrives[len(weights) :])
    return Flow(outputs, *arrived, tuple(sorted(dtypes)))


def _penalty(loss: Tensor) -> Tensor:
    """What ``compute_loss`` makes of a loss that a layer adds."""
    if not keras.backend.is_float_dtype(loss.dtype):
        loss = keras.ops.cast(loss, keras.config.floatx())
    return keras.ops.sum(loss)


def reached_by_loss(
    model: Model, x: Nested, y: Nested, sample_weight: Nested, y_pred: Nested
) -> list[bool]:
    """For each output of the model whether a gradient of the loss arrives there.

    Args:
        model: compiled, with one output or several.
        x, y, sample_weight: of a batch, ``keras.KerasTensor`` leaves.
        y_pred: the outputs.
    """
    arrives: list[bool] = []

    def step(x: Nested, y: Nested, sample_weight: Nested, y_pred: Nested) -> None:
        tensors = tree.flatten(y_pred)
        floats = {id(tensor) for tensor in _floats(tensors)}

        def compute() -> tuple[Tensor, None]:
            return model._compute_loss(x, y, y_pred, sample_weight, training=True), None

        watched = [tensor for tensor in tensors if id(tensor) in floats]
        gradients, _ = backend.differentiate(compute, list, watched)
        found = {id(t): g is not None for t, g in zip(watched, gradients, strict=True)}
        arrives[:] = [found.get(id(tensor), False) for tensor in tensors]

    backend.trace(step, x, y, sample_weight, y_pred)
    return arrives


def _floats(structure: Nested) -> list[Tensor]:
    tensors = [item for item in tree.flatten(structure) if keras.ops.is_tensor(item)]
    return [
        tensor
        for tensor in tensors
        if not isinstance(tensor, keras.KerasTensor)
        and not getattr(tensor, "is_sparse", False)
        and "float" in keras.backend.standardize_dtype(tensor.dtype)
    ]
