"""Which layers of a model of Keras's get the arrays of the data as they are."""

from __future__ import annotations

import keras

from shapesafe_tuner._compat.types import Layer, Model

__all__ = ["lookups_in", "losses_of"]


def lookups_in(model: Model) -> list[tuple[Layer, int]]:
    """The embeddings right behind an input of a graph or stack, with the place of that input."""
    graph = getattr(model, "_functional", None) or model
    places = {
        id(tensor): place for place, tensor in enumerate(getattr(graph, "inputs", None) or ())
    }
    return [
        (layer, places[id(tensor)])
        for layer in (graph.layers if places else ())
        if isinstance(layer, keras.layers.Embedding)
        for node in layer._inbound_nodes
        for tensor in node.input_tensors
        if id(tensor) in places
    ]


def losses_of(model: Model) -> object:
    """The losses as ``compile`` got them."""
    loss = model._compile_loss
    return None if loss is None else loss._user_loss
