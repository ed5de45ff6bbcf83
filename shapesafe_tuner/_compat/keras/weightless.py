"""Variables that have a shape and a dtype and no storage, while a check is active."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras.src import backend as keras_backend
from keras.src.random.seed_generator import make_default_seed

from shapesafe_tuner._compat import backends

__all__ = ["forget_handles", "install"]


def install(current: Callable[[], Any]) -> None:
    """Put the hooks into Keras's variable class.

    Args:
        current: gives the hooks of the check in the calling thread, or None.
    """
    variable_class = keras_backend.Variable
    initialize = variable_class._initialize_with_initializer
    deferred = variable_class._deferred_initialize
    assign = variable_class._direct_assign

    @functools.wraps(initialize)
    def initialize_weightless(self: Any, initializer: Callable[..., Any]) -> None:
        hooks = current()
        if hooks is None:
            initialize(self, initializer)
            return
        self._value = None
        self._initializer = Weightless(self, initializer, current)
        if not _fits_any_shape(initializer, self._shape):
            self._initializer.value_shape = _shape_of_value(initializer, self)
        if hooks.variables_as_handles:
            give_handle(self, hooks)

    @functools.wraps(deferred)
    def deferred_weightless(self: Any) -> None:
        if current() is None:
            deferred(self)
        elif not isinstance(self._initializer, Weightless):
            initialize_weightless(self, self._initializer)

    def assign_array(variable: Any, value: Any) -> None:
        assign(variable, variable._convert_to_tensor(value, dtype=variable._dtype))

    @functools.wraps(assign)
    def assign_weightless(self: Any, value: Any) -> None:
        stored = getattr(self, "_value", None)  # JAX assigns to initialise
        if stored is not None or not isinstance(self._initializer, Weightless):
            hooks = current()
            if hooks is not None and stored is not None and backends.computes():
                hooks.keep_value(self, assign_array)
            assign(self, value)
        elif self._initializer.giving or current() is None:
            self._initializer.give_storage()
            assign(self, value)
        elif not backends.is_tracing():
            current().materialise(tuple(self._shape), str(self._dtype))
            self._initializer.give_storage(value)

    variable_class._initialize_with_initializer = initialize_weightless
    variable_class._deferred_initialize = deferred_weightless
    variable_class._direct_assign = assign_weightless


class Weightless:
    """Stands for the value of a variable that has none yet.

    Keras calls it, as it would call the initialiser, whenever the value is read
    (``KerasVariable.value``). While a check traces, the answer is symbolic; a concrete read in a
    check gives the variable its real value, if the check allows that much memory. Where a
    variable outlives its check, because user code kept the layer, it gets its value when it is
    first used.
    """

    def __init__(
        self, variable: Any, initializer: Callable[..., Any], current: Callable[[], Any]
    ) -> None:
        self.variable = variable
        self.initializer = initializer
        self.giving = False
        self.value_shape: Any = None
        self._current = current

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> Any:
        hooks = self._current()
        if hooks is not None:
            if backends.is_tracing():
                return backends.symbolic_zeros(self.value_shape or shape, dtype)
            hooks.materialise(tuple(shape), str(dtype))
        self.give_storage()
        return self.variable._value

    def give_storage(self, value: Any = None) -> None:
        """Give the variable a real value: this one, or that of its initialiser."""
        if self.giving:
            return
        if self._current() is None and getattr(self.initializer, "_init_seed", 0) is None:
            self.initializer.seed = make_default_seed()  # type: ignore[attr-defined]
        shape, dtype = self.variable._shape, self.variable._dtype
        self.giving = True
        try:
            with backends.outside_graphs():
                if value is None:
                    value = self.initializer(shape, dtype=dtype)
                self.variable._initialize(keras_backend.convert_to_tensor(value, dtype=dtype))
        finally:
            self.giving = False


_SPREADS = ("Normal", "Uniform")
_FIT = {"Zeros", "Ones", "TruncatedNormal", "VarianceScaling"}.union(
    family + spread for family in ("Random", "Glorot", "He", "Lecun") for spread in _SPREADS
)


def _fits_any_shape(initializer: Any, shape: Any) -> bool:
    """Whether an initialiser gives any shape it is asked for; others are traced to see."""
    name = type(initializer).__name__
    if not getattr(initializer, "__module__", type(initializer).__module__).startswith("keras."):
        return False
    if name == "Constant":
        return np.ndim(initializer.value) == 0
    if name in ("Orthogonal", "Identity"):
        return len(shape) == 2 or (name == "Orthogonal" and len(shape) > 2)
    return name in _FIT or not isinstance(initializer, keras.initializers.Initializer)


def _shape_of_value(initializer: Any, variable: Any) -> Any:
    shape, dtype = variable._shape, variable._dtype
    value = backends.trace(lambda: initializer(shape, dtype=dtype))
    given = getattr(value, "shape", None)
    return None if given is None else tuple(given)


def give_handle(variable: Any, hooks: Any) -> None:
    """Let gradients be traced through a variable without storage."""
    hooks.handles.append((variable, variable._value))
    variable._value = backends.variable_handle(variable)


def forget_handles(hooks: Any) -> None:
    """Take the handles away again."""
    for variable, value in hooks.handles:
        variable._value = value
    hooks.handles.clear()
