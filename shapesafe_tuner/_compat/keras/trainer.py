"""What Keras's trainers know of a model before it trains: its own steps, its losses, its layers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras.src import tree

from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner._compat.types import Function, Layer, Model, Nested

__all__ = [
    "assert_compiled",
    "before_training",
    "built_by_fit",
    "can_be_saved",
    "compares_alike",
    "has_custom_step",
    "has_sure_gradient",
    "loss_has_gradient",
    "needs_targets",
    "overrides",
    "reported",
    "treats_samples_alike",
    "weights_are_text",
]


def weights_are_text(compile_loss: object) -> bool:
    """Whether the loss of a model was given text as ``loss_weights``, as for metrics."""
    given = getattr(compile_loss, "_user_loss_weights", None)
    return any(isinstance(item, str) for item in tree.flatten(given))


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
    arrives = any(layer.trainable_weights for layer in last) or not model.trainable_weights
    return arrives and loss_has_gradient(model)


def _is_plain(layer: Layer) -> bool:
    own = type(layer).__module__.split(".")[0] == "keras"
    functions = (getattr(layer, "activation", None), getattr(layer, "recurrent_activation", None))
    known = all(function is None or _is_activation(function) for function in functions)
    return own and known and not isinstance(layer, keras.layers.Lambda)


def _is_activation(function: Any) -> bool:
    return str(getattr(function, "__module__", "")).startswith("keras.src.activations")


def loss_has_gradient(model: Model) -> bool:
    """Whether the loss surely has a gradient in each output, as Keras's own losses do."""
    if model._compile_loss is None or overrides(model, "compute_loss"):
        return False
    return all(map(_is_loss_of_keras, tree.flatten(model._compile_loss._user_loss)))


def _is_loss_of_keras(loss: Any) -> bool:
    function = getattr(loss, "fn", None) if isinstance(loss, keras.losses.Loss) else loss
    kinds = (type(loss), function) if function is not loss else (function,)
    named = [str(getattr(kind, "__module__", "")) for kind in kinds if kind is not None]
    return isinstance(loss, str) or (bool(named) and all(map(_in_losses, named)))


def _in_losses(module: str) -> bool:
    return module.startswith("keras.src.losses.losses")


_PENALTIES = (type(None), keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)
"""What may regularize outputs and asks for no size of a batch."""


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
        and isinstance(layer.activity_regularizer, _PENALTIES)
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
