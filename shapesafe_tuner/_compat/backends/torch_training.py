"""Loss and metrics of a training step on PyTorch: on fake tensors, then with numbers.

Some metrics ask for values (``AUC``, ``MeanIoU``), and some kernels refuse what their shape
functions pass: in PyTorch 2.13 on the CPU the gradient of a sparse cross-entropy on images.
Targets and outputs of a batch are small, so both are settled by computing with them.
"""

from __future__ import annotations

import functools
import math
import traceback
from collections.abc import Callable

import keras
import torch
from keras.src import tree
from keras.src.backend.torch import core

from shapesafe_tuner._compat.backends import torch_tracing
from shapesafe_tuner._compat.backends.common import with_mask
from shapesafe_tuner._compat.types import Model, Nested, Operation, Tensor

__all__ = ["has_history", "judge_comparison", "loss_and_metrics", "trained_once"]

_MOST_NUMBERS = 2**22
"""The most that targets and outputs have together: 16 MiB as float32."""
_FILLS = (0, 1)
"""What is computed with: valid as class, probability, mask and weight."""


def judge_comparison(
    traced: Callable[[], Nested], computed: Callable[..., None] | None, *specs: Nested
) -> None:
    """Trace loss and metrics, and compute them where that is possible.

    Args:
        traced: the whole comparison on fake tensors.
        computed: loss, its gradient and metrics with real tensors; None where user code that may
            do anything is part of it.
        specs: what ``computed`` takes, ``keras.KerasTensor`` leaves.

    Raises:
        Exception: what Keras or PyTorch refuses with.
    """
    needs_values: Exception | None = None
    try:
        traced()
    except Exception as error:
        if not torch_tracing.wants_values(error):
            raise
        needs_values = error
    if computed is None or not _is_small(specs):
        if needs_values is not None:
            raise needs_values
        return
    errors = [_error_of(computed, specs, fill) for fill in _FILLS]
    raised = [error for error in errors if error is not None]
    if len(raised) < len(errors):
        return
    if all(map(_raised_by_library, raised)):
        raise raised[0]
    if needs_values is not None:
        raise needs_values


def _is_small(specs: Nested) -> bool:
    shapes = [leaf.shape for leaf in _symbolic(specs)]
    return all(None not in shape for shape in shapes) and (
        sum(map(math.prod, shapes)) <= _MOST_NUMBERS
    )


def _symbolic(specs: Nested) -> list[Tensor]:
    return [leaf for leaf in tree.flatten(specs) if isinstance(leaf, keras.KerasTensor)]


def _error_of(computed: Callable[..., None], specs: Nested, fill: int) -> Exception | None:
    with torch_tracing.computing():
        try:
            computed(*tree.map_structure(lambda leaf: _filled(leaf, fill), specs))
        except Exception as error:
            return error
    return None


def _filled(leaf: Tensor, fill: int) -> Tensor:
    if not isinstance(leaf, keras.KerasTensor):
        return leaf
    dtype = core.to_torch_dtype(leaf.dtype)
    tensor = torch.full(leaf.shape, fill, dtype=dtype, device=core.get_device())
    return with_mask(tensor, leaf, functools.partial(_filled, fill=1))


def _raised_by_library(error: BaseException) -> bool:
    """Not by a line of the user's, which may look at the values."""
    last = [frame for frame, _ in traceback.walk_tb(error.__traceback__)][-1]
    return last.f_globals.get("__name__", "").split(".")[0] in ("keras", "torch")


def loss_and_metrics(model: Model, training: bool) -> Callable[[Nested, Nested, Nested], None]:
    """What ``fit`` computes from targets, weights and outputs."""

    def compute(y: Nested, sample_weight: Nested, y_pred: Nested) -> None:
        outputs = tree.map_structure(_watched, y_pred) if training else y_pred
        with torch.set_grad_enabled(training):
            if model._compile_loss is not None:
                loss = model._compile_loss(y, outputs, sample_weight)
                if loss is not None and loss.requires_grad:
                    loss.backward()
            model.compute_metrics(None, y, outputs, sample_weight=sample_weight)

    return compute


def _watched(tensor: Tensor) -> Tensor:
    """With a gradient, where its dtype can have one; masks stay."""
    if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
        tensor.requires_grad_()
    return tensor


def has_history(value: object) -> bool:
    """Whether a tensor was computed from weights, so that gradients go back through it."""
    return isinstance(value, torch.Tensor) and value.grad_fn is not None


def trained_once(model: Model) -> Operation | None:
    """An operation of the model on a tensor that ``build`` computed from weights, or None.

    PyTorch frees what led to such a tensor in the first backward pass; the second fails.
    """
    for graph in (model, *model._flatten_layers()):
        for operation in getattr(graph, "operations", ()):
            for node in operation._inbound_nodes:
                given = (node.arguments.args, node.arguments.kwargs)
                if any(map(has_history, tree.flatten(given))):
                    return operation
    return None
