"""Layers of Keras that are real: made outside ``build``, or taught by ``adapt`` inside it.

Scripts adapt a ``Normalization`` or a ``TextVectorization`` to their data once, or list their data
augmentation beside ``build``, and use these objects in every model. A run *adopts* such an object:
it gets a record as every layer of the run has, and the object itself says what it gives. Answers
are remembered under the key of the object, which counts how much it has learned.

Only what can have no trainable weight is adopted. What other layers learn in one trial is there in
the next: Keras itself judges a ``build`` that uses them.
"""

from __future__ import annotations

import keras

from shapesafe_tuner._compat.types import Layer
from shapesafe_tuner.memory import Memory
from shapesafe_tuner.shapes.spec import Spec
from shapesafe_tuner.tracing.remembering.keys import Key, key_of
from shapesafe_tuner.tracing.signals import NoKey
from shapesafe_tuner.tracing.standins.descriptions import Description
from shapesafe_tuner.tracing.standins.facades import SequentialStandIn, StandIn
from shapesafe_tuner.tracing.standins.graph import InputRecord, LayerRecord, Run
from shapesafe_tuner.tracing.standins.models import SequentialRecord
from shapesafe_tuner.tracing.standins.signatures import LAYERS

__all__ = ["adopted", "described", "learns_by_adapt"]

_FOLDERS = frozenset(["preprocessing", "reshaping", "pooling", "regularization"])
"""Of Keras's layers; those in them have no trainable weights, spectrograms apart."""
_KEEPS_ITS_BUILD = (keras.layers.Normalization, keras.layers.STFTSpectrogram)
"""What one of these is built for first it keeps."""


def adopted(run: Run, layer: Layer) -> StandIn | None:
    """A stand-in for a real layer; None for a layer that Keras itself has to judge.

    Args:
        run: that meets it.
        layer: made outside of the run.
    """
    if type(layer) is keras.Sequential:
        return _sequential(run, layer)
    if type(layer) not in LAYERS or _FOLDERS.isdisjoint(type(layer).__module__.split(".")):
        return None
    if layer.trainable_variables or (isinstance(layer, _KEEPS_ITS_BUILD) and not layer.built):
        return None
    record = LayerRecord(run, described(layer), layer.name)
    _is(record, layer)
    return StandIn(record)


def _sequential(run: Run, model: keras.Sequential) -> StandIn | None:
    layers = [adopted(run, layer) for layer in model.layers]
    if not layers or None in layers or model.compiled:
        return None
    record = SequentialRecord(run, described(model), model.name)
    _is(record, model)
    if model.built:
        tensor = model.inputs[0]
        spec = Spec(tuple(tensor.shape), tensor.dtype)
        source = Description(keras.layers.InputLayer, (), {}, None, look_up=False)
        record.source = InputRecord(run, source, tensor.name, spec)
    record.fill(layers)
    return SequentialStandIn(record)


def _is(record: LayerRecord, layer: Layer) -> None:
    record.given = layer
    record.named = True
    record.trainable = layer.trainable


def learns_by_adapt(layer_class: type) -> bool:
    """Whether a class of Keras's learns from data before it is trained."""
    return layer_class in LAYERS and hasattr(layer_class, "adapt")


def described(layer: Layer) -> Description:
    """The description of a layer that is there already: equal for layers that do the same."""
    try:
        key = key_of(layer)
    except NoKey:
        return Description(type(layer), (), {}, None, look_up=False)
    known = _DESCRIPTIONS.get(key)
    if known is None:
        known = _DESCRIPTIONS[key] = Description(type(layer), (), {}, key, look_up=False)
    return known


_DESCRIPTIONS: Memory[Key, Description] = Memory(512)
