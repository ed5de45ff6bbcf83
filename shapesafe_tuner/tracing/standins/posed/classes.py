"""The user's own models and layers on stand-ins: their code runs, and Keras's does not.

A posed class stands in the method resolution order after the user's class and before Keras's, so
``super().__init__``, ``build`` and ``add_weight`` arrive here. It answers what is listed below;
every other attribute of Keras's class leaves the run and *blames* the class, which is then asked
itself, or, a model, left to the symbolic pass. ``posable`` says which classes get that far.

Once a run is over, a posed object that somebody kept turns into the real one at the first touch.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import keras

from shapesafe_tuner._compat.keras import hooks as keras_hooks
from shapesafe_tuner._compat.keras.global_state import policies
from shapesafe_tuner._compat.keras.symbolic_tensor import symbolic
from shapesafe_tuner.memory import Memory
from shapesafe_tuner.shapes.deferred import Deferred
from shapesafe_tuner.shapes.sentences import with_article
from shapesafe_tuner.shapes.spec import Spec
from shapesafe_tuner.tracing.binding import any_shape_initializer
from shapesafe_tuner.tracing.lazy import expressions
from shapesafe_tuner.tracing.standins.facades import Posed
from shapesafe_tuner.tracing.standins.graph import Node
from shapesafe_tuner.tracing.standins.posed.posable import root_of
from shapesafe_tuner.tracing.standins.posed.records import PosedRecord, Weight, owner_of
from shapesafe_tuner.tracing.standins.real_objects import RealObjects

__all__ = ["posed", "retire", "twin"]

_FLOAT = "float32"
_PLAIN = (int, float, str, bool, type(None))


def posed(run: Any, cls: type, args: Any, kwargs: Any) -> Any:
    """A posed object of a class; its constructor is called next, by Python."""
    facade: Any = object.__new__(_classes_of(cls)[0])
    record = PosedRecord(run, cls, run.revealed(args), run.revealed(kwargs), facade)
    facade.__dict__["_record"] = record
    record.facade = run.kept(facade)
    run.facades += {id(each): weakref.ref(each) for each in (facade, record.facade)}.values()
    return facade


def twin(facade: Any) -> Any:
    """Another handle of a posed object: what the one is given the other has."""
    other: Any = object.__new__(type(facade))
    object.__setattr__(other, "__dict__", facade.__dict__)
    return other


def retire(facades: Iterable[Any]) -> None:
    """A run is over: what is left of its posed objects becomes real when it is touched."""
    left = [facade for facade in facades if facade is not None]
    records = [facade.__dict__["_record"] for facade in left]
    for facade, record in zip(left, records, strict=True):
        record.facade = None
        facade.__dict__.clear()
        facade.__dict__["_given"] = record.given_by_user
        _CLASS.__set__(facade, _classes_of(record.layer_class)[1])


_CLASS: Any = object.__dict__["__class__"]
_CLASSES: Memory[type, tuple[type, type]] = Memory(256)


def _classes_of(cls: type) -> tuple[type, type]:
    """The class of its posed objects, and what they become when their run is over."""
    known = _CLASSES.get(cls)
    if known is None:
        base = PosedModel if issubclass(cls, keras.Model) else PosedLayer
        names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
        own = {**names, "__init__": _watched(cls), "build": _build}
        shadow = type(cls.__name__, (cls, base), own)
        retired = type(cls.__name__, (cls,), {**names, **_awaking(cls)})
        known = _CLASSES[cls] = (shadow, retired)
    return known


def _watched(cls: type) -> Callable[..., None]:
    """Whatever the constructor raises ends the run, also where ``build`` handles it."""
    own = owner_of(cls, "__init__")
    method: Callable[..., None] = _init if own in root_of(cls).__mro__ else vars(own)["__init__"]

    @functools.wraps(method)
    def watched(self: Any, *args: Any, **kwargs: Any) -> None:
        record = self.__dict__["_record"]
        run = record.run
        with run.own_code(args, kwargs), run.entered(record, run.step):
            method(self, *args, **kwargs)

    return watched


def _awaking(cls: type) -> dict[str, Callable[..., Any]]:
    """What makes the object of a run that is over a real one, at the first touch."""

    def awake(self: Any) -> Any:
        hooks = keras_hooks.current()
        if hooks is not None and hooks.analytic is not None:
            hooks.analytic.escalate(
                f"{with_article(cls.__name__)} is kept from one build to the next"
            )
        args, kwargs = object.__getattribute__(self, "__dict__")["_given"]
        make = RealObjects()
        real = cls(*make.realised(list(args)), **make.realised(dict(kwargs)))
        _CLASS.__set__(self, cls)
        # Methods that Keras wrapped for this one object are bound to the other: they share all.
        object.__setattr__(self, "__dict__", vars(real))
        return self

    def read(self: Any, name: str) -> Any:
        return cls if name == "__class__" else getattr(awake(self), name)

    return {
        "__getattribute__": read,
        "__setattr__": lambda self, name, value: setattr(awake(self), name, value),
        "__call__": lambda self, *args, **kwargs: awake(self)(*args, **kwargs),
        "__repr__": lambda self: repr(awake(self)),
        "__reduce_ex__": lambda self, protocol: awake(self).__reduce_ex__(protocol),
    }


def _init(
    self: Any,
    *args: Any,
    name: Any = None,
    dtype: Any = None,
    trainable: Any = True,
    **further: Any,
) -> None:
    record = self.__dict__["_record"]
    if args or further or dtype is not None or trainable is not True:
        record.blamed("calls super().__init__ in an unusual way")
    if policies()[:2] != (_FLOAT, _FLOAT):
        record.blamed("is made under another dtype policy than float32")
    if name is not None and (not isinstance(name, str) or "/" in name):
        record.blamed("is made with an unusual name")
    if not record.named and name is None:
        record.name = record.run.name_of(record.layer_class)
    elif not record.named:
        record.name, record.explicit = name, True
        record.run.named_by_user(name)
    record.named = True


def _set(self: Any, name: str, value: Any) -> None:
    record = self.__dict__["_record"]
    run = record.run
    if name == "built" and type(value) is bool and not run.inside_call:
        return
    if name == "supports_masking" and type(value) is bool and not run.inside_call:
        return
    if run.inside_call or record.locked:
        record.blamed(f"sets {name} once it is built")
    with run.outside():
        reserved = _reserved()
    if hasattr(root_of(record.layer_class), name) or name in reserved:
        record.blamed(f"sets {name}")
    if not record.named and type(value) not in _PLAIN:
        record.blamed("sets a layer before super().__init__()")
    self.__dict__[name] = value


def _delete(self: Any, name: str) -> None:
    self.__dict__["_record"].blamed(f"deletes {name}")


def _call(self: Any, *args: Any, **kwargs: Any) -> Any:
    record = self.__dict__["_record"]
    run = record.run
    told = kwargs.pop("training", None)
    if len(args) != 1 or kwargs or (told is not None and not run.inside_call):
        record.blamed("is called in an unusual way")
    with run.told(told):
        return run.call_own(record, args[0])


def _add_weight(
    self: Any,
    shape: Any = None,
    initializer: Any = None,
    dtype: Any = None,
    trainable: Any = True,
    autocast: Any = True,
    regularizer: Any = None,
    constraint: Any = None,
    aggregation: Any = "none",
    overwrite_with_gradient: Any = False,
    name: Any = None,
) -> Any:
    record = self.__dict__["_record"]
    run = record.run
    if run.inside_call or record.locked or not record.named:
        record.blamed("adds a weight late")
    unusual = dtype not in (None, _FLOAT) or regularizer is not None or constraint is not None
    unusual = unusual or aggregation != "none" or overwrite_with_gradient or autocast is not True
    if unusual or type(trainable) is not bool or not any_shape_initializer(initializer):
        record.blamed("adds an unusual weight")
    given = expressions(() if shape is None else shape)
    sizes = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    if not all(type(size) in (int, Deferred) and size > 0 for size in sizes):
        record.blamed("adds a weight of an unusual shape")
    count: Any = 1
    for size in sizes:
        count = count * size
    record.weights = record.weights + count
    return symbolic(Spec(sizes, _FLOAT), Node(Weight(run, trainable=trainable), (), {}))


def _build(self: Any, *args: Any) -> None:
    """As ``Layer.build``, for ``super().build`` at the end of the user's own.

    Where others build it, Keras and this would count its weights at different times.
    """
    record = self.__dict__["_record"]
    if record.locked or record.is_model or record not in record.run.inside[-1:]:
        record.blamed("has its build called")


def _left(name: str) -> property:
    """An attribute of Keras's that ends the run."""

    def get(self: Any) -> Any:
        record = self.__dict__["_record"]
        return record.blamed(f"is asked for {name}")

    return property(get)


_KEPT = frozenset(
    "__class__ __new__ __doc__ __dict__ __module__ __weakref__ __hash__ __eq__ __ne__ "
    "__getattribute__ __init_subclass__ __subclasshook__ __dir__ __sizeof__ __str__ __format__ "
    "__lt__ __le__ __gt__ __ge__ __slots__ __abstractmethods__".split()
)


@functools.cache
def _reserved() -> frozenset[str]:
    """Names that Keras gives to attributes of its own; made within a check, so that none counts."""
    return frozenset([*vars(keras.layers.Layer()), *vars(keras.Model())])


def _answers(root: Any) -> dict[str, Any]:
    names: dict[str, Any] = {name: _left(name) for name in dir(root) if name not in _KEPT}
    names.update(
        __init__=_init,
        __class__=property(lambda self: self.__dict__["_record"].layer_class),
        __setattr__=_set,
        __delattr__=_delete,
        __call__=_call,
        __reduce_ex__=lambda self, protocol: self.__dict__["_record"].blamed("is copied"),
        __repr__=lambda self: f"<{self.__dict__['_record'].layer_class.__name__}>",
        add_weight=_add_weight,
        build=_build,
        name=property(lambda self: self.__dict__["_record"].name),
        dtype=property(lambda self: _FLOAT),
        compute_dtype=property(lambda self: _FLOAT),
    )
    if root is keras.Model:
        names.update(
            compile=lambda self, *args, **kwargs: self.__dict__["_record"].compile(*args, **kwargs),
            summary=lambda self, *args, **kwargs: self.__dict__["_record"].summary(*args, **kwargs),
        )
    return names


PosedLayer: Any = type("PosedLayer", (Posed, keras.layers.Layer), _answers(keras.layers.Layer))
PosedModel: Any = type("PosedModel", (Posed, keras.Model), _answers(keras.Model))
