"""Names for the types of Keras, its backends and KerasTuner, which mypy cannot see.

What this package reads of a hyperparameter and of a trial is written down as a protocol. Objects of
Keras are made and changed by Keras and user code alike, so that a protocol would promise too much:
their names tell a reader what is meant, and mypy takes them for ``Any``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

__all__ = [
    "Choice",
    "Condition",
    "Configuration",
    "Function",
    "HyperModel",
    "HyperParameter",
    "HyperParameters",
    "Initializer",
    "Layer",
    "Loss",
    "Model",
    "Nested",
    "Number",
    "Objective",
    "Operation",
    "Optimizer",
    "Oracle",
    "Tensor",
    "Trial",
    "Value",
    "Values",
    "Variable",
]

Tensor: TypeAlias = Any
"""A tensor of the backend, or a ``keras.KerasTensor``."""
Nested: TypeAlias = Any
"""A tensor, or tensors in dicts, lists and tuples."""
Variable: TypeAlias = Any
"""A ``keras.Variable``."""
Initializer: TypeAlias = Any
"""A ``keras.Initializer``, or a function that is used as one."""
Operation: TypeAlias = Any
"""A ``keras.Operation``: a layer, or an operation of ``keras.ops``."""
Layer: TypeAlias = Any
"""A ``keras.Layer``."""
Model: TypeAlias = Any
"""A ``keras.Model``."""
Loss: TypeAlias = Any
"""A ``keras.losses.Loss``."""
Optimizer: TypeAlias = Any
"""A ``keras.optimizers.Optimizer``."""
Function: TypeAlias = Any
"""A function or method, as Python's descriptors have it."""
HyperModel: TypeAlias = Any
"""A ``keras_tuner.HyperModel``, or a function that builds a model."""
Objective: TypeAlias = Any
"""A metric's name, a ``keras_tuner.Objective``, or a list of them."""
Oracle: TypeAlias = Any
"""A ``keras_tuner.Oracle``."""
Condition: TypeAlias = Any
"""One of KerasTuner's conditions on a parent."""
Value: TypeAlias = Any
"""What one hyperparameter is set to: a number, a string, a bool or None."""
Configuration: TypeAlias = dict[str, Value]
"""A value for each hyperparameter, by its name."""
Values: TypeAlias = Mapping[str, Value]
"""A configuration, or a part of one, to read."""


class HyperParameter(Protocol):
    """A KerasTuner hyperparameter: an ``Int``, ``Float``, ``Choice``, ``Boolean`` or ``Fixed``."""

    name: str
    default: Value
    conditions: list[Condition]

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> HyperParameter:
        """The hyperparameter of a configuration."""

    def get_config(self) -> dict[str, Any]:
        """What it is made from."""

    def prob_to_value(self, prob: float) -> Value:
        """The value at a place between 0 and 1."""

    def value_to_prob(self, value: Value) -> float:
        """The place of a value."""

    def random_sample(self, seed: int | None = None) -> Value:
        """A value by KerasTuner's own sampling."""


class Number(HyperParameter, Protocol):
    """An ``Int`` or a ``Float``."""

    min_value: float
    max_value: float
    step: float | None
    sampling: str

    def _get_n_values(self) -> int: ...

    def _get_value_by_index(self, index: int) -> float: ...


class Choice(HyperParameter, Protocol):
    """A ``Choice``."""

    values: list[Value]
    ordered: bool


class HyperParameters(Protocol):
    """A ``keras_tuner.HyperParameters``: what ``build`` is given, or what is known of a space."""

    values: dict[str, Value]
    active_scopes: list[list[Condition]]
    inactive_scopes: list[list[Condition]]

    @property
    def space(self) -> list[HyperParameter]:
        """Every hyperparameter that is registered."""

    def copy(self) -> HyperParameters:
        """A copy: its own list of hyperparameters, its own values."""

    def is_active(self, hyperparameter: HyperParameter) -> bool:
        """Whether the conditions of a hyperparameter hold."""


class Trial(Protocol):
    """A ``keras_tuner`` trial."""

    trial_id: str
    hyperparameters: HyperParameters
    status: str
    message: str | None
    score: float | None
    metrics: Any

    def to_proto(self) -> Any:
        """The message that a chief sends to its workers."""

    def get_state(self) -> dict[str, Any]:
        """What is written to ``trial.json``."""
