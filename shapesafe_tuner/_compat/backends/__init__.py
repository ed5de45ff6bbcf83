"""What a check needs of Keras's backend: for each a module with the functions of ``Backend``.

A new backend is a module of this folder with these functions, under the name Keras has for it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, cast

import keras

from shapesafe_tuner._compat.types import Layer, Model, Nested, Operation, Tensor, Variable

__all__ = ["Backend", "StrayTensor", "backend"]


class StrayTensor(Exception):
    """A trace used a tensor of another trace, which is not there when the step runs."""


class Backend(Protocol):
    """The functions of a backend's module."""

    TRACES_OPEN_BATCHES: bool
    """Whether ``fit`` traces a step for batches of any size, so that a size is unknown in it."""
    LOOKS_AT_EVERY_BATCH: bool
    """Whether each step holds its batch against what the model's inputs were said to be."""
    BUILDS_OUT_OF_TRAINING: bool
    """Whether ``fit`` traces the model first, on the first batch and not in training."""
    STEPS_ARE_PURE: bool
    """Whether a step is a pure function of the model's state, and gradients those of a function."""
    STATE_IS_DIFFERENTIATED: bool
    """Whether a gradient goes through values that a layer assigned in the step, and may fail."""
    TRACES_AGAIN: bool
    """Whether a step whose first trace makes variables is traced once more, and may make none."""
    NEEDS_GRADIENT: bool
    """Whether a step where no gradient reaches a weight is refused; ``differentiate`` says so."""
    COMPARES_APART: bool
    """Whether loss and metrics are traced apart from the model's call."""
    TAKES_STRINGS: bool
    """Whether its tensors hold strings."""
    KEEPS_HISTORY: bool
    """Whether what ``build`` computes from weights remembers it, and fails in a second step."""

    def install(self) -> None:
        """Put the backend's own hooks in place."""

    def is_tracing(self) -> bool:
        """Whether a check or Keras's shape inference records operations instead of computing.

        A function of the user's own that is traced in ``build``, as by ``predict`` or ``fit``, is
        none of that: it will run, and needs real values.
        """

    def computes(self) -> bool:
        """Whether operations are computed at once."""

    def trace(self, function: Callable[..., Nested], *specs: Nested) -> Nested:
        """Call ``function`` on symbolic tensors of these specifications.

        Args:
            function: takes tensors in the structure of ``specs``.
            specs: ``keras.KerasTensor`` in any structure; other leaves are passed as they are.

        Returns:
            The structure of ``function``'s result with ``keras.KerasTensor`` in place of tensors.
        """

    def trace_step(
        self, model: Model, step: Callable[..., Nested], packed: Nested, training: bool
    ) -> None:
        """Trace the user's own ``train_step`` or ``test_step`` on the specifications of a batch."""

    def trace_comparison(
        self,
        model: Model,
        compare: Callable[..., Nested],
        y: Nested,
        sample_weight: Nested,
        y_pred: Nested,
        *,
        x: Nested,
        training: bool,
        by_user_code: bool,
    ) -> Nested:
        """Trace loss and metrics of a step; returns the model's outputs.

        Args:
            model: compiled.
            compare: computes loss and metrics of ``x, y, sample_weight, y_pred``.
            y, sample_weight, y_pred, x: specifications.
            training: whether there is a gradient.
            by_user_code: the model has its own loss or metrics, which may do anything.
        """

    def trace_with_gradient(
        self,
        layer: Layer,
        total: Callable[[list[Tensor], list[Tensor | None]], Tensor],
        tensors: list[Tensor],
        masks: list[Tensor | None],
    ) -> None:
        """Trace a sum over a layer's outputs and its gradient in the layer's weights.

        Args:
            layer: built, with real weights.
            total: the sum, of tensors and masks.
            tensors, masks: ``keras.KerasTensor`` of known sizes.
        """

    def differentiate(
        self,
        compute: Callable[[], tuple[Tensor | None, Nested]],
        variables: Callable[[], list[Variable]],
        watched: list[Tensor],
    ) -> tuple[list[Tensor | None], Nested]:
        """The gradients of a total inside a trace.

        Args:
            compute: gives the total and what else is wanted.
            variables: those to go back to, asked when ``compute`` has run.
            watched: tensors to go back to.

        Returns:
            A gradient for each variable, then for each tensor, None where none arrives; and what
            else ``compute`` gave.
        """

    def handle_for(self, variable: Variable) -> Tensor | None:
        """What stands for a variable's value, without storage, while gradients are traced.

        None where gradients can be traced through the variable as it is.
        """

    def runs_eagerly(self, model: Model) -> bool:
        """Whether ``fit`` runs Python on real values."""

    def trained_once(self, model: Model) -> Operation | None:
        """An operation at which every training step after the first fails, or None.

        There is one on PyTorch where ``build`` computed a tensor from weights and the model uses
        that tensor.
        """

    def has_history(self, value: Any) -> bool:
        """Whether ``value`` is a tensor that was computed from weights and remembers it."""

    def outside_graphs(self) -> AbstractContextManager[None]:
        """Where values are computed at once, even if a function is being traced around it."""

    def full_tracebacks(self) -> AbstractContextManager[Any]:
        """Where the backend's own frames stay in this thread's tracebacks."""

    def known_size(self, size: Any) -> int | None:
        """A size of a traced shape; None where it is open."""

    def wants_values(self, error: BaseException) -> bool:
        """Whether a trace ended at code that looks at the numbers in a tensor."""

    def is_about_shapes(self, error: BaseException) -> bool:
        """Whether the backend, or Keras, refuses shapes, so that real values would not help."""

    def is_about_unknown_sizes(self, error: BaseException) -> bool:
        """Whether a trace stopped at a size that it did not know, which ``fit`` does know."""

    def random_state(self) -> Any:
        """The backend's own global random state, to compare and to put back."""

    def restore_random_state(self, state: Any) -> None:
        """Put back what :meth:`random_state` returned."""


def _chosen() -> Backend:
    name = keras.config.backend()
    if name not in ("tensorflow", "jax", "torch"):
        raise ImportError(
            f"Keras runs on {name}, on which no model can be trained: shapesafe_tuner checks "
            "models on TensorFlow, JAX and PyTorch. Set KERAS_BACKEND before Python starts."
        )
    return cast(Backend, importlib.import_module(f"{__name__}.{name}"))


backend: Backend = _chosen()
"""That of ``keras.config.backend()``."""

if TYPE_CHECKING:
    from shapesafe_tuner._compat.backends import jax, tensorflow, torch

    _ALL: tuple[Backend, ...] = (tensorflow, jax, torch)
