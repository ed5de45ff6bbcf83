"""What a ``KerasTensor`` was made of: the nodes that Keras keeps for functional models."""

from __future__ import annotations

from shapesafe_tuner._compat.types import Operation, Tensor

__all__ = ["made_by"]


def made_by(tensor: Tensor) -> tuple[Operation, list[Tensor]] | None:
    """The layer or operation that gave a tensor, and the tensors it was called on.

    Args:
        tensor: any; None is returned where Keras keeps no history of it.
    """
    history = getattr(tensor, "_keras_history", None)
    if history is None:
        return None
    nodes = history.operation._inbound_nodes
    if history.node_index >= len(nodes):
        return None
    return history.operation, list(nodes[history.node_index].input_tensors)
