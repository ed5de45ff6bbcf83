"""Stand-ins: what the constructors of Keras give while an analytic run is active.

A stand-in answers ``isinstance`` as the class it stands for and knows what people ask of a layer
or model in ``build``. Whatever else is asked of it ends the run: the configuration is then judged
with the real classes. One that outlives its run, because ``build`` kept it, turns into the real
object at the first touch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor, symbolic
from shapesafe_tuner.shapes.deferred import Deferred
from shapesafe_tuner.shapes.spec import Refused, Spec, Unknown
from shapesafe_tuner.tracing.lazy import expressions
from shapesafe_tuner.tracing.standins.graph import InputRecord, LayerRecord, Node

__all__ = [
    "ModelStandIn",
    "Posed",
    "Posing",
    "SequentialStandIn",
    "StandIn",
    "ThingStandIn",
    "stand_in",
]


class Posing:
    """Poses as an instance of the class it stands for; ``_it`` is its record."""

    __slots__ = ("__weakref__", "_it")

    def __init__(self, it: Any) -> None:
        object.__setattr__(self, "_it", it)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return self._it.layer_class

    def __getattr__(self, name: str) -> Any:
        it = object.__getattribute__(self, "_it")
        if it.run.closed:
            return getattr(it.run.real(it), name)
        answer = self._answers().get(name)
        return it.run.answered(it, name, answer) if answer is not None else _unsure(it, name)

    def __setattr__(self, name: str, value: Any) -> None:
        it = self._it
        if it.run.closed:
            setattr(it.run.real(it), name, value)
        elif name == "trainable" and type(value) is bool and isinstance(it, LayerRecord):
            it.trainable = value
            it.run.is_changed(it)
        else:
            it.run.escalate(f"{it.layer_class.__name__}.{name} is set")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        it = self._it
        if it.run.closed:
            return it.run.real(it)(*args, **kwargs)
        return it.run.escalate(f"a {it.layer_class.__name__} is called")

    def __reduce_ex__(self, protocol: Any) -> Any:
        it = self._it
        if it.run.closed:
            return it.run.real(it).__reduce_ex__(protocol)
        return it.run.escalate(f"a {it.layer_class.__name__} is copied")

    def __repr__(self) -> str:
        it = self._it
        return f"<{it.layer_class.__name__} name={getattr(it, 'name', None)}>"

    @classmethod
    def _answers(cls) -> dict[str, Callable[[Any], Any]]:
        return {}

    def own_key(self) -> Any:
        """The key of its constructor call."""
        return self._it.own_key()


class Posed:
    """An instance of a class of the user's whose code runs on stand-ins (``posed.py``)."""

    _it: Any


_set_record = Posing.__dict__["_it"].__set__


def stand_in(record: Any) -> StandIn:
    """A stand-in for a layer, made without the detour over ``__init__``."""
    facade = object.__new__(StandIn)
    _set_record(facade, record)
    return facade


class ThingStandIn(Posing):
    """For an optimizer, a loss or a metric: it is only handed to ``compile``."""

    __slots__ = ()


class StandIn(Posing):
    """For a layer."""

    __slots__ = ()

    @property
    def configured(self) -> Any:
        """Its rule, for the rules of wrappers; None where there is none or it was used."""
        it = self._it
        return it.description.configured if it.built_on is None else None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        it = self._it
        run = it.run
        if run.closed:
            return run.real(it)(*args, **kwargs)
        if len(args) == 1 and not kwargs and type(args[0]) is SymbolicTensor:
            return run.call(it, args[0])
        return run.call_with(it, args, kwargs)

    @classmethod
    def _answers(cls) -> dict[str, Callable[[Any], Any]]:
        return _LAYER


class ModelStandIn(StandIn):
    """For a functional model, and what it has in common with a ``Sequential``."""

    __slots__ = ()

    def compile(self, *args: Any, **kwargs: Any) -> Any:
        """As ``Model.compile``."""
        it = self._it
        if it.run.closed:
            return it.run.real(it).compile(*args, **kwargs)
        return it.compile(*args, **kwargs)

    @classmethod
    def _answers(cls) -> dict[str, Callable[[Any], Any]]:
        return _MODEL


class SequentialStandIn(ModelStandIn):
    """For a ``Sequential``."""

    __slots__ = ()

    def add(self, layer: Any, rebuild: bool = True) -> Any:
        """As ``Sequential.add``."""
        it = self._it
        if it.run.closed:
            return it.run.real(it).add(layer, rebuild=rebuild)
        return it.add(layer, rebuild)

    @classmethod
    def _answers(cls) -> dict[str, Callable[[Any], Any]]:
        return _SEQUENTIAL


def _output(it: LayerRecord) -> Any:
    if isinstance(it, InputRecord):
        return it.tensor()
    if it.last is None or it.node_inputs is None:
        return _unsure(it, "output")
    return symbolic(it.last, Node(it, *it.node_inputs))


def _input(it: LayerRecord) -> Any:
    if isinstance(it, InputRecord):
        return it.tensor()
    if it.last is None or it.node_inputs is None or len(it.node_inputs[0]) != 1:
        return _unsure(it, "input")
    return it.node_inputs[0][0]


def _unsure(it: Any, name: str) -> Any:
    return it.run.escalate(f"{it.layer_class.__name__}.{name} is read")


def _count_params(it: Any) -> Any:
    def count_params() -> int:
        if it.built_on is None and not it.is_built():
            _unsure(it, "count_params")
        return sum(leaf.parameters or 0 for leaf in _distinct(it.leaves()))

    return count_params


def _build(it: LayerRecord) -> Any:
    """``layer.build(shape)`` in the ``build`` of a layer of the user's own."""

    def build(input_shape: Any) -> Any:
        run, configured = it.run, it.description.configured
        shape = expressions(input_shape)
        plain = type(shape) in (tuple, list) and all(
            size is None or type(size) in (int, Deferred) for size in shape
        )
        if configured is None or not plain or it.built_on is not None:
            return _unsure(it, "build")
        if not run.inside or run.inside_call:
            return _unsure(it, "build")
        spec = Spec(tuple(shape), configured.arguments.compute_dtype)
        try:
            it.parameters = configured.build(spec)
        except Refused as refused:
            run.refuse(it, spec, refused)
        except Unknown as unknown:
            run.escalate(unknown.why)
        it.built_on = spec
        return None

    return build


def _distinct(leaves: Any) -> list[LayerRecord]:
    return list({id(leaf): leaf for leaf in leaves}.values())


_LAYER: dict[str, Callable[[Any], Any]] = {
    "name": lambda it: it.name,
    "trainable": lambda it: it.trainable,
    "built": lambda it: it.is_built(),
    "output": _output,
    "input": _input,
    "count_params": _count_params,
    "build": _build,
}
_MODEL: dict[str, Callable[[Any], Any]] = {
    **_LAYER,
    "layers": lambda it: it.stand_ins(),
    "get_layer": lambda it: it.get_layer,
    "summary": lambda it: it.summary,
    "build": lambda it: it.build,
    "inputs": lambda it: it.input_tensors(),
    "outputs": lambda it: it.output_tensors(),
    "input": lambda it: it.single(it.input_tensors(), "input"),
    "output": lambda it: it.single(it.output_tensors(), "output"),
    "input_shape": lambda it: it.single(it.input_tensors(), "input_shape").shape,
    "output_shape": lambda it: it.single(it.output_tensors(), "output_shape").shape,
}
# A Sequential has inputs and outputs; ``input`` and ``output`` Keras knows once it was called.
_SEQUENTIAL: dict[str, Callable[[Any], Any]] = {
    **{name: answer for name, answer in _MODEL.items() if name not in ("input", "output")},
    "pop": lambda it: it.pop,
}
