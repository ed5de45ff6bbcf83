"""What of a stand-in model matters for its data: their values, and the sizes of batches."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence

import keras

from shapesafe_tuner._compat.active import StrayLookup
from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor
from shapesafe_tuner._compat.types import Nested
from shapesafe_tuner.shapes.spec import Spec, Specs
from shapesafe_tuner.structures import Structure, map_leaves
from shapesafe_tuner.structures import leaves as parts_of
from shapesafe_tuner.tracing.data.noticing import Facts, Lookup
from shapesafe_tuner.tracing.data.spec import Batch, TensorSpec, leaves
from shapesafe_tuner.tracing.lazy import Proxy, unwrapped
from shapesafe_tuner.tracing.shape_table import shapes_of
from shapesafe_tuner.tracing.standins.compile_arguments import CompileArgument
from shapesafe_tuner.tracing.standins.facades import CompileArgumentStandIn, StandIn
from shapesafe_tuner.tracing.standins.functional import FunctionalRecord
from shapesafe_tuner.tracing.standins.graph import (
    InputRecord,
    LayerCall,
    LayerRecord,
    OperationRecord,
)
from shapesafe_tuner.tracing.standins.models import ModelRecord, SequentialRecord

__all__ = ["facts_of", "treats_sizes_alike"]


def facts_of(
    record: ModelRecord,
    batch: Batch,
    outputs: Specs,
    rows: Sequence[LayerCall],
    strays: Iterable[tuple[LayerRecord | OperationRecord, StrayLookup]] = (),
) -> Facts:
    """What is known of it once its first batch went through.

    Args:
        record: compiled.
        batch: the first one.
        outputs: for it.
        rows: the calls of its layers.
        strays: what they look up that is not there.
    """
    args, kwargs = _compiled(record)
    losses = kwargs.get("loss", args[1] if len(args) > 1 else None)
    names: list[str] = []
    if isinstance(record, FunctionalRecord):
        names = [tensor.node.record.name for tensor in record.output_tensors()]
    source = record.source if isinstance(record, SequentialRecord) else None
    declared = None if source is None else source.output.shape
    lookups = [*_lookups(record, batch.x, rows)]
    found = [(one.layer_class.__name__, one.name, lookup) for one, lookup in strays]
    return Facts(losses, shapes_of(outputs), names, lookups, found, declared)


def _compiled(record: ModelRecord) -> Structure:
    """The arguments of ``compile``, with the records of stand-ins in their place."""

    def record_of(leaf: Structure) -> Structure:
        return leaf._record if type(leaf) is CompileArgumentStandIn else leaf

    return map_leaves(record_of, record.compiled or ((), {}))


def _lookups(record: ModelRecord, x: Nested, rows: Sequence[LayerCall]) -> Iterator[Lookup]:
    """The embeddings that get an array of the data as it is."""
    if isinstance(record, SequentialRecord):
        first = record.stack[0]._record if record.stack else None
        if isinstance(first, LayerRecord) and isinstance(x, TensorSpec):
            yield from _lookup(first, x)
    elif isinstance(record, FunctionalRecord):
        for node in record.order:
            given = node.args[0] if node.args else None
            if isinstance(node.record, LayerRecord) and type(given) is SymbolicTensor:
                source = given.node.record
                if isinstance(source, InputRecord):
                    yield from _lookup(node.record, _array(x, record.sources, source))
    else:
        calls = [(call.record, call.inputs) for call in rows if _is_embedding(call.record)]
        same = [one for one, given in calls if isinstance(x, TensorSpec) and _is_as(given, x)]
        if len({id(one) for one in same}) == 1:
            yield from _lookup(same[0], x)


def _lookup(record: LayerRecord, ids: Nested) -> Iterator[Lookup]:
    if not _is_embedding(record) or not isinstance(ids, TensorSpec):
        return
    given = record.description
    size = unwrapped(given.kwargs.get("input_dim", given.args[0] if given.args else None))
    if size is not None:
        yield Lookup(record.name, size, ids)


def _is_embedding(record: LayerRecord) -> bool:
    return issubclass(record.layer_class, keras.layers.Embedding)


def _is_as(given: Specs, x: TensorSpec) -> bool:
    return type(given) is Spec and given.shape == x.shape


def _array(x: Nested, sources: Sequence[InputRecord], source: InputRecord) -> Nested:
    if isinstance(x, dict):
        return x.get(source.name)
    arrays = list(leaves(x))
    return arrays[sources.index(source)] if len(arrays) == len(sources) else None


def treats_sizes_alike(record: ModelRecord) -> bool:
    """Whether a batch of another size passes the same step, unless an output is as wide as it.

    So it is where all is Keras's own: layers work sample by sample, apart from stateful ones and
    those that run user code; losses and metrics compare sizes, apart from those that hold arrays.

    Args:
        record: compiled.
    """
    return _is_open(record) and _is_own(record) and all(map(_compares, parts_of(_compiled(record))))


def _is_open(record: ModelRecord) -> bool:
    """Whether it takes batches of any size."""
    if isinstance(record, SequentialRecord):
        return record.source is None or record.source.output.shape[0] is None
    if isinstance(record, FunctionalRecord):
        return all(source.output.shape[0] is None for source in record.sources)
    return False


def _is_own(record: LayerRecord | OperationRecord) -> bool:
    """Whether a layer, or a graph of layers, works sample by sample."""
    if isinstance(record, OperationRecord):
        return False
    if isinstance(record, SequentialRecord):
        return all(_is_own(layer._record) for layer in record.stack)
    if isinstance(record, FunctionalRecord):
        return all(_is_own(node.record) for node in record.order)
    kind, given = record.layer_class, record.description
    return (
        _is_from_keras(kind)
        and not issubclass(kind, (keras.Model, keras.layers.Lambda))
        and ".image_preprocessing." not in kind.__module__  # rank 3: one image, no batch
        and not given.kwargs.get("stateful")
        and all(map(_is_harmless, parts_of([given.args, given.kwargs])))
    )


def _is_harmless(argument: Structure) -> bool:
    """Whether an argument of a layer runs no code of the user's."""
    kind = type(argument)
    if issubclass(kind, StandIn):
        return _is_own(argument._record)
    if inspect.isroutine(argument) or inspect.isclass(argument):
        return _is_from_keras(argument)
    plain = issubclass(kind, (Proxy, bool, int, float, str, type(None)))
    return plain or (_is_from_keras(kind) and not issubclass(kind, keras.Layer))


def _compares(argument: Structure) -> bool:
    """Whether an argument of ``compile`` only compares outputs with targets, size by size."""
    kind = type(argument)
    if issubclass(kind, CompileArgument):
        given = parts_of([argument.args, argument.kwargs])
        lists = any(isinstance(item, (list, tuple)) for item in argument.kwargs.values())
        plain = all(issubclass(type(item), (*_PLAIN, CompileArgument)) for item in given)
        return _is_from_keras(argument.layer_class) and plain and not lists
    if inspect.isroutine(argument):
        return _is_from_keras(argument)
    return issubclass(kind, _PLAIN)


_PLAIN = (Proxy, bool, int, float, str, type(None))


def _is_from_keras(what: object) -> bool:
    return str(getattr(what, "__module__", "")).split(".")[0] == "keras"
