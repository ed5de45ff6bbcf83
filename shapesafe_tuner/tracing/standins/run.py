"""One analytic run: ``build(hp)`` on stand-ins, with a rule for every layer."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NoReturn

import keras

from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner._compat.keras import constructors, global_state
from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor, symbolic
from shapesafe_tuner._compat.types import Nested, Operation
from shapesafe_tuner.shapes.deferred import Deferred
from shapesafe_tuner.shapes.registry import Rule, own_rule
from shapesafe_tuner.shapes.spec import Dim, Refused, Spec, Specs, Step, text, walk
from shapesafe_tuner.structures import Structure, map_leaves
from shapesafe_tuner.tracing.binding import layer_classes, replaced
from shapesafe_tuner.tracing.environment import Check
from shapesafe_tuner.tracing.lazy import LazyPenalty, Proxy, expressions, proxies_in
from shapesafe_tuner.tracing.signals import Escalation, NoKey, NoSpec, RefusalInBuild, users_line
from shapesafe_tuner.tracing.standins.answers import Answers
from shapesafe_tuner.tracing.standins.compile_arguments import CompileArgument
from shapesafe_tuner.tracing.standins.descriptions import Description, Descriptions
from shapesafe_tuner.tracing.standins.facades import (
    CompileArgumentStandIn,
    ModelStandIn,
    SequentialStandIn,
    StandIn,
    stand_in,
)
from shapesafe_tuner.tracing.standins.functional import FunctionalRecord
from shapesafe_tuner.tracing.standins.gradients import gradient_arrives
from shapesafe_tuner.tracing.standins.graph import (
    Args,
    FromUser,
    InputRecord,
    Kwargs,
    LayerCall,
    LayerRecord,
    Node,
    OperationRecord,
    Record,
    tensors_of,
)
from shapesafe_tuner.tracing.standins.models import ModelRecord, SequentialRecord
from shapesafe_tuner.tracing.standins.posed.classes import posed, retire
from shapesafe_tuner.tracing.standins.posed.inside import Inside
from shapesafe_tuner.tracing.standins.posed.operations import known_operation, ruled
from shapesafe_tuner.tracing.standins.posed.posable import may_pose
from shapesafe_tuner.tracing.standins.real_objects import RealObjects
from shapesafe_tuner.tracing.standins.specs import hashable, specs_of

__all__ = ["AnalyticRun"]

_DESCRIPTIONS = Descriptions()
_PENALTIES = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)
_MODELS = (keras.Model, constructors.Functional)
_LAYERS = frozenset(cls for cls in layer_classes() if issubclass(cls, keras.layers.Layer)) - {
    keras.layers.InputLayer
}


class AnalyticRun(Inside):
    """What happened in one analytic run.

    Args:
        hooks: the check's; while ``hooks.analytic`` is this run, constructors ask it.

    Attributes:
        escalated: why the run cannot decide; once set it stays, whoever swallows the exception.
        refusal: the refusal that was raised, or None.
        rows: the layer calls: the layer, what it was given and what it gave.
        closed: the run is over; stand-ins that are still there must become real.
        show: how sizes that are not chosen are shown to ``build``; None where all are chosen.
        changes: by the name of a layer's class, arguments to replace in constructor calls.
        poses: the user's own classes may run on stand-ins.
    """

    def __init__(self, hooks: Check) -> None:
        super().__init__()
        self.hooks = hooks
        self.escalated: str | None = None
        self.refusal: RefusalInBuild | None = None
        self.rows: list[LayerCall] = []
        self.closed = False
        self.show: Callable[[Any], Any] | None = None
        self.changes: Mapping[str, Mapping[str, Any]] = {}
        self.poses = False
        self._counters = constructors.name_counters()
        self._real_objects = RealObjects()
        self.answers = Answers(hooks, self._real_objects)
        self.ask = self.answers.answer

    def escalate(self, why: str) -> NoReturn:
        """Leave the run; the configuration is judged by Keras itself."""
        if self.inside and self.blamed is None:
            self.blamed = self.inside[-1].layer_class
        line = users_line()
        self.escalated = f"{why} ({line})" if line else why
        raise Escalation(why)

    def refuse(
        self, record: Record, inputs: Specs, refused: Refused, given: FromUser = None
    ) -> NoReturn:
        """Raise what a rule proved, where Keras would raise."""
        if self.inside_call and isinstance(record, OperationRecord):
            # The user wrote no operation of this name: it is their layer that refuses.
            layer, what = self.inside[-1], record.layer_class.__name__
            record, inputs, given = layer, layer.called_on, None
            refused = Refused(f"refuses {text(inputs)}: its {what} {refused.why}")
        self.refusal = RefusalInBuild(record, inputs, refused, given)
        raise self.refusal

    def outside(self) -> AbstractContextManager[None]:
        """Constructors give real objects inside."""
        return self.answers.outside()

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
        for facade in self.facades:
            retire(facade)
        self.facades.clear()
        self.inside.clear()
        self.rows.clear()
        self.refusal = None
        self._real_objects.forget()

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

    def walks(self, model: ModelRecord) -> None:
        """The finished model is walked."""

    def is_changed(self, record: Record) -> None:
        """A layer is changed after it was made."""

    def gradient_arrives(self, model: ModelRecord) -> bool:
        """Whether a gradient reaches a weight of a model whose training step was followed."""
        return gradient_arrives(model)

    def step_of(self, model: ModelRecord, place: int) -> Specs:
        """The outputs of a model in the step of a batch, where its tensors carry them."""
        return None

    # Constructors.

    def construct(self, cls: type, args: Args, kwargs: Kwargs) -> Any:
        """What a constructor of Keras gives."""
        if self.inside_call:
            self.escalate(f"a {cls.__name__} is made in the call of a layer")
        if cls in _LAYERS:
            return stand_in(self._layer(cls, args, kwargs))
        if cls is keras.layers.InputLayer:
            return StandIn(self._input(*args, **kwargs))
        if cls is keras.Sequential:
            return self._sequential(*args, **kwargs)
        if cls in _MODELS:
            return self._functional(args, kwargs)
        if issubclass(cls, keras.regularizers.Regularizer):
            # Keras makes them at once; only factors that are not chosen would stop it.
            if (
                self.show is not None
                and cls in _PENALTIES
                and next(proxies_in([args, kwargs]), None) is not None
            ):
                return LazyPenalty(cls, args, kwargs)
            return object.__new__(cls)
        if self.poses and own_rule(cls) is None and not self.changes and may_pose(cls):
            return posed(self, cls, args, kwargs)
        if issubclass(cls, keras.Model):
            self.escalate(f"{cls.__name__} is a model class of the user's own")
        if issubclass(cls, keras.layers.Layer):
            return stand_in(self._layer(cls, args, kwargs, own_rule(cls)))
        return CompileArgumentStandIn(CompileArgument(self, cls, args, kwargs))

    def _layer(self, cls: type, args: Args, kwargs: Kwargs, own: Rule | None = None) -> LayerRecord:
        name = kwargs.pop("name", None)
        if cls.__name__ in self.changes:
            args, kwargs = replaced(cls, args, kwargs, self.changes[cls.__name__])
        policies: Any = global_state.policies()
        if own is not None:
            policies = (policies, own)
        description = _DESCRIPTIONS.describe(cls, args, kwargs, policies)
        record = LayerRecord(self, description, self.name_of(cls) if name is None else name)
        if name is not None and (not isinstance(name, str) or "/" in name):
            self.refuse(record, None, Refused(f"needs a name without '/', not {name!r}"))
        if description.refused is not None:
            if not self.answers.accepts(record):
                self.refuse(record, None, description.refused)
            description.refused, description.constructed = None, True
        if description.configured is None and not description.constructed:
            with self.outside():
                record.real_layer = self.answers.new_layer(record)
            description.constructed = True
        return record

    def name_of(self, cls: type) -> str:
        """As ``auto_name`` (``keras/src/utils/naming.py``)."""
        prefix = constructors.snake_case(cls.__name__)
        count = self._counters.get(prefix, 0)
        self._counters[prefix] = count + 1
        return f"{prefix}_{count}" if count else prefix

    def _input(
        self,
        shape: FromUser = None,
        batch_size: FromUser = None,
        dtype: FromUser = None,
        sparse: FromUser = None,
        ragged: FromUser = None,
        batch_shape: FromUser = None,
        input_tensor: FromUser = None,
        optional: FromUser = False,
        name: FromUser = None,
        **kwargs: FromUser,
    ) -> InputRecord:
        unusual = sparse or ragged or optional or kwargs or input_tensor is not None
        if unusual or not (name is None or (isinstance(name, str) and "/" not in name)):
            self.escalate("an unusual input")
        if batch_shape is None and shape is not None:
            batch_shape = (batch_size, *shape) if type(shape) in (tuple, list) else None
        elif shape is not None or batch_size is not None:
            self.escalate("an input with two shapes")
        if self.show is not None:
            batch_shape = expressions(batch_shape)
        if type(batch_shape) not in (tuple, list) or not all(
            size is None or (type(size) in (int, Deferred) and size > 0) for size in batch_shape
        ):
            self.escalate("an input of an unusual shape")
        dtype = keras.config.floatx() if dtype is None else dtype
        if dtype not in _DTYPES:
            self.escalate(f"an input of dtype {dtype}")
        output = Spec(tuple(batch_shape), dtype)
        name = self.name_of(keras.layers.InputLayer) if name is None else name
        description = _described(keras.layers.InputLayer, batch_shape=output.shape, dtype=dtype)
        return InputRecord(self, description, name, output)

    def input_of(
        self,
        shape: FromUser,
        batch: Dim = None,
        dtype: str | None = None,
        name: str | None = None,
    ) -> InputRecord:
        """The input that a model makes for itself."""
        if type(shape) not in (tuple, list):
            self.escalate("an input of an unusual shape")
        return self._input(batch_shape=(batch, *shape), dtype=dtype, name=name)

    def _sequential(
        self, layers: FromUser = None, trainable: FromUser = True, name: FromUser = None
    ) -> SequentialStandIn:
        if trainable is not True or not (name is None or isinstance(name, str)):
            self.escalate("an unusual Sequential")
        name = self.name_of(keras.Sequential) if name is None else name
        record = SequentialRecord(self, _described(keras.Sequential), name)
        if layers:
            record.fill(layers)
        return SequentialStandIn(record)

    def _functional(self, args: Args, kwargs: Kwargs) -> ModelStandIn:
        given = dict(zip(("inputs", "outputs", "name"), args, strict=False), **kwargs)
        name = given.pop("name", None)
        if set(given) != {"inputs", "outputs"} or not (name is None or isinstance(name, str)):
            self.escalate("an unusual Model")
        try:
            specs_of(list(given.values()))
        except NoSpec:
            self.escalate("a model of what is not a tensor of this build")
        name = self.name_of(constructors.Functional) if name is None else name
        description = _described(constructors.Functional)
        return ModelStandIn(FunctionalRecord(self, description, name, **given))

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
                self._check_complete(record, spec, *_call_parameters(record.layer_class))
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
        try:
            given, further = specs_of(args), _specs_and_values(kwargs)
        except NoSpec as reason:
            self.escalate(str(reason))
        first, arguments = self.bound(record, given, further)
        shown = shown_of(given, further)
        outputs = self.answer(record, first, arguments, shown=shown, tensors=(args, kwargs))
        record.node_inputs = None
        return tensors_of(outputs, Node(record, args, kwargs))

    def _call_inside(self, record: LayerRecord, args: Args, kwargs: Kwargs) -> Nested:
        """A layer called in the ``call`` of a class of the user's."""
        told = kwargs.pop("training", None) if kwargs else None
        if told is not None and type(told) is not bool:
            self.escalate("training is not a bool")
        try:
            given, further = specs_of(args), _specs_and_values(kwargs)
        except NoSpec as reason:
            self.escalate(str(reason))
        first, arguments = self.bound(record, given, further)
        with self.told(told):
            shown = shown_of(given, further)
            outputs = self.answer(
                record, first, arguments, step=self.step, shown=shown, tensors=(args, kwargs)
            )
        if any(spec.mask is not None for spec in walk(outputs)):
            self.escalate("a mask in the call of a layer")
        return tensors_of(outputs, Node(record, args, kwargs))

    @staticmethod
    def needed(layer_class: type) -> tuple[str, ...]:
        """What a call of one of Keras's layers must be given."""
        return _needed(layer_class)

    def bound(
        self, record: LayerRecord, args: Args, kwargs: Kwargs
    ) -> tuple[Specs, dict[str, Specs]]:
        """The first argument of a call and the others that matter, by name."""
        if isinstance(record, ModelRecord):
            names, defaults = _MODEL_CALL
        else:
            names, defaults = _call_parameters(record.layer_class)
        arguments = dict(zip(names, args, strict=False))
        if len(args) > len(names) or set(arguments) & set(kwargs) or not names:
            self.escalate("a call that does not fit the layer")
        arguments.update(kwargs)
        if names[0] not in arguments:
            self.escalate("a call without inputs")
        first = arguments.pop(names[0])
        training = arguments.pop("training", None)
        if training is not None and type(training) is not bool:
            self.escalate("training is not a bool")
        if first is None or not any(True for _ in walk(first)):
            self.escalate("a layer is called on no tensor")
        self._check_complete(record, first, names, {**defaults, **arguments})
        return first, {
            name: value
            for name, value in arguments.items()
            if isinstance(value, (Spec, tuple, list, dict)) or value != defaults.get(name, _NONE)
        }

    def _check_complete(
        self, record: LayerRecord, inputs: Specs, names: tuple[str, ...], given: dict[str, Any]
    ) -> None:
        """Refuse a call of one of Keras's layers that leaves an argument out."""
        without = [name for name in names[1:] if name not in given and name != "training"]
        if without and record.layer_class in _LAYERS:
            self.refuse(record, inputs, Refused(f"is called without {without[0]}"))

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
            self.escalate(str(reason))
        first = record.built_on is None
        if first:
            record.built_on = inputs
            record.built_with = arguments
            record.parameters = answer.weights
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
            self.escalate(str(reason))
        if self.inside:
            why = known_operation(operation, given, further)
            if why is not None or not self.inside_call:
                self.escalate(why or "an operation outside call")
        outputs = self.operate(record, given, further, self.step)
        return tensors_of(outputs, Node(record, args, kwargs))

    def operate(
        self, record: OperationRecord, args: Args, kwargs: Kwargs, step: Step = ""
    ) -> Specs:
        """What an operation gives for these specs."""
        try:
            if self.inside_call:
                quick = ruled(record.operation, args, kwargs)
                if quick is not None:
                    return quick
            return self.answers.operate(record, args, kwargs, step=step)
        except Refused as refused:
            specs = [item for item in (*args, *kwargs.values()) if isinstance(item, Spec)]
            self.refuse(record, specs, refused)


def shown_of(args: Args, kwargs: Kwargs) -> Specs:
    """The inputs of a call as the table of shapes shows them."""
    return args[0] if len(args) == 1 else tuple(args) or dict(kwargs)


_NONE: Any = object()
_MODEL_CALL: tuple[tuple[str, ...], dict[str, Any]] = (("inputs",), {"mask": None})
_NO_ARGUMENTS: Kwargs = {}
_DTYPES = frozenset(
    "float16 float32 float64 bfloat16 int8 int16 int32 int64 uint8 uint16 uint32 bool".split()
)


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


@functools.cache
def _needed(layer_class: type) -> tuple[str, ...]:
    if layer_class not in _LAYERS:
        return ()
    names, defaults = _call_parameters(layer_class)
    return tuple(name for name in names if name not in defaults and name != "training")


@functools.cache
def _call_parameters(layer_class: type) -> tuple[tuple[str, ...], dict[str, Any]]:
    call: Callable[..., Any] = layer_class.call  # type: ignore[attr-defined]
    parameters = list(inspect.signature(call).parameters.values())[1:]
    names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    return tuple(names), defaults


@functools.cache
def _bare(layer_class: type) -> Description:
    return Description(layer_class, (), {}, None, look_up=False)


def _described(layer_class: type, **kwargs: Any) -> Description:
    if not kwargs:
        return _bare(layer_class)
    return Description(layer_class, (), kwargs, None, look_up=False)
