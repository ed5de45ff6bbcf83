"""One sentence for the person who wrote ``build``, out of what refused and what it was given.

A layer that has a rule is described by its rule, so that what Keras refuses and what a rule refuses
read alike: *Conv2D 'conv2d' slides a 5 x 5 kernel over a map of only 4 x 4: floor((4 - 5) / 1) + 1
= 0.* Otherwise the first sentence of Keras's own message stands.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from shapesafe_tuner._compat.keras.trainer import weights_are_text
from shapesafe_tuner._compat.types import Layer, Operation
from shapesafe_tuner.escaping import short
from shapesafe_tuner.shapes.dims import broadcast
from shapesafe_tuner.shapes.registry import Configured
from shapesafe_tuner.shapes.sentences import (
    AFTER_RECURRENT,
    counted,
    first_sentence,
    rank_needed,
    width_needed,
)
from shapesafe_tuner.shapes.spec import Call, Refused, Spec, Unknown
from shapesafe_tuner.tracing.attribution import Attribution, type_name
from shapesafe_tuner.tracing.binding import bind, rule_of
from shapesafe_tuner.tracing.data.spec import Batch
from shapesafe_tuner.tracing.layer_call import apply
from shapesafe_tuner.verdict import Shape

__all__ = ["describe"]


def describe(attribution: Attribution, inputs: Shape, batch: Batch | None = None) -> str:
    """The reason of a fault.

    Args:
        attribution: whose error it was.
        inputs: the shapes the failing operation was given, where known.
        batch: the batch of data it met, for faults of the training step.
    """
    said = _described(attribution, inputs, batch)
    return said if attribution.hint is None else f"{said.rstrip('.')}; {attribution.hint}."


def _described(attribution: Attribution, inputs: Shape, batch: Batch | None) -> str:
    where = _where(batch)
    operation = attribution.operation
    if attribution.message.startswith("No gradients provided"):
        return _NO_GRADIENT + _sentence(where)
    if operation is None:
        prefix = "build refuses it: " if attribution.by_user_code and batch is None else ""
        if attribution.about is not None:
            prefix = f"{attribution.about} refuses it: "
        said = first_sentence(attribution.message)
        return _sentence(prefix + (said.rstrip(".") + where if where else said))
    who = _name(operation) + (f" of {attribution.about}" if attribution.about else "")
    for explain in _EXPLANATIONS:
        why = explain(operation, inputs, attribution.message, batch)
        if why:
            return _sentence(f"{who} {why}{where if where not in why else ''}")
    given = f" refuses {_text(inputs)}" if inputs is not None else " fails"
    return _sentence(
        f"{who}{given}{where.removeprefix(',')}: {first_sentence(attribution.message)}"
    )


_NO_GRADIENT = (
    "No gradient reaches any weight: something between the weights and the loss has none, such as "
    "an argmax, rounding or a cast to integers"
)


def _name(operation: Operation) -> str:
    name = getattr(operation, "name", None)
    if name in ("compile_loss", "compile_metrics"):
        given = "loss" if name == "compile_loss" else "metrics"
        return f"What compile was given as {given}"
    if hasattr(operation, "update_state"):
        return f"The metric {name}"
    if hasattr(operation, "reduction"):
        return f"The loss {name}"
    return f"{type_name(operation)} '{short(name)}'" if name else type_name(operation)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "…", "!", "?")) else text + "."


def _where(batch: Batch | None) -> str:
    if batch is None:
        return ""
    if batch.kind == "validation":
        return ", on the validation data"
    return f", on a batch of {counted(batch.size, 'sample')}" if batch.size is not None else ""


def _text(shapes: Shape) -> str:
    if isinstance(shapes, dict):
        return "{" + ", ".join(f"{key}: {_text(item)}" for key, item in shapes.items()) + "}"
    if isinstance(shapes, list):
        return " and ".join(_text(item) for item in shapes)
    return str(shapes)


def _rule(operation: Layer, inputs: Shape, message: str, batch: Batch | None) -> str | None:
    """What its rule says: the arithmetic, with the sizes filled in."""
    specs = _specs(inputs)
    if specs is None:
        return None
    try:
        configured = _configured(operation)
        if batch is None:
            apply(configured, specs, Call())
        else:
            opened = _specs(inputs, open_batch=True)
            apply(configured, opened, Call())
            apply(configured, specs, Call(built_on=opened, step="training"))
    except Refused as refused:
        return refused.why
    except (Unknown, _NoRule):
        return None
    return None


class _NoRule(Exception):
    """A layer has no rule, or there is more to it than a rule can be given."""


class _Inner:
    """The layer that another one wraps, as the rule of the other wants it."""

    def __init__(self, configured: Configured) -> None:
        self._configured = configured

    @property
    def configured(self) -> Configured:
        return self._configured


def _configured(operation: Layer) -> Configured:
    """The rule of a layer that Keras has made, with its plain arguments.

    A subclass that leaves building and calling to a class of Keras is that class here.
    """
    kinds = [kind for kind in type(operation).__mro__ if rule_of(kind) is not None]
    if not kinds or any(
        getattr(type(operation), name) is not getattr(kinds[0], name) for name in _OWN_CODE
    ):
        raise _NoRule
    try:
        config = operation.get_config()
    except Exception:  # code of the user's: Keras's own sentence will do
        raise _NoRule from None
    taken = inspect.signature(kinds[0].__init__).parameters  # type: ignore[misc]
    arguments = {name: value for name, value in config.items() if name in taken and _plain(value)}
    inner = getattr(operation, "forward_layer", None) or getattr(operation, "layer", None)
    if "layer" in taken and inner is not None:
        arguments["layer"] = _Inner(_configured(inner))
    try:
        return bind(kinds[0], (), arguments)
    except Refused:  # Keras has made it, so something is missing that is not plain
        raise _NoRule from None


_OWN_CODE = ("__call__", "build", "call", "compute_output_spec", "compute_output_shape")


def _plain(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


def _specs(shapes: Shape, *, open_batch: bool = False) -> Any:
    """Specs of these shapes; None where one is not known."""
    if isinstance(shapes, tuple):
        return Spec((None, *shapes[1:]) if open_batch else shapes)
    if not isinstance(shapes, list) or not shapes:
        return None
    specs = [_specs(shape, open_batch=open_batch) for shape in shapes]
    return None if None in specs else specs


def _rank(operation: Layer, inputs: Shape, message: str, batch: Batch | None) -> str | None:
    found = re.search(r"expected (?:(min_ndim|max_ndim|ndim)=|ndim to be )?(\d+),? found", message)
    if found is None or "ndim" not in message or not isinstance(inputs, tuple):
        return None
    least = "at least " if found[1] == "min_ndim" else ""
    why = rank_needed(int(found[2]), len(inputs), str(inputs), least)
    recurrent = hasattr(operation, "return_sequences") or hasattr(operation, "forward_layer")
    return why + (AFTER_RECURRENT if recurrent and len(inputs) == 2 else "")


def _width(operation: Layer, inputs: Shape, message: str, batch: Batch | None) -> str | None:
    found = re.search(r"expected axis (-?\d+) of input shape to have value (\d+)", message)
    if found is None or not isinstance(inputs, tuple):
        return None
    axis = int(found[1])
    return width_needed(found[2], axis, inputs[axis], str(inputs))


def _broadcast(
    operation: Operation, inputs: Shape, message: str, batch: Batch | None
) -> str | None:
    found = re.search(r"Input shapes are: \[([^]]*)\] and \[([^]]*)\]", message)
    if found is None:
        return None
    first, second = (
        tuple(None if size == "None" else int(size) for size in re.findall(r"None|\d+", group))
        for group in found.groups()
    )
    try:
        broadcast(first, second)
    except Refused as refused:
        return refused.why
    return None


def _loss(operation: Operation, inputs: Shape, message: str, batch: Batch | None) -> str | None:
    if not (hasattr(operation, "reduction") or hasattr(operation, "update_state")):
        return None
    if not isinstance(inputs, list) or len(inputs) != 2 or None in inputs:
        return None
    if weights_are_text(operation):
        return (
            f"is weighted by text{_where(batch)}: the third argument of compile is loss_weights; "
            'write metrics=["accuracy"] for metrics'
        )
    return (
        f"compares targets of shape {inputs[0]} with outputs of shape {inputs[1]}{_where(batch)}: "
        f"{first_sentence(message)}"
    )


_EXPLANATIONS: tuple[Callable[[Any, Shape, str, Batch | None], str | None], ...] = (
    _rule, _rank, _width, _broadcast, _loss,
)  # fmt: skip
