"""Optimizers, losses and metrics: costly to make, and only handed to ``compile``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import keras

from shapesafe_tuner.memory import Memory
from shapesafe_tuner.tracing.lazy import LazyFloat
from shapesafe_tuner.tracing.remembering.keys import Key, key_of
from shapesafe_tuner.tracing.remembering.objects import object_key
from shapesafe_tuner.tracing.signals import NoKey

__all__ = ["CompileArgument"]

_ACCEPTED: Memory[Key, None] = Memory(4096)
_RATE = "learning_rate"
_ANY_FLOAT = frozenset(
    "learning_rate beta_1 beta_2 epsilon rho weight_decay initial_accumulator_value".split()
)
"""Arguments of optimizers of which Keras takes any number (``keras/src/optimizers``)."""


class CompileArgument:
    """One optimizer, loss or metric; Keras has accepted its arguments.

    Which float it is given changes no shape of what Keras does with it: a learning rate, the delta
    of Huber's loss, a label smoothing. Keras may refuse one, so it is asked about each that is
    chosen, and about both ends where none is chosen yet.

    Args:
        run: the analytic run.
        layer_class: its class.
        args, kwargs: of the constructor.

    Raises:
        Exception: what Keras raises for them.
    """

    __slots__ = ("args", "kwargs", "layer_class", "rate", "run")

    def __init__(self, run: Any, layer_class: type, args: Any, kwargs: dict[str, Any]) -> None:
        self.run = run
        self.layer_class = layer_class
        self.args = args
        self.kwargs = kwargs
        self.rate: Any = None
        key: Key = None
        with contextlib.suppress(NoKey, TypeError):
            key = self._constructor_key()
            if key in _ACCEPTED:
                return
        with run.outside():
            try:
                self.made(run.realised)
                if self._lazy():
                    self.made(run.realised, low=True)
            except Exception:
                self.demand()
                raise
        if key is not None:
            _ACCEPTED[key] = None

    def _lazy(self) -> list[LazyFloat]:
        return [value for value in (*self.args, *self.kwargs.values()) if type(value) is LazyFloat]

    def demand(self) -> None:
        """Demand the floats among its arguments."""
        for value in self._lazy():
            value.force()

    @property
    def _is_kerass(self) -> bool:
        return self.layer_class.__module__.startswith("keras.")

    @property
    def is_optimizer(self) -> bool:
        """Whether it is one of Keras's optimizers."""
        return self._is_kerass and issubclass(self.layer_class, keras.optimizers.Optimizer)

    def _constructor_key(self) -> Key:
        """Equal for constructor calls of which Keras takes all or none."""
        args, kwargs, known = self.args, self.kwargs, key_of(self.layer_class)
        if not self.is_optimizer:
            return known, key_of(tuple(args)), key_of(kwargs)
        # All optimizers of Keras take the learning rate first.
        first = [_rough(value) for value in args[:1]]
        named = [(k, _rough(v) if k in _ANY_FLOAT else key_of(v)) for k, v in kwargs.items()]
        return known, tuple(first), key_of(tuple(args[1:])), tuple(named)

    def own_key(self) -> Key:
        """A key, equal for objects that ``compile`` and a traced step treat alike.

        Raises:
            NoKey: there is none.
        """
        if not self._is_kerass:
            return key_of(self.layer_class), key_of(tuple(self.args)), key_of(self.kwargs)
        args = tuple([_rough(value) for value in self.args])
        return (self.layer_class, args, *[(k, _rough(item)) for k, item in self.kwargs.items()])

    def set(self, name: str, value: Any) -> bool:
        """As an attribute is set in ``build``; whether it is known what comes of it.

        Args:
            name: of the attribute.
            value: of it; a number as the learning rate decides nothing.
        """
        given = self.kwargs.get(_RATE, self.args[0] if self.args else 0.001)
        plain = name == _RATE and {type(given), type(value)} <= _NUMBERS
        if not plain or not self.is_optimizer:
            return False
        self.rate = value
        return True

    def made(self, realised: Callable[[Any], Any], *, low: bool = False) -> Any:
        """The real object.

        Args:
            realised: gives real objects for stand-ins.
            low: a float that is not chosen has the lowest of its values, not the highest.
        """

        def real(value: Any) -> Any:
            if type(value) is LazyFloat and self._is_kerass:
                return value.lowest if low else value.highest
            return realised(value)

        args = [real(value) for value in self.args]
        made = self.layer_class(*args, **{name: real(v) for name, v in self.kwargs.items()})
        if self.rate is not None:
            made.learning_rate = real(self.rate)
        return made


_NUMBERS = {int, float, LazyFloat}
_SCHEDULE = keras.optimizers.schedules.LearningRateSchedule


def _rough(value: Any) -> Key:
    """The key of an argument of Keras's own, for which one float will do for another."""
    if type(value) is float:
        return "float", bool(value)
    if type(value) is LazyFloat:
        return "float", True
    if isinstance(value, _SCHEDULE):
        return object_key(value, exact=False)
    return key_of(value)
