"""Real objects for stand-ins: arguments of layers that are asked, and what outlived its run."""

from __future__ import annotations

from typing import Any

import keras

from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor
from shapesafe_tuner.tracing.lazy import LazyPenalty, Proxy
from shapesafe_tuner.tracing.standins.compile_arguments import CompileArgument
from shapesafe_tuner.tracing.standins.descriptions import Description
from shapesafe_tuner.tracing.standins.facades import Facade, Posed
from shapesafe_tuner.tracing.standins.graph import InputRecord, OperationRecord
from shapesafe_tuner.tracing.standins.models import FunctionalRecord, SequentialRecord

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
        if isinstance(value, Description):
            return self._layer(value, None)
        if issubclass(type(value), (Facade, Posed)):
            return self.of(value._record)
        if issubclass(type(value), (Proxy, LazyPenalty)):
            value.force()
        if type(value) in (list, tuple):
            return type(value)(self.realised(item) for item in value)
        if type(value) is dict:
            return {key: self.realised(item) for key, item in value.items()}
        return value

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
        values: dict[tuple[int, int], Any] = {}

        def filled(structure: Any) -> Any:
            if isinstance(structure, SymbolicTensor):
                node = structure.node
                source = isinstance(node.record, InputRecord)
                return values[id(node.record) if source else id(node), structure.place]
            if type(structure) in (list, tuple):
                return type(structure)(filled(item) for item in structure)
            if type(structure) is dict:
                return {key: filled(item) for key, item in structure.items()}
            return structure

        for node in record.order:
            made = self.of(node.record)
            if isinstance(node.record, InputRecord):
                values[id(node.record), 0] = made.output
                continue
            outputs = made(*filled(node.args), **filled(node.kwargs))
            for place, output in enumerate(keras.tree.flatten(outputs)):
                values[id(node), place] = output
        inputs, outputs = filled(record.given), filled(record.wanted)
        return self._compiled(record, keras.Model(inputs, outputs, name=record.name))

    def _compiled(self, record: Any, model: Any) -> Any:
        if record.compiled is not None:
            args, kwargs = record.compiled
            model.compile(*self.realised(args), **self.realised(kwargs))
        return model
