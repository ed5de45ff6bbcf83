"""Layers of Keras that are real: made outside ``build``, or taught by ``adapt`` inside it.

Scripts adapt a ``Normalization`` or a ``TextVectorization`` to their data once, or list their data
augmentation beside ``build``, and use these objects in every model. A run *adopts* such an object:
it gets a record as every layer of the run has, and the object itself says what it gives. Answers
are remembered under the key of the object, which counts how much it has learned.

So they do with an embedding that is frozen. Only what has no weight to train, and can get none, is
adopted. What other layers learn in one trial is there in the next: Keras itself judges a ``build``
that uses them. It also judges one with a frozen backbone: to trace that once for the whole step
takes less time than to trace it alone for each batch, with its gradient.
"""

from __future__ import annotations

import hashlib
from typing import Any, Protocol, TypeVar

import keras
import numpy as np

from shapesafe_tuner._compat.types import Layer, Model, Nested
from shapesafe_tuner.memory import Memory
from shapesafe_tuner.shapes.spec import Spec
from shapesafe_tuner.tracing.remembering.keys import Key, key_of
from shapesafe_tuner.tracing.signals import NoKey
from shapesafe_tuner.tracing.standins.answers import Answers
from shapesafe_tuner.tracing.standins.descriptions import Description
from shapesafe_tuner.tracing.standins.facades import SequentialStandIn, StandIn
from shapesafe_tuner.tracing.standins.graph import Args, InputRecord, Kwargs, LayerRecord, Run
from shapesafe_tuner.tracing.standins.models import SequentialRecord
from shapesafe_tuner.tracing.standins.signatures import LAYERS
from shapesafe_tuner.tracing.standins.specs import tensors

__all__ = ["RealLayers"]

_AnyRecord = TypeVar("_AnyRecord", bound=LayerRecord)
_STACK = keras.Sequential

_FOLDERS = frozenset(["preprocessing", "reshaping", "pooling", "regularization"])
"""Of Keras's layers; those in them have no trainable weights, spectrograms apart."""
_KEEPS_ITS_BUILD = (keras.layers.Normalization, keras.layers.STFTSpectrogram)
"""What one of these is built for first it keeps."""


class AdoptingRun(Run, Protocol):
    """A run that can make real layers.

    Attributes:
        answers: of layers that are asked themselves.
    """

    answers: Answers


class RealLayers:
    """Those that one run meets, each with one stand-in.

    Args:
        run: that meets them.
    """

    def __init__(self, run: AdoptingRun) -> None:
        self._run = run
        self._adopted: dict[int, tuple[Layer, StandIn | None]] = {}

    def adopt(self, layer: Layer) -> StandIn | None:
        """A stand-in for a real layer; None for one that Keras itself has to judge.

        Args:
            layer: made outside of the run.
        """
        if id(layer) not in self._adopted:
            with self._run.outside():
                found = self._sequential(layer) if type(layer) is _STACK else self._layer(layer)
            self._adopted[id(layer)] = layer, found
        return self._adopted[id(layer)][1]

    def call(self, layer: Layer, args: Args, kwargs: Kwargs) -> Nested:
        """A real layer is called; ``NotImplemented`` where its own ``__call__`` has to answer."""
        held = self.adopt(layer) if tensors((args, kwargs)) else None
        return NotImplemented if held is None else held(*args, **kwargs)

    def adapt(self, record: LayerRecord, args: Args, kwargs: Kwargs) -> None:
        """A layer learns from data, as by ``Layer.adapt``."""
        run = self._run
        if record.built_on is not None or tensors((args, kwargs)):
            run.escalate(f"{record.title} is adapted after it was called, or to tensors")
        with run.outside():
            given, further = run.realised(list(args)), run.realised(dict(kwargs))
            key = _lesson(record, given, further)
            layer = _ADAPTED.get(key)
            if layer is None:
                layer = record.adopted or run.answers.new_layer(record)
                layer.adapt(*given, **further)
                if key is not None:
                    _ADAPTED[key] = layer
            record.adopted, record.description = layer, _described(layer)

    def vocabulary(self, record: LayerRecord, method: str, args: Args, kwargs: Kwargs) -> Any:
        """What a look-up layer says of its vocabulary, to user code."""
        with self._run.outside():
            layer = record.adopted or record.real_layer
            if layer is None:
                layer = record.real_layer = self._run.answers.new_layer(record)
            found = getattr(layer, method)(*args, **kwargs)
        self._run.shows((method, repr(found)))
        return found

    def _layer(self, layer: Layer) -> StandIn | None:
        if type(layer) not in LAYERS or layer.trainable_variables:
            return None
        if not layer.built and _is_built_by_call(layer):
            return None
        return StandIn(_standing_for(layer, LayerRecord(self._run, _described(layer), layer.name)))

    def _sequential(self, model: Model) -> StandIn | None:
        layers = [self.adopt(layer) for layer in model.layers]
        if not layers or None in layers or model.compiled:
            return None
        record = SequentialRecord(self._run, _described(model), model.name)
        if model.built:
            source = Description(keras.layers.InputLayer, (), {}, None, look_up=False)
            tensor = model.inputs[0]
            spec = Spec(tuple(tensor.shape), tensor.dtype)
            record.source = InputRecord(self._run, source, tensor.name, spec)
        record.fill(layers)
        return SequentialStandIn(_standing_for(model, record))


def _is_built_by_call(layer: Layer) -> bool:
    """Whether the first call may make weights, which later calls find."""
    folders = type(layer).__module__.split(".")
    return _FOLDERS.isdisjoint(folders) or isinstance(layer, _KEEPS_ITS_BUILD)


def _standing_for(layer: Layer, record: _AnyRecord) -> _AnyRecord:
    record.adopted = layer
    record.named = True
    record.trainable = layer.trainable
    return record


def _lesson(record: LayerRecord, args: list[Any], kwargs: dict[str, Any]) -> Key:
    """Equal where a new layer learns the same; None where that cannot be told."""
    if record.adopted is not None or record.description.key is None:
        return None
    try:
        given = [_data_key(value) for value in (*args, *kwargs.values())]
    except NoKey:
        return None
    return record.description.key, *given, *kwargs


def _data_key(value: Any) -> Key:
    if not isinstance(value, np.ndarray) or value.dtype == object or value.nbytes > _MOST_BYTES:
        return key_of(value)
    return value.shape, str(value.dtype), hashlib.blake2b(value.tobytes()).digest()


def _described(layer: Layer) -> Description:
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
_MOST_BYTES = 2**28
"""Data beyond that is learned again each time: to compare it takes longer than most do to learn."""
_ADAPTED: Memory[Key, Layer] = Memory(32)
"""Layers that have learned, by the call that made them and by the data."""
