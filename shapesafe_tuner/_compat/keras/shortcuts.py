"""Work that Keras does for saving and for mutable models, left out while a check builds.

None of it has a say in shapes: TensorFlow's dependency tracking for checkpoints, signatures
inspected again for every layer, and the whole stack of a ``Sequential`` called anew at each
``add``. Without a check in the thread everything is as Keras has it.
"""

from __future__ import annotations

import functools
import inspect
import threading
import types
import weakref
from collections.abc import Callable
from typing import Any

from keras.src import backend as keras_backend
from keras.src.layers import layer as layer_module
from keras.src.models import sequential
from keras.src.ops import operation as operation_module

from shapesafe_tuner._compat import backends

__all__ = ["call_once", "install", "touch"]

_PLAIN = frozenset({str, int, bool, float, type(None)})


def install(current: Callable[[], Any]) -> None:
    """Put the shortcuts in place.

    Args:
        current: gives the hooks of the check in the calling thread, or None.
    """

    def is_checking() -> bool:
        return current() is not None

    if backends.BACKEND == "tensorflow":
        _skip_checkpoint_tracking(current)
    cached = _CachedInspect(is_checking)
    layer_module.inspect = cached
    operation_module.inspect = cached
    _call_new_layers_only(current)
    _tell_symbolic_tensors_apart_at_once(current)


def touch(hooks: Any, layer: Any) -> None:
    """Tell a check of a layer that it did not make itself."""
    if layer.__dict__.get("_shapesafe_born") is not hooks.born_here:
        hooks.touch(layer)


def _skip_checkpoint_tracking(current: Callable[[], Any]) -> None:
    from keras.src.backend.tensorflow.trackable import KerasAutoTrackable

    layer_class = layer_module.Layer
    track = KerasAutoTrackable.__setattr__
    layer_track = layer_class.__setattr__

    @functools.wraps(track)
    def untracked(self: Any, name: str, value: Any) -> None:
        hooks = current()
        if hooks is None:
            track(self, name, value)
            return
        if isinstance(self, layer_class):
            touch(hooks, self)
        object.__setattr__(self, name, value)

    @functools.wraps(layer_track)
    def plain_values_untracked(self: Any, name: str, value: Any) -> None:
        hooks = current()
        if hooks is not None and type(value) in _PLAIN and "_tracker" in self.__dict__:
            touch(hooks, self)
            object.__setattr__(self, name, value)
        else:
            layer_track(self, name, value)

    KerasAutoTrackable.__setattr__ = untracked
    layer_class.__setattr__ = plain_values_untracked


def _tell_symbolic_tensors_apart_at_once(current: Callable[[], Any]) -> None:
    """TensorFlow's ``is_tensor`` tries its protocols one by one on what is none of its tensors."""
    is_tensor = keras_backend.is_tensor

    @functools.wraps(is_tensor)
    def is_backend_tensor(x: Any) -> bool:
        if type(x) is keras_backend.KerasTensor and current() is not None:
            return False
        return bool(is_tensor(x))

    keras_backend.is_tensor = is_backend_tensor


class _CachedInspect(types.ModuleType):
    """``inspect`` as Keras's layers see it; a function's signature is computed once."""

    def __init__(self, is_checking: Callable[[], bool]) -> None:
        super().__init__("inspect")
        self._is_checking = is_checking
        self._signatures: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        self._argspecs: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()

    def __getattr__(self, name: str) -> Any:
        return getattr(inspect, name)

    def signature(self, target: Any, **options: Any) -> inspect.Signature:
        if options or not self._is_checking():
            return inspect.signature(target, **options)
        if isinstance(target, types.MethodType):
            whole = self._of_function(target.__func__)
            parameters = list(whole.parameters.values())
            if whole is not None and parameters and _takes_self(parameters[0]):
                return whole.replace(parameters=parameters[1:])
            return inspect.signature(target)
        return self._of_function(target)

    def getfullargspec(self, target: Any) -> inspect.FullArgSpec:
        if not isinstance(target, types.FunctionType) or not self._is_checking():
            return inspect.getfullargspec(target)
        if target not in self._argspecs:
            self._argspecs[target] = inspect.getfullargspec(target)
        return self._argspecs[target]  # type: ignore[no-any-return]

    def _of_function(self, function: Any) -> inspect.Signature:
        if not isinstance(function, types.FunctionType):
            return inspect.signature(function)
        if function not in self._signatures:
            self._signatures[function] = inspect.signature(function)
        return self._signatures[function]  # type: ignore[no-any-return]


def _takes_self(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)


_GROWING = threading.local()


def _call_new_layers_only(current: Callable[[], Any]) -> None:
    """While a ``Sequential`` grows, what a layer gave for the same input tensor still holds."""
    build = sequential.Sequential.build
    add, pop = sequential.Sequential.add, sequential.Sequential.pop
    functional = sequential.Functional

    @functools.wraps(build)
    def build_once(self: Any, input_shape: Any = None) -> Any:
        hooks = current()
        if hooks is None:
            return build(self, input_shape)
        if "_functional" in self.__dict__.get("_modules", ()):
            touch(hooks, self)  # one of PyTorch's modules, which take no stand-in for such
            del self._modules["_functional"]
        outer = getattr(_GROWING, "outputs", None)
        _GROWING.outputs = hooks.grown.setdefault(id(self), (self, {}))[1]
        try:
            return build(self, input_shape)
        finally:
            _GROWING.outputs = outer

    def functional_when_needed(inputs: Any, outputs: Any) -> Any:
        if getattr(_GROWING, "outputs", None) is None:
            return functional(inputs=inputs, outputs=outputs)
        return _Later(functools.partial(functional, inputs=inputs, outputs=outputs))

    def touching(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def touch_first(self: Any, *args: Any, **kwargs: Any) -> Any:
            hooks = current()
            if hooks is not None:
                touch(hooks, self)
            return method(self, *args, **kwargs)

        return touch_first

    sequential.Sequential.add = touching(add)
    sequential.Sequential.pop = touching(pop)
    sequential.Sequential.build = build_once
    sequential.Functional = functional_when_needed


def call_once(call: Callable[..., Any], layer: Any, args: Any, kwargs: Any) -> Any:
    """Call a layer, or give again what it gave while the same ``Sequential`` was growing."""
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

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None

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
