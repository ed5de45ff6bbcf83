"""From where the layers on the way to a refusal take their inputs.

The walk goes back from the tensors that the refused call was given, through operations, which have
no rows in the table of shapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor
from shapesafe_tuner._compat.types import Nested
from shapesafe_tuner.shapes.spec import Spec, Specs
from shapesafe_tuner.tracing.standins.graph import (
    InputRecord,
    LayerRecord,
    Node,
    OperationRecord,
)
from shapesafe_tuner.tracing.standins.posed import Weight
from shapesafe_tuner.tracing.standins.specs import tensors

__all__ = ["REFUSED", "RowKey", "Wiring", "row_key", "wiring_of"]

RowKey: TypeAlias = tuple[Any, Any]
"""What rows of the table differ by: the layer, and the inputs it was called on."""
Wiring: TypeAlias = Mapping[RowKey, tuple[RowKey | str, ...]]
"""For a row, the rows that it takes its inputs from, and the names of inputs of the model."""
REFUSED: RowKey = (None, None)
"""The key of the refused call."""


def row_key(record: LayerRecord, inputs: Specs) -> RowKey:
    """The key of a row."""
    return (record, inputs) if type(inputs) is Spec else (record, repr(inputs))


def wiring_of(given: Nested, keys: Iterable[RowKey]) -> Wiring:
    """What leads to a refused call; nothing where a part of the way is not known.

    Args:
        given: the tensors of the call.
        keys: of the rows of the run.
    """
    rows: dict[LayerRecord, list[RowKey]] = {}
    for key in keys:
        rows.setdefault(key[0], []).append(key)
    found: dict[RowKey, tuple[RowKey | str, ...]] = {}
    waiting: list[tuple[RowKey, Sequence[SymbolicTensor]]] = [(REFUSED, tensors(given))]
    while waiting:
        key, behind = waiting.pop()
        if key in found:
            continue
        sources: dict[RowKey | str, None] = {}
        for node in _feeding(behind):
            source = _source_of(node, rows)
            if source is None:
                return {}
            sources[source] = None
            if not isinstance(source, str) and source not in found:
                waiting.append((source, node.parents()))
        if not sources:
            return {}
        found[key] = tuple(sources)
    return found


def _feeding(given: Sequence[SymbolicTensor]) -> Iterable[Node]:
    """The calls of layers whose tensors these are made of, weights left out."""
    if len(given) == 1 and type(given[0].node.record) is LayerRecord:
        return (given[0].node,)
    waiting, found, seen = list(reversed(given)), [], set()
    while waiting:
        node = waiting.pop().node
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node.record, OperationRecord):
            waiting += reversed(node.parents())
        elif not isinstance(node.record, Weight) or node.record.is_argument:
            found.append(node)
    return found


def _source_of(node: Node, rows: Mapping[LayerRecord, list[RowKey]]) -> RowKey | str | None:
    record = node.record
    if isinstance(record, LayerRecord):
        known = rows.get(record, [])
        if len(known) == 1:
            return known[0]
        if isinstance(record, InputRecord):
            return record.name
        given = node.parents()
        key = (record, given[0].spec) if len(given) == 1 else REFUSED
        return key if key in known else None
    return "input" if isinstance(record, Weight) else None
