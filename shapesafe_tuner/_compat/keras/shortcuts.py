"""Work that Keras does for saving and for mutable models, left out while a check builds.

None of it has a say in shapes: signatures
inspected again for every layer, and the whole stack of a ``Sequential`` called anew at each
``add``. Without a check in the thread everything is as Keras has it.
"""

from __future__ import annotations

import functools
import inspect
import threading
import types
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from keras.src import backend as keras_backend
from keras.src.layers import layer as layer_module
from keras.src.models import sequential
from keras.src.ops import operation as operation_module

from shapesafe_tuner._compat.active import current, touch
from shapesafe_tuner._compat.types import Function, Layer, Model, Nested

__all__ = ["call_once", "install"]


def install() -> None:
    """Put the shortcuts in place."""
    cached = _CachedInspect()
    layer_module.inspect = cached
    operation_module.inspect = cached
    _call_new_layers_only()
    _tell_symbolic_tensors_apart_at_once()


def _tell_symbolic_tensors_apart_at_once() -> None:
    """TensorFlow's ``is_tensor`` tries one protocol after the other before it says no."""
    is_tensor = keras_backend.is_tensor

    @functools.wraps(is_tensor)
    def is_backend_tensor(x: object) -> bool:
        if type(x) is keras_backend.KerasTensor and current() is not None:
            return False
        return bool(is_tensor(x))

    keras_backend.is_tensor = is_backend_tensor


class _CachedInspect(types.ModuleType):
    """``inspect`` as Keras's layers see it; a function's signature is computed once."""

    _signatures: weakref.WeakKeyDictionary[Function, inspect.Signature]
    _argspecs: weakref.WeakKeyDictionary[Function, inspect.FullArgSpec]

    def __init__(self) -> None:
        super().__init__("inspect")
        self._signatures = weakref.WeakKeyDictionary()
        self._argspecs = weakref.WeakKeyDictionary()

    def __getattr__(self, name: str) -> Any:
        return getattr(inspect, name)

    def signature(self, target: Function, **options: Any) -> inspect.Signature:
        if options or current() is None:
            return inspect.signature(target, **options)
        if isinstance(target, types.MethodType):
            whole = self._of_function(target.__func__)
            parameters = list(whole.parameters.values())
            if whole is not None and parameters and _takes_self(parameters[0]):
                return whole.replace(parameters=parameters[1:])
            return inspect.signature(target)
        return self._of_function(target)

    def getfullargspec(self, target: Function) -> inspect.FullArgSpec:
        if not isinstance(target, types.FunctionType) or current() is None:
            return inspect.getfullargspec(target)
        if target not in self._argspecs:
            self._argspecs[target] = inspect.getfullargspec(target)
        return self._argspecs[target]

    def _of_function(self, function: Function) -> inspect.Signature:
        if not isinstance(function, types.FunctionType):
            return inspect.signature(function)
        if function not in self._signatures:
            self._signatures[function] = inspect.signature(function)
        return self._signatures[function]


def _takes_self(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)


_GROWING = threading.local()


def _call_new_layers_only() -> None:
    """While a ``Sequential`` grows, a layer is not called twice on one input tensor."""
    build = sequential.Sequential.build
    add, pop = sequential.Sequential.add, sequential.Sequential.pop
    functional = sequential.Functional

    @functools.wraps(build)
    def build_once(self: Model, input_shape: object = None) -> None:
        hooks = current()
        if hooks is None:
            build(self, input_shape)
            return
        if "_functional" in self.__dict__.get("_modules", ()):
            touch(hooks, self)  # one of PyTorch's modules, which take no stand-in for such
            del self._modules["_functional"]
        outer = getattr(_GROWING, "outputs", None)
        _GROWING.outputs = hooks.grown.setdefault(id(self), (self, {}))[1]
        try:
            build(self, input_shape)
        finally:
            _GROWING.outputs = outer

    def functional_when_needed(inputs: Nested, outputs: Nested) -> Model:
        if getattr(_GROWING, "outputs", None) is None:
            return functional(inputs=inputs, outputs=outputs)
        return _Later(functools.partial(functional, inputs=inputs, outputs=outputs))

    def touching(method: Callable[..., Layer | None]) -> Callable[..., Layer | None]:
        @functools.wraps(method)
        def touch_first(self: Model, *args: object, **kwargs: object) -> Layer | None:
            hooks = current()
            if hooks is not None:
                touch(hooks, self)
            return method(self, *args, **kwargs)

        return touch_first

    sequential.Sequential.add = touching(add)
    sequential.Sequential.pop = touching(pop)
    sequential.Sequential.build = build_once
    sequential.Functional = functional_when_needed


def call_once(
    call: Callable[..., Nested], layer: Layer, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Nested:
    """Call a layer, unless it was called on this tensor while its ``Sequential`` grew."""
    outputs = getattr(_GROWING, "outputs", None)
    if outputs is None:
        return call(layer, *args, **kwargs)
    key = (id(layer), id(args[0]))
    if key not in outputs:
        _GROWING.outputs = None  # what this layer calls is its own affair
        try:
            result = call(layer, *args, **kwargs)
        finally:
            _GROWING.outputs = outputs
        outputs[key] = (layer, args[0], result)
    return outputs[key][2]


class _Later:
    """The functional model inside a ``Sequential``, made when first asked for something."""

    def __init__(self, make: Callable[[], Model]) -> None:
        self._make = make
        self._made: Model = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._made is None:
            outer = getattr(_GROWING, "outputs", None)
            _GROWING.outputs = None
            try:
                self._made = self._make()
            finally:
                _GROWING.outputs = outer
        return getattr(self._made, name)
