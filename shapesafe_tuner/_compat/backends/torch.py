"""PyTorch: a check traces on fake tensors, which have a shape, a dtype and no storage."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch

from shapesafe_tuner._compat.backends import common, torch_tracing, torch_training
from shapesafe_tuner._compat.types import Layer, Model, Nested, Operation, Tensor, Variable

TRACES_OPEN_BATCHES = False
LOOKS_AT_EVERY_BATCH = True
BUILDS_OUT_OF_TRAINING = True
STEPS_ARE_PURE = False
STATE_IS_DIFFERENTIATED = True
TRACES_AGAIN = False
NEEDS_GRADIENT = False
COMPARES_APART = True
TAKES_STRINGS = False
KEEPS_HISTORY = True

differentiate = common.differentiate
runs_eagerly = common.runs_eagerly
known_size = common.known_size


def install() -> None:
    """Put the backend's own hooks in place."""
    torch_tracing.install()


def is_tracing() -> bool:
    """Whether this thread computes on fake tensors."""
    return torch_tracing.is_faking()


def computes() -> bool:
    """Whether operations are computed at once."""
    return not torch_tracing.is_faking()


def trace(function: Callable[..., Nested], *specs: Nested) -> Nested:
    """Call ``function`` on fake tensors of these specifications."""
    return torch_tracing.trace(function, *specs)


def trace_step(model: Model, step: Callable[..., Nested], packed: Nested, training: bool) -> None:
    """Trace the user's own step."""
    trace(step, packed)


def trace_comparison(
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
    """Trace loss and metrics of a step, and compute them where no user code is part of them."""
    traced = functools.partial(trace, compare, x, y, sample_weight, y_pred)
    computed = None if by_user_code else torch_training.loss_and_metrics(model, training)
    torch_training.judge_comparison(traced, computed, y, sample_weight, y_pred)
    return y_pred


def trace_with_gradient(
    layer: Layer,
    total: Callable[[list[Tensor], list[Tensor | None]], Tensor],
    tensors: list[Tensor],
    masks: list[Tensor | None],
) -> None:
    """Compute a sum over a layer's outputs, of zeros, and its gradient."""
    reached = total(list(map(common.zeros, tensors)), list(map(common.zeros, masks)))
    if reached.requires_grad:
        reached.backward()


def handle_for(variable: Variable) -> Tensor | None:
    """A fake parameter."""
    if torch_tracing.is_fake(variable._value):
        return None
    return torch_tracing.empty_parameter(variable)


def trained_once(model: Model) -> Operation | None:
    """An operation on a tensor that ``build`` computed from weights."""
    return torch_training.trained_once(model)


def has_history(value: Any) -> bool:
    """Whether gradients go back through this tensor."""
    return torch_training.has_history(value)


@contextlib.contextmanager
def outside_graphs() -> Iterator[None]:
    """Where values are computed at once."""
    with torch_tracing.computing():
        yield


def full_tracebacks() -> AbstractContextManager[Any]:
    """PyTorch hides no frames."""
    return contextlib.nullcontext()


def wants_values(error: BaseException) -> bool:
    """Whether a trace ended at code that looks at the numbers in a tensor."""
    return torch_tracing.wants_values(error)


def is_about_shapes(error: BaseException) -> bool:
    """Whether Keras or PyTorch refuses shapes."""
    return common.is_refused_by_keras(error) or (
        isinstance(error, (RuntimeError, IndexError)) and not wants_values(error)
    )


def is_about_unknown_sizes(error: BaseException) -> bool:
    """Never: a fake tensor has sizes, and unknown ones are tried as two numbers."""
    return False


def random_state() -> Any:
    """The state of the default generator."""
    return torch.get_rng_state().numpy().tobytes()


def restore_random_state(state: Any) -> None:
    """Put back what :func:`random_state` returned."""
    torch.set_rng_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
