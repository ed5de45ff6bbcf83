"""One training step's worth of a layer: its call and the gradient of its sum."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner._compat.keras.symbolic_tensor import get_keras_mask, set_keras_mask
from shapesafe_tuner._compat.types import Layer, Nested, Tensor

__all__ = ["trace_layer"]


def trace_layer(layer: Layer, inputs: Nested, further: Mapping[str, Nested]) -> Nested:
    """Trace a built layer as a training step does.

    Args:
        layer: built, with real weights.
        inputs: ``KerasTensor`` of known sizes, or a structure of them; masks ride on them.
        further: further arguments of the call.

    Returns:
        The traced outputs.

    Raises:
        Exception: whatever the layer or the backend raises.
    """
    flat = keras.tree.flatten((inputs, further))
    symbolic = [item for item in flat if isinstance(item, keras.KerasTensor)]
    outputs: Nested = None

    def total(values: list[Tensor], masks: list[Tensor | None]) -> Tensor:
        nonlocal outputs
        for value, mask in zip(values, masks, strict=True):
            if mask is not None:
                set_keras_mask(value, mask)
        given = iter(values)
        # PyTorch's trees do not visit a dict in the order in which they flatten it.
        filled = [next(given) if isinstance(item, keras.KerasTensor) else item for item in flat]
        x, more = keras.tree.pack_sequence_as((inputs, further), filled)
        outputs = layer(x, training=True, **more)
        return sum(
            keras.ops.sum(keras.ops.cast(output, "float32"))
            for output in keras.tree.flatten(outputs)
        )

    backend.trace_with_gradient(layer, total, symbolic, [get_keras_mask(t) for t in symbolic])
    return outputs
