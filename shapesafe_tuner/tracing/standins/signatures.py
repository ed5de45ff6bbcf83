"""Which argument of a call goes to which parameter of a layer's ``call``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from shapesafe_tuner.shapes.spec import Refused, Spec, Specs, walk
from shapesafe_tuner.tracing.binding import layer_classes
from shapesafe_tuner.tracing.standins.graph import Args, Kwargs, LayerRecord, Run
from shapesafe_tuner.tracing.standins.models import ModelRecord

__all__ = ["LAYERS", "Parameters", "bound", "call_parameters", "check_complete", "needed"]

LAYERS = frozenset(cls for cls in layer_classes() if issubclass(cls, keras.layers.Layer)) - {
    keras.layers.InputLayer
}
"""Keras's own layers, whose constructors give stand-ins."""


class Parameters(NamedTuple):
    """The parameters of a ``call``: names in their order, and the defaults of some."""

    names: tuple[str, ...]
    defaults: dict[str, Any]


_NONE: Any = object()
_MODEL_CALL = Parameters(("inputs",), {"mask": None})


def bound(
    run: Run, record: LayerRecord, args: Args, kwargs: Kwargs
) -> tuple[Specs, dict[str, Specs]]:
    """The first argument of a call and the others that matter, by name."""
    if isinstance(record, ModelRecord):
        names, defaults = _MODEL_CALL
    else:
        names, defaults = call_parameters(record.layer_class)
    arguments = dict(zip(names, args, strict=False))
    if len(args) > len(names) or set(arguments) & set(kwargs) or not names:
        run.escalate(f"{record.title} is called with arguments that do not fit")
    arguments.update(kwargs)
    if names[0] not in arguments:
        run.escalate(f"{record.title} is called without inputs")
    first = arguments.pop(names[0])
    training = arguments.pop("training", None)
    if training is not None and type(training) is not bool:
        run.escalate(f"{record.title} is called with a training that is no bool")
    if first is None or not any(True for _ in walk(first)):
        run.escalate(f"{record.title} is called on no tensor")
    check_complete(run, record, first, names, {**defaults, **arguments})
    return first, {
        name: value
        for name, value in arguments.items()
        if isinstance(value, (Spec, tuple, list, dict)) or value != defaults.get(name, _NONE)
    }


def check_complete(
    run: Run, record: LayerRecord, inputs: Specs, names: tuple[str, ...], given: dict[str, Any]
) -> None:
    """Refuse a call of one of Keras's layers that leaves an argument out."""
    without = [name for name in names[1:] if name not in given and name != "training"]
    if without and record.layer_class in LAYERS:
        run.refuse(record, inputs, Refused(f"is called without {without[0]}"))


@functools.cache
def needed(layer_class: type) -> tuple[str, ...]:
    """What a call of one of Keras's layers must be given."""
    if layer_class not in LAYERS:
        return ()
    names, defaults = call_parameters(layer_class)
    return tuple(name for name in names if name not in defaults and name != "training")


@functools.cache
def call_parameters(layer_class: type) -> Parameters:
    """The parameters of the ``call`` of a layer's class."""
    call: Callable[..., Any] = layer_class.call  # type: ignore[attr-defined]
    parameters = list(inspect.signature(call).parameters.values())[1:]
    names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    return Parameters(tuple(names), defaults)
