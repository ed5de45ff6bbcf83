"""What an analytic run proved, put into words: the fault, the table of shapes, the sizes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor
from shapesafe_tuner._compat.keras_tuner.configurations import RecordedHyperParameters
from shapesafe_tuner._compat.keras_tuner.domains import outside_domain
from shapesafe_tuner._compat.keras_tuner.quick import QuickHyperParameters
from shapesafe_tuner._compat.types import HyperParameter, Nested, Value
from shapesafe_tuner.escaping import named, short
from shapesafe_tuner.memory import Memory
from shapesafe_tuner.shapes.spec import Spec, Specs
from shapesafe_tuner.tracing.attribution import Attribution, Origin, attribute
from shapesafe_tuner.tracing.lazy import Proxy
from shapesafe_tuner.tracing.shape_table import shapes_of, with_unknown_batch
from shapesafe_tuner.tracing.signals import RefusalInBuild, without_frames
from shapesafe_tuner.tracing.standins.graph import (
    InputRecord,
    LayerCall,
    LayerRecord,
    Node,
    OperationRecord,
)
from shapesafe_tuner.tracing.standins.models import ModelRecord
from shapesafe_tuner.tracing.standins.posed.records import Weight
from shapesafe_tuner.tracing.standins.run import AnalyticRun
from shapesafe_tuner.tracing.standins.specs import tensors
from shapesafe_tuner.tracing.training.step import StepOutcome
from shapesafe_tuner.verdict import LayerShape, Shape, ShapeFault

__all__ = [
    "Analysed",
    "Given",
    "built",
    "outside_of_domain",
    "parameters_of",
    "refused",
    "refused_by_kerastuner",
]

Sources: TypeAlias = tuple[int | str, ...] | None
"""Where a row takes its inputs from, as in :class:`LayerShape`."""
Given: TypeAlias = RecordedHyperParameters | QuickHyperParameters
"""The hyperparameters that ``build`` got; they know which were read."""


@dataclasses.dataclass(frozen=True)
class Analysed:
    """What an analytic run proved.

    Attributes:
        hp: the configuration, which recorded what was read.
        fault: the refusal a rule proved, or None.
        step: what the training step showed; None where it was not judged.
        parameters: number of weights.
        output_shape: of the model.
        layers: the shape table.
        built: False for a model whose shapes no data fixed.
        outside: the values that are outside their domain, a sentence each.
        refused_as: the refusal of KerasTuner, or None.
    """

    hp: RecordedHyperParameters | QuickHyperParameters
    fault: ShapeFault | None = None
    step: StepOutcome | None = None
    parameters: int | None = None
    output_shape: Shape = None
    layers: tuple[LayerShape, ...] = ()
    built: bool = True
    outside: tuple[str, ...] = ()
    refused_as: Attribution | None = None


def built(
    hp: Given, run: AnalyticRun, record: ModelRecord, step: StepOutcome | None, *, was_built: bool
) -> Analysed:
    """A model that no rule refuses.

    Args:
        hp: its configuration.
        run: made it.
        record: the model.
        step: what its training step showed; None where it was not judged.
        was_built: it had its weights before the step.
    """
    shape = _output_shape(record) if was_built else None
    if shape is None and step is not None and step.outputs is not None:
        shape = with_unknown_batch(shapes_of(step.outputs))
    known = was_built or step is not None
    return Analysed(
        hp, None, step, parameters_of(record), shape, _table(run)[0], known, _outside(hp)
    )


def refused(
    hp: Given, run: AnalyticRun, refusal: RefusalInBuild, model: ModelRecord | None = None
) -> Analysed:
    """A layer that a rule refuses.

    Args:
        hp: the configuration.
        run: met the refusal.
        refusal: what the rule says.
        model: the finished model, where its training step is refused.
    """
    record = refusal.record
    without_frames(refusal)
    without_frames(refusal.refused)
    kind = record.layer_class.__name__
    inputs = None if refusal.inputs is None else shapes_of(refusal.inputs)
    # A constructor that refuses leaves no layer that could be named.
    name = None if inputs is None else record.name
    fault = ShapeFault(
        layer=name,
        layer_type=kind,
        reason=_reason(kind, name, refusal.refused.why),
        input_shapes=inputs,
        hyperparameters=hp.values.read(),
        refused_by="build" if model is None else "train",
    )
    layers, sources = _table(run, refusal.given)
    refusal.given = None
    if name is not None:
        layers = (*layers, LayerShape(name, kind, inputs, failed=True, sources=sources))
    shape = parameters = None
    # Of a model of the user's own nobody knows what else it would have had.
    if model is not None and model.facade is None:
        shape = _output_shape(model) if model.is_built() else None
        parameters = parameters_of(model)
    return Analysed(hp, fault, None, parameters, shape, layers, outside=_outside(hp))


def refused_by_kerastuner(hp: Given, run: AnalyticRun, error: BaseException) -> Analysed | None:
    """What KerasTuner refuses, such as a range without values; None for any other error.

    Args:
        hp: the configuration; what is not chosen of it has been asked for nothing.
        run: on stand-ins, as faithful as ever.
        error: that left ``build``.
    """
    if run.escalated is not None or run.refusal is not None:
        return None
    said = attribute(error)
    if not said.by_keras_tuner or said.origin is not Origin.FAULT:
        return None
    layers, _ = _table(run, None)
    return Analysed(hp, refused_as=said, layers=layers, outside=_outside(hp))


def parameters_of(record: ModelRecord) -> int | None:
    """Number of weights; None as long as one of its layers has none yet."""
    total = 0
    for leaf in {id(leaf): leaf for leaf in record.leaves()}.values():
        if leaf.parameters is None:
            return None
        total += leaf.parameters
    return total


def _output_shape(model: ModelRecord) -> Shape:
    if model.facade is not None:
        return None
    shapes = [tensor.shape for tensor in model.output_tensors()]
    return shapes[0] if len(shapes) == 1 else shapes


def _outside(hp: Given) -> tuple[str, ...]:
    values = hp.values
    quick = isinstance(hp, QuickHyperParameters)
    known: list[HyperParameter]
    if isinstance(hp, QuickHyperParameters):
        known = [first for first, _ in hp.asked.values()]
    else:
        known = hp.space
    found = []
    for item in known:
        value = dict.get(values, item.name)
        if issubclass(type(value), Proxy):
            continue
        key = (item, value, value.__class__)
        if value is None or key in _INSIDE:
            continue
        if outside_domain(item, value):
            found.append(outside_of_domain(item.name, value))
        elif quick and isinstance(value, (int, str)):
            _INSIDE[key] = None
    return tuple(found)


def outside_of_domain(name: str, value: Value) -> str:
    """What to say of a value that its hyperparameter was not declared to take."""
    return f"{named({name: value})} is outside its domain."


_INSIDE: Memory[Any, None] = Memory(20_000)
"""Hyperparameters and values that were found to be in their domain."""


def _reason(kind: str, name: str | None, why: str) -> str:
    return f"{kind} {why}." if name is None else f"{kind} '{short(name)}' {why}."


def _table(run: AnalyticRun, refused: Nested = None) -> tuple[tuple[LayerShape, ...], Sources]:
    """One row a layer and input shape, in the order of the calls; the sources of a refused call.

    Args:
        run: what was called.
        refused: the tensors of the call that was refused, where one was and they are known.
    """
    if run.show is not None:
        # Sizes that are not chosen cannot be shown.
        return (), None
    rows: dict[_RowKey, LayerCall] = {}
    for call in run.rows:
        rows.setdefault(_row_key(call.record, call.inputs), call)
    wiring = _wiring_of(refused, rows) if refused is not None else {}
    places = {place: number for number, place in enumerate(rows)} if wiring else {}

    def sources_of(place: _RowKey) -> Sources:
        if place not in wiring:
            return None
        return tuple([one if isinstance(one, str) else places[one] for one in wiring[place]])

    table: list[LayerShape] = []
    for place, (record, inputs, outputs) in rows.items():
        sources = sources_of(place) if wiring else None
        key = (record.name, inputs, record.parameters, sources) if type(inputs) is Spec else None
        row = record.description.rows.get(key) if key else None
        if row is None:
            row = LayerShape(
                record.name,
                record.layer_class.__name__,
                shapes_of(inputs),
                shapes_of(outputs),
                record.parameters,
                sources=sources,
            )
            if key:
                record.description.rows[key] = row
        table.append(row)
    return tuple(table), sources_of(_REFUSED)


_RowKey: TypeAlias = tuple[Any, Any]
"""What rows of the table differ by: the layer, and the inputs it was called on."""
_Wiring: TypeAlias = Mapping[_RowKey, tuple[_RowKey | str, ...]]
"""For a row, the rows that it takes its inputs from, and the names of inputs of the model."""
_REFUSED: _RowKey = (None, None)
"""The key of the refused call."""


def _row_key(record: LayerRecord, inputs: Specs) -> _RowKey:
    """The key of a row."""
    return (record, inputs) if type(inputs) is Spec else (record, repr(inputs))


def _wiring_of(given: Nested, keys: Iterable[_RowKey]) -> _Wiring:
    """What leads to a refused call; nothing where a part of the way is not known.

    The walk goes back through operations, which have no rows in the table of shapes.

    Args:
        given: the tensors of the call.
        keys: of the rows of the run.
    """
    rows: dict[LayerRecord, list[_RowKey]] = {}
    for key in keys:
        rows.setdefault(key[0], []).append(key)
    found: dict[_RowKey, tuple[_RowKey | str, ...]] = {}
    waiting: list[tuple[_RowKey, Sequence[SymbolicTensor]]] = [(_REFUSED, tensors(given))]
    while waiting:
        key, behind = waiting.pop()
        if key in found:
            continue
        sources: dict[_RowKey | str, None] = {}
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


def _source_of(node: Node, rows: Mapping[LayerRecord, list[_RowKey]]) -> _RowKey | str | None:
    record = node.record
    if isinstance(record, LayerRecord):
        known = rows.get(record, [])
        if len(known) == 1:
            return known[0]
        if isinstance(record, InputRecord):
            return record.name
        given = node.parents()
        key = (record, given[0].spec) if len(given) == 1 else _REFUSED
        return key if key in known else None
    return "input" if isinstance(record, Weight) else None
