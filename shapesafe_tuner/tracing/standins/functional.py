"""The functional model of an analytic run: a graph of calls between inputs and outputs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor, symbolic
from shapesafe_tuner._compat.types import Nested
from shapesafe_tuner.shapes.spec import Spec, Specs, Step, walk
from shapesafe_tuner.structures import Structure, leaves, map_leaves
from shapesafe_tuner.tracing.standins.descriptions import Description
from shapesafe_tuner.tracing.standins.facades import Held
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
from shapesafe_tuner.tracing.standins.models import ModelRecord, adjusted, facade_of
from shapesafe_tuner.tracing.standins.specs import tensors

__all__ = ["FunctionalRecord"]


class FunctionalRecord(ModelRecord):
    """A graph of calls between inputs and outputs (``keras/src/models/functional.py``)."""

    def __init__(
        self, run: Run, description: Description, name: str, inputs: Nested, outputs: Nested
    ) -> None:
        super().__init__(run, description, name)
        if not all(isinstance(tensor.node.record, InputRecord) for tensor in tensors(inputs)):
            inputs, outputs = self._cut(inputs, outputs)
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
            self.leave("has inputs that are not separate")
        self.order = self._sorted()
        used = {id(node.record) for node in self.order if isinstance(node.record, InputRecord)}
        if not used <= ids:
            self.leave("has outputs that depend on further inputs")
        # An input that leads to no output is one of the layers all the same.
        records = {id(one): one for one in (*[node.record for node in self.order], *self.sources)}
        if len({record.name for record in records.values()}) != len(records):
            self.leave("has two layers of the same name")

    def _cut(self, inputs: Nested, outputs: Nested) -> tuple[Nested, Nested]:
        """A graph that begins within another: each tensor becomes an input, as in Keras."""
        if not self.run.may_cut:
            self.leave("begins within a graph")
        starts: dict[tuple[int, int], SymbolicTensor] = {}
        cut: set[int] = set()
        copies: dict[int, Node] = {}

        def started(tensor: SymbolicTensor) -> SymbolicTensor:
            if isinstance(tensor.node.record, InputRecord):
                return tensor
            spec = tensor.spec
            name = f"{tensor.node.record.name}CLONE"
            source = self.run.input_of(spec.shape[1:], spec.shape[0], spec.dtype, name)
            cut.add(id(tensor.node.record))
            starts[id(tensor.node), tensor.place] = source.tensor()
            return starts[id(tensor.node), tensor.place]

        def copied(leaf: Structure) -> Structure:
            if type(leaf) is not SymbolicTensor or isinstance(leaf.node.record, InputRecord):
                return leaf
            start, node = starts.get((id(leaf.node), leaf.place)), leaf.node
            if start is not None:
                return start
            if id(node.record) in cut:
                self.leave("has a layer before and behind its inputs")
            if id(node) not in copies:
                args, kwargs = map_leaves(copied, node.args), map_leaves(copied, node.kwargs)
                copies[id(node)] = Node(node.record, args, kwargs)
            return symbolic(leaf.spec, copies[id(node)], leaf.place)

        inputs = map_leaves(started, inputs)
        return inputs, map_leaves(copied, outputs)

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
            self.leave("has no outputs")
        while pending:
            node, ready = pending.pop()
            if node.run is not self.run:
                self.leave("has a tensor of another build")
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
            self.leave("branches, and is asked for its layers")
        return [facade_of(record) for record in self._records() if isinstance(record, LayerRecord)]

    def get_layer(self, name: FromUser = None, index: FromUser = None) -> Held:
        """As ``Model.get_layer``."""
        found = [record for record in self._records() if record.name == name]
        if index is not None or len(found) != 1 or not isinstance(found[0], LayerRecord):
            self.leave("does not know the layer that get_layer is asked for")
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
            self.leave("is called with further arguments")
        given = []
        for source, spec in zip(self.sources, flat, strict=True):
            self.check_input(source.output, spec)
            given.append(adjusted(self, source, spec))
        outputs = self.again(given, functools.partial(self._specs_from, step=step))
        if any(spec.mask is not None for spec in walk(outputs)):
            self.leave("gives a mask")
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
                self.leave("is called on another structure than that of its inputs")
            return [inputs[name] for name in self.given]
        flat = leaves(inputs)
        if len(flat) != len(self.sources) or isinstance(inputs, dict):
            self.leave("is called on another structure than that of its inputs")
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
