"""What is known of a constructor call, worked out once: equal calls make equal layers."""

from __future__ import annotations

import marshal
from collections.abc import Mapping, Sequence
from typing import Any

from shapesafe_tuner.memory import Memory
from shapesafe_tuner.shapes.registry import Configured
from shapesafe_tuner.shapes.spec import Refused, Unknown
from shapesafe_tuner.structures import map_leaves
from shapesafe_tuner.tracing.binding import bind
from shapesafe_tuner.tracing.remembering.keys import key_of
from shapesafe_tuner.tracing.signals import NoKey

__all__ = ["Description", "Descriptions"]

_MOST = 20_000
"""Constructor calls, and calls of one layer, that are remembered."""


class Description:
    """A layer as its constructor call describes it.

    Attributes:
        layer_class: its class.
        args, kwargs: of the constructor, without the name.
        configured: its rule; None where the layer itself has to be asked.
        refused: the rule's refusal of the constructor call, or None.
        key: equal for equal calls; None where calls cannot be compared.
        calls: what the layer answered, by what it was called on.
        constructed: Keras has accepted the constructor call.
        given_name: what a constructor of the user's own calls the layer, whatever its arguments;
            None where Keras names it.
        names: by kind, how many layers inside it Keras named in the constructor call.
        quick: answers of its rule to a call on one tensor: by input and by what it was built on,
            the number of weights and the output.
        rows: rows of the shape table, made once.
    """

    __slots__ = (
        "args", "calls", "configured", "constructed", "given_name", "key", "kwargs", "layer_class",
        "names", "quick", "refused", "rows",
    )  # fmt: skip

    def __init__(
        self,
        layer_class: type,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        key: Any,
        *,
        look_up: bool = True,
    ) -> None:
        self.layer_class = layer_class
        self.args = tuple(args)
        self.kwargs = dict(kwargs)
        self.key = key
        self.calls: Memory[Any, Any] = Memory(_MOST)
        self.quick: Memory[Any, Any] = Memory(_MOST)
        self.rows: Memory[Any, Any] = Memory(_MOST)
        self.configured: Configured | None = None
        self.refused: Refused | None = None
        self.constructed = False
        self.given_name: str | None = None
        self.names: Mapping[str, int] = {}
        if not look_up:
            return
        try:
            self.configured = bind(layer_class, args, kwargs)
        except Refused as refused:
            self.refused = refused
        except Unknown:
            pass


class Descriptions:
    """The descriptions of this process, by constructor call and the policies that hold for it."""

    def __init__(self) -> None:
        self._known: Memory[Any, Description] = Memory(_MOST)

    def describe(
        self, layer_class: type, args: tuple[Any, ...], kwargs: dict[str, Any], policy: Any
    ) -> Description:
        """The description of a constructor call.

        Args:
            layer_class: the class that is called.
            args, kwargs: without the name.
            policy: what else it depends on: the global dtype policy and data format.
        """
        if not layer_class.__module__.startswith("keras."):
            try:
                policy = (policy, key_of(layer_class))
            except (NoKey, TypeError, ValueError):
                return Description(layer_class, args, kwargs, None)
        try:
            # Bytes tell 1 from 1.0 and True, as a hash of the arguments would not.
            key: Any = (layer_class, marshal.dumps((args, kwargs), 2), policy)
        except ValueError:
            try:
                key = (layer_class, key_of(args), key_of(kwargs), policy)
            except (NoKey, TypeError, ValueError):
                return Description(layer_class, args, kwargs, None)
            known = self._known.get(key)
            if known is not None:
                # These objects are now as the key says; those of an earlier call may have changed.
                known.args, known.kwargs = _detached(args), _detached(kwargs)
        known = self._known.get(key)
        if known is None:
            known = Description(layer_class, _detached(args), _detached(kwargs), key)
            self._known[key] = known
        return known


def _detached(value: Any) -> Any:
    """Descriptions in place of stand-ins: what is remembered must not keep a run alive."""
    return map_leaves(_description_or_value, value)


def _description_or_value(leaf: Any) -> Any:
    if hasattr(type(leaf), "configured"):
        return getattr(leaf._record, "description", leaf)
    return leaf
