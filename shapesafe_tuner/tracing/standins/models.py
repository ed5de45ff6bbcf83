"""Models of an analytic run: what they have in common, and a stack that grows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NoReturn

import keras

from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor
from shapesafe_tuner._compat.types import Nested
from shapesafe_tuner.shapes.spec import STRING, Refused, Spec, Specs, Step
from shapesafe_tuner.tracing.lazy import LazyStr, any_of
from shapesafe_tuner.tracing.standins.descriptions import Description
from shapesafe_tuner.tracing.standins.facades import (
    CompileArgumentStandIn,
    Held,
    ModelStandIn,
    Posed,
    SequentialStandIn,
    StandIn,
)
from shapesafe_tuner.tracing.standins.graph import (
    Answer,
    Args,
    FromUser,
    InputRecord,
    Kwargs,
    LayerRecord,
    Run,
)

__all__ = ["ModelRecord", "SequentialRecord", "adjusted", "facade_of"]


class ModelRecord(LayerRecord):
    """What stacks and graphs have in common.

    Attributes:
        compiled: the arguments of ``compile``, or None.
    """

    has_row = False

    def __init__(self, run: Run, description: Description, name: str) -> None:
        super().__init__(run, description, name)
        self.compiled: tuple[Args, Kwargs] | None = None

    def leave(self, what: str) -> NoReturn:
        """Leave the run.

        Args:
            what: the rest of a sentence that begins with the model.
        """
        self.run.escalate(f"{self.title} {what}")

    def compile(self, *args: FromUser, **kwargs: FromUser) -> None:
        """As ``Model.compile``; Keras is asked when the run is over."""
        args, kwargs = self.run.revealed(args), self.run.revealed(kwargs)
        if args and type(args[0]) is LazyStr:
            args = (_any_optimizer(args[0]), *args[1:])
        elif type(kwargs.get("optimizer")) is LazyStr:
            kwargs["optimizer"] = _any_optimizer(kwargs["optimizer"])
        weights = kwargs.get("loss_weights")
        if weights is not None:
            kwargs = {**kwargs, "loss_weights": any_of(weights)}
        self.compiled = (args, kwargs)

    def optimizer(self) -> CompileArgumentStandIn:
        """As ``Model.optimizer``; one that was given by its name is made now."""
        if self.compiled is None:
            self.leave("is asked for its optimizer before compile")
        args, kwargs = self.compiled
        given = args[0] if args else kwargs.get("optimizer", "rmsprop")
        if type(given) is str:
            # Within the run, what its constructor gives is a stand-in.
            given = keras.optimizers.get(given)
            self.compiled = (
                (given, *args[1:]),
                {k: v for k, v in kwargs.items() if k != "optimizer"},
            )
        if type(given) is not CompileArgumentStandIn:
            self.leave("is asked for its optimizer")
        return given

    def summary(self, *args: FromUser, **kwargs: FromUser) -> None:
        """As ``Model.summary``, which a check does not print."""
        if args or kwargs.get("print_fn") is not None:
            self.leave("is told where to print its summary")

    def get_layer(self, name: FromUser = None, index: FromUser = None) -> Held:
        """As ``Model.get_layer``."""
        found = [layer for layer in self.stand_ins() if layer._record.name == name]
        if index is not None or len(found) != 1:
            self.leave("does not know the layer that get_layer is asked for")
        return found[0]

    def single(self, found: Nested, what: str) -> SymbolicTensor:
        """The tensor of a model that has one."""
        tensor = found[0] if type(found) is list and len(found) == 1 else found
        if type(tensor) is SymbolicTensor:
            return tensor
        return self.leave(f"is asked for its one {what}")

    def check_input(self, expected: Spec, spec: Spec) -> None:
        """As the model's ``InputSpec``: known sizes must agree, last axes of 1 apart."""
        wanted, found = (None, *expected.shape[1:]), spec.shape
        pairs = zip(
            wanted[:-1] if wanted[-1] == 1 else wanted,
            found[:-1] if found and found[-1] == 1 else found,
            strict=False,
        )
        if any(None not in pair and pair[0] != pair[1] for pair in pairs):
            why = f"was made for inputs of shape {wanted} and gets {found}"
            self.run.refuse(self, spec, Refused(why))

    def stand_ins(self) -> list[Held]:
        """The layers, as ``Model.layers``."""
        raise NotImplementedError

    def input_tensors(self) -> list[SymbolicTensor]:
        """As ``Model.inputs``."""
        raise NotImplementedError

    def output_tensors(self) -> list[SymbolicTensor]:
        """As ``Model.outputs``."""
        raise NotImplementedError

    def is_built(self) -> bool:
        """Whether its layers have weights."""
        raise NotImplementedError

    def grown_outputs(self) -> Nested:
        """The outputs as the model grew to them; None where it did not yet."""
        raise NotImplementedError


class SequentialRecord(ModelRecord):
    """A stack of layers, called one by one as it grows (``keras/src/models/sequential.py``).

    Attributes:
        stack: stand-ins, without the input.
        source: the input, once there is one.
        made: the tensor after each layer that was called.
    """

    def __init__(self, run: Run, description: Description, name: str) -> None:
        super().__init__(run, description, name)
        self.stack: list[Held] = []
        self._names: set[str] = set()
        self.source: InputRecord | None = None
        self.made: list[SymbolicTensor] = []

    def fill(self, layers: Iterable[FromUser]) -> None:
        """The constructor's list."""
        for layer in list(layers):
            self._append(layer)
        self._grow()

    def add(self, layer: FromUser, rebuild: bool = True) -> None:
        """As ``Sequential.add``."""
        if rebuild is not True:
            self.leave("is added to without rebuilding")
        self._append(layer)
        self._grow()

    def pop(self, rebuild: bool = True) -> Held:
        """As ``Sequential.pop``."""
        if rebuild is not True or not self.stack:
            self.leave("is empty where a layer is popped, or pops it without rebuilding")
        del self.made[len(self.stack) - 1 :]
        layer = self.stack.pop()
        self._names.discard(layer._record.name)
        return layer

    def _append(self, layer: FromUser) -> None:
        if type(layer) is SymbolicTensor and isinstance(layer.node.record, InputRecord):
            layer = StandIn(layer.node.record)
        if isinstance(layer, keras.Layer) and not isinstance(layer, (StandIn, Posed)):
            layer = self.run.real_layers.adopt(layer)
        if not isinstance(layer, (StandIn, Posed)) or layer._record.run is not self.run:
            self.leave("is given what is no layer of this build")
        record = layer._record
        first = not self.stack and self.source is None
        if isinstance(record, InputRecord):
            if not first:
                self.leave("is given a second input")
            self.source = record
            return
        if first and "input_shape" in record.description.kwargs:
            self.source = self.run.input_of(record.description.kwargs["input_shape"])
        elif first and "input_dim" in record.description.kwargs:
            self.source = self.run.input_of((record.description.kwargs["input_dim"],))
        source = self.source
        if record.name in self._names or (source is not None and record.name == source.name):
            self.leave(f"is given a second layer named {record.name}")
        self._names.add(record.name)
        self.stack.append(self.run.kept(layer))

    def _grow(self) -> None:
        """Call the layers that were not called yet."""
        if self.source is None:
            first = self.stack[0]._record if len(self.stack) > 1 else None
            if isinstance(first, ModelRecord) and first.is_built():
                self._start(first.single(first.input_tensors(), "input").spec)
            if self.source is None:
                return
        tensor = self.made[-1] if self.made else self.source.tensor()
        for layer in self.stack[len(self.made) :]:
            record = layer._record
            needed = self.run.needed(record.layer_class)
            if len(needed) > 1:
                what = f"{record.name} needs {' and '.join(needed)}"
                why = f"can only hold layers of one tensor; {what}"
                self.run.refuse(self, getattr(tensor, "spec", None), Refused(why))
            tensor = self.run.kept(layer(tensor))
            self.made.append(tensor)

    def _start(self, spec: Spec) -> None:
        first = self.stack[0]._record
        configured = first.description.configured
        dtype = spec.dtype if configured is None else configured.arguments.compute_dtype
        self.source = self.run.input_of(spec.shape[1:], batch=spec.shape[0], dtype=dtype)

    def build(self, input_shape: FromUser = None) -> None:
        """As ``Sequential.build``."""
        plain = type(input_shape) in (tuple, list) and all(
            size is None or type(size) is int for size in input_shape
        )
        if not plain or not self.stack:
            self.leave("is built before it has layers, or on an unusual shape")
        if self.source is not None:
            if tuple(input_shape) != self.source.output.shape:
                self.leave("is built on another shape than that of its input")
            return
        self._start(Spec(tuple(input_shape)))
        self._grow()

    def grown_outputs(self) -> Nested:
        """The tensor after the last layer."""
        return self.made[-1] if self.made and len(self.made) == len(self.stack) else None

    def is_built(self) -> bool:
        """Whether the stack has an input, or was called."""
        return self.source is not None and bool(self.stack)

    def stand_ins(self) -> list[Held]:
        """The layers, as ``Sequential.layers``."""
        return list(self.stack)

    def leaves(self) -> Iterator[LayerRecord]:
        """The layers of the stack."""
        for layer in self.stack:
            yield from layer._record.leaves()

    def input_tensors(self) -> list[SymbolicTensor]:
        """As ``Sequential.inputs``."""
        if self.source is None:
            return self.leave("is asked for its inputs before it is built")
        return [self.source.tensor()]

    def output_tensors(self) -> list[SymbolicTensor]:
        """As ``Sequential.outputs``."""
        if self.source is None or not self.made:
            self.leave("is asked for its outputs before it is built")
        tensor = self.made[-1]
        return [tensor] if type(tensor) is SymbolicTensor else self.leave("has several outputs")

    def answer(self, inputs: Specs, arguments: Mapping[str, Specs] | None, *, step: Step) -> Answer:
        """Call the layers in their order."""
        if arguments or not isinstance(inputs, Spec) or not self.stack:
            self.leave("is called with several tensors or further arguments, or is empty")
        if self.source is None and not step:
            self._start(inputs)
            self._grow()
        if self.source is not None:
            if not step:
                # Keras compares only as it builds (``Function.compute_output_spec``).
                self.check_input(self.source.output, inputs)
            inputs = adjusted(self, self.source, inputs)
        value: Specs = inputs
        for layer in self.stack:
            value = self.run.answer(layer._record, value, {}, step=step)
        if isinstance(value, Spec) and value.mask is not None:
            self.leave("gives a mask")
        return Answer(0, value)


_OPTIMIZERS = frozenset("adam sgd rmsprop adamw nadam adagrad adadelta adamax lion".split())
"""Names of optimizers that take weights of every shape."""


def _any_optimizer(name: LazyStr) -> str:
    """One of the optimizers it may be, where it does not matter which."""
    if not all(choice in _OPTIMIZERS for choice in name.choices):
        name.force()
    return name.choices[0]


def facade_of(record: LayerRecord) -> Held:
    """A stand-in for a record."""
    if record.facade is not None:
        facade: Held = record.facade
        return facade
    if isinstance(record, SequentialRecord):
        return SequentialStandIn(record)
    return ModelStandIn(record) if isinstance(record, ModelRecord) else StandIn(record)


def _kind(spec: Spec) -> str:
    return "strings" if spec.dtype == STRING else f"numbers of {spec.dtype}"


def adjusted(model: ModelRecord, source: InputRecord, spec: Spec) -> Spec:
    """What reaches the first layer of a model (``Functional._standardize_inputs``).

    Keras casts to the dtype of the input, and adds or takes a last axis of 1 to get its rank.
    """
    expected = source.output
    rank, wanted = len(spec.shape), len(expected.shape)
    shape = spec.shape
    if rank == wanted + 1 and shape[-1] == 1:
        shape = shape[:-1]
    elif rank == wanted - 1 and expected.shape[-1] == 1:
        shape = (*shape, 1)
    elif rank != wanted:
        why = f"was made for inputs of shape {expected.shape} and gets {spec.shape}"
        model.run.refuse(model, spec, Refused(why))
    if expected.dtype != spec.dtype and STRING in (expected.dtype, spec.dtype):
        why = f"was made for {_kind(expected)} and gets {_kind(spec)}"
        model.run.refuse(model, spec, Refused(why))
    return Spec(shape, expected.dtype, spec.mask)
