"""Variables that have a shape and a dtype and no storage, while a check is active."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras.src import backend as keras_backend
from keras.src.random.seed_generator import make_default_seed

from shapesafe_tuner._compat.active import Hooks, current
from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner._compat.types import Initializer, Tensor, Variable

__all__ = ["forget_handles", "give_handle", "handles", "install"]


def install() -> None:
    """Put the hooks into Keras's variable class."""
    variable_class = keras_backend.Variable
    initialize = variable_class._initialize_with_initializer
    deferred = variable_class._deferred_initialize
    assign = variable_class._direct_assign

    @functools.wraps(initialize)
    def initialize_weightless(self: Variable, initializer: Initializer) -> None:
        hooks = current()
        if hooks is None:
            initialize(self, initializer)
            return
        hooks.note_birth()
        self._value = None
        _try(initializer, self._shape, self._dtype)
        self._initializer = Weightless(self, initializer)
        if not _fits_any_shape(initializer, self._shape):
            self._initializer.value_shape = _shape_of_value(initializer, self, hooks)
        if hooks.variables_as_handles:
            give_handle(self, hooks)

    @functools.wraps(deferred)
    def deferred_weightless(self: Variable) -> None:
        if current() is None:
            deferred(self)
        elif not isinstance(self._initializer, Weightless):
            initialize_weightless(self, self._initializer)

    def assign_array(variable: Variable, value: Any) -> None:
        assign(variable, variable._convert_to_tensor(value, dtype=variable._dtype))

    @functools.wraps(assign)
    def assign_weightless(self: Variable, value: Tensor) -> None:
        stored = getattr(self, "_value", None)  # JAX assigns to initialise
        if stored is not None or not isinstance(self._initializer, Weightless):
            hooks = current()
            if hooks is not None and stored is not None and backend.computes():
                hooks.keep_value(self, assign_array)
            assign(self, value)
        elif self._initializer.giving or (hooks := current()) is None:
            self._initializer.give_storage()
            assign(self, value)
        elif not backend.is_tracing():
            hooks.account_for(tuple(self._shape), str(self._dtype))
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

    def __init__(self, variable: Variable, initializer: Initializer) -> None:
        self.variable = variable
        self.initializer = initializer
        self.giving = False
        self.value_shape: tuple[int | None, ...] | None = None

    def __call__(self, shape: Sequence[int], dtype: str | None = None, **kwargs: object) -> Tensor:
        hooks = current()
        if hooks is not None:
            if backend.is_tracing():
                return _symbolic_zeros(self.value_shape or shape, dtype)
            hooks.account_for(tuple(shape), str(dtype))
        self.give_storage()
        return self.variable._value

    def give_storage(self, value: Tensor | None = None) -> None:
        """Give the variable a real value: this one, or that of its initialiser."""
        if self.giving:
            return
        if current() is None and getattr(self.initializer, "_init_seed", 0) is None:
            self.initializer.seed = make_default_seed()
        shape, dtype = self.variable._shape, self.variable._dtype
        self.giving = True
        try:
            with backend.outside_graphs():
                if value is None:
                    value = self.initializer(shape, dtype=dtype)
                self.variable._initialize(keras_backend.convert_to_tensor(value, dtype=dtype))
        finally:
            self.giving = False


def _symbolic_zeros(shape: Sequence[int | None], dtype: str | None) -> Tensor:
    """A value of this shape inside a trace: a node of a graph or jaxpr, never an allocation."""
    return keras_backend.numpy.zeros(shape, dtype=dtype)


_SPREADS = ("Normal", "Uniform")
_FIT = {"Zeros", "Ones", "TruncatedNormal", "VarianceScaling"}.union(
    family + spread for family in ("Random", "Glorot", "He", "Lecun") for spread in _SPREADS
)


def _fits_any_shape(initializer: Initializer, shape: Sequence[int]) -> bool:
    """Whether an initialiser gives any shape it is asked for; others are traced to see."""
    name = type(initializer).__name__
    if not getattr(initializer, "__module__", type(initializer).__module__).startswith("keras."):
        return False
    if name == "Constant":
        return np.ndim(initializer.value) == 0
    if name in ("Orthogonal", "Identity"):
        return len(shape) == 2 or (name == "Orthogonal" and len(shape) > 2)
    if isinstance(initializer, keras.initializers.Initializer):
        return name in _FIT
    # A function of a recurrent layer's, which joins what the layer's own initialiser gives.
    held = [cell.cell_contents for cell in getattr(initializer, "__closure__", None) or ()]
    inner = [item.bias_initializer for item in held if hasattr(item, "bias_initializer")]
    return all(_fits_any_shape(item, shape) for item in inner)


_USUAL_DTYPES = ("float16", "float32", "float64")


def _try(initializer: Initializer, shape: Sequence[int], dtype: str) -> None:
    """Raise what one of Keras's initialisers raises for an unusual dtype or seed."""
    if not isinstance(initializer, keras.initializers.Initializer):
        if _has_unusual_seed(initializer):
            _computed(initializer, shape, dtype)
        return
    if dtype in _USUAL_DTYPES or not type(initializer).__module__.startswith("keras."):
        return
    if type(initializer).__name__ == "Constant":
        return
    if "float" not in dtype:
        # Bounds are cut to whole numbers, and may be the same then; they depend on the sizes.
        _computed(initializer, tuple(min(size, _LARGE) for size in shape), dtype)
        return
    place = (type(initializer).__name__, len(shape), dtype)
    if place not in _TRIED:
        _computed(initializer, tuple(min(size, 2) for size in shape), dtype)
        _TRIED.add(place)


_LARGE = 64
"""A size from which on the bounds of all that Keras draws for a kernel are below 1."""


def _computed(initializer: Initializer, shape: Sequence[int], dtype: str) -> Tensor:
    with backend.outside_graphs():
        return initializer(tuple(shape), dtype=dtype)


def _has_unusual_seed(initializer: Initializer) -> bool:
    """Whether it gives the state of a generator, whose seed is anything but a plain number."""
    if (
        getattr(initializer, "__qualname__", "")
        != "SeedGenerator.__init__.<locals>.seed_initializer"
    ):
        return False
    held = inspect.getclosurevars(initializer).nonlocals
    return type(held.get("seed")) is not int


_TRIED: set[tuple[str, int, str]] = set()
"""Initialisers, ranks and dtypes that go together; there are a few dozen."""


def _shape_of_value(
    initializer: Initializer, variable: Variable, hooks: Hooks
) -> tuple[int | None, ...] | None:
    shape, dtype = variable._shape, variable._dtype
    try:
        value = backend.trace(lambda: initializer(shape, dtype=dtype))
    except Exception:  # a graph may refuse what is computed at once in a build
        hooks.account_for(tuple(shape), dtype)
        value = _computed(initializer, shape, dtype)
    given = getattr(value, "shape", None)
    return None if given is None else tuple(given)


def give_handle(variable: Variable, hooks: Hooks) -> None:
    """Let gradients be traced through a variable without storage.

    One whose initialiser gives another shape keeps that shape, which a step then meets.
    """
    shape = getattr(getattr(variable, "_initializer", None), "value_shape", None)
    if shape is not None and shape != tuple(variable._shape):
        return
    handle = backend.handle_for(variable)
    if handle is not None:
        hooks.handles.append((variable, variable._value))
        variable._value = handle


@contextlib.contextmanager
def handles(variables: Iterable[Variable], hooks: Hooks) -> Iterator[None]:
    """Where gradients can be traced through variables without storage, and those born here."""
    if hooks.variables_as_handles:
        yield
        return
    for variable in variables:
        give_handle(variable, hooks)
    hooks.variables_as_handles = True
    try:
        yield
    finally:
        hooks.variables_as_handles = False
        forget_handles(hooks)


def forget_handles(hooks: Hooks) -> None:
    """Take the handles away again."""
    for variable, value in hooks.handles:
        variable._value = value
    hooks.handles.clear()
