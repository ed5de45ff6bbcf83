"""What ``Model.fit`` does with one batch, as Keras's trainers do it.

Source: keras/src/backend/*/trainer.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras.src import tree

from shapesafe_tuner._compat.active import Hooks
from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner._compat.keras import weightless
from shapesafe_tuner._compat.keras.rollback import Snapshot
from shapesafe_tuner._compat.types import (
    Function,
    Layer,
    Model,
    Nested,
    Optimizer,
    Tensor,
    Variable,
)

__all__ = [
    "Flow",
    "assert_compiled",
    "before_training",
    "built_by_fit",
    "can_be_saved",
    "compares_alike",
    "forward",
    "has_custom_step",
    "has_sure_gradient",
    "needs_targets",
    "overrides",
    "reported",
    "trace_comparison",
    "trace_custom_step",
    "trace_flow",
    "trace_gradients",
    "trace_standard_step",
    "trace_step_with_gradient",
    "treats_samples_alike",
]

Data = tuple[Nested, Nested, Nested]
"""What a batch has: ``x``, ``y`` and sample weights."""


def overrides(model: Model, method: str) -> bool:
    """Whether the model's class has its own version of a trainer's method."""
    owner = next(cls for cls in type(model).__mro__ if method in cls.__dict__)
    return owner.__module__.split(".")[0] != "keras" or method in vars(model)


Arguments = tuple[Any, ...]
Keywords = dict[str, Any]


def before_training(call: Callable[[str, Model, Arguments, Keywords], None]) -> None:
    """Have a function called before any model of this process trains or computes on batches.

    Args:
        call: takes the name of the method, the model and the method's arguments; what it raises
            keeps the method from running.
    """
    for name in ("fit", "evaluate", "predict", *_ON_BATCH):
        setattr(keras.Model, name, _with_call(getattr(keras.Model, name), call))


_ON_BATCH = ("train_on_batch", "test_on_batch", "predict_on_batch")


def _with_call(
    method: Function, call: Callable[[str, Model, Arguments, Keywords], None]
) -> Function:
    @functools.wraps(method)
    def called_first(self: Model, *args: Nested, **kwargs: Nested) -> Nested:
        call(method.__name__, self, args, kwargs)
        return method(self, *args, **kwargs)

    return called_first


def has_custom_step(model: Model) -> bool:
    """Whether training or evaluation runs the user's own step."""
    return overrides(model, "train_step") or overrides(model, "test_step")


def needs_targets(model: Model) -> bool:
    """Whether the loss is one of ``compile``'s, which compares outputs with targets."""
    own = overrides(model, "compute_loss") or has_custom_step(model)
    return model._compile_loss is not None and not own


def reported(model: Model) -> tuple[str, ...] | None:
    """The names under which an epoch of ``fit`` reports its results.

    Args:
        model: its training step has been traced.

    Returns:
        None where code of the user's own decides.
    """
    own = (*_STEPS, "compute_metrics", "get_metrics_result", "evaluate")
    if any(overrides(model, name) for name in own):
        return None
    compiled = model._compile_metrics
    if compiled is not None and not compiled.built:
        return None
    names: list[str] = []

    def collect() -> None:
        for metric in model.metrics:
            result = metric.result()
            names.extend(result if isinstance(result, dict) else [metric.name])

    try:
        backend.trace(collect)
    except Exception as error:
        if backend.wants_values(error):  # as the result of a custom metric may
            return None
        raise
    return tuple(dict.fromkeys(names))


_STEPS = ("train_step", "test_step", "make_train_function", "make_test_function")


def can_be_saved(model: Model) -> bool:
    """Whether Keras saves its weights: it must be built (``keras/src/saving/saving_lib.py``)."""
    return model.built or overrides(model, "save_weights")


def assert_compiled(model: Model) -> None:
    """``fit`` refuses a model that was not compiled."""
    model._assert_compile_called("fit")


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


def built_by_fit(model: Model) -> bool:
    """Whether ``fit`` traces the model, not in training, on the first batch before its steps.

    They do so where the model, its loss or a metric has not been built.
    """
    if not backend.BUILDS_OUT_OF_TRAINING:
        return False
    compiled = (model._compile_metrics, model._compile_loss)
    return not all(layer.built for layer in model._flatten_layers()) or any(
        part is not None and not part.built for part in compiled
    )


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
        return trace_comparison(model, training, x, y, sample_weight, outputs)
    compare = _comparison(model, training)

    def step(x: Nested, y: Nested, sample_weight: Nested) -> Nested:
        return compare(x, y, sample_weight, call(x))

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
        return compare(x, y, sample_weight, y_pred)

    with weightless.handles(model.trainable_weights, check):
        return backend.trace(step, x, y, sample_weight)


class Flow(NamedTuple):
    """What the trace of one layer's or operation's step shows.

    Attributes:
        outputs: specifications.
        to_weights: a gradient arrives at a trainable weight of its own.
        to_inputs: one arrives at an input.
    """

    outputs: Nested
    to_weights: bool
    to_inputs: bool


def trace_flow(call: Callable[..., Nested], layer: Layer | None, check: Hooks, *specs: Any) -> Flow:
    """Trace a call in a training step, and the gradient of the sum of what it gives.

    Args:
        call: takes tensors in the structure of ``specs``.
        layer: whose weights count, or None.
        check: the active check.
        specs: ``keras.KerasTensor`` in any structure.
    """
    if not backend.NEEDS_GRADIENT:
        return Flow(backend.trace(call, *specs), True, True)
    arrives: list[bool] = []
    weights: list[Variable] = []

    def step(*given: Nested) -> Nested:
        def compute() -> tuple[Tensor | None, Nested]:
            outputs = call(*given)
            sums = [keras.ops.cast(keras.ops.sum(t), "float32") for t in _floats(outputs)]
            return sum(sums) if sums else None, outputs

        def trainable() -> list[Variable]:
            weights[:] = [] if layer is None else layer.trainable_variables
            return weights

        gradients, outputs = backend.differentiate(compute, trainable, _floats(given))
        arrives[:] = [gradient is not None for gradient in gradients]
        return outputs

    with weightless.handles([] if layer is None else layer.trainable_variables, check):
        outputs = backend.trace(step, *specs)
    return Flow(outputs, any(arrives[: len(weights)]), any(arrives[len(weights) :]))


def _floats(structure: Nested) -> list[Tensor]:
    tensors = [item for item in tree.flatten(structure) if keras.ops.is_tensor(item)]
    return [
        tensor
        for tensor in tensors
        if not isinstance(tensor, keras.KerasTensor)
        and not getattr(tensor, "is_sparse", False)
        and "float" in keras.backend.standardize_dtype(tensor.dtype)
    ]


def has_sure_gradient(model: Model) -> bool:
    """Whether the gradient surely reaches a weight, by way of Keras's own layers alone."""
    if type(model).__module__.split(".")[0] != "keras" or not getattr(model, "inputs", None):
        return False
    layers = list(model._flatten_layers())
    if not all(_is_plain(layer) for layer in layers):
        return False
    graphs = [layer for layer in (model, *layers) if hasattr(layer, "operations")]
    if not all(isinstance(item, keras.Layer) for graph in graphs for item in graph.operations):
        return False
    last = [tensor._keras_history.operation for tensor in model.outputs]
    return any(layer.trainable_weights for layer in last) or not model.trainable_weights


def _is_plain(layer: Layer) -> bool:
    own = type(layer).__module__.split(".")[0] == "keras"
    return own and not isinstance(layer, keras.layers.Lambda)


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


def treats_samples_alike(model: Model) -> bool:
    """Whether a batch of another size must pass the model's call as the first one did.

    It must for functional and sequential models that are made of Keras's own layers and have an
    open batch axis. These layers work sample by sample, apart from stateful ones and from those
    that run user code.
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
        and _is_of_library(getattr(layer, "activation", None))
        for layer in layers
    )
    only_layers = all(
        isinstance(operation, keras.Layer) for graph in graphs for operation in graph.operations
    )
    return own and only_layers and all(tensor.shape[0] is None for tensor in inputs)


def _is_of_library(function: Any) -> bool:
    """Whether it is none, or no code of the user's."""
    module = str(getattr(function, "__module__", "")).split(".")[0]
    return function is None or module in ("keras", "tensorflow", "jax", "torch")


def compares_alike(model: Model) -> bool:
    """Whether its losses and metrics compare outputs with targets of any batch size alike.

    Keras's own do, apart from those that hold arrays.
    """
    loss, metrics = model._compile_loss, model._compile_metrics
    given = [
        None if loss is None else loss._user_loss,
        [] if metrics is None else [metrics._user_metrics, metrics._user_weighted_metrics],
    ]
    return all(map(_compares, tree.flatten(given)))


def _compares(item: Any) -> bool:
    """Whether a loss or metric is Keras's own, and holds no array and no function."""
    if item is None or isinstance(item, str):
        return True
    made = isinstance(item, (keras.losses.Loss, keras.metrics.Metric))
    kind = type(item) if made else item
    if str(getattr(kind, "__module__", "")).split(".")[0] != "keras":
        return False
    config = item.get_config() if made else {}
    held = [value for name, value in config.items() if name != "dtype"]
    return all(value is None or isinstance(value, (bool, int, float, str)) for value in held)


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
