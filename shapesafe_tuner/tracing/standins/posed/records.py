"""One object of a class of the user's on stand-ins: what it holds, and what its ``call`` gives."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras

from shapesafe_tuner._compat.keras.flow import Flow
from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor
from shapesafe_tuner.shapes.spec import Spec, Specs, Step, walk
from shapesafe_tuner.structures import leaves, map_leaves
from shapesafe_tuner.tracing.lazy import Proxy, shown_sizes
from shapesafe_tuner.tracing.signals import NoKey
from shapesafe_tuner.tracing.standins.descriptions import Description
from shapesafe_tuner.tracing.standins.facades import Posed, StandIn
from shapesafe_tuner.tracing.standins.graph import Answer, LayerRecord, Node, tensors_of
from shapesafe_tuner.tracing.standins.models import ModelRecord
from shapesafe_tuner.tracing.standins.specs import specs_of, tensors

__all__ = ["PosedRecord", "Weight", "owner_of"]

_FLOAT = "float32"
_PLAIN = (int, float, str, bool, type(None))


class Weight:
    """Where a weight of the user's own comes from; and, as one that is not trained, an argument."""

    __slots__ = ("is_argument", "run", "trainable")
    layer_class = keras.Variable

    def __init__(self, run: Any, *, trainable: bool, is_argument: bool = False) -> None:
        self.run = run
        self.trainable = trainable
        self.is_argument = is_argument

    def leaves(self) -> Iterator[LayerRecord]:
        """It is none of the layers."""
        return iter(())


class PosedRecord(ModelRecord):
    """One layer or model of a class of the user's.

    Attributes:
        facade: the object that user code holds.
        is_model: it is a ``keras.Model``.
        named: ``super().__init__`` was called.
        explicit: it was given a name.
        weights: number of those that it has itself.
        called_on: what it is called on.
        builds: its class has a ``build``.
        trains: a weight has a say in what its last call gave.
        own: stands for these weights among the layers.
        locked: it was built; no layer and no weight can be added any more.
    """

    def __init__(self, run: Any, cls: type, args: Any, kwargs: Any, facade: Any) -> None:
        super().__init__(run, Description(cls, (), {}, None, look_up=False), "")
        self.facade: Any = facade
        self.given_by_user = (args, kwargs)
        self.is_model = issubclass(cls, keras.Model)
        self.has_row = not self.is_model
        self.named = False
        self.explicit = False
        self.weights: Any = 0
        self.own = LayerRecord(run, self.description, "")
        self.locked = False
        self.called_on: Any = None
        self.builds = not owner_of(cls, "build").__module__.startswith("keras.")
        self.trains = False
        self._held: Any = None

    def blamed(self, why: str) -> Any:
        """Leave the run; its class is not posed any more."""
        self.run.blamed = self.run.blamed or self.layer_class
        return self.leave(why)

    def is_built(self) -> bool:
        """Whether it was called."""
        return self.locked

    def own_key(self) -> Any:
        """It has no key: what it is only running it shows."""
        raise NoKey("a layer of the user's own")

    def stand_ins(self) -> list[Any]:
        """The layers among its attributes, in their order."""
        return list({id(layer): layer for layer in _layers_in(self._values())}.values())

    def leaves(self) -> Iterator[LayerRecord]:
        """Itself, for its own weights, and the layers that it holds and has built."""
        self.own.parameters = self.weights if self.locked else None
        yield self.own
        for layer in self.stand_ins():
            for leaf in layer._record.leaves():
                if leaf.parameters is not None or not self.locked:
                    yield leaf

    def input_tensors(self) -> list[Any]:
        """A subclassed model has none."""
        return self.blamed("is asked for its inputs")  # type: ignore[no-any-return]

    def output_tensors(self) -> list[Any]:
        """A subclassed model has none."""
        return self.blamed("is asked for its outputs")  # type: ignore[no-any-return]

    def answer(self, inputs: Specs, arguments: Mapping[str, Specs] | None, *, step: Step) -> Answer:
        """Build it if this is its first call, and run ``call``: its own weights, and the outputs.

        As in Keras ``call`` runs whatever is known of the batch, and anew in every step.
        """
        run = self.run
        if arguments or not self.named:
            self.blamed("is called in an unusual way")
        if any(spec.mask is not None or spec.dtype != _FLOAT for spec in walk(inputs)):
            self.blamed("is called on a mask, or on other than plain floats")
        self.called_on = inputs
        with run.entered(self, step):
            if not self.locked:
                self._build(inputs)
                self._lock()
            told = self._told()
            with run.calling(self, told):
                given = tensors_of(
                    inputs, Node(Weight(run, trainable=False, is_argument=True), (), {})
                )
                takes = "training" in _call_parameters(self.layer_class) and told is not None
                further = {"training": told} if takes else {}
                made = self.facade.call(given, **further)
                outputs = specs_of(made)
            if any(not isinstance(item, Spec) or item.mask is not None for item in leaves(outputs)):
                self.blamed("gives what is no tensor, or a mask")
            if self._contents() != self._held:
                self.blamed("changes once it is built")
            self.trains, goes_on = _passage(made)
        if step:
            self.flow = Flow(outputs, to_weights=self.trains, to_inputs=goes_on)
        if self.is_model and step and not run.inside and not self.trains:
            self.blamed("gives what no weight leads to")
        return Answer(sum(leaf.parameters or 0 for leaf in self.leaves()), outputs)

    def _lock(self) -> None:
        """From now on nothing may change."""
        self.locked = True
        if not all(_may_hold(value, self.run) for value in self._values()):
            self.blamed("holds what is no plain value and no layer of this build")
        self._held = self._contents()

    def detach(self, kept: Callable[[Any], Any]) -> None:
        """Nobody holds the object any more, and what lies in its attributes.

        Args:
            kept: gives what the record holds in place of what the user's code held.
        """
        held = vars(self.facade)
        held.update({name: map_leaves(kept, value) for name, value in self.attributes()})
        if self.locked:
            self._held = self._contents()

    def attributes(self) -> list[tuple[str, Any]]:
        """What the user's code has set."""
        return [item for item in vars(self.facade).items() if item[0] != "_record"]

    def _contents(self) -> list[tuple[str, Any]]:
        """Equal as long as nothing was put into an attribute, or a container in one."""
        return [(name, map_leaves(id, value)) for name, value in self.attributes()]

    def _values(self) -> list[Any]:
        return [value for _, value in self.attributes()]

    def _told(self) -> bool | None:
        """What ``call`` is told about training, as ``Layer.__call__`` works it out."""
        known: bool | None = self.run.training
        names = _call_parameters(self.layer_class)
        if known is not None or "training" not in names:
            return known
        default = names["training"].default
        return None if default is inspect.Parameter.empty else bool(default)

    def _build(self, inputs: Any) -> None:
        if not self.builds:
            return
        if not isinstance(inputs, Spec):
            self.blamed("has a build for several inputs")
        shape = inputs.shape if self.run.show is None else shown_sizes(inputs.shape)
        vars(owner_of(self.layer_class, "build"))["build"](self.facade, shape)


def _layers_in(values: Any) -> Iterator[Any]:
    """The stand-ins and posed objects in attributes and in the containers among them."""
    return (leaf for leaf in leaves(values) if issubclass(type(leaf), (StandIn, Posed)))


@functools.lru_cache(maxsize=1024)
def _call_parameters(cls: type) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(cls.call).parameters)  # type: ignore[attr-defined]


def owner_of(cls: type, name: str) -> type:
    """The class that an attribute comes from."""
    return next(base for base in cls.__mro__ if name in vars(base))


def _passage(made: Any) -> tuple[bool, bool]:
    """Whether a gradient of these tensors reaches a weight, and whether it reaches an input.

    ``fit`` refuses to train nothing.
    """
    pending, seen = [tensor.node for tensor in tensors(made)], set()
    reaches_input = False
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        record = node.record
        if isinstance(record, Weight):
            if record.trainable:
                return True, True
            reaches_input = reaches_input or record.is_argument
            continue
        if isinstance(record, PosedRecord) and record.trains:
            return True, True
        if record.flow is not None and not isinstance(record, PosedRecord):
            if record.flow.to_weights and getattr(record, "trainable", True):
                return True, True
            pending += [tensor.node for tensor in node.parents() if record.flow.to_inputs]
            continue
        for leaf in () if isinstance(record, PosedRecord) else record.leaves():
            if leaf.parameters and leaf.trainable:
                return True, True
        if ".preprocessing." not in record.layer_class.__module__:
            pending += [tensor.node for tensor in node.parents()]
    return False, reaches_input


def _may_hold(value: Any, run: Any) -> bool:
    """Whether an attribute may have this value: what ``call`` cannot tell from the real thing."""
    return all(_may_be_held(leaf, run) for leaf in leaves(value))


def _may_be_held(value: Any, run: Any) -> bool:
    kind = type(value)
    if kind in _PLAIN or isinstance(value, float):
        return True
    if issubclass(kind, (StandIn, Posed)):
        return value._record.run is run
    if issubclass(kind, Proxy) or _is_weight(value):
        return True
    if inspect.isfunction(value):
        return getattr(keras.activations, value.__name__, None) is value
    return isinstance(value, (keras.initializers.Initializer, keras.layers.InputSpec))


def _is_weight(value: Any) -> bool:
    return type(value) is SymbolicTensor and type(value.node.record) is Weight
