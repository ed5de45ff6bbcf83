"""What trains although the values of the data do not go with the model: labels, token ids, lengths.

No shape says so. ``fit`` then fails in a kernel, or trains on zeros or NaN, by backend and device:
configurations stay feasible and are noted as suspicious.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras

from shapesafe_tuner._compat.active import StrayLookup
from shapesafe_tuner._compat.keras.lookups import lookups_in, losses_of
from shapesafe_tuner._compat.types import Model, Nested
from shapesafe_tuner.escaping import short
from shapesafe_tuner.shapes.deferred import Deferred
from shapesafe_tuner.tracing.data.spec import Batch, DataSpec, TensorSpec, leaves
from shapesafe_tuner.tracing.shape_table import LayerRecorder, shapes_of
from shapesafe_tuner.verdict import Note, Shape

__all__ = ["Facts", "Lookup", "declared_by", "differing", "facts_of_model", "noticed"]


class Lookup(NamedTuple):
    """An ``Embedding`` that looks up what the data hold.

    Attributes:
        layer: its name.
        size: of its table.
        ids: the array that it gets.
    """

    layer: str
    size: int | Deferred
    ids: TensorSpec


class Facts(NamedTuple):
    """What is known of a model, for the values of its data.

    Attributes:
        losses: as for ``compile``.
        outputs: the shapes of its outputs.
        names: of its outputs.
        lookups: what looks up token ids.
        strays: what looks up numbers of its own that are too large, behind the class and the name
            of the layer that it is in.
        declared: the shape that a stack of layers was given for its input; None for other models.
    """

    losses: Any
    outputs: Shape
    names: Sequence[str] = ()
    lookups: Iterable[Lookup] = ()
    strays: Iterable[tuple[str, str, StrayLookup]] = ()
    declared: Sequence[int | Deferred | None] | None = None


def facts_of_model(model: Model, batch: Batch, outputs: Nested, recorder: LayerRecorder) -> Facts:
    """What is known of a model of Keras's once its first batch went through.

    Args:
        model: compiled.
        batch: the first one.
        outputs: for it, ``keras.KerasTensor`` leaves.
        recorder: saw the calls of its layers.
    """
    arrays = list(leaves(batch.x))
    inputs = list(getattr(model, "inputs", None) or [])
    found = []
    for layer, place in lookups_in(model):
        named = batch.x.get(inputs[place].name) if isinstance(batch.x, dict) else None
        array = named or (arrays[place] if len(arrays) == len(inputs) else None)
        if array is not None:
            found.append(Lookup(layer.name, layer.input_dim, array))
    if not inputs and len(arrays) == 1 and not recorder.looks_up:
        same = {layer for layer, shape in recorder.embedded if shape == arrays[0].shape}
        found += [Lookup(layer.name, layer.input_dim, arrays[0]) for layer in same if len(same) < 2]
    names = getattr(model, "output_names", None) or ()
    around = [(recorder.around(one) or model, one) for one in recorder.strays]
    strays = [(type(layer).__name__, layer.name, one) for layer, one in around]
    return Facts(losses_of(model), shapes_of(outputs), names, found, strays, declared_by(model))


def declared_by(model: Model) -> tuple[int | None, ...] | None:
    """The shape that a stack of layers was given for its input; None for other models."""
    inputs = list(getattr(model, "inputs", None) or [])
    is_stack = isinstance(model, keras.Sequential) and len(inputs) == 1
    return tuple(inputs[0].shape) if is_stack else None


def noticed(data: DataSpec, facts: Facts) -> tuple[Note, ...]:
    """What is suspicious about these data for this model, each once.

    Args:
        data: the batches.
        facts: of the model.
    """
    found = [*_missing(data), *_lookups(facts.lookups), *_strays(facts.strays)]
    for batch in data.batches:
        found += _labels(batch, facts)
    if data.batches and facts.declared is not None:
        found += _lengths(data.batches[0].x, facts.declared)
    return tuple(Note(f"Suspicious: {said}", "suspicious") for said in dict.fromkeys(found))


def _missing(data: DataSpec) -> Iterator[str]:
    for batch in data.batches:
        if any(spec.values is not None and spec.values.missing for spec in leaves(batch.y)):
            yield f"{_targets_of(batch)} holds NaN, so that the loss is NaN and nothing is learned."


def _targets_of(batch: Batch) -> str:
    return "y" if batch.kind == "train" else "the targets of validation_data"


def _lookups(lookups: Iterable[Lookup]) -> Iterator[str]:
    for layer, size, ids in lookups:
        if ids.values is None or not ids.values.whole:
            continue
        low, high = int(ids.values.low), int(ids.values.high)
        least = size.low if isinstance(size, Deferred) else size
        if high < least and low >= 0:
            continue
        takes = f"0 to {size - 1}"
        if isinstance(size, Deferred):
            takes = f"less than {size}"
            if low >= 0 and high < size.high:
                takes += f", which some values of {short(size.names[0])} make too few"
        yield (
            f"the data hold token ids from {low} to {high}, and Embedding '{short(layer)}' takes "
            f"{takes}."
        )


def _strays(strays: Iterable[tuple[str, str, StrayLookup]]) -> Iterator[str]:
    for kind, name, lookup in strays:
        low, high, rows = lookup.low, lookup.high, lookup.rows
        which = f"row {low}" if low == high else f"rows {low} to {high}"
        table = f"a table that has {rows} (0 to {rows - 1})"
        yield f"{kind} '{short(name)}' looks up {which} of {table}."


def _labels(batch: Batch, facts: Facts) -> Iterator[str]:
    where = _targets_of(batch)
    for loss, shape, spec in _compared(batch.y, facts):
        if spec.dtype == "string" and _is_of_keras(loss):
            yield (
                f"{where} is text, and the losses of Keras compare numbers; turn it into numbers, "
                "for example with keras.layers.StringLookup."
            )
        if not _is_sparse(loss) or spec.values is None or not spec.values.whole:
            continue
        low, high = int(spec.values.low), int(spec.values.high)
        classes = [*shape][-1] if shape else None
        if isinstance(classes, int) and not (low >= 0 and high < classes):
            yield (
                f"the labels in {where} go from {low} to {high}, and the model gives {classes} "
                f"{'class' if classes == 1 else 'classes'} (0 to {classes - 1})."
            )


def _compared(y: Nested, facts: Facts) -> Iterator[tuple[Any, Any, TensorSpec]]:
    """Each loss, the shape of what it compares and the targets, where they are sure."""
    losses, outputs, names = facts.losses, facts.outputs, list(facts.names)
    if isinstance(y, TensorSpec):
        if isinstance(losses, (list, tuple)) and len(losses) == 1:
            losses = losses[0]
        if isinstance(losses, Mapping) and len(losses) == 1:
            losses = next(iter(losses.values()))
        if isinstance(outputs, tuple):
            yield losses, outputs, y
        return
    if not isinstance(outputs, (list, Mapping)) or not isinstance(y, (tuple, Mapping)):
        return
    names = list(outputs) if isinstance(outputs, Mapping) else names
    shapes = list(outputs.values()) if isinstance(outputs, Mapping) else outputs
    given = y.values() if isinstance(y, Mapping) else y
    if len(shapes) != len(given) or len(names) != len(shapes):
        return
    for place, (name, shape) in enumerate(zip(names, shapes, strict=True)):
        target = y.get(name) if isinstance(y, Mapping) else y[place]
        if isinstance(losses, Mapping):
            loss = losses.get(name)
        elif isinstance(losses, (list, tuple)):
            loss = losses[place] if len(losses) == len(shapes) else None
        else:
            loss = losses
        if isinstance(target, TensorSpec):
            yield loss, shape, target


def _is_of_keras(loss: Any) -> bool:
    made = getattr(loss, "layer_class", loss if inspect.isfunction(loss) else type(loss))
    return isinstance(loss, str) or made.__module__.startswith("keras.")


def _is_sparse(loss: Any) -> bool:
    """Whether it takes labels of classes on the last axis, all of which count."""
    made = getattr(loss, "layer_class", type(loss))
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", made.__name__)
    given = getattr(loss, "kwargs", None) or {
        **getattr(loss, "_fn_kwargs", {}),
        "ignore_class": getattr(loss, "ignore_class", None),
    }
    plain = given.get("ignore_class") is None and given.get("axis", -1) == -1
    return plain and name.lower().replace("_", "") == "sparsecategoricalcrossentropy"


def _lengths(x: Nested, declared: Sequence[int | Deferred | None]) -> Iterator[str]:
    """Keras holds a graph against its inputs, and a stack of layers not."""
    differs = differing(x, declared)
    if differs is not None:
        yield f"{differs}: a Sequential takes them silently. Read both from one place."


def differing(x: Nested, declared: Sequence[int | Deferred | None] | None) -> str | None:
    """How data differ from the shape that a stack of layers was given for its input.

    Args:
        x: of a batch.
        declared: that shape; None where there is none.
    """
    if declared is None or not isinstance(x, TensorSpec) or len(x.shape) != len(declared):
        return None
    pairs = [*zip(declared, x.shape, strict=True)][1:]
    if all(None in pair or pair[0] == pair[1] for pair in pairs):
        return None
    sizes = [tuple(side) for side in zip(*pairs, strict=True)]
    return f"the model's Input says {sizes[0]}, and the data are {sizes[1]}"
