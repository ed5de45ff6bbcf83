"""Whether the gradient of the loss reaches a weight of a model of stand-ins.

The walk goes back from the outputs. Layers with a rule have a gradient in their weights and pass
one on to their inputs; a layer that was asked itself was traced with its gradient.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from shapesafe_tuner.tracing.standins.functional import FunctionalRecord
from shapesafe_tuner.tracing.standins.graph import InputRecord, LayerRecord, Node
from shapesafe_tuner.tracing.standins.models import ModelRecord, SequentialRecord
from shapesafe_tuner.tracing.standins.specs import tensors

__all__ = ["gradient_arrives", "passage"]


def gradient_arrives(model: ModelRecord, without: Collection[int] = ()) -> bool:
    """Whether a gradient reaches a weight that is trained, or there is none to be trained.

    Args:
        model: whose training step was followed on stand-ins.
        without: places of outputs that no gradient comes to.
    """
    return _Walk().through(model, without) or not any(_trained(model))


def passage(record: Any) -> tuple[bool, bool]:
    """Whether a gradient that comes to one layer arrives there, and whether it goes on."""
    return _Walk().one(record)


class _Walk:
    """Goes back through a model until a gradient has arrived."""

    def through(self, model: ModelRecord, without: Collection[int] = ()) -> bool:
        """Whether it arrived in this model, from its outputs but for some."""
        if not without:
            return self._through(model, trainable=True)[0]
        return isinstance(model, FunctionalRecord) and self._graph(model, True, without)[0]

    def one(self, record: Any) -> tuple[bool, bool]:
        """As :func:`passage`."""
        return self._through(record, trainable=True)

    def _through(self, record: Any, trainable: bool) -> tuple[bool, bool]:
        """Whether it arrived, and whether it goes on to the inputs."""
        trainable = trainable and getattr(record, "trainable", True)
        if isinstance(record, SequentialRecord):
            return self._back((layer._record for layer in reversed(record.stack)), trainable)
        if isinstance(record, FunctionalRecord):
            return self._graph(record, trainable)
        flow = record.flow
        if flow is None:
            return trainable and _has_weights(record), True
        return trainable and flow.to_weights, flow.to_inputs

    def _back(self, records: Iterator[Any], trainable: bool) -> tuple[bool, bool]:
        for record in records:
            arrived, passed = self._through(record, trainable)
            if arrived or not passed:
                return arrived, passed
        return False, True

    def _graph(
        self, model: FunctionalRecord, trainable: bool, without: Collection[int] = ()
    ) -> tuple[bool, bool]:
        outputs = enumerate(tensors(model.wanted))
        pending: list[Node] = [tensor.node for place, tensor in outputs if place not in without]
        seen: set[int] = set()
        passed = False
        while pending:
            node = pending.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(node.record, InputRecord):
                passed = True
                continue
            arrived, goes_on = self._through(node.record, trainable)
            if arrived:
                return True, True
            if goes_on:
                pending += [tensor.node for tensor in node.parents()]
        return False, passed


def _has_weights(record: Any) -> bool:
    made = getattr(record, "parameters", None)
    return made is not None and not (type(made) is int and made == 0)


def _trained(record: Any, trainable: bool = True) -> Iterator[LayerRecord]:
    """The layers with weights that are trained."""
    if not (trainable and record.trainable):
        return
    if isinstance(record, SequentialRecord):
        for layer in record.stack:
            yield from _trained(layer._record)
    elif isinstance(record, FunctionalRecord):
        for inner in {id(node.record): node.record for node in record.order}.values():
            if isinstance(inner, LayerRecord):
                yield from _trained(inner)
    elif _has_weights(record):
        yield record
