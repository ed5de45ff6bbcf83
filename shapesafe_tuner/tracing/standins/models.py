"""Models of an analytic run: a stack that grows, and a graph of calls."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor
from shapesafe_tuner._compat.types import Nested
from shapesafe_tuner.shapes.spec import Refused, Spec, Specs, Step, walk
from shapesafe_tuner.structures import Structure, leaves, map_leaves
from shapesafe_tuner.tracing.lazy import LazyStr, any_of
from shapesafe_tuner.tracing.standins.descriptions import Description
from shapesafe_tuner.tracing.standins.facades import (
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
    Node,
    OperationRecord,
    Run,
)
from shapesafe_tuner.tracing.standins.specs import tensors

__all__ = ["FunctionalRecord", "ModelRecord", "SequentialRecord"]


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
        """Leave the run."""
        self.run.escalate(f"{self.layer_class.__name__}.{what}")

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

    def summary(self, *args: FromUser, **kwargs: FromUser) -> None:
        """As ``Model.summary``, which a check does not print."""
        if args or kwargs.get("print_fn") is not None:
            self.leave("summary is given a place to print to")

    def get_layer(self, name: FromUser = None, index: FromUser = None) -> Held:
        """As ``Model.get_layer``."""
        found = [layer for layer in self.stand_ins() if layer._record.name == name]
        if index is not None or len(found) != 1:
            self.leave("get_layer finds no layer")
        return found[0]

    def single(self, found: Nested, what: str) -> SymbolicTensor:
        """The tensor of a model that has one."""
        tensor = found[0] if type(found) is list and len(found) == 1 else found
        if type(tensor) is SymbolicTensor:
            return tensor
        return self.leave(f"{what} is read")

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
            self.leave("add without rebuilding")
        self._append(layer)
        self._grow()

    def pop(self, rebuild: bool = True) -> Held:
        """As ``Sequential.pop``."""
        if rebuild is not True or not self.stack:
            self.leave("pop")
        del self.made[len(self.stack) - 1 :]
        layer = self.stack.pop()
        self._names.discard(layer._record.name)
        return layer

    def _append(self, layer: FromUser) -> None:
        if type(layer) is SymbolicTensor and isinstance(layer.node.record, InputRecord):
            layer = StandIn(layer.node.record)
        if not isinstance(layer, (StandIn, Posed)) or layer._record.run is not self.run:
            self.leave("add of what is no layer of this build")
        record = layer._record
        first = not self.stack and self.source is None
        if isinstance(record, InputRecord):
            if not first:
                self.leave("add of a second input")
            self.source = record
            return
        if first and "input_shape" in record.description.kwargs:
            self.source = self.run.input_of(record.description.kwargs["input_shape"])
        elif first and "input_dim" in record.description.kwargs:
            self.source = self.run.input_of((record.description.kwargs["input_dim"],))
        source = self.source
        if record.name in self._names or (source is not None and record.name == source.name):
            self.leave("add of a second layer of the same name")
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
            self.leave("build")
        if self.source is not None:
            if tuple(input_shape) != self.source.output.shape:
                self.leave("build on another shape")
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
            return self.leave("inputs before it is built")
        return [self.source.tensor()]

    def output_tensors(self) -> list[SymbolicTensor]:
        """As ``Sequential.outputs``."""
        if self.source is None or not self.made:
            self.leave("outputs before it is built")
        tensor = self.made[-1]
        return [tensor] if type(tensor) is SymbolicTensor else self.leave("several outputs")

    def answer(self, inputs: Specs, arguments: Mapping[str, Specs] | None, *, step: Step) -> Answer:
        """Call the layers in their order."""
        if arguments or not isinstance(inputs, Spec) or not self.stack:
            self.leave("called in an unusual way")
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
            self.leave("a mask leaves a model")
        return Answer(0, value)


class FunctionalRecord(ModelRecord):
    """A graph of calls between inputs and outputs (``keras/src/models/functional.py``)."""

    def __init__(
        self, run: Run, description: Description, name: str, inputs: Nested, outputs: Nested
    ) -> None:
        super().__init__(run, description, name)
        self.given = inputs
        self.wanted = outputs
        flat = tensors(inputs)
        self.sources = [tensor.node.record for tensor in flat]
        ids = {id(source) for source in self.sources}
        if (
            len(ids) != len(flat)
            or not flat
            or not all(isinstance(source, InputRecord) for source in self.sources)
        ):
            self.leave("inputs are no separate inputs")
        self.order = self._sorted()
        used = {id(node.record) for node in self.order if isinstance(node.record, InputRecord)}
        if used != ids:
            self.leave("inputs and outputs are not connected")
        records = {id(node.record): node.record for node in self.order}
        if len({record.name for record in records.values()}) != len(records):
            self.leave("two layers have the same name")

    def _sorted(self) -> list[Node]:
        """The calls that lead to the outputs, each after those it needs."""
        order: list[Node] = []
        seen: set[int] = set()
        if type(self.wanted) is SymbolicTensor and len(self.sources) == 1:
            chain = self._chain()
            if chain:
                return chain
        pending: list[tuple[Node, bool]] = [(t.node, False) for t in tensors(self.wanted)]
        if not pending:
            self.leave("there are no outputs")
        while pending:
            node, ready = pending.pop()
            if node.run is not self.run:
                self.leave("a tensor comes from another build")
            source = isinstance(node.record, InputRecord)
            key = id(node.record) if source else id(node)
            if ready:
                order.append(node)
            elif key not in seen:
                seen.add(key)
                pending.append((node, True))
                pending.extend((tensor.node, False) for tensor in node.parents())
        return order

    def _chain(self) -> list[Node]:
        """The calls of a graph that never branches, from its input on; empty for others."""
        chain: list[Node] = []
        node = self.wanted.node
        while not isinstance(node.record, InputRecord):
            args = node.args
            if len(args) != 1 or type(args[0]) is not SymbolicTensor or node.kwargs:
                return []
            chain.append(node)
            node = args[0].node
            if node.run is not self.run:
                return []
        chain.append(node)
        chain.reverse()
        return chain

    def grown_outputs(self) -> Nested:
        """What it was made for."""
        return self.wanted

    def is_built(self) -> bool:
        """A graph is always built."""
        return True

    def build(self, input_shape: FromUser = None) -> None:
        """As ``Functional.build``, which does nothing."""

    def _records(self) -> list[LayerRecord | OperationRecord]:
        return list({id(node.record): node.record for node in self.order}.values())

    def stand_ins(self) -> list[Held]:
        """The layers; Keras orders them by depth."""
        if not all(len(node.args) <= 1 and not node.kwargs for node in self.order):
            self.leave("layers of a branching model are read")
        return [facade_of(record) for record in self._records() if isinstance(record, LayerRecord)]

    def get_layer(self, name: FromUser = None, index: FromUser = None) -> Held:
        """As ``Model.get_layer``."""
        found = [record for record in self._records() if record.name == name]
        if index is not None or len(found) != 1 or not isinstance(found[0], LayerRecord):
            self.leave("get_layer finds no layer")
        return facade_of(found[0])

    def leaves(self) -> Iterator[LayerRecord]:
        """The layers of the graph."""
        for record in self._records():
            yield from record.leaves()

    def input_tensors(self) -> list[SymbolicTensor]:
        """As ``Functional.inputs``."""
        return tensors(self.given)

    def output_tensors(self) -> list[SymbolicTensor]:
        """As ``Functional.outputs``."""
        return tensors(self.wanted)

    def answer(self, inputs: Specs, arguments: Mapping[str, Specs] | None, *, step: Step) -> Answer:
        """Call the graph again on other inputs."""
        flat = self._matched(inputs)
        if arguments:
            self.leave("called in an unusual way")
        given = []
        for source, spec in zip(self.sources, flat, strict=True):
            self.check_input(source.output, spec)
            given.append(adjusted(self, source, spec))
        outputs = self.again(given, functools.partial(self._specs_from, step=step))
        if any(spec.mask is not None for spec in walk(outputs)):
            self.leave("a mask leaves a model")
        return Answer(0, outputs)

    def again(self, given: Iterable[Any], call: Callable[[Node, Any, Any], Iterable[Any]]) -> Any:
        """Run the graph on something else than the tensors it was made of.

        Args:
            given: what stands for its inputs, in their order.
            call: what one call gives for what stands for its arguments, output by output.

        Returns:
            What stands for its outputs, in their structure.
        """
        values: dict[tuple[int, int], Any] = {}
        for source, value in zip(self.sources, given, strict=True):
            values[id(source), 0] = value

        def standing(leaf: Structure) -> Structure:
            if type(leaf) is not SymbolicTensor:
                return leaf
            node = leaf.node
            made_by = node.record if isinstance(node.record, InputRecord) else node
            return values[id(made_by), leaf.place]

        for node in self.order:
            if not isinstance(node.record, InputRecord):
                args, kwargs = map_leaves(standing, node.args), map_leaves(standing, node.kwargs)
                for place, value in enumerate(call(node, args, kwargs)):
                    values[id(node), place] = value
        return map_leaves(standing, self.wanted)

    def _matched(self, inputs: Specs) -> list[Spec]:
        """The specs in the order of the inputs."""
        if isinstance(self.given, dict):
            if not isinstance(inputs, dict) or set(inputs) != set(self.given):
                self.leave("called on another structure")
            return [inputs[name] for name in self.given]
        flat = leaves(inputs)
        if len(flat) != len(self.sources) or isinstance(inputs, dict):
            self.leave("called on another structure")
        return flat

    def _specs_from(self, node: Node, args: Args, kwargs: Kwargs, *, step: Step) -> list[Spec]:
        """The specs that one call gives for those of its arguments."""
        record = node.record
        if isinstance(record, OperationRecord):
            found = self.run.operate(record, args, kwargs, step)
        else:
            first, arguments = self.run.bound(record, args, kwargs)
            shown = args[0] if len(args) == 1 else args
            found = self.run.answer(record, first, arguments, step=step, shown=shown or kwargs)
        return leaves(found)


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
    return Spec(shape, expected.dtype, spec.mask)
