"""What the future of a run may read of an object of ours that ``build`` still holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor
from shapesafe_tuner.shapes.deferred import Deferred
from shapesafe_tuner.shapes.spec import walk
from shapesafe_tuner.tracing.lazy import LazyPenalty, Proxy
from shapesafe_tuner.tracing.remembering.keys import key_of
from shapesafe_tuner.tracing.signals import NoKey
from shapesafe_tuner.tracing.standins.facades import (
    CompileArgumentStandIn,
    Facade,
    Posed,
    StandIn,
)
from shapesafe_tuner.tracing.standins.graph import InputRecord, LayerRecord
from shapesafe_tuner.tracing.standins.models import ModelRecord, SequentialRecord
from shapesafe_tuner.tracing.standins.posed.records import PosedRecord
from shapesafe_tuner.tracing.standins.specs import hashable
from shapesafe_tuner.tracing.states.facts import Facts, facts_of

__all__ = ["State", "everything", "sizes_not_chosen", "state_of"]


@dataclasses.dataclass(frozen=True)
class State:
    """What counts.

    Attributes:
        relevant: which history does, among names of hyperparameters.
        ranges: by name, the declarations of hyperparameters.
    """

    relevant: frozenset[str]
    ranges: Mapping[str, Any]

    def declared(self, value: Any) -> Any:
        """The declarations behind what is not chosen."""
        names = getattr(value, "names", None) or (value.name,)
        return tuple([self.ranges.get(name) for name in names])


def sizes_not_chosen(specs: Any) -> list[Deferred]:
    """The sizes that depend on hyperparameters."""
    return [size for spec in walk(specs) for size in spec.shape if type(size) is Deferred]


def state_of(value: Any, state: State) -> Any:
    """What counts of one object that was given to ``build``."""
    kind = type(value)
    if kind is SymbolicTensor:
        return _tensor(value, state)
    if issubclass(kind, Proxy):
        if isinstance(value._expression, (int, float, str)):
            return "chosen", kind.__name__, repr(value._expression)
        return "open", kind.__name__, value._expression.key, state.declared(value._expression)
    if kind is LazyPenalty or kind is CompileArgumentStandIn:
        return "compile argument", _plain(value)
    record = value._record
    if isinstance(record, InputRecord):
        return "input", record.ordinal, hashable(record.output)
    if isinstance(record, PosedRecord):
        return _posed(record, state)
    if isinstance(record, SequentialRecord):
        return _sequential(record, state)
    if isinstance(record, ModelRecord):
        outputs = tuple([_tensor(tensor, state) for tensor in record.output_tensors()])
        inputs = tuple([source.ordinal for source in record.sources])  # type: ignore[attr-defined]
        return "model", inputs, outputs, _compiled(record), record._trainable
    if record.built_on is not None and "layers" not in state.relevant:
        return "built", record.layer_class
    return _layer(record)


def everything(value: Any, state: State) -> Any:
    """All there is to know of what a call in progress was given."""
    kind = type(value)
    if isinstance(value, PosedRecord):
        return _posed(value, state)
    if kind in (list, tuple):
        return kind, *[everything(item, state) for item in value]
    if kind is dict:
        return tuple([(key, everything(item, state)) for key, item in value.items()])
    if isinstance(value, LayerRecord) and not isinstance(value, (ModelRecord, InputRecord)):
        return _layer(value)
    if issubclass(kind, Facade):
        inner = value._record
        if isinstance(inner, LayerRecord) and not isinstance(inner, (ModelRecord, InputRecord)):
            return _layer(inner)
    if kind is SymbolicTensor or issubclass(kind, (Proxy, Facade)) or kind is LazyPenalty:
        return state_of(value, state)
    return None  # the user's: known from where the run is


def _tensor(tensor: Any, state: State) -> Any:
    record = tensor.node.record
    source = record.ordinal if isinstance(record, InputRecord) else None
    found: Facts = facts_of(tensor)
    history = found.history if "models" in state.relevant else None
    ranges = tuple([state.declared(size) for size in sizes_not_chosen(tensor.spec)])
    return "tensor", hashable(tensor.spec), source, found.sources, found.key, history, ranges


def _sequential(record: SequentialRecord, state: State) -> Any:
    if record.made and type(record.made[-1]) is not SymbolicTensor:
        return "unique", object()
    last = _tensor(record.made[-1], state) if record.made else None
    known = 0 if "models" in state.relevant else len(record.made)
    inside = tuple([_layer(layer._record) for layer in record.stack[known:]])
    source = record.source
    first = None if source is None else (source.ordinal, hashable(source.output))
    return "sequential", first, last, len(record.stack) > 0, _compiled(record), inside


def _compiled(record: ModelRecord) -> Any:
    return None if record.compiled is None else _plain(record.compiled)


def _layer(record: Any) -> Any:
    key = record.description.key
    if key is None:
        return "unique", object()
    built = hashable(record.built_on), hashable(record.built_with), hashable(record.last)
    explicit = record.name if record.named else None
    return "layer", key, built, record._trainable, explicit


def _posed(record: PosedRecord, state: State) -> Any:
    """All that an object of a class of the user's holds."""
    held = [(name, _attribute(value, state)) for name, value in record.attributes()]
    explicit = record.name if record.explicit else None
    on = hashable(record.called_on)
    return "posed", record.layer_class, record.named, explicit, record.locked, on, *held


def _attribute(value: Any, state: State) -> Any:
    kind = type(value)
    if kind in (list, tuple):
        return kind, *[_attribute(item, state) for item in value]
    if kind is dict:
        return kind, *[(repr(key), _attribute(item, state)) for key, item in value.items()]
    if kind is SymbolicTensor:
        return "weight", hashable(value.spec), value.node.record.trainable
    if issubclass(kind, StandIn):
        inner = value._record
        return state_of(value, state) if isinstance(inner, ModelRecord) else _layer(inner)
    if issubclass(kind, (Posed, Proxy)):
        return state_of(value, state)
    return _plain(value)


def _plain(value: Any) -> Any:
    try:
        return value.own_key() if hasattr(type(value), "own_key") else key_of(value)
    except (NoKey, TypeError):
        return "unique", object()
