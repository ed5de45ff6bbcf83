"""What ``Model.fit`` does with one batch, as Keras's trainers do it.

Source: keras/src/backend/*/trainer.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras.src import tree

from shapesafe_tuner._compat.active import Hooks, StrayLookup
from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner._compat.keras import weightless
from shapesafe_tuner._compat.keras.rollback import Snapshot
from shapesafe_tuner._compat.keras.trainer import built_by_fit, overrides
from shapesafe_tuner._compat.types import Layer, Model, Nested, Optimizer, Tensor, Variable

__all__ = [
    "Flow",
    "forward",
    "reached_by_loss",
    "trace_comparison",
    "trace_custom_step",
    "trace_flow",
    "trace_gradients",
    "trace_standard_step",
    "trace_step_with_gradient",
]

Data = tuple[Nested, Nested, Nested]
"""What a batch has: ``x``, ``y`` and sample weights."""


def forward(model: Model, training: bool, *, first: bool = True) -> Callable[[Nested], Nested]:
    """The model's call as the trainers make it.

    Args:
        model: compiled.
        training: as the call is told.
        first: of this ``fit``. JAX calls the whole model only to build it; its steps run
            ``Model.call`` alone, without the check of the inputs that comes before.
    """
    whole = backend.LOOKS_AT_EVERY_BATCH or (first and built_by_fit(model))

    def call(x: Nested) -> Nested:
        run = model if whole else model.call
        if model._call_has_training_arg:
            return run(x, training=training)
        return run(x)

    return call


def trace_standard_step(
    model: Model, training: bool, x: Nested, y: Nested, sample_weight: Nested, *, first: bool = True
) -> Nested:
    """Trace forward pass, loss and metrics of ``train_step`` or ``test_step``, without gradients.

    Returns:
        The traced outputs of the model.
    """
    call = forward(model, training, first=first)
    if backend.COMPARES_APART:
        outputs = backend.trace(call, x)
        if training:
            backend.trace(lambda: _constrain(model))
        return trace_comparison(model, training, x, y, sample_weight, outputs)
    compare = _comparison(model, training)

    def step(x: Nested, y: Nested, sample_weight: Nested) -> Nested:
        outputs = compare(x, y, sample_weight, call(x))
        if training:
            _constrain(model)
        return outputs

    return backend.trace(step, x, y, sample_weight)


def trace_step_with_gradient(
    model: Model, x: Nested, y: Nested, sample_weight: Nested, check: Hooks
) -> Nested:
    """Trace a whole ``train_step`` of Keras's own but for the update of the weights.

    Returns:
        The traced outputs of the model.
    """
    call, compare = forward(model, training=True), _comparison(model, True)

    def step(x: Nested, y: Nested, sample_weight: Nested) -> Nested:
        def compute() -> tuple[Tensor, Nested]:
            y_pred = call(x)
            loss = model._compute_loss(
                x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True
            )
            return loss, y_pred

        trained = model.optimizer is not None
        gradients, y_pred = backend.differentiate(
            compute, lambda: model.trainable_weights if trained else [], []
        )
        if gradients and all(gradient is None for gradient in gradients):
            model.optimizer._filter_empty_gradients(gradients, model.trainable_weights)  # raises
        _constrain(model)
        return compare(x, y, sample_weight, y_pred)

    with weightless.handles(model.trainable_weights, check):
        return backend.trace(step, x, y, sample_weight)


class Flow(NamedTuple):
    """What the trace of one layer's or operation's step shows.

    Attributes:
        outputs: specifications.
        to_weights: a gradient arrives at a trainable weight of its own.
        to_inputs: one arrives at an input.
        penalties: the dtypes of what the layer adds to the loss.
        strays: what looks up rows that a table does not have.
    """

    outputs: Nested
    to_weights: bool
    to_inputs: bool
    penalties: tuple[str, ...] = ()
    strays: tuple[StrayLookup, ...] = ()


def trace_flow(call: Callable[..., Nested], layer: Layer | None, check: Hooks, *specs: Any) -> Flow:
    """Trace a call in a training step, and the gradient of the sum of what it gives.

    Args:
        call: takes tensors in the structure of ``specs``.
        layer: whose weights count, or None.
        check: the active check.
        specs: ``keras.KerasTensor`` in any structure.
    """
    arrives: list[bool] = []
    weights: list[Variable] = []
    dtypes: set[str] = set()

    def called(*given: Nested) -> tuple[Nested, list[Tensor]]:
        outputs = call(*given)
        penalties = [] if layer is None else [_penalty(loss) for loss in layer.losses]
        dtypes.update(keras.backend.standardize_dtype(tensor.dtype) for tensor in penalties)
        return outputs, penalties

    def step(*given: Nested) -> Nested:
        def compute() -> tuple[Tensor | None, Nested]:
            outputs, penalties = called(*given)
            counts = [*_floats(outputs), *penalties]
            sums = [keras.ops.cast(keras.ops.sum(tensor), "float32") for tensor in counts]
            return sum(sums) if sums else None, outputs

        def trainable() -> list[Variable]:
            weights[:] = [] if layer is None else layer.trainable_variables
            return weights

        if not backend.NEEDS_GRADIENT:
            outputs, _ = called(*given)
        else:
            gradients, outputs = backend.differentiate(compute, trainable, _floats(given))
            arrives[:] = [gradient is not None for gradient in gradients]
        _constrain(layer)
        return outputs

    if not backend.NEEDS_GRADIENT:
        return Flow(backend.trace(step, *specs), True, True, tuple(sorted(dtypes)))
    with weightless.handles([] if layer is None else layer.trainable_variables, check):
        outputs = backend.trace(step, *specs)
    arrived = any(arrives[: len(weights)]), any(arrives[len(weights) :])
    return Flow(outputs, *arrived, tuple(sorted(dtypes)))


def _penalty(loss: Tensor) -> Tensor:
    """What ``compute_loss`` makes of a loss that a layer adds."""
    if not keras.backend.is_float_dtype(loss.dtype):
        loss = keras.ops.cast(loss, keras.config.floatx())
    return keras.ops.sum(loss)


def _constrain(layer: Layer | None) -> None:
    """What the optimizer does with weights that have a constraint, once they are updated."""
    for weight in [] if layer is None else layer.trainable_variables:
        if weight.constraint is not None:
            weight.assign(weight.constraint(weight))


def _floats(structure: Nested) -> list[Tensor]:
    tensors = [item for item in tree.flatten(structure) if keras.ops.is_tensor(item)]
    return [
        tensor
        for tensor in tensors
        if not isinstance(tensor, keras.KerasTensor)
        and not getattr(tensor, "is_sparse", False)
        and "float" in keras.backend.standardize_dtype(tensor.dtype)
    ]


def reached_by_loss(
    model: Model, x: Nested, y: Nested, sample_weight: Nested, y_pred: Nested
) -> list[bool]:
    """For each output of the model whether a gradient of the loss arrives there.

    Args:
        model: compiled, with one output or several.
        x, y, sample_weight: of a batch, ``keras.KerasTensor`` leaves.
        y_pred: the outputs.
    """
    arrives: list[bool] = []

    def step(x: Nested, y: Nested, sample_weight: Nested, y_pred: Nested) -> None:
        tensors = tree.flatten(y_pred)
        floats = {id(tensor) for tensor in _floats(tensors)}

        def compute() -> tuple[Tensor, None]:
            return model._compute_loss(x, y, y_pred, sample_weight, training=True), None

        watched = [tensor for tensor in tensors if id(tensor) in floats]
        gradients, _ = backend.differentiate(compute, list, watched)
        found = {id(t): g is not None for t, g in zip(watched, gradients, strict=True)}
        arrives[:] = [found.get(id(tensor), False) for tensor in tensors]

    backend.trace(step, x, y, sample_weight, y_pred)
    return arrives


def trace_comparison(
    model: Model, training: bool, x: Nested, y: Nested, sample_weight: Nested, y_pred: Nested
) -> Nested:
    """Trace loss and metrics of a step, given the model's outputs, which are returned."""
    return backend.trace_comparison(
        model,
        _comparison(model, training),
        y,
        sample_weight,
        y_pred,
        x=x,
        training=training,
        by_user_code=overrides(model, "compute_loss") or overrides(model, "compute_metrics"),
    )


def _comparison(model: Model, training: bool) -> Callable[[Nested, Nested, Nested, Nested], Nested]:
    def compare(x: Nested, y: Nested, sample_weight: Nested, y_pred: Nested) -> Nested:
        loss = model._compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training
        )
        if loss is not None:
            model._loss_tracker.update_state(loss, sample_weight=_batch_size(x))
        model.compute_metrics(x, y, y_pred, sample_weight=sample_weight)
        return y_pred

    return compare


def _batch_size(x: Nested) -> Tensor:
    first = next(leaf for leaf in tree.flatten(x) if leaf is not None)
    return keras.ops.shape(first)[0]


def trace_custom_step(model: Model, data: Data, training: bool, check: Hooks) -> None:
    """Trace the user's own ``train_step`` or ``test_step`` on symbolic data.

    Where a step changes the model's variables itself, gradients need variables with handles: all
    get one, and those born in the step too.
    """
    packed = keras.utils.pack_x_y_sample_weight(*data)
    step = model.train_step if training else model.test_step
    if backend.BUILDS_OUT_OF_TRAINING and not all(layer.built for layer in model._flatten_layers()):
        backend.trace(forward(model, training=False), data[0])
    if backend.STEPS_ARE_PURE:
        backend.trace_step(model, step, packed, training)
        return
    optimizers = _optimizers(model)
    if not check.handles:
        check.at_end(functools.partial(weightless.forget_handles, check))
        for optimizer in optimizers:
            check.at_end(Snapshot(optimizer).restore)
    check.variables_as_handles = True
    try:
        for variable in _variables(model, optimizers):
            weightless.give_handle(variable, check)
        for optimizer in optimizers:
            _renew_keys(optimizer)
        backend.trace_step(model, step, packed, training)
    finally:
        check.variables_as_handles = False


def trace_gradients(model: Model, data: Data, check: Hooks) -> None:
    """Trace what a whole ``train_step`` does besides forward pass, loss and metrics.

    PyTorch refuses gradients through what the step changed in place.
    """
    try:
        trace_custom_step(model, data, True, check)
    except Exception as error:
        if not backend.wants_values(error):  # as a metric may
            raise
    finally:
        weightless.forget_handles(check)


def _optimizers(model: Model) -> list[Optimizer]:
    """All optimizers of a model; a GAN has several."""
    found: dict[int, Optimizer] = {}
    for held in vars(model).values():
        items = held.values() if isinstance(held, dict) else held
        for item in items if isinstance(held, (list, tuple, dict)) else [held]:
            if isinstance(item, keras.optimizers.Optimizer):
                found[id(item)] = item
                inner = getattr(item, "inner_optimizer", None)
                if inner is not None:
                    found[id(inner)] = inner
    return list(found.values())


def _variables(model: Model, optimizers: list[Optimizer]) -> list[Variable]:
    held = [variable for optimizer in optimizers for variable in optimizer.variables]
    return [*model.variables, *model.metrics_variables, *held]


def _renew_keys(optimizer: Optimizer) -> None:
    """A built optimizer finds its variables by keys that come from their handles."""
    if optimizer.built and hasattr(optimizer, "_trainable_variables_indices"):
        known = enumerate(optimizer._trainable_variables)
        optimizer._trainable_variables_indices = {optimizer._var_key(v): i for i, v in known}
