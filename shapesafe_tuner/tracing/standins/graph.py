"""What an analytic run keeps of layers, operations and the calls between them.

User code holds stand-ins (``facades.py``) and tensors. A stand-in knows its *record*, a tensor the
*node* that made it: the record of what was called, and on what. Records know their run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn, Protocol, TypeAlias

from shapesafe_tuner._compat.keras.flow import Flow
from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor, symbolic
from shapesafe_tuner._compat.types import Layer, Nested, Operation
from shapesafe_tuner.shapes.spec import Dim, Refused, Spec, Specs, Step
from shapesafe_tuner.structures import Structure, map_leaves
from shapesafe_tuner.tracing.remembering.keys import Key
from shapesafe_tuner.tracing.signals import NoKey
from shapesafe_tuner.tracing.standins.descriptions import Description
from shapesafe_tuner.tracing.standins.specs import tensors

__all__ = [
    "Adopting",
    "Answer",
    "Args",
    "FromUser",
    "InputRecord",
    "Kwargs",
    "LayerCall",
    "LayerRecord",
    "Node",
    "OperationRecord",
    "Record",
    "Run",
    "tensors_of",
]  # fmt: skip


Args: TypeAlias = tuple[Any, ...]
"""Positional arguments of a call."""
Kwargs: TypeAlias = dict[str, Any]
"""Keyword arguments of a call."""
FromUser: TypeAlias = Any
"""What user code passes, before anything is known of it."""


class Answer(NamedTuple):
    """What a layer gives when it is called.

    Attributes:
        weights: number of those that the call made.
        outputs: specs of what it gave.
        asked: the layer itself said so, not its rule.
        flow: where the gradient went in a training step, if the layer itself was asked.
        names: by kind, how many layers inside it Keras named meanwhile, if it was asked.
    """

    weights: int
    outputs: Specs
    asked: bool = False
    flow: Flow | None = None
    names: Mapping[str, int] = MappingProxyType({})


class LayerCall(NamedTuple):
    """A row of the shape table: a layer, what it was given and what it gave."""

    record: LayerRecord
    inputs: Specs
    outputs: Specs


class Record(Protocol):
    """What user code called, or holds a stand-in of, as the run keeps it."""

    run: Run

    @property
    def layer_class(self) -> type:
        """The class it stands for."""


class Adopting(Protocol):
    """What is asked of the real layers that a run meets (``adopting.py``)."""

    def adopt(self, layer: Layer) -> Any:
        """A stand-in for a real layer; None for one that Keras itself has to judge."""

    def call(self, layer: Layer, args: Args, kwargs: Kwargs) -> Nested:
        """A real layer is called; ``NotImplemented`` where its own ``__call__`` has to answer."""

    def adapt(self, record: LayerRecord, args: Args, kwargs: Kwargs) -> None:
        """A layer learns from data, as by ``Layer.adapt``."""

    def vocabulary(self, record: LayerRecord, method: str, args: Args, kwargs: Kwargs) -> Any:
        """What a look-up layer says of its vocabulary, to user code."""


class Run(Protocol):
    """What records and stand-ins ask of the run they belong to (``run.py`` is the one that runs).

    Attributes:
        closed: the run is over.
        show: how sizes that are not chosen are shown to ``build``; None where all are chosen.
        inside: the objects of the user's classes whose code is running, innermost last.
        inside_call: the innermost one runs its ``call``.
        step: of what is called there.
        training: what a ``call`` hands on to the layers it calls.
        blamed: the class that the run was left for.
        may_cut: a model may begin at a tensor within a graph.
        real_layers: those of Keras's that were there before, or learn from data in this run.
    """

    closed: bool
    show: Callable[[Any], Any] | None
    inside: list[Any]
    inside_call: bool
    step: Step
    training: bool | None
    blamed: type | None
    may_cut: bool
    real_layers: Adopting

    @property
    def is_left(self) -> bool:
        """Keras itself is asked, or the run is over."""

    def escalate(self, why: str) -> NoReturn:
        """Leave the run; Keras decides."""

    def refuse(
        self, record: Record, inputs: Specs, refused: Refused, given: FromUser = None
    ) -> NoReturn:
        """Raise what a rule proved."""

    def name_of(self, cls: type) -> str:
        """The name that Keras would give to the next layer of a class."""

    def input_of(
        self,
        shape: FromUser,
        batch: Dim = None,
        dtype: str | None = None,
        name: str | None = None,
    ) -> InputRecord:
        """The input that a model makes for itself."""

    def needed(self, layer_class: type) -> tuple[str, ...]:
        """What a call of one of Keras's layers must be given."""

    def bound(
        self, record: LayerRecord, args: Args, kwargs: Kwargs
    ) -> tuple[Specs, dict[str, Specs]]:
        """The first argument of a call and the others that matter, by name."""

    def call(self, record: LayerRecord, tensor: SymbolicTensor) -> Nested:
        """A layer called on one tensor."""

    def call_with(self, record: LayerRecord, args: Args, kwargs: Kwargs) -> Nested:
        """A layer called on anything else."""

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
        """What a layer gives, written down as a row."""

    def ask(
        self,
        record: LayerRecord,
        inputs: Specs,
        arguments: Mapping[str, Specs] | None,
        *,
        step: Step,
    ) -> Answer:
        """What a layer gives: from memory, its rule, or the layer itself."""

    def operate(
        self, record: OperationRecord, args: Args, kwargs: Kwargs, step: Step = ""
    ) -> Specs:
        """What an operation gives."""

    def outside(self) -> AbstractContextManager[None]:
        """Constructors give real objects inside."""

    def realised(self, value: Structure) -> Any:
        """``value`` with real objects in place of stand-ins."""

    def real_object(self, record: Record) -> Any:
        """The real object for a stand-in that outlived the run."""

    def entered(self, record: Record, step: Step) -> AbstractContextManager[None]:
        """The constructor, ``build`` or ``call`` of an object of the user's runs inside."""

    def calling(self, record: LayerRecord, told: bool | None) -> AbstractContextManager[None]:
        """The ``call`` of the innermost object runs inside."""

    def told(self, training: bool | None) -> AbstractContextManager[None]:
        """A layer is called inside, and told this of training."""

    def own_code(self, args: Args, kwargs: Kwargs) -> AbstractContextManager[None]:
        """The constructor of an object of the user's runs inside."""

    def named_by_user(self, name: str) -> None:
        """An object of the user's gives itself a name."""

    def shows(self, what: tuple[str, str]) -> None:
        """User code is shown something of what a layer has learned."""

    def answered(self, record: Record, name: str, answer: Callable[[Any], Any]) -> Any:
        """An attribute of a stand-in is read."""

    def read(self, tensor: SymbolicTensor) -> None:
        """Something of a tensor is read."""

    def shown_dtype(self, tensor: SymbolicTensor) -> str:
        """The dtype of a tensor is read."""

    def kept(self, value: Any) -> Any:
        """What a record keeps of a tensor or a stand-in of the user's."""

    def revealed(self, value: Any) -> Any:
        """What rules are given of an argument."""

    def is_changed(self, record: Record) -> None:
        """A layer is changed after it was made."""


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
        born: by kind, how many layers Keras had named before it; None where a rule answers for it.
        real_layer: the layer itself, where it has to be asked.
        adopted: the layer itself, where it was there before, or has learned from data.
        flow: where the gradient of its last training step went, where the layer was asked itself.
        facade: what user code holds, where that is made with the record.
        given_by_user: arguments of the constructor of a class of the user's that runs on stand-ins.
        has_row: its calls are rows of the shape table.
        node: its last call.
        last: what that call gave.
    """

    built_on: Specs = None
    built_with: Specs = None
    last: Spec | None = None
    node_inputs: tuple[Args, Kwargs] | None = None
    parameters: int | None = None
    real_layer: Layer | None = None
    adopted: Layer | None = None
    flow: Flow | None = None
    facade: Any = None
    given_by_user: tuple[Args, Kwargs] | None = None
    has_row = True
    named: bool = False
    born: Mapping[str, int] | None = None
    _trainable: bool | None = None

    def __init__(self, run: Run, description: Description, name: str) -> None:
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

    @property
    def title(self) -> str:
        """Its class and its name, to begin a sentence with."""
        kind = self.layer_class.__name__
        return f"{kind} '{self.name}'" if self.name else kind

    def is_built(self) -> bool:
        """Whether it has its weights; Keras alone knows of a layer that was not called."""
        if self.built_on is None:
            self.run.escalate(f"{self.title} is asked whether it is built")
        return True

    def own_key(self) -> Key:
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

    def answer(self, inputs: Specs, arguments: Mapping[str, Specs] | None, *, step: Step) -> Answer:
        """What it gives for these specs."""
        return self.run.ask(self, inputs, arguments, step=step)


class InputRecord(LayerRecord):
    """An ``InputLayer``, and the tensor that comes out of it.

    Attributes:
        ordinal: which input of its run it is, where that counts.
    """

    ordinal = 0

    def __init__(self, run: Run, description: Description, name: str, output: Spec) -> None:
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

    def __init__(self, run: Run, operation: Operation) -> None:
        self.run = run
        self.operation = operation
        self.name = operation.name
        self.flow: Flow | None = None

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

    def __init__(self, record: Any, args: Args, kwargs: Kwargs) -> None:
        self.record: LayerRecord | OperationRecord = record
        self.args = args
        self.kwargs = kwargs

    @property
    def run(self) -> Run:
        """The run it belongs to."""
        return self.record.run

    def tensor_name(self) -> str:
        """The name of the tensor, known only for inputs."""
        if isinstance(self.record, InputRecord):
            return self.record.name
        return self.run.escalate("the name of a tensor is read")

    def parents(self) -> Sequence[SymbolicTensor]:
        """The tensors of the call."""
        args = self.args
        if len(args) == 1 and type(args[0]) is SymbolicTensor and not self.kwargs:
            return args
        return tensors((args, self.kwargs))


def tensors_of(specs: Specs, node: Node) -> Nested:
    """Tensors made by one node, in the structure of these specs."""
    if type(specs) is Spec:
        return symbolic(specs, node)
    places = itertools.count()

    def made(leaf: Structure) -> Structure:
        return symbolic(leaf, node, next(places)) if type(leaf) is Spec else leaf

    return map_leaves(made, specs)
