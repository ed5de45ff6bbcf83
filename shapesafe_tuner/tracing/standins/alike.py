"""Whether the sizes of batches cannot matter to a stand-in model, its losses and its metrics."""

from __future__ import annotations

import inspect

import keras

from shapesafe_tuner.structures import Structure, leaves
from shapesafe_tuner.tracing.lazy import Proxy
from shapesafe_tuner.tracing.standins.compile_arguments import CompileArgument
from shapesafe_tuner.tracing.standins.facades import StandIn
from shapesafe_tuner.tracing.standins.graph import LayerRecord, OperationRecord
from shapesafe_tuner.tracing.standins.models import (
    FunctionalRecord,
    ModelRecord,
    SequentialRecord,
)

__all__ = ["treats_sizes_alike"]


def treats_sizes_alike(record: ModelRecord) -> bool:
    """Whether a batch of another size passes the same step, unless an output is as wide as it.

    So it is where all is Keras's own: layers work sample by sample, apart from stateful ones and
    those that run user code; losses and metrics compare sizes, apart from those that hold arrays.

    Args:
        record: compiled.
    """
    return _is_open(record) and _is_own(record) and all(map(_compares, leaves(record.compiled)))


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
        and all(map(_is_harmless, leaves([given.args, given.kwargs])))
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
        given = leaves([argument.args, argument.kwargs])
        lists = any(isinstance(item, (list, tuple)) for item in argument.kwargs.values())
        plain = all(issubclass(type(item), (*_PLAIN, CompileArgument)) for item in given)
        return _is_from_keras(argument.layer_class) and plain and not lists
    if inspect.isroutine(argument):
        return _is_from_keras(argument)
    return issubclass(kind, _PLAIN)


_PLAIN = (Proxy, bool, int, float, str, type(None))


def _is_from_keras(what: object) -> bool:
    return str(getattr(what, "__module__", "")).split(".")[0] == "keras"
