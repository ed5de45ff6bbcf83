"""What an analytic run keeps of layers, operations and the calls between them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor, symbolic
from shapesafe_tuner.shapes.deferred import Deferred
from shapesafe_tuner.shapes.spec import Spec, Step
from shapesafe_tuner.structures import leaves, map_leaves
from shapesafe_tuner.tracing.signals import NoKey, NoSpec
from shapesafe_tuner.tracing.standins.descriptions import Description
from shapesafe_tuner.tracing.standins.keys import key_of

__all__ = [
    "InputRecord", "LayerRecord", "Node", "OperationRecord", "hashable", "specs_of", "tensors",
    "tensors_of",
]  # fmt: skip


class LayerRecord:
    """One layer of one run.

    Attributes:
        run: the analytic run it belongs to.
        description: its class and arguments.
        name: as Keras would name it.
        built_on: what it was first called on; None until then.
        built_with: the further arguments of that call.
        parameters: number of its weights, once it is built.
        named: the user gave it its name.
        real_layer: the layer itself, where it has to be asked.
        flow: where the gradient of its last training step went, where the layer was asked itself.
        facade: what user code holds, where that is made with the record.
        given_by_user: arguments of the constructor of a class of the user's that runs on stand-ins.
        has_row: its calls are rows of the shape table.
        node: its last call.
        last: what that call gave.
    """

    built_on: Any = None
    built_with: Any = None
    last: Any = None
    node_inputs: Any = None
    parameters: int | None = None
    real_layer: Any = None
    flow: Any = None
    facade: Any = None
    given_by_user: Any = None
    has_row = True
    named: bool = False
    _trainable: bool | None = None

    def __init__(self, run: Any, description: Description, name: str) -> None:
        self.run = run
        self.description = description
        self.name = name

    @property
    def trainable(self) -> bool:
        """As set by the constructor or afterwards."""
        chosen = self._trainable
        return self.description.kwargs.get("trainable", True) if chosen is None else chosen

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = value

    @property
    def layer_class(self) -> type:
        """The class it stands for."""
        return self.description.layer_class

    def is_built(self) -> bool:
        """Whether it has its weights; Keras alone knows of a layer that was not called."""
        if self.built_on is None:
            self.run.escalate("it is asked whether a layer is built")
        return True

    def own_key(self) -> Any:
        """The key of its constructor call.

        Raises:
            NoKey: it was used already, or has no key.
        """
        if self.built_on is not None or self.description.key is None:
            raise NoKey("a layer that was used already")
        return ("layer", self.description.key)

    def leaves(self) -> Iterator[LayerRecord]:
        """The layers that hold the weights: itself, or those of a model."""
        yield self

    def answer(self, inputs: Any, arguments: Any, *, step: Step) -> Any:
        """What it gives for these specs: weights made by the call, and specs of the outputs."""
        return self.run.answers.answer(self, inputs, arguments, step=step)


class InputRecord(LayerRecord):
    """An ``InputLayer``, and the tensor that comes out of it.

    Attributes:
        ordinal: which input of its run it is, where that counts.
    """

    ordinal = 0

    def __init__(self, run: Any, description: Description, name: str, output: Spec) -> None:
        super().__init__(run, description, name)
        self.output = output
        self.built_on = output
        self.parameters = 0

    def tensor(self) -> SymbolicTensor:
        """The tensor to build on."""
        return symbolic(self.output, Node(self, (), {}))


class OperationRecord:
    """One of ``keras.ops``, with its arguments."""

    __slots__ = ("flow", "name", "operation", "run")

    def __init__(self, run: Any, operation: Any) -> None:
        self.run = run
        self.operation = operation
        self.name = operation.name
        self.flow: Any = None

    @property
    def layer_class(self) -> type:
        """Its class."""
        return type(self.operation)

    def leaves(self) -> Iterator[LayerRecord]:
        """It has no weights."""
        return iter(())


class Node:
    """One call: what was called on which tensors. Tensors know their node, never the reverse."""

    __slots__ = ("args", "kwargs", "record")

    def __init__(self, record: Any, args: Any, kwargs: Any) -> None:
        self.record = record
        self.args = args
        self.kwargs = kwargs

    @property
    def run(self) -> Any:
        """The run it belongs to."""
        return self.record.run

    def tensor_name(self) -> Any:
        """The name of the tensor, known only for inputs."""
        if isinstance(self.record, InputRecord):
            return self.record.name
        return self.run.escalate("the name of a tensor is read")

    def parents(self) -> Iterator[SymbolicTensor]:
        """The tensors of the call."""
        args = self.args
        if len(args) == 1 and type(args[0]) is SymbolicTensor and not self.kwargs:
            return iter(args)
        return tensors((args, self.kwargs))


def tensors(structure: Any) -> Iterator[SymbolicTensor]:
    """The symbolic tensors of a structure, in order."""
    if type(structure) is SymbolicTensor:
        yield structure
    else:
        yield from (leaf for leaf in leaves(structure) if type(leaf) is SymbolicTensor)


def specs_of(structure: Any) -> Any:
    """Specs in place of symbolic tensors.

    Raises:
        NoSpec: there is something else in it that no rule can look at.
    """
    if type(structure) is SymbolicTensor:
        return structure.spec
    return map_leaves(_spec, structure)


def _spec(leaf: Any) -> Spec | None:
    if type(leaf) is SymbolicTensor:
        return leaf.spec
    if leaf is None:
        return None
    raise NoSpec(f"a layer is called on {type(leaf).__name__}")


def tensors_of(specs: Any, node: Node) -> Any:
    """Tensors made by one node, in the structure of these specs."""
    places = itertools.count()

    def made(leaf: Any) -> Any:
        return symbolic(leaf, node, next(places)) if type(leaf) is Spec else leaf

    return map_leaves(made, specs)


def _keys(shape: Any) -> Any:
    return tuple([("deferred", s.key) if type(s) is Deferred else s for s in shape])


def hashable(specs: Any) -> Any:
    """A key for a structure of specs and plain values."""
    if type(specs) is Spec:
        if any(type(size) is Deferred for size in specs.shape):
            return (_keys(specs.shape), specs.dtype, specs.mask and _keys(specs.mask))
        return specs
    if specs is None:
        return None
    if type(specs) is dict:
        return ("dict", *[(key, hashable(item)) for key, item in specs.items()])
    if type(specs) in (list, tuple):
        return (type(specs), *[hashable(item) for item in specs])
    return key_of(specs)
