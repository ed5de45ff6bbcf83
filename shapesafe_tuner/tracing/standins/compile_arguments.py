"""Optimizers, losses and metrics: costly to make, and only handed to ``compile``."""

from __future__ import annotations

from typing import Any

import keras

from shapesafe_tuner.memory import Memory
from shapesafe_tuner.tracing.lazy import LazyFloat
from shapesafe_tuner.tracing.signals import NoKey
from shapesafe_tuner.tracing.standins.keys import key_of

__all__ = ["CompileArgument"]

_ANY_FLOAT = frozenset(
    "learning_rate beta_1 beta_2 epsilon rho weight_decay initial_accumulator_value".split()
)
"""Arguments of optimizers of which any number will do (``keras/src/optimizers``)."""
_FLOATS = (float, LazyFloat)
_ACCEPTED: Memory[Any, None] = Memory(4096)


class CompileArgument:
    """One optimizer, loss or metric; Keras has accepted its arguments.

    Args:
        run: the analytic run.
        layer_class: its class.
        args, kwargs: of the constructor.

    Raises:
        Exception: what Keras raises for them.
    """

    __slots__ = ("args", "kwargs", "layer_class", "run")

    def __init__(self, run: Any, layer_class: type, args: Any, kwargs: dict[str, Any]) -> None:
        self.run = run
        self.layer_class = layer_class
        self.args = args
        self.kwargs = kwargs
        key = None
        try:
            key = self.own_key()
            if key in _ACCEPTED:
                return
        except (NoKey, TypeError):
            key = None
        with run.outside():
            self.made(run.realised)
        if key is not None:
            _ACCEPTED[key] = None

    def own_key(self) -> Any:
        """A key, equal for objects that ``compile`` and a traced step treat alike."""
        args, kwargs = self._alike(_FLOATS)
        return (self.layer_class, key_of(tuple(args)), key_of(kwargs))

    def _alike(self, kinds: tuple[type, ...]) -> tuple[Any, dict[str, Any]]:
        """The arguments, with one number for numbers of these types of which any will do."""
        args, kwargs = self.args, self.kwargs
        if issubclass(self.layer_class, keras.optimizers.Optimizer):
            kwargs = {
                name: 0.5 if name in _ANY_FLOAT and type(value) in kinds else value
                for name, value in kwargs.items()
            }
            # All optimizers of Keras take the learning rate first.
            if args and type(args[0]) in kinds and self.layer_class.__module__[:6] == "keras.":
                args = (0.5, *args[1:])
        return args, kwargs

    def made(self, realised: Any) -> Any:
        """The real object."""
        args, kwargs = self._alike((LazyFloat,))
        args = [realised(value) for value in args]
        return self.layer_class(*args, **{k: realised(v) for k, v in kwargs.items()})
