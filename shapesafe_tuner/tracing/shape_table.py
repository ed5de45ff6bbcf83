"""The layer calls of a check: the shape table, and what the failing call was given."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from shapesafe_tuner._compat.active import StrayLookup
from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner._compat.keras.history import made_by
from shapesafe_tuner._compat.keras.shortcuts import call_once
from shapesafe_tuner._compat.keras.versions import RULES_ARE_NEWER
from shapesafe_tuner._compat.types import Layer, Nested
from shapesafe_tuner.shapes.spec import Spec
from shapesafe_tuner.verdict import LayerShape, Shape

__all__ = ["LayerRecorder", "count_parameters", "shapes_of", "with_unknown_batch"]


class LayerRecorder:
    """Keeps one row for each layer that the user's own code, or a model, called.

    Attributes:
        tracing_training: the calls are those of a training step.
        empty_map: a layer gave a map without a place, of which this Keras makes nothing in a
            build.
        births: how many variables, or tensors that a layer keeps, were made in the call of a layer.
        last_called: the layer with code of the user's own that was called last.
        birthplace: the layer or model in whose call the last of them was made.
        embedded: the embeddings that were called, and the shapes that they got.
        strays: what the traces look up that is not there.
        own_births: a layer with code of the user's own was called, or the user's code made
            variables or layers in a call, or a layer that computes as it is built was built in one.
    """

    def __init__(self) -> None:
        self.births = 0
        self.last_called: Any = None
        self.birthplace: Any = None
        self.own_births = False
        self.embedded: list[tuple[Layer, Shape]] = []
        self.strays: list[StrayLookup] = []
        self._calling: list[Any] = []
        self.empty_map = False
        self._rows: dict[tuple[int, str], tuple[Layer, Shape, Shape]] = {}
        self._seen: set[int] = set()
        self._opaque_depth = 0
        self._inputs_of: dict[int, tuple[Layer, Shape]] = {}
        self.tracing_training = False
        self._refused: tuple[Layer, Nested] | None = None

    def around_call(
        self,
        layer: Layer,
        call: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Run ``call`` and keep what it was given and gave."""
        container = isinstance(layer, keras.Model)
        visible = not container and self._opaque_depth == 0
        inputs = shapes_of(args[0] if len(args) == 1 else args or dict(kwargs))
        self._inputs_of[id(layer)] = (layer, inputs)
        if isinstance(layer, keras.layers.Embedding):
            self.embedded.append((layer, inputs))
        self._opaque_depth += not container
        if not container and not _is_from_keras(layer):
            self.own_births, self.last_called = True, layer
        self._calling.append(layer)
        try:
            outputs = call_once(call, layer, args, kwargs)
        except BaseException:
            if visible:
                self._refused = (layer, (args, dict(kwargs)))
            raise
        finally:
            self._calling.pop()
            self._opaque_depth -= not container
        if RULES_ARE_NEWER and not self.empty_map:
            self.empty_map = any(0 in shape for shape in _flat_shapes(outputs))
        first = id(layer) not in self._seen
        if visible and (first or not self.tracing_training):
            # A Sequential calls its layers anew at each add(): one row a layer and input shape.
            self._seen.add(id(layer))
            self._rows[id(layer), repr(inputs)] = (layer, inputs, shapes_of(outputs))
        return outputs

    @property
    def looks_up(self) -> bool:
        """Whether a layer was called that may make other ids of ids."""
        kinds = {type(layer).__name__ for layer, _ in self._inputs_of.values()}
        return bool(kinds & _MAKE_IDS)

    def note_birth(self, layer: Layer | None = None) -> None:
        """A variable came into being, or ``layer`` did."""
        if not self._calling:
            return
        inner = self._calling[-1]
        if not _is_from_keras(inner) or isinstance(inner, keras.layers.Lambda):
            self.own_births = True
        if layer is None:
            self._count_birth(inner)

    def note_build(self, layer: Layer) -> None:
        """A layer is built; one that computes with its weights then, in a call, makes tensors."""
        if self._calling and type(layer).__name__ in _COMPUTE_AS_BUILT:
            self.own_births = True
            self._count_birth(layer)

    def _count_birth(self, inner: Layer) -> None:
        own = [caller for caller in self._calling if not _is_from_keras(caller)]
        self.births += 1
        self.birthplace = own[-1] if own else inner

    def around(self, lookup: StrayLookup) -> Layer | None:
        """The layer of the table in which a trace looks something up; None where it is none."""
        layers = {layer.name: layer for layer, *_ in self._rows.values()}
        for scope in lookup.scopes:
            layer = layers.get(scope) or layers.get(re.sub(r"_\d+$", "", scope))
            if layer is not None:
                return layer
        return None

    def inputs_of(self, layer: Layer) -> Shape:
        """The shapes the last call of ``layer`` was given, or None if none was seen."""
        return self._inputs_of.get(id(layer), (layer, None))[1]

    def table(self, failed: LayerShape | None = None) -> tuple[LayerShape, ...]:
        """The rows in call order, the failing one last."""
        sources: Mapping[int, tuple[int | str, ...]] = {}
        if failed is not None and self._refused is not None:
            layer, given = self._refused
            if layer.name == failed.name:
                sources = _sources_of(given, [layer for layer, *_ in self._rows.values()])
                failed = dataclasses.replace(failed, sources=sources.get(_REFUSED))
        rows = [
            LayerShape(
                name=layer.name,
                layer_type=type(layer).__name__,
                input_shapes=with_unknown_batch(inputs) if self.tracing_training else inputs,
                output_shape=with_unknown_batch(outputs) if self.tracing_training else outputs,
                parameters=count_parameters(layer),
                sources=sources.get(number),
            )
            for number, (layer, inputs, outputs) in enumerate(self._rows.values())
        ]
        return (*rows, failed) if failed is not None else tuple(rows)


_MAKE_IDS = frozenset({"Hashing", "IntegerLookup", "Lambda", "StringLookup", "TextVectorization"})
_REFUSED = -1
"""Stands for the place of the row that failed."""


def _sources_of(given: Nested, layers: Sequence[Layer]) -> dict[int, tuple[int | str, ...]]:
    """Where the rows on the way to a failing call take their inputs from, by their places.

    Args:
        given: the arguments of the call.
        layers: of the rows.

    Returns:
        Places and names of inputs; nothing where a part of the way is not known.
    """
    places = {id(layer): number for number, layer in enumerate(layers)}
    called_twice = len(places) < len(layers)
    found: dict[int, tuple[int | str, ...]] = {}
    waiting: list[tuple[int, Nested]] = [(_REFUSED, given)]
    while waiting and not called_twice:
        place, behind = waiting.pop()
        sources: dict[int | str, None] = {}
        pending = [leaf for leaf in keras.tree.flatten(behind) if hasattr(leaf, "shape")][::-1]
        while pending:
            made = made_by(pending.pop())
            if made is None:
                return {}
            operation, taken = made
            if isinstance(operation, keras.layers.InputLayer):
                sources[operation.name] = None
            elif id(operation) in places:
                source = places[id(operation)]
                sources[source] = None
                if source not in found:
                    waiting.append((source, taken))
            elif isinstance(operation, keras.layers.Layer):
                return {}
            else:
                pending += taken[::-1]
        if not sources or found.setdefault(place, tuple(sources)) != tuple(sources):
            return {}  # a layer with one row that was called on different tensors
    return found


_COMPUTE_AS_BUILT = ("Normalization",)
"""Layers of Keras that keep tensors which they compute as they are built."""


def _is_from_keras(layer: Layer) -> bool:
    return type(layer).__module__.split(".")[0] == "keras"


def shapes_of(value: Nested) -> Shape:
    """Shapes in place of the tensors or specs in a nested structure; other leaves become None."""
    if isinstance(value, Spec):
        return value.shape
    if isinstance(value, dict):
        return {str(key): shapes_of(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        shapes = [shapes_of(item) for item in value]
        return shapes[0] if len(shapes) == 1 else shapes
    shape = getattr(value, "shape", None)
    if shape is None:
        return None
    try:
        return tuple(backend.known_size(size) for size in shape)
    except (TypeError, ValueError):
        return None


def _flat_shapes(value: Nested) -> list[tuple[Any, ...]]:
    return [tuple(leaf.shape) for leaf in keras.tree.flatten(value) if hasattr(leaf, "shape")]


def with_unknown_batch(shapes: Shape) -> Shape:
    """Shapes with None for the size of the batch they were seen on."""
    if isinstance(shapes, dict):
        return {key: with_unknown_batch(item) for key, item in shapes.items()}
    if isinstance(shapes, list):
        return [with_unknown_batch(item) for item in shapes]
    return (None, *shapes[1:]) if shapes else shapes


def count_parameters(layer: Layer, *, trainable_only: bool = False) -> int | None:
    """Number of weights, or None for a layer or model that is not built yet."""
    if not layer.built:
        return None
    weights = layer.trainable_weights if trainable_only else layer.weights
    total = 0
    for weight in weights:
        size = 1
        for length in weight.shape:
            size *= int(length)
        total += size
    return total
