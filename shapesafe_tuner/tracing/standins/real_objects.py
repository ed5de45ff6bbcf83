"""Real objects for stand-ins: arguments of layers that are asked, and what outlived its run."""

from __future__ import annotations

from typing import Any

import keras

from shapesafe_tuner.structures import leaves, map_leaves
from shapesafe_tuner.tracing.lazy import LazyPenalty, Proxy
from shapesafe_tuner.tracing.standins.compile_arguments import CompileArgument
from shapesafe_tuner.tracing.standins.descriptions import Description
from shapesafe_tuner.tracing.standins.facades import Facade, Posed
from shapesafe_tuner.tracing.standins.functional import FunctionalRecord
from shapesafe_tuner.tracing.standins.graph import InputRecord, Node, OperationRecord
from shapesafe_tuner.tracing.standins.models import SequentialRecord

__all__ = ["RealObjects"]


class RealObjects:
    """Makes the real object of a record, each once."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Any, Any]] = {}

    def forget(self) -> None:
        """Let go of what was made; records and their run would keep each other alive."""
        self._made.clear()

    def realised(self, value: Any) -> Any:
        """``value`` with real objects in place of stand-ins."""
        return map_leaves(self._realised, value)

    def _realised(self, leaf: Any) -> Any:
        if isinstance(leaf, Description):
            return self._layer(leaf, None)
        if issubclass(type(leaf), (Facade, Posed)):
            return self.of(leaf._record)
        if issubclass(type(leaf), (Proxy, LazyPenalty)):
            leaf.force()
        return leaf

    def of(self, record: Any) -> Any:
        """The real object of a record."""
        if id(record) not in self._made:
            self._made[id(record)] = (record, self._make(record))
        return self._made[id(record)][1]

    def _make(self, record: Any) -> Any:
        if isinstance(record, CompileArgument):
            return record.made(self.realised)
        if isinstance(record, OperationRecord):
            return record.operation
        if record.adopted is not None:
            return record.adopted
        if isinstance(record, InputRecord):
            shape, dtype = record.output.shape, record.output.dtype
            return keras.layers.InputLayer(batch_shape=shape, dtype=dtype, name=record.name)
        if isinstance(record, SequentialRecord):
            return self._sequential(record)
        if isinstance(record, FunctionalRecord):
            return self._functional(record)
        given = record.given_by_user
        if given is not None:
            args, kwargs = given
            model = record.layer_class(*self.realised(list(args)), **self.realised(dict(kwargs)))
            return self._compiled(record, model)
        layer = self._layer(record.description, record.name)
        layer.trainable = record.trainable
        return layer

    def _layer(self, description: Description, name: str | None) -> Any:
        args = [self.realised(value) for value in description.args]
        kwargs = {key: self.realised(value) for key, value in description.kwargs.items()}
        return description.layer_class(*args, **kwargs, **({"name": name} if name else {}))

    def _sequential(self, record: SequentialRecord) -> Any:
        source = [] if record.source is None else [self.of(record.source)]
        layers = [*source, *(self.realised(layer) for layer in record.stack)]
        return self._compiled(record, keras.Sequential(layers, name=record.name))

    def _functional(self, record: FunctionalRecord) -> Any:
        def call(node: Node, args: Any, kwargs: Any) -> Any:
            return keras.tree.flatten(self.of(node.record)(*args, **kwargs))

        inputs = map_leaves(lambda tensor: self.of(tensor.node.record).output, record.given)
        outputs = record.again(leaves(inputs), call)
        return self._compiled(record, keras.Model(inputs, outputs, name=record.name))

    def _compiled(self, record: Any, model: Any) -> Any:
        if record.compiled is not None:
            args, kwargs = record.compiled
            model.compile(*self.realised(args), **self.realised(kwargs))
        return model
