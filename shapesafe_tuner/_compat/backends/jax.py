"""JAX: a check traces with Keras's own stateless, symbolic scopes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.export
import keras
from jax._src import config as jax_config
from keras.src import backend as keras_backend
from keras.src import tree
from keras.src.utils.jax_utils import is_in_jax_tracing_scope

from shapesafe_tuner._compat.backends import common
from shapesafe_tuner._compat.types import Layer, Model, Nested, Tensor, Variable

TRACES_OPEN_BATCHES = False
LOOKS_AT_EVERY_BATCH = False
BUILDS_OUT_OF_TRAINING = True
STEPS_ARE_PURE = True
STATE_IS_DIFFERENTIATED = False
TRACES_AGAIN = False
NEEDS_GRADIENT = False
COMPARES_APART = False
TAKES_STRINGS = False
KEEPS_HISTORY = False

differentiate = common.differentiate
trained_once = common.trained_once
has_history = common.has_history


def install() -> None:
    """JAX needs no hooks of its own."""


def is_tracing() -> bool:
    """Whether operations are recorded in a jaxpr."""
    return bool(is_in_jax_tracing_scope())


def computes() -> bool:
    """Whether operations are computed at once."""
    return not is_tracing()


def trace(function: Callable[..., Nested], *specs: Nested) -> Nested:
    """Call ``function`` on tracers of these specifications."""
    return keras_backend.compute_output_spec(function, *specs)


def trace_step(model: Model, step: Callable[..., Nested], packed: Nested, training: bool) -> None:
    """Trace the user's own step, a function of the model's state and the batch."""
    model._symbolic_build(data_batch=tree.map_structure(_as_struct, packed))
    state = [model.trainable_variables, model.non_trainable_variables]
    if training:
        state.append(model.optimizer.variables)
    state.append(model.metrics_variables)
    structs = [[jax.ShapeDtypeStruct(v.shape, v.dtype) for v in group] for group in state]
    jax.eval_shape(step, tuple(structs), tree.map_structure(_as_struct, packed))


def _as_struct(leaf: Any) -> Any:
    if isinstance(leaf, keras.KerasTensor):
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
    return leaf


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
    """Trace loss and metrics of a step."""
    return trace(compare, x, y, sample_weight, y_pred)


def trace_with_gradient(
    layer: Layer,
    total: Callable[[list[Tensor], list[Tensor | None]], Tensor],
    tensors: list[Tensor],
    masks: list[Tensor | None],
) -> None:
    """Trace a sum over a layer's outputs and its gradient."""
    if not layer.supports_jit:
        # With such a layer in the model ``fit`` runs on real values.
        total(list(map(common.zeros, tensors)), list(map(common.zeros, masks)))
        return
    weights = layer.trainable_variables

    def loss(given: list[Tensor], values: list[Tensor], mask_values: list[Tensor | None]) -> Tensor:
        with keras.StatelessScope(state_mapping=list(zip(weights, given, strict=True))):
            return total(values, mask_values)

    given = [keras.KerasTensor(weight.shape, weight.dtype) for weight in weights]
    keras_backend.compute_output_spec(jax.grad(loss), given, tensors, masks)


def handle_for(variable: Variable) -> Tensor | None:
    """None: gradients are those of a function of the weights."""
    return None


def runs_eagerly(model: Model) -> bool:
    """Whether ``fit`` may not compile the step."""
    return bool(model.run_eagerly or not model.jit_compile)


@contextlib.contextmanager
def outside_graphs() -> Iterator[None]:
    """Where values are computed at once."""
    with jax.ensure_compile_time_eval():
        yield


def full_tracebacks() -> AbstractContextManager[Any]:
    """Where JAX's own frames stay in this thread's tracebacks."""
    return jax_config.traceback_filtering("off")  # type: ignore[no-any-return]


def known_size(size: Any) -> int | None:
    """A size of a traced shape; JAX has expressions for those that are open."""
    return None if size is None or jax.export.is_symbolic_dim(size) else int(size)


def wants_values(error: BaseException) -> bool:
    """Never: code that wants the numbers in a tracer fails in ``fit`` too."""
    return False


def is_about_shapes(error: BaseException) -> bool:
    """Whether Keras or JAX refuses shapes, and did not need a value."""
    return common.is_refused_by_keras(error) or (
        isinstance(error, TypeError)
        and not isinstance(error, jax.errors.JAXTypeError)  # it needed a value
        and "shape" in str(error)
    )


def is_about_unknown_sizes(error: BaseException) -> bool:
    """Whether it names the one symbol that Keras gives JAX for every unknown size."""
    return "dynamic_dimension" in str(error)


def random_state() -> Any:
    """None: JAX has no global random state."""
    return None


def restore_random_state(state: Any) -> None:
    """There is none."""
