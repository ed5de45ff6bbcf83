"""What ``Model.fit`` does with one batch, as Keras's trainers do it.

Source: keras/src/backend/*/trainer.py.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras.src import tree

from shapesafe_tuner._compat.active import Hooks
from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner._compat.keras import weightless
from shapesafe_tuner._compat.keras.trainer import built_by_fit, overrides
from shapesafe_tuner._compat.types import Layer, Model, Nested, Tensor

__all__ = [
    "constrain",
    "forward",
    "trace_comparison",
    "trace_standard_step",
    "trace_step_with_gradient",
]


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
            backend.trace(lambda: constrain(model))
        return trace_comparison(model, training, x, y, sample_weight, outputs)
    compare = _comparison(model, training)

    def step(x: Nested, y: Nested, sample_weight: Nested) -> Nested:
        outputs = compare(x, y, sample_weight, call(x))
        if training:
            constrain(model)
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
        constrain(model)
        return compare(x, y, sample_weight, y_pred)

    with weightless.handles(model.trainable_weights, check):
        return backend.trace(step, x, y, sample_weight)


def constrain(layer: Layer | None) -> None:
    """What the optimizer does with weights that have a constraint, once they are updated."""
    for weight in [] if layer is None else layer.trainable_variables:
        if weight.constraint is not None:
            weight.assign(weight.constraint(weight))


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
