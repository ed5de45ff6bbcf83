"""One sentence for the person who wrote ``build``, out of what refused and what it said."""

from __future__ import annotations

import re
from typing import Any

from shapesafe_tuner.tracing.attribution import Attribution

__all__ = ["describe"]


def describe(attribution: Attribution, inputs: Any, batch: Any = None) -> str:
    """The reason of a fault.

    Args:
        attribution: whose error it was.
        inputs: the shapes the failing operation was given, where known.
        batch: the batch of data it met, for faults of the training step.
    """
    said = _first_sentences(attribution.message)
    operation = attribution.operation
    if operation is None:
        return said
    name = getattr(operation, "name", type(operation).__name__)
    given = f" with input {_text(inputs)}" if inputs is not None else ""
    return f"{type(operation).__name__} '{name}'{given}: {said}"


def _text(shapes: Any) -> str:
    if isinstance(shapes, dict):
        return "{" + ", ".join(f"{key}: {_text(item)}" for key, item in shapes.items()) + "}"
    if isinstance(shapes, list):
        return " and ".join(_text(item) for item in shapes)
    return str(shapes)


def _first_sentences(message: str, limit: int = 300) -> str:
    """Keras's message without the lines that repeat arguments and graph nodes."""
    lines = [line.strip() for line in message.splitlines()]
    kept = []
    for line in lines:
        if re.match(r"(Arguments received by|Call arguments received by|Stack trace)", line):
            break
        if line:
            kept.append(line)
    text = " ".join(kept)
    text = re.sub(r"\{\{node [^}]*\}\}\s*", "", text)
    text = re.sub(r" for '\{\{.*$", ".", text)
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
