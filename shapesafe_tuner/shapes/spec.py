"""What a rule is given and what it answers: specifications of tensors, refusals, "unknown"."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

__all__ = [
    "STRING",
    "Arguments",
    "Call",
    "Dim",
    "Refused",
    "Spec",
    "Specs",
    "Step",
    "Unknown",
    "by",
    "text",
    "walk",
]

Dim = Any
"""One size: an int, None where it is not known, or a ``Deferred`` that is not chosen yet."""


STRING = "string"
"""The dtype of text. Only layers that look it up or encode it take it; no rule computes with it."""


class Spec(NamedTuple):
    """What is known of a tensor: shape with the batch axis, dtype, and the shape of its mask."""

    shape: tuple[Dim, ...]
    dtype: str = "float32"
    mask: tuple[Dim, ...] | None = None


Specs: TypeAlias = Any
"""A ``Spec``, or several in dicts, lists and tuples; None where a call has no such input."""


class Refused(Exception):
    """A rule proves that Keras refuses this layer or this call.

    Args:
        why: the end of a sentence that begins with the layer, with the formula filled in.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Unknown(Exception):
    """A rule cannot say; the layer itself has to be asked.

    Args:
        why: what the rule does not know.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Arguments(types.SimpleNamespace):
    """Constructor arguments by name, defaults filled in.

    Besides those of the class's signature there are ``layer_type`` (the name the class has in
    Keras) and ``compute_dtype``. ``data_format`` is never None. Activations are names or None.
    Initializers, regularizers and constraints are names, or objects that change no shape.

    Where hyperparameters are not chosen yet, what a rule does not read is not asked for. The rules
    of this package read numbers as ``shapes.deferred.Deferred``; any other
    rule gets a number, since reading it demands its value.

    Args:
        on_reading: by name, what is called when an argument is read for the first time.
        **known: the other arguments.
    """

    layer_type: str
    compute_dtype: str

    def __init__(
        self, on_reading: Mapping[str, Callable[[], Any]] | None = None, **known: Any
    ) -> None:
        super().__init__(**known)
        if on_reading:
            self.__dict__["_on_reading"] = on_reading

    def __getattr__(self, name: str) -> Any:
        read = self.__dict__.get("_on_reading", {}).get(name)
        if read is None:
            raise AttributeError(f"{self.layer_type} has no argument {name}")
        value = self.__dict__[name] = read()
        return value


Step = Literal["", "training", "evaluation"]


@dataclasses.dataclass(frozen=True)
class Call:
    """How a layer is called, apart from its first argument.

    Attributes:
        built_on: what the layer was first called on, which fixed its weights; None when this
            is the first call.
        step: "training" or "evaluation" where the call is part of a step on real batches, so
            that what only the backend's own computation refuses counts too; "" in a build.
        arguments: further arguments that differ from their defaults, by name, with ``Spec`` for
            tensors.
    """

    built_on: Any = None
    step: Step = ""
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def walk(inputs: Any) -> Iterator[Spec]:
    """The specs in a nested structure."""
    if isinstance(inputs, Spec):
        yield inputs
    elif isinstance(inputs, Mapping):
        for item in inputs.values():
            yield from walk(item)
    elif isinstance(inputs, (list, tuple)):
        for item in inputs:
            yield from walk(item)


def text(inputs: Any) -> str:
    """Shapes for a sentence: ``(None, 5, 5, 8)``, or several joined by *and*."""
    if isinstance(inputs, Spec):
        return str(tuple(inputs.shape))
    return " and ".join(str(tuple(spec.shape)) for spec in walk(inputs))


def by(sizes: Any) -> str:
    """``5 x 5`` for a sentence."""
    return " x ".join("?" if size is None else str(size) for size in sizes)
