"""What ``Model.fit`` does with one batch, as Keras's trainers do it.

Source: keras/src/backend/*/trainer.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras.src import tree

from shapesafe_tuner._compat import backends
from shapesafe_tuner._compat.backends import BACKEND
from shapesafe_tuner._compat.keras import weightless
from shapesafe_tuner._compat.keras.rollback import Snapshot

if BACKEND == "jax":
    import jax
elif BACKEND == "torch":
    from shapesafe_tuner._compat.backends import torch_training

__all__ = [
    "BUILDS_OUT_OF_TRAINING",
    "LOOKS_AT_EVERY_BATCH",
    "STATE_IS_DIFFERENTIATED",
    "assert_compiled",
    "built_by_fit",
    "forward",
    "has_custom_step",
    "has_history",
    "needs_targets",
    "overrides",
    "runs_eagerly",
    "trace_comparison",
    "trace_custom_step",
    "trace_gradients",
    "trace_standard_step",
    "trained_once",
    "treats_samples_alike",
]


LOOKS_AT_EVERY_BATCH: bool = BACKEND != "jax"
"""Whether each step holds its batch against what the model's inputs were said to be."""
BUILDS_OUT_OF_TRAINING: bool = BACKEND != "tensorflow"
"""Whether ``fit`` traces the model first, on the first batch and not in training."""

STATE_IS_DIFFERENTIATED: bool = BACKEND == "torch"
"""Whether a gradient goes through values that a layer assigned in the step, and may fail there."""


def overrides(model: Any, method: str) -> bool:
    """Whether the model's class has its own version of a trainer's method."""
    owner = next(cls for cls in type(model).__mro__ if method in cls.__dict__)
    return owner.__module__.split(".")[0] != "keras" or method in vars(model)


def has_custom_step(model: Any) -> bool:
    """Whether training or evaluation runs the user's own step."""
    return overrides(model, "train_step") or overrides(model, "test_step")


def runs_eagerly(model: Any) -> bool:
    """Whether ``fit`` runs Python on real values; JAX does so where it may not compile."""
    if BACKEND == "jax":
        return bool(model.run_eagerly or not model.jit_compile)
    return bool(getattr(model, "run_eagerly", False))


def needs_targets(model: Any) -> bool:
    """Whether the loss is one of ``compile``'s, which compares outputs with targets."""
    own = overrides(model, "compute_loss") or has_custom_step(model)
    return model._compile_loss is not None and not own


def assert_compiled(model: Any) -> None:
    """``fit`` refuses a model that was not compiled."""
    model._assert_compile_called("fit")


def forward(model: Any, training: bool, *, first: bool = True) -> Callable[[Any], Any]:
    """The model's call as the trainers make it.

    Args:
        model: compiled.
        training: as the call is told.
        first: of this ``fit``. JAX calls the whole model only to build it; its steps run
            ``Model.call`` alone, without the check of the inputs that comes before.
    """
    whole = LOOKS_AT_EVERY_BATCH or (first and built_by_fit(model))

    def call(x: Any) -> Any:
        run = model if whole else model.call
        if model._call_has_training_arg:
            return run(x, training=training)
        return run(x)

    return call


def built_by_fit(model: Any) -> bool:
    """Whether ``fit`` traces the model, not in training, on the first batch before its steps.

    They do so where the model, its loss or a metric has not been built.
    """
    if not BUILDS_OUT_OF_TRAINING:
        return False
    compiled = (model._compile_metrics, model._compile_loss)
    return not all(layer.built for layer in model._flatten_layers()) or any(
        part is not None and not part.built for part in compiled
    )


def trace_standard_step(
    model: Any, training: bool, x: Any, y: Any, sample_weight: Any, *, first: bool = True
) -> Any:
    """Trace forward pass, loss and metrics of ``train_step`` or ``test_step``, without gradients.

    Returns:
        The traced outputs of the model.
    """
    call = forward(model, training, first=first)
    if BACKEND == "torch":
        outputs = backends.trace(call, x)
        return trace_comparison(model, training, x, y, sample_weight, outputs)
    compare = _comparison(model, training)

    def step(x: Any, y: Any, sample_weight: Any) -> Any:
        return compare(x, y, sample_weight, call(x))

    return backends.trace(step, x, y, sample_weight)


def trace_comparison(
    model: Any, training: bool, x: Any, y: Any, sample_weight: Any, y_pred: Any
) -> Any:
    """Trace loss and metrics of a step, given the model's outputs, which are returned."""
    compare = _comparison(model, training)
    trace = functools.partial(backends.trace, compare, x, y, sample_weight, y_pred)
    if BACKEND != "torch":
        return trace()
    own = overrides(model, "compute_loss") or overrides(model, "compute_metrics")
    computed = None if own else torch_training.loss_and_metrics(model, training)
    torch_training.judge_comparison(trace, computed, y, sample_weight, y_pred)
    return y_pred


def trained_once(model: Any) -> Any:
    """An operation at which every training step after the first fails, or None.

    So it is on PyTorch where ``build`` computed a tensor from weights and the model uses it.
    """
    return torch_training.trained_once(model) if BACKEND == "torch" else None


def has_history(value: Any) -> bool:
    """Whether ``value`` is such a tensor."""
    return BACKEND == "torch" and torch_training.has_history(value)


def _comparison(model: Any, training: bool) -> Callable[[Any, Any, Any, Any], Any]:
    def compare(x: Any, y: Any, sample_weight: Any, y_pred: Any) -> Any:
        loss = model._compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training
        )
        if loss is not None:
            model._loss_tracker.update_state(loss, sample_weight=_batch_size(x))
        model.compute_metrics(x, y, y_pred, sample_weight=sample_weight)
        return y_pred

    return compare


def treats_samples_alike(model: Any) -> bool:
    """Whether a batch of another size must pass the model's call as the first one did.

    So it is for functional and sequential models made of Keras's own layers with an open batch
    axis: these layers work sample by sample, but for stateful ones and what user code may do.
    """
    inputs = getattr(model, "inputs", None)
    if not inputs or type(model).__module__.split(".")[0] != "keras":
        return False
    layers = list(model._flatten_layers())
    graphs = [layer for layer in (model, *layers) if hasattr(layer, "operations")]
    own = all(
        type(layer).__module__.split(".")[0] == "keras"
        and not isinstance(layer, keras.layers.Lambda)
        and not getattr(layer, "stateful", False)
        and ".image_preprocessing." not in type(layer).__module__  # rank 3: one image, no batch
        and not layer._losses  # tensors of the first trace
        for layer in layers
    )
    only_layers = all(
        isinstance(operation, keras.Layer) for graph in graphs for operation in graph.operations
    )
    return own and only_layers and all(tensor.shape[0] is None for tensor in inputs)


def _batch_size(x: Any) -> Any:
    first = next(leaf for leaf in tree.flatten(x) if leaf is not None)
    return keras.ops.shape(first)[0]


def trace_custom_step(model: Any, data: tuple[Any, Any, Any], training: bool, check: Any) -> None:
    """Trace the user's own ``train_step`` or ``test_step`` on symbolic data.

    TensorFlow and PyTorch: gradients need variables with handles, so all get one, and those born
    in the step too. JAX: the step is a pure function of the state.
    """
    packed = keras.utils.pack_x_y_sample_weight(*data)
    step = model.train_step if training else model.test_step
    if BUILDS_OUT_OF_TRAINING and not all(layer.built for layer in model._flatten_layers()):
        backends.trace(forward(model, training=False), data[0])
    if BACKEND == "jax":
        _trace_jax_step(model, packed, step, training)
        return
    optimizers = _optimizers(model)
    if not check.handles:
        check.at_end(functools.partial(weightless.forget_handles, check))
        for optimizer in optimizers:
            check.at_end(Snapshot(optimizer).restore)
    check.variables_as_handles = True
    try:
        for variable in _variables(model, optimizers):
            if backends.lacks_handle(variable):
                weightless.give_handle(variable, check)
        for optimizer in optimizers:
            _renew_keys(optimizer)
        backends.trace(step, packed)
    finally:
        check.variables_as_handles = False


def trace_gradients(model: Any, data: tuple[Any, Any, Any], check: Any) -> None:
    """Trace what a whole ``train_step`` does besides forward pass, loss and metrics.

    PyTorch refuses gradients through what the step changed in place.
    """
    try:
        trace_custom_step(model, data, True, check)
    except Exception as error:
        if not backends.wants_values(error):  # as a metric may
            raise
    finally:
        weightless.forget_handles(check)


def _optimizers(model: Any) -> list[Any]:
    """Those of a model with several, as a GAN has, included."""
    found: dict[int, Any] = {}
    for held in vars(model).values():
        items = held.values() if isinstance(held, dict) else held
        for item in items if isinstance(held, (list, tuple, dict)) else [held]:
            if isinstance(item, keras.optimizers.Optimizer):
                found[id(item)] = item
                inner = getattr(item, "inner_optimizer", None)
                if inner is not None:
                    found[id(inner)] = inner
    return list(found.values())


def _variables(model: Any, optimizers: list[Any]) -> list[Any]:
    held = [variable for optimizer in optimizers for variable in optimizer.variables]
    return [*model.variables, *model.metrics_variables, *held]


def _renew_keys(optimizer: Any) -> None:
    """A built optimizer finds its variables by keys that come from their handles."""
    if optimizer.built and hasattr(optimizer, "_trainable_variables_indices"):
        known = enumerate(optimizer._trainable_variables)
        optimizer._trainable_variables_indices = {optimizer._var_key(v): i for i, v in known}


def _trace_jax_step(model: Any, packed: Any, step: Any, training: bool) -> None:
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
