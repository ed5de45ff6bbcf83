"""The record of a search space that is searched with and without shapesafe_tuner."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import keras_tuner

__all__ = ["Space", "compiled"]


@dataclasses.dataclass(frozen=True)
class Space:
    """A search space with its data, and the guard a careful user would write for it.

    Attributes:
        name: for files and commands.
        title: for tables.
        source: where people have written such a space; None for the control.
        build: the hypermodel, with nothing done about configurations that cannot exist.
        guard: why a configuration cannot exist, or None; reads hyperparameters in the order of
            ``build``, and no further than ``build`` gets.
        data: keyword arguments of ``search``.
        objective: what is searched for.
    """

    name: str
    title: str
    source: str | None
    build: Callable[[Any], keras.Model]
    guard: Callable[[Any], str | None]
    data: Callable[[], dict[str, Any]]
    objective: str

    def guarded(self, hp: Any) -> keras.Model:
        """The hypermodel behind its guard, as Keras's guide on failed trials has it."""
        reason = self.guard(hp)
        if reason is not None:
            raise keras_tuner.errors.FailedTrialError(reason)
        return self.build(hp)

    def arrays(self) -> dict[str, Any]:
        """The data as ``check`` and ``validate_search_space`` take it: all of it, not split."""
        return {name: value for name, value in self.data().items() if name in ("x", "y")}

    @property
    def maximised(self) -> bool:
        """Whether more is better."""
        return self.objective == "val_accuracy"


def compiled(model: keras.Model, loss: str, rate: float, *metrics: str) -> keras.Model:
    """The model, compiled. XLA would compile for longer than models this small train."""
    model.compile(keras.optimizers.Adam(rate), loss, metrics=list(metrics), jit_compile=False)
    return model
