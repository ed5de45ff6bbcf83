"""One sentence for the person who wrote ``build``, out of what refused and what it was given.

Where the arithmetic is known the sentence shows it with the sizes filled in; otherwise the first
sentence of Keras's own message stands. The formulas are those of ``keras/src/ops/operation_utils``
(``compute_conv_output_shape``, ``compute_pooling_output_shape``, ``compute_reshape_output_shape``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from shapesafe_tuner.escaping import short
from shapesafe_tuner.tracing.attribution import Attribution
from shapesafe_tuner.tracing.data.spec import Batch

__all__ = ["describe", "first_sentence", "type_name"]

_MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
_RANKS = {
    3: "(batch, steps, features)",
    4: "(batch, height, width, channels)",
    5: "(batch, depth, height, width, channels)",
}


def describe(attribution: Attribution, inputs: Any, batch: Batch | None = None) -> str:
    """The reason of a fault.

    Args:
        attribution: whose error it was.
        inputs: the shapes the failing operation was given, where known.
        batch: the batch of data it met, for faults of the training step.
    """
    where = _where(batch)
    operation = attribution.operation
    if operation is None:
        prefix = "build refuses it: " if attribution.by_user_code and batch is None else ""
        return _sentence(prefix + first_sentence(attribution.message) + where)
    who = _name(operation)
    for explain in _EXPLANATIONS:
        why = explain(operation, inputs, attribution.message)
        if why:
            return _sentence(f"{who} {why}{where}")
    given = f" refuses {_text(inputs)}" if inputs is not None else " fails"
    return _sentence(f"{who}{given}: {first_sentence(attribution.message)}{where}")


def _name(operation: Any) -> str:
    name = getattr(operation, "name", None)
    if name in ("compile_loss", "compile_metrics"):
        given = "loss" if name == "compile_loss" else "metrics"
        return f"What compile was given as {given}"
    if hasattr(operation, "update_state"):
        return f"The metric {name}"
    if hasattr(operation, "reduction"):
        return f"The loss {name}"
    return f"{type_name(operation)} '{short(name)}'" if name else type_name(operation)


def type_name(operation: Any) -> str:
    """Its class, or the function where Keras only wraps one."""
    function = getattr(operation, "fn", None) or getattr(operation, "_fn", None)
    wrapped = type(operation).__name__ in ("LossFunctionWrapper", "MeanMetricWrapper")
    if wrapped and callable(function):
        return getattr(function, "__name__", type(operation).__name__)
    return type(operation).__name__


def first_sentence(message: str, limit: int = 300) -> str:
    """Keras's message without the lines that repeat arguments and graph nodes."""
    text = re.split(r"\n\s*(?:Arguments received|Call arguments received|Stack trace)", message)[0]
    text = re.sub(r" for '\{\{.*?' with input shapes", " for shapes", text, flags=re.DOTALL)
    text = re.sub(r" for '= .*", "", re.sub(r"\{\{node [^}]*\}\}\s*", "", text), flags=re.DOTALL)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "…", "!", "?")) else text + "."


def _where(batch: Batch | None) -> str:
    if batch is None:
        return ""
    if batch.kind == "validation":
        return ", on the validation data"
    return f", on a batch of {batch.size} samples" if batch.size is not None else ""


def _text(shapes: Any) -> str:
    if isinstance(shapes, dict):
        return "{" + ", ".join(f"{key}: {_text(item)}" for key, item in shapes.items()) + "}"
    if isinstance(shapes, list):
        return " and ".join(_text(item) for item in shapes)
    return str(shapes)


def _window(operation: Any, inputs: Any, message: str) -> str | None:
    """Convolutions and pooling: ``floor((size - window) / stride) + 1`` per axis, unpadded."""
    window = getattr(operation, "kernel_size", None) or getattr(operation, "pool_size", None)
    if not window or not isinstance(inputs, tuple) or "negative" not in message.lower():
        return None
    spatial = _spatial(operation, inputs, len(window))
    dilation = _each(getattr(operation, "dilation_rate", 1), len(window))
    strides = _each(getattr(operation, "strides", 1), len(window))
    kind = "kernel" if hasattr(operation, "kernel_size") else "window"
    for size, length, gap, stride in zip(spatial, window, dilation, strides, strict=True):
        if size is None:
            continue
        reach = gap * (length - 1) + 1
        result = (size - reach) // stride + 1
        if result < 1:
            spread = f" (reaching {reach} with dilation {gap})" if gap > 1 else ""
            return (
                f"slides a {_by(window)} {kind}{spread} over a map of only {_by(spatial)}: "
                f"floor(({size} - {reach}) / {stride}) + 1 = {result}"
            )
    return None


def _spatial(operation: Any, shape: Sequence[Any], axes: int) -> list[Any]:
    first = getattr(operation, "data_format", "channels_last") == "channels_first"
    return list(shape[-axes:]) if first else list(shape[-axes - 1 : -1])


def _each(value: Any, axes: int) -> list[int]:
    return list(value) if isinstance(value, (list, tuple)) else [int(value)] * axes


def _by(sizes: Sequence[Any]) -> str:
    return " x ".join("?" if size is None else str(size) for size in sizes)


def _rank(operation: Any, inputs: Any, message: str) -> str | None:
    found = re.search(r"expected (?:(min_ndim|max_ndim|ndim)=|ndim to be )?(\d+),? found", message)
    if found is None or "ndim" not in message or not isinstance(inputs, tuple):
        return None
    rank = int(found[2])
    least = "at least " if found[1] == "min_ndim" else ""
    axes = f" {_RANKS[rank]}" if rank in _RANKS and not least else ""
    why = f"needs input of rank {least}{rank}{axes}, but gets rank {len(inputs)}: {inputs}"
    recurrent = hasattr(operation, "return_sequences") or hasattr(operation, "forward_layer")
    if recurrent and len(inputs) == 2:
        why += "; a recurrent layer before it needs return_sequences=True"
    return why


def _width(operation: Any, inputs: Any, message: str) -> str | None:
    found = re.search(r"expected axis (-?\d+) of input shape to have value (\d+)", message)
    if found is None or not isinstance(inputs, tuple):
        return None
    axis, wanted = int(found[1]), int(found[2])
    return f"was built for inputs of size {wanted} on axis {axis} and gets {inputs[axis]}: {inputs}"


def _merge(operation: Any, inputs: Any, message: str) -> str | None:
    if type(operation).__name__ not in _MERGES or not isinstance(inputs, list):
        return None
    return _merge_of(inputs)


def _merge_of(shapes: list[Any]) -> str | None:
    pair = _unequal(shapes)
    if pair is None:
        return None
    return f"cannot combine {_text(shapes)}: {pair[0]} and {pair[1]} differ and neither is 1"


def _unequal(shapes: list[Any]) -> tuple[int, int] | None:
    """The first two sizes, from the last axis on, that do not broadcast."""
    if not all(isinstance(shape, tuple) for shape in shapes):
        return None
    for axis in range(1, max(map(len, shapes)) + 1):
        sizes = [shape[-axis] for shape in shapes if len(shape) >= axis]
        known = [size for size in sizes if size not in (None, 1)]
        for size in known:
            if size != known[0]:
                return known[0], size
    return None


def _broadcast(operation: Any, inputs: Any, message: str) -> str | None:
    found = re.search(r"Input shapes are: \[([^]]*)\] and \[([^]]*)\]", message)
    if found is None:
        return None
    shapes = [
        tuple(None if size == "None" else int(size) for size in re.findall(r"None|\d+", group))
        for group in found.groups()
    ]
    return _merge_of(shapes)


def _concatenate(operation: Any, inputs: Any, message: str) -> str | None:
    if type(operation).__name__ != "Concatenate" or not isinstance(inputs, list):
        return None
    axis = getattr(operation, "axis", -1)
    return f"joins {_text(inputs)} on axis {axis}; all other sizes must be equal"


def _dot(operation: Any, inputs: Any, message: str) -> str | None:
    if type(operation).__name__ != "Dot" or not isinstance(inputs, list) or len(inputs) != 2:
        return None
    axes = _each(operation.axes, 2)
    sizes = [shape[axis] for shape, axis in zip(inputs, axes, strict=True) if axis < len(shape)]
    if len(sizes) != 2 or sizes[0] == sizes[1]:
        return None
    return f"multiplies {_text(inputs)} over axes of size {sizes[0]} and {sizes[1]}, which differ"


def _reshape(operation: Any, inputs: Any, message: str) -> str | None:
    target = getattr(operation, "target_shape", None)
    if target is None or not isinstance(inputs, tuple) or None in inputs[1:]:
        return None
    values = math.prod(inputs[1:])
    fixed = math.prod(size for size in target if size != -1)
    if -1 in target:
        return f"cannot divide {values} values ({_by(inputs[1:])}) by {fixed} for {tuple(target)}"
    return (
        f"cannot make {tuple(target)}, {_by(target)} = {fixed} values, "
        f"of {_by(inputs[1:])} = {values} values"
    )


def _loss(operation: Any, inputs: Any, message: str) -> str | None:
    if not (hasattr(operation, "reduction") or hasattr(operation, "update_state")):
        return None
    if not isinstance(inputs, list) or len(inputs) != 2 or None in inputs:
        return None
    return (
        f"compares targets of shape {inputs[0]} with outputs of shape {inputs[1]}: "
        f"{first_sentence(message).rstrip('.')}"
    )


_EXPLANATIONS: tuple[Callable[[Any, Any, str], str | None], ...] = (
    _window, _rank, _width, _merge, _broadcast, _concatenate, _dot, _reshape, _loss,
)  # fmt: skip
