"""Stand-ins: what the constructors of Keras give while an analytic run is active.

A stand-in answers ``isinstance`` as the class it stands for and knows what people ask of a layer
or model in ``build``. Whatever else is asked of it ends the run: the configuration is then judged
with the real classes. One that outlives its run, because ``build`` kept it, turns into the real
object at the first touch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn, SupportsIndex, TypeAlias

from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor, symbolic
from shapesafe_tuner.shapes.deferred import Deferred
from shapesafe_tuner.shapes.registry import Configured
from shapesafe_tuner.shapes.sentences import with_article
from shapesafe_tuner.shapes.spec import Refused, Spec, Unknown
from shapesafe_tuner.tracing.lazy import expressions
from shapesafe_tuner.tracing.remembering.keys import Key
from shapesafe_tuner.tracing.standins.graph import FromUser, InputRecord, LayerRecord, Node, Record

__all__ = [
    "CompileArgumentStandIn",
    "Facade",
    "Held",
    "ModelStandIn",
    "Posed",
    "SequentialStandIn",
    "StandIn",
    "stand_in",
]


class Facade:
    """Poses as an instance of the class it stands for; ``_record`` is its record."""

    __slots__ = ("__weakref__", "_record")

    def __init__(self, record: Record) -> None:
        object.__setattr__(self, "_record", record)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return self._record.layer_class

    def __getattr__(self, name: str) -> Any:
        record = object.__getattribute__(self, "_record")
        if record.run.closed:
            return getattr(record.run.real_object(record), name)
        answer = self._answers().get(name)
        if answer is None:
            return _leave(record, name)
        return record.run.answered(record, name, answer)

    def __setattr__(self, name: str, value: FromUser) -> None:
        record = self._record
        if record.run.closed:
            setattr(record.run.real_object(record), name, value)
        elif name == "trainable" and type(value) is bool and isinstance(record, LayerRecord):
            record.trainable = value
            record.run.is_changed(record)
        else:
            record.run.escalate(f"{record.layer_class.__name__}.{name} is set")

    def __call__(self, *args: FromUser, **kwargs: FromUser) -> Any:  # noqa: D102
        record = self._record
        if record.run.closed:
            return record.run.real_object(record)(*args, **kwargs)
        return record.run.escalate(f"{with_article(record.layer_class.__name__)} is called")

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        record = self._record
        if record.run.closed:
            return record.run.real_object(record).__reduce_ex__(protocol)
        return record.run.escalate(f"{with_article(record.layer_class.__name__)} is copied")

    def __repr__(self) -> str:
        record = self._record
        return f"<{record.layer_class.__name__} name={getattr(record, 'name', None)}>"

    @classmethod
    def _answers(cls) -> dict[str, Callable[[Any], Any]]:
        return {}

    def own_key(self) -> Key:
        """The key of its constructor call."""
        key: Key = self._record.own_key()
        return key


class Posed:
    """An instance of a class of the user's whose code runs on stand-ins (``posed.py``)."""

    _record: Any

    def __call__(self, *args: FromUser, **kwargs: FromUser) -> Any:
        """As ``Layer.__call__``; its class has what it does."""
        raise NotImplementedError


_set_record = Facade.__dict__["_record"].__set__


def stand_in(record: LayerRecord) -> StandIn:
    """A stand-in for a layer, made without the detour over ``__init__``."""
    facade = object.__new__(StandIn)
    _set_record(facade, record)
    return facade


class CompileArgumentStandIn(Facade):
    """For an optimizer, a loss or a metric: it is only handed to ``compile``.

    A loss of the user's may call it, once Keras itself traces a step.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        record = object.__getattribute__(self, "_record")
        if record.run.is_left:
            return getattr(record.run.real_object(record), name)
        return super().__getattr__(name)

    def __setattr__(self, name: str, value: FromUser) -> None:
        record = self._record
        if record.run.closed or not record.set(name, value):
            super().__setattr__(name, value)

    def __call__(self, *args: FromUser, **kwargs: FromUser) -> Any:  # noqa: D102
        record = self._record
        if record.run.is_left:
            return record.run.real_object(record)(*args, **kwargs)
        return super().__call__(*args, **kwargs)


class StandIn(Facade):
    """For a layer."""

    __slots__ = ()

    @property
    def configured(self) -> Configured | None:
        """Its rule, for the rules of wrappers; None where there is none or it was used."""
        record = self._record
        return record.description.configured if record.built_on is None else None

    def __call__(self, *args: FromUser, **kwargs: FromUser) -> Any:  # noqa: D102
        record = self._record
        run = record.run
        if run.closed:
            return run.real_object(record)(*args, **kwargs)
        if len(args) == 1 and not kwargs and type(args[0]) is SymbolicTensor:
            return run.call(record, args[0])
        return run.call_with(record, args, kwargs)

    @classmethod
    def _answers(cls) -> dict[str, Callable[[Any], Any]]:
        return _LAYER


class ModelStandIn(StandIn):
    """For a functional model, and what it has in common with a ``Sequential``."""

    __slots__ = ()

    def compile(self, *args: FromUser, **kwargs: FromUser) -> Any:
        """As ``Model.compile``."""
        record = self._record
        if record.run.closed:
            return record.run.real_object(record).compile(*args, **kwargs)
        return record.compile(*args, **kwargs)

    @classmethod
    def _answers(cls) -> dict[str, Callable[[Any], Any]]:
        return _MODEL


class SequentialStandIn(ModelStandIn):
    """For a ``Sequential``."""

    __slots__ = ()

    def add(self, layer: FromUser, rebuild: bool = True) -> Any:
        """As ``Sequential.add``."""
        record = self._record
        if record.run.closed:
            return record.run.real_object(record).add(layer, rebuild=rebuild)
        return record.add(layer, rebuild)

    @classmethod
    def _answers(cls) -> dict[str, Callable[[Any], Any]]:
        return _SEQUENTIAL


def _output(record: LayerRecord) -> SymbolicTensor:
    if isinstance(record, InputRecord):
        return record.tensor()
    if record.last is None or record.node_inputs is None:
        return _leave(record, "output")
    return symbolic(record.last, Node(record, *record.node_inputs))


def _input(record: LayerRecord) -> SymbolicTensor:
    if isinstance(record, InputRecord):
        return record.tensor()
    if record.last is None or record.node_inputs is None or len(record.node_inputs[0]) != 1:
        return _leave(record, "input")
    found: SymbolicTensor = record.node_inputs[0][0]
    return found


def _leave(record: Record, name: str) -> NoReturn:
    record.run.escalate(f"{record.layer_class.__name__}.{name} is read")


def _count_params(record: LayerRecord) -> Callable[[], int]:
    def count_params() -> int:
        if record.built_on is None and not record.is_built():
            _leave(record, "count_params")
        return sum(leaf.parameters or 0 for leaf in _distinct(record.leaves()))

    return count_params


def _build(record: LayerRecord) -> Callable[[FromUser], None]:
    """``layer.build(shape)`` in the ``build`` of a layer of the user's own."""

    def build(input_shape: FromUser) -> None:
        run, configured = record.run, record.description.configured
        shape = expressions(input_shape)
        plain = type(shape) in (tuple, list) and all(
            size is None or type(size) in (int, Deferred) for size in shape
        )
        if configured is None or not plain or record.built_on is not None:
            _leave(record, "build")
        if not run.inside or run.inside_call:
            _leave(record, "build")
        spec = Spec(tuple(shape), configured.arguments.compute_dtype)
        try:
            record.parameters = configured.build(spec)
        except Refused as refused:
            run.refuse(record, spec, refused)
        except Unknown as unknown:
            run.escalate(f"{record.title}: {unknown.why}")
        record.built_on = spec

    return build


def _adapt(record: LayerRecord) -> Callable[..., None]:
    """``layer.adapt(data)``."""

    def adapt(*args: FromUser, **kwargs: FromUser) -> None:
        record.run.real_layers.adapt(record, args, kwargs)

    return adapt if hasattr(record.layer_class, "adapt") else _leave(record, "adapt")


def _vocabulary(name: str) -> Callable[[LayerRecord], Callable[..., Any]]:
    """A method of look-up layers that says something of their vocabulary."""

    def answer(record: LayerRecord) -> Callable[..., Any]:
        if not hasattr(record.layer_class, name):
            _leave(record, name)

        def method(*args: FromUser, **kwargs: FromUser) -> Any:
            return record.run.real_layers.vocabulary(record, name, args, kwargs)

        return method

    return answer


def _distinct(leaves: Iterable[LayerRecord]) -> list[LayerRecord]:
    return list({id(leaf): leaf for leaf in leaves}.values())


Held: TypeAlias = StandIn | Posed
"""A layer as user code holds it."""
_LAYER: dict[str, Callable[[Any], Any]] = {
    "name": lambda record: record.name,
    "trainable": lambda record: record.trainable,
    "built": lambda record: record.is_built(),
    "output": _output,
    "input": _input,
    "count_params": _count_params,
    "build": _build,
    "adapt": _adapt,
    "vocabulary_size": _vocabulary("vocabulary_size"),
    "get_vocabulary": _vocabulary("get_vocabulary"),
}
_MODEL: dict[str, Callable[[Any], Any]] = {
    **_LAYER,
    "layers": lambda record: record.stand_ins(),
    "optimizer": lambda record: record.optimizer(),
    "get_layer": lambda record: record.get_layer,
    "summary": lambda record: record.summary,
    "build": lambda record: record.build,
    "inputs": lambda record: record.input_tensors(),
    "outputs": lambda record: record.output_tensors(),
    "input": lambda record: record.single(record.input_tensors(), "input"),
    "output": lambda record: record.single(record.output_tensors(), "output"),
    "input_shape": lambda record: record.single(record.input_tensors(), "input_shape").shape,
    "output_shape": lambda record: record.single(record.output_tensors(), "output_shape").shape,
}
# A Sequential has inputs and outputs; it has ``input`` and ``output`` only once it was called.
_SEQUENTIAL: dict[str, Callable[[Any], Any]] = {
    **{name: answer for name, answer in _MODEL.items() if name not in ("input", "output")},
    "pop": lambda record: record.pop,
}
