"""Activations that a layer applies to its outputs: which change no shape and refuse nothing."""

from __future__ import annotations

from shapesafe_tuner.shapes.spec import Refused, Spec, Unknown

__all__ = ["ELEMENTWISE", "activate"]

ELEMENTWISE = frozenset(
    "celu elu exponential gelu hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear "
    "log_sigmoid mish relu relu6 selu sigmoid silu soft_shrink softplus softsign "
    "sparse_plus sparse_sigmoid squareplus swish tanh tanh_shrink hard_shrink".split()
)
"""One number in, one number out (``keras/src/activations/activations.py``)."""
_ALONG_LAST_AXIS = frozenset(["softmax", "log_softmax"])


def activate(activation: str | None, output: Spec) -> Spec:
    """The outputs after the activation.

    Raises:
        Refused: softmax of a tensor of rank 1, which Keras refuses.
        Unknown: the activation is none whose shapes are known here.
    """
    if activation is None or activation in ELEMENTWISE:
        return output
    if activation not in _ALONG_LAST_AXIS:
        raise Unknown(f"the activation {activation} may change shapes")
    if len(output.shape) < 2:
        raise Refused(f"cannot apply {activation} to a tensor of rank {len(output.shape)}")
    return output
