"""Steps of the user's own, and what a step does besides forward pass, loss and metrics."""

from __future__ import annotations

import functools
from typing import TypeAlias

import keras

from shapesafe_tuner._compat.active import Hooks
from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner._compat.keras import weightless
from shapesafe_tuner._compat.keras.rollback import Snapshot
from shapesafe_tuner._compat.keras.steps import forward
from shapesafe_tuner._compat.types import Model, Nested, Optimizer, Variable

__all__ = ["trace_custom_step", "trace_gradients"]

Data: TypeAlias = tuple[Nested, Nested, Nested]
"""What a batch has: ``x``, ``y`` and sample weights."""


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
