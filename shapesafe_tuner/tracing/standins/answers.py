"""Answers for one layer: from its rule, or from the layer itself where there is none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras

from shapesafe_tuner._compat.active import StrayLookup
from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner._compat.keras.constructors import (
    names_counted,
    names_put_back,
    snake_case,
)
from shapesafe_tuner._compat.keras.flow import Flow, trace_flow
from shapesafe_tuner._compat.keras.symbolic_tensor import plain_tensor, spec_of
from shapesafe_tuner._compat.keras.versions import RULES_ARE_NEWER
from shapesafe_tuner._compat.types import Layer, Nested
from shapesafe_tuner.memory import Memory
from shapesafe_tuner.shapes.deferred import Deferred
from shapesafe_tuner.shapes.operations import check_operation, result
from shapesafe_tuner.shapes.spec import Call, Refused, Spec, Specs, Step, Unknown, walk
from shapesafe_tuner.structures import map_leaves
from shapesafe_tuner.tracing.binding import penalty_dtypes
from shapesafe_tuner.tracing.environment import Check, asking_keras
from shapesafe_tuner.tracing.layer_call import apply
from shapesafe_tuner.tracing.lazy import LazyPenalty, proxies_in
from shapesafe_tuner.tracing.remembering.keys import Key
from shapesafe_tuner.tracing.shape_table import count_parameters
from shapesafe_tuner.tracing.signals import NoKey, without_frames
from shapesafe_tuner.tracing.standins.graph import Answer, LayerRecord, OperationRecord
from shapesafe_tuner.tracing.standins.real_objects import RealObjects
from shapesafe_tuner.tracing.standins.specs import hashable
from shapesafe_tuner.tracing.training.twice import FailsAgain, traced_twice

__all__ = ["Answers", "demand_sizes", "has_empty_map", "tensors_for"]

_BOOKKEEPING = frozenset(
    ["name", "_inbound_nodes", "_outbound_nodes", "_remat_mode", "_auto_config", "_lock"]
)
_OPERATIONS: Memory[Key, tuple[Specs, Flow | None]] = Memory(20_000)
"""What operations gave, and where the gradient went, by what they were called on."""


class Answers:
    """Gets answers for the layers of one run, and remembers them for all runs.

    Args:
        hooks: those of the check; stand-ins are switched off while a real layer is asked.
        real_objects: of the stand-ins among the arguments of others.

    Attributes:
        strays: what the steps of those that were asked look up that is not there.
    """

    def __init__(self, hooks: Check, real_objects: RealObjects) -> None:
        self._hooks = hooks
        self._real_objects = real_objects
        self.strays: list[tuple[LayerRecord | OperationRecord, StrayLookup]] = []

    @contextlib.contextmanager
    def outside(self) -> Iterator[None]:
        """Constructors give real objects inside, which are Keras's."""
        run, self._hooks.analytic = self._hooks.analytic, None
        try:
            with asking_keras(), names_put_back():
                yield
        finally:
            self._hooks.analytic = run

    def answer(
        self,
        record: LayerRecord,
        inputs: Specs,
        arguments: Mapping[str, Specs] | None,
        *,
        step: Step,
    ) -> Answer:
        """What it gives.

        Raises:
            Refused: the rule proves that Keras raises.
            Exception: what the layer itself raised, where it was asked.
        """
        description = record.description
        key: tuple[Key, ...] = (hashable(inputs), hashable(record.built_on), step)
        if arguments:
            key = (*key, hashable(arguments))
        found = description.calls.get(key)
        if found is None:
            found = self._work_out(record, inputs, arguments, step)
            description.calls[key] = found
        if isinstance(found, Refused):
            raise found
        if found.asked:
            self._flows(record, found.flow)
        elif (
            not step
            and not arguments
            and self._hooks.analytic is not None
            and (self._hooks.analytic.show is None or record.built_on is None)
            and type(inputs) is Spec
            and type(found.outputs) is Spec
        ):
            description.quick[key[:2]] = found
        return found

    def _flows(self, record: LayerRecord | OperationRecord, flow: Flow | None) -> None:
        record.flow = flow
        if flow is not None and flow.strays:
            self.strays += [(record, lookup) for lookup in flow.strays]

    def _work_out(
        self, record: LayerRecord, inputs: Specs, arguments: Mapping[str, Specs] | None, step: Step
    ) -> Answer | Refused:
        configured = record.description.configured
        if step == "training" and configured is not None:
            _assert_of_one_dtype(record, penalty_dtypes(configured))
        if configured is not None and not (RULES_ARE_NEWER and has_empty_map(inputs)):
            try:
                call = Call(built_on=record.built_on, step=step, arguments=arguments or {})
                return Answer(*apply(configured, inputs, call))
            except Refused as refused:
                without_frames(refused)
                if not RULES_ARE_NEWER:
                    return refused
                try:
                    return self._ask(record, inputs, arguments, step)
                except Exception:  # whatever the layer raises confirms the refusal
                    return refused
            except Unknown:
                pass
        return self._ask(record, inputs, arguments, step)

    def accepts(self, record: LayerRecord) -> bool:
        """Whether the constructor takes what its rule refuses, as older versions of Keras may."""
        if not RULES_ARE_NEWER:
            return False
        try:
            with self.outside():
                record.real_layer = self.new_layer(record)
        except Exception:  # whatever it raises confirms the refusal
            return False
        return True

    def _ask(
        self, record: LayerRecord, inputs: Specs, arguments: Mapping[str, Specs] | None, step: Step
    ) -> Answer:
        """The real layer, called alone on tensors of these specs."""
        demand_sizes((inputs, arguments, record.built_on, record.built_with))
        with self.outside():
            layer = record.adopted or record.real_layer
            if layer is None or (record.adopted is None and (record.built_on is None or step)):
                layer = self.new_layer(record)
                if record.built_on is not None:
                    layer(tensors_for(record.built_on), **tensors_for(record.built_with or {}))
                record.real_layer = layer
            given, further = [tensors_for(inputs)], tensors_for(dict(arguments or {}))
            before = count_parameters(layer) or 0
            names: Mapping[str, int] = {}
            if not step:
                with names_counted() as names:
                    outputs = layer(*given, **further)
                flow = None
                if _gives_back(outputs, given):
                    # Keras takes the layer's input for its output then: a graph that is a circle.
                    raise NoKey(f"{record.layer_class.__name__} gives its own input back")
            else:
                late = record.built_on is None
                flow = self._in_step(layer, given, further, step, built_late=late)
                _assert_of_one_dtype(record, flow.penalties)
                if record.description.configured is None and layer.activity_regularizer is not None:
                    raise NoKey(f"{record.layer_class.__name__} regularizes batches of open size")
                outputs = flow.outputs
        made = (count_parameters(layer) or 0) - (before if record.built_on is not None else 0)
        specs = _given_by(record.layer_class, outputs)
        return Answer(made, specs, True, flow and flow._replace(outputs=None), names)

    def _in_step(
        self,
        layer: Layer,
        given: list[Any],
        further: Mapping[str, Nested],
        step: Step,
        *,
        built_late: bool,
    ) -> Flow:
        """The layer called in a trace of the training step, or of evaluation."""

        def call(x: Any, more: Any) -> Any:
            return layer(x, training=step == "training", **more)

        def trace() -> Flow:
            if step == "training":
                return trace_flow(call, layer, self._hooks, *given, further)
            return Flow(backend.trace(call, *given, further), True, True)

        try:
            with self._seeing_strays() as strays:
                flow: Flow = traced_twice(trace, self._hooks, built_late=built_late)
        except FailsAgain as again:
            raise Refused(again.why) from None
        return flow._replace(strays=tuple(strays))

    @contextlib.contextmanager
    def _seeing_strays(self) -> Iterator[list[StrayLookup]]:
        """What traces look up meanwhile that is not there."""
        recorder = self._hooks.recorder
        before, recorder.strays = recorder.strays, []
        try:
            yield recorder.strays
        finally:
            recorder.strays = before

    def new_layer(self, record: LayerRecord) -> Layer:
        """A real layer for a record."""
        description = record.description
        given: Any = [description.args, description.kwargs]
        if description.layer_class.__module__.startswith("keras."):
            given = map_leaves(_with_any_factors, given)
        args, kwargs = self._real_objects.realised(given)
        with names_put_back(), names_counted(record.born) as names:
            layer = description.layer_class(*args, **kwargs)
        own = snake_case(description.layer_class.__name__)
        if names.get(own) and layer.name.startswith(own):
            names[own] -= 1
        else:
            description.given_name = layer.name
        description.names = {kind: count for kind, count in names.items() if count}
        return layer

    def operate(
        self, record: OperationRecord, args: Specs, kwargs: Specs, *, step: Step = ""
    ) -> Any:
        """What an operation gives for arguments with specs in place of tensors.

        Raises:
            Refused: a rule proves that Keras raises.
            Exception: what the operation itself raised.
        """
        operation = record.operation
        for proxy in proxies_in(vars(operation)):
            proxy.force()
        state = {key: item for key, item in vars(operation).items() if key not in _BOOKKEEPING}
        if type(operation).__module__.startswith("keras."):
            name = type(operation).__name__
            check_operation(name, args, kwargs)
            found = None if kwargs else result(name, state, args)
            if found is not None:
                record.flow = None
                return found
        demand_sizes((args, kwargs))
        key: Key = None
        with contextlib.suppress(NoKey, TypeError):
            key = (type(operation), hashable(state), hashable(args), hashable(kwargs), step)
            if key in _OPERATIONS:
                specs, flow = _OPERATIONS[key]
                self._flows(record, flow)
                return specs
        with self.outside():
            given, further = tensors_for(args), tensors_for(kwargs)
            if step:
                # Symbolic rules of Keras let pass what the backend refuses, as in einsum.
                with self._seeing_strays() as strays:
                    flow = trace_flow(
                        lambda args, kwargs: operation.call(*args, **kwargs),
                        None,
                        self._hooks,
                        given,
                        further,
                    )
                outputs = flow.outputs
                self._flows(record, flow._replace(outputs=None, strays=tuple(strays)))
            else:
                outputs = operation.compute_output_spec(*given, **further)
        specs = map_leaves(_spec_or_value, outputs)
        if key is not None:
            _OPERATIONS[key] = specs, record.flow
        return specs


def _with_any_factors(leaf: Any) -> Any:
    """A layer of Keras's adds a penalty to the loss, whatever its factors."""
    return leaf.any() if type(leaf) is LazyPenalty else leaf


def demand_sizes(structure: Specs) -> None:
    """Demand what is not chosen: Keras itself needs numbers."""
    for spec in walk(structure):
        for size in (*spec.shape, *(spec.mask or ())):
            if type(size) is Deferred:
                size.force()


def _assert_of_one_dtype(record: LayerRecord, penalties: Iterable[str]) -> None:
    """Backends may refuse the sum of the loss and of what layers add to it in another dtype."""
    if any(dtype != keras.config.floatx() for dtype in penalties):
        raise NoKey(f"{record.layer_class.__name__} adds to the loss in a dtype of its own")


def has_empty_map(specs: Specs) -> bool:
    """Whether one of these specs is of a map without a place."""
    return any(type(size) is int and not size for spec in walk(specs) for size in spec.shape)


def _gives_back(outputs: Nested, given: Nested) -> bool:
    """Whether an output is one of the inputs, the same object."""
    inputs = {id(item) for item in keras.tree.flatten(given)}
    return any(id(item) in inputs for item in keras.tree.flatten(outputs))


def tensors_for(specs: Specs) -> Nested:
    """Tensors for Keras in place of specs."""
    return map_leaves(lambda leaf: plain_tensor(leaf) if type(leaf) is Spec else leaf, specs)


def _spec_or_value(leaf: Any) -> Any:
    return spec_of(leaf) if hasattr(leaf, "shape") else leaf


def _given_by(layer_class: type, outputs: Nested) -> Specs:
    """Specs in place of the tensors that a layer gave."""

    def spec(leaf: Any) -> Spec:
        if not hasattr(leaf, "shape"):
            raise NoKey(f"{layer_class.__name__} gives a {type(leaf).__name__}")
        return spec_of(leaf)

    return map_leaves(spec, outputs)
