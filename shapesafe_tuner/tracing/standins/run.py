"""One analytic run: ``build(hp)`` on stand-ins, with a rule for every layer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras

from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor, symbolic
from shapesafe_tuner._compat.types import Nested, Operation
from shapesafe_tuner.shapes.operations import operands
from shapesafe_tuner.shapes.spec import Refused, Spec, Specs, Step, walk
from shapesafe_tuner.structures import Structure, map_leaves
from shapesafe_tuner.tracing.environment import Check
from shapesafe_tuner.tracing.lazy import Proxy
from shapesafe_tuner.tracing.signals import NoKey, NoSpec
from shapesafe_tuner.tracing.standins.adopting import RealLayers
from shapesafe_tuner.tracing.standins.computed import arrays_of, specs_of_arrays
from shapesafe_tuner.tracing.standins.constructing import Constructing
from shapesafe_tuner.tracing.standins.gradients import gradient_arrives
from shapesafe_tuner.tracing.standins.graph import (
    Adopting,
    Answer,
    Args,
    FromUser,
    Kwargs,
    LayerCall,
    LayerRecord,
    Node,
    OperationRecord,
    Record,
    tensors_of,
)
from shapesafe_tuner.tracing.standins.models import ModelRecord
from shapesafe_tuner.tracing.standins.posed.classes import retire
from shapesafe_tuner.tracing.standins.posed.operations import known_operation
from shapesafe_tuner.tracing.standins.posed.records import PosedRecord
from shapesafe_tuner.tracing.standins.signatures import (
    bound,
    call_parameters,
    check_complete,
    needed,
)
from shapesafe_tuner.tracing.standins.specs import hashable, specs_of, tensors

__all__ = ["AnalyticRun"]


class AnalyticRun(Constructing):
    """What happened in one analytic run.

    Args:
        hooks: the check's; while ``hooks.analytic`` is this run, constructors ask it.

    Attributes:
        rows: the layer calls: the layer, what it was given and what it gave.
        closed: the run is over; stand-ins that are still there must become real.
    """

    def __init__(self, hooks: Check) -> None:
        super().__init__(hooks)
        self.hooks = hooks
        self.rows: list[LayerCall] = []
        self.real_layers: Adopting = RealLayers(self)
        self.closed = False

    @property
    def is_left(self) -> bool:
        """Keras itself is asked, or the run is over."""
        return self.closed or self.hooks.analytic is not self

    def realised(self, value: Structure) -> Any:
        """``value`` with real objects in place of stand-ins."""
        return self._real_objects.realised(value)

    def real_object(self, record: Record) -> Any:
        """The real object for a stand-in that outlived this run."""
        return self._real_objects.of(record)

    def close(self) -> None:
        """End the run; stand-ins that outlive it become real when they are touched."""
        self.closed = True
        retire([facade() for facade in self.facades])
        self.facades.clear()
        self.inside.clear()
        self.rows.clear()
        del self.real_layers
        self.answers.strays.clear()
        self.refusal = None
        self._real_objects.forget()

    def ask(
        self,
        record: LayerRecord,
        inputs: Specs,
        arguments: Mapping[str, Specs] | None,
        *,
        step: Step,
    ) -> Answer:
        """What a layer gives: from memory, its rule, or the layer itself."""
        return self.answers.answer(record, inputs, arguments, step=step)

    # What a run that is followed does otherwise.

    may_cut = True

    def answered(self, record: Record, name: str, answer: Callable[[Any], Any]) -> Any:
        """An attribute of a stand-in is read."""
        return answer(record)

    def read(self, tensor: SymbolicTensor) -> None:
        """Something of a tensor is read."""

    def shown_dtype(self, tensor: SymbolicTensor) -> str:
        """The dtype of a tensor is read."""
        return tensor._dtype  # type: ignore[no-any-return]

    def kept(self, value: Any) -> Any:
        """What a record keeps of a tensor or a stand-in of the user's."""
        return value

    def revealed(self, value: Any) -> Any:
        """What rules are given of an argument."""
        return value

    def own_code(self, args: Args, kwargs: Kwargs) -> AbstractContextManager[None]:
        """The constructor of a posed object runs inside."""
        return nullcontext()

    def named_by_user(self, name: str) -> None:
        """A posed object gives itself a name."""

    def shows(self, what: tuple[str, str]) -> None:
        """User code is shown something of what a layer has learned."""

    def walks(self, model: ModelRecord) -> None:
        """The finished model is walked."""

    def is_changed(self, record: Record) -> None:
        """A layer is changed after it was made."""

    def gradient_arrives(self, model: ModelRecord, without: Collection[int] = ()) -> bool:
        """Whether a gradient reaches a weight of a model whose training step was followed.

        Args:
            without: places of outputs that no gradient comes to.
        """
        return gradient_arrives(model, without)

    def step_of(self, model: ModelRecord, place: int) -> Specs:
        """The outputs of a model in the step of a batch, where its tensors carry them."""
        return None

    # Calls.

    def call(self, record: LayerRecord, tensor: SymbolicTensor) -> Nested:
        """A layer called on one tensor."""
        spec = tensor.spec
        known = None
        if self.inside_call:
            return self._call_inside(record, (tensor,), {})
        if self.show is None:
            before = record.built_on
            if before is None or type(before) is Spec:
                known = record.description.quick.get((spec, before))
        elif record.built_on is None:
            known = record.description.quick.get((hashable(spec), None))
        if known is None:
            if not isinstance(record, ModelRecord):
                check_complete(self, record, spec, *call_parameters(record.layer_class))
            outputs = self.answer(record, spec, None, tensors=tensor)
        else:
            outputs = known.outputs
            if record.built_on is None:
                record.built_on = spec
                record.parameters = known.weights
            self.rows.append(LayerCall(record, spec, outputs))
        node = Node(record, (tensor,), _NO_ARGUMENTS)
        record.node_inputs = ((tensor,), _NO_ARGUMENTS) if record.last is None else None
        record.last = outputs if type(outputs) is Spec else None
        return symbolic(outputs, node) if type(outputs) is Spec else tensors_of(outputs, node)

    def call_with(self, record: LayerRecord, args: Args, kwargs: Kwargs) -> Nested:
        """A layer called on anything else."""
        if self.inside_call:
            return self._call_inside(record, args, kwargs)
        given, further, on_arrays = self._given(record, args, kwargs)
        first, arguments = self.bound(record, given, further)
        shown = shown_of(given, further)
        outputs = self.answer(record, first, arguments, shown=shown, tensors=(args, kwargs))
        record.node_inputs = None
        if on_arrays:
            if backend.KEEPS_HISTORY:
                self.escalate(f"{record.title} computes in build what a step goes back through")
            try:
                with self.outside():
                    return arrays_of(outputs)
            except NoSpec as reason:
                self.escalate(f"{record.title}: {reason}")
        return tensors_of(outputs, Node(record, args, kwargs))

    def call_own(self, record: PosedRecord, given: FromUser) -> Nested:
        """A posed object called on tensors."""
        try:
            specs = specs_of(given)
        except NoSpec as reason:
            record.blamed(f"is not followed: {reason}")
        if not any(True for _ in walk(specs)):
            record.blamed("is called on no tensor")
        outputs = self.answer(record, specs, None, step=self.step)
        return tensors_of(outputs, Node(record, (given,), {}))

    def _given(self, record: LayerRecord, args: Args, kwargs: Kwargs) -> tuple[Specs, Specs, bool]:
        """What a layer is called on, in specs, and whether that is arrays."""
        try:
            further = _specs_and_values(kwargs)
            try:
                return specs_of(args), further, False
            except NoSpec:
                if tensors((args, kwargs)):
                    raise
            with self.outside():
                return specs_of_arrays(record, args), further, True
        except NoSpec as reason:
            self.escalate(f"{record.title}: {reason}")

    def _call_inside(self, record: LayerRecord, args: Args, kwargs: Kwargs) -> Nested:
        """A layer called in the ``call`` of a class of the user's."""
        told = kwargs.pop("training", None) if kwargs else None
        if told is not None and type(told) is not bool:
            self.escalate(f"{record.title} is called with a training that is no bool")
        given, further, _ = self._given(record, args, kwargs)
        first, arguments = self.bound(record, given, further)
        with self.told(told):
            shown = shown_of(given, further)
            outputs = self.answer(
                record, first, arguments, step=self.step, shown=shown, tensors=(args, kwargs)
            )
        if any(spec.mask is not None for spec in walk(outputs)):
            self.escalate(f"{record.title} gives a mask in the call of a layer")
        return tensors_of(outputs, Node(record, args, kwargs))

    @staticmethod
    def needed(layer_class: type) -> tuple[str, ...]:
        """What a call of one of Keras's layers must be given."""
        return needed(layer_class)

    def bound(
        self, record: LayerRecord, args: Args, kwargs: Kwargs
    ) -> tuple[Specs, dict[str, Specs]]:
        """The first argument of a call and the others that matter, by name."""
        return bound(self, record, args, kwargs)

    def answer(
        self,
        record: LayerRecord,
        inputs: Specs,
        arguments: Mapping[str, Specs] | None,
        *,
        step: Step = "",
        shown: Specs = None,
        tensors: FromUser = None,
    ) -> Specs:
        """What a layer gives for ``tensors``, written down with the inputs that are ``shown``."""
        try:
            answer = record.answer(inputs, arguments, step=step)
        except Refused as refused:
            self.refuse(record, inputs if shown is None else shown, refused, tensors)
        except NoKey as reason:
            self.escalate(f"{record.title}: {reason}")
        first = record.built_on is None
        if first:
            record.built_on = inputs
            record.built_with = arguments
            record.parameters = answer.weights
            if answer.names:
                self.named(answer.names)
        if (first or not step) and record.has_row and not self.hidden:
            given = inputs if shown is None else shown
            self.rows.append(LayerCall(record, given, answer.outputs))
        return answer.outputs

    def operation(self, operation: Operation, args: Args, kwargs: Kwargs) -> Nested:
        """One of ``keras.ops`` called on tensors of this run."""
        record = OperationRecord(self, operation)
        try:
            given, further = _specs_and_values(args), _specs_and_values(kwargs)
        except NoSpec as reason:
            self.escalate(f"{record.name}: {reason}")
        if self.inside:
            why = known_operation(operation, given, further)
            if why is not None or not self.inside_call:
                self.escalate(why or f"{record.name} is computed outside call")
        outputs = self.operate(record, given, further, self.step)
        return tensors_of(outputs, Node(record, args, kwargs))

    @staticmethod
    def computed_with(given: Structure) -> Structure:
        """What Keras computes with at once: hyperparameters in it are demanded."""
        return map_leaves(
            lambda leaf: leaf.force() if issubclass(type(leaf), Proxy) else leaf, given
        )

    def operate(
        self, record: OperationRecord, args: Args, kwargs: Kwargs, step: Step = ""
    ) -> Specs:
        """What an operation gives for these specs."""
        try:
            return self.answers.operate(record, args, kwargs, step=step)
        except Refused as refused:
            self.refuse(record, operands(args, kwargs), refused)


def shown_of(args: Args, kwargs: Kwargs) -> Specs:
    """The inputs of a call as the table of shapes shows them."""
    return args[0] if len(args) == 1 else tuple(args) or dict(kwargs)


_NO_ARGUMENTS: Kwargs = {}


def _specs_and_values(structure: Structure) -> Specs:
    """Specs in place of tensors; other values stay."""
    return map_leaves(_spec_or_value, structure)


def _spec_or_value(leaf: Structure) -> Structure:
    kind = type(leaf)
    if issubclass(kind, Proxy):
        leaf.force()
    if kind is SymbolicTensor:
        return leaf.spec
    if isinstance(leaf, keras.KerasTensor):
        raise NoSpec("a tensor that is not of this build")
    if backend.has_history(leaf):
        raise NoSpec("a tensor computed from weights")
    return leaf
