"""The door through which an analytic run comes between ``build`` and the classes of Keras.

``__new__`` of layers, models, optimizers, losses and metrics asks whether a run is active in this
thread. If so the run says what the constructor returns: a stand-in is no instance of the class,
so Python does not run ``__init__``. Otherwise Keras does what it always does.
"""

from __future__ import annotations

import collections
import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
from keras.src.backend.common import global_state
from keras.src.losses.loss import Loss
from keras.src.metrics.metric import Metric
from keras.src.models.functional import Functional
from keras.src.ops.operation import Operation
from keras.src.optimizers.base_optimizer import BaseOptimizer
from keras.src.utils.naming import to_snake_case

from shapesafe_tuner._compat.active import LOCAL
from shapesafe_tuner._compat.types import Nested
from shapesafe_tuner._compat.types import Operation as AnyOperation

__all__ = [
    "Functional",
    "install",
    "name_counters",
    "names_counted",
    "names_put_back",
    "snake_case",
]

snake_case = functools.cache(to_snake_case)


def install() -> None:
    """Put the door in place."""
    for owner in (keras.layers.Layer, keras.Model, keras.Sequential, Functional):
        _ask_first(owner, owner.__dict__["__new__"].__func__)
    for owner in (BaseOptimizer, Loss, Metric, keras.regularizers.Regularizer):
        _ask_first(owner, _plain_new)
    _record_operations()


def name_counters() -> collections.defaultdict[str, int]:
    """How many objects of each kind Keras has named so far in this thread's state."""
    counters: collections.defaultdict[str, int] = global_state.get_global_attribute(
        "object_name_uids", default=collections.defaultdict(int), set_to_default=True
    )
    return counters


@contextlib.contextmanager
def names_put_back() -> Iterator[None]:
    """What is named inside does not count afterwards."""
    before = dict(name_counters())
    try:
        yield
    finally:
        counters = name_counters()
        counters.clear()
        counters.update(before)


@contextlib.contextmanager
def names_counted(start: Mapping[str, int] | None = None) -> Iterator[dict[str, int]]:
    """How many objects of each kind are named inside, once it is over.

    Args:
        start: how many there are before; None for those that there are.
    """
    counters = name_counters()
    if start is not None:
        counters.clear()
        counters.update(start)
    before, found = dict(counters), dict[str, int]()
    yield found
    for kind, count in name_counters().items():
        if count > before.get(kind, 0):
            found[kind] = count - before.get(kind, 0)


def _plain_new(cls: type, *args: object, **kwargs: object) -> object:
    return object.__new__(cls)


def _ask_first(owner: Any, original: Callable[..., object]) -> None:
    def ask(cls: type, *args: object, **kwargs: object) -> object:
        hooks = getattr(LOCAL, "hooks", None)
        if hooks is not None and hooks.analytic is not None:
            return hooks.analytic.construct(cls, args, kwargs)
        return original(cls, *args, **kwargs)

    owner.__new__ = ask


def _record_operations() -> None:
    symbolic_call = Operation.symbolic_call

    @functools.wraps(symbolic_call)
    def asked(self: AnyOperation, *args: object, **kwargs: object) -> Nested:
        hooks = getattr(LOCAL, "hooks", None)
        if hooks is not None and hooks.analytic is not None:
            return hooks.analytic.operation(self, args, kwargs)
        return symbolic_call(self, *args, **kwargs)

    Operation.symbolic_call = asked
