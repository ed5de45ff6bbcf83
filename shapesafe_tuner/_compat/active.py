"""The check that is active in a thread, as Keras's hooks see it.

Every hook asks ``current()`` first and leaves stock Keras alone where the answer is None.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from shapesafe_tuner._compat.types import Layer, Loss, Nested, Tensor, Variable

__all__ = ["BORN", "LOCAL", "Hooks", "StrayLookup", "current", "touch"]


class StrayLookup(NamedTuple):
    """Numbers, known before the step runs, that look up rows which a table does not have.

    Attributes:
        scopes: the names of the layers around it, outermost first, as the backend has them.
        rows: of the table.
        low, high: of the numbers.
    """

    scopes: tuple[str, ...]
    rows: int
    low: int
    high: int


class Hooks(Protocol):
    """What a check wants to be asked while it is active in this thread."""

    keep_random_trace: bool
    variables_as_handles: bool
    analytic: Any
    handles: list[tuple[Variable, Tensor]]
    born_here: object
    grown: dict[int, Any]

    def touch(self, layer: Layer) -> None:
        """A layer which was there before the check is about to change."""

    def keep_value(self, variable: Variable, assign: Callable[[Variable, Any], None]) -> None:
        """A variable with a value is about to get another one."""

    def around_call(
        self,
        layer: Layer,
        call: Callable[..., Nested],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Nested:
        """Run one layer call."""

    def note_birth(self, layer: Layer | None = None) -> None:
        """A variable, or this layer, came into being."""

    def note_build(self, layer: Layer) -> None:
        """A layer is about to be built."""

    def compared(self, loss: Loss, y_true: Nested, y_pred: Nested) -> None:
        """A loss is about to compare these."""

    def strayed(self, lookup: StrayLookup) -> None:
        """A trace looks up rows that a table does not have."""

    def account_for(self, shape: tuple[int, ...], dtype: str) -> None:
        """Allow, or refuse by raising, that a variable of this shape gets its storage."""

    def download(self, name: str) -> None:
        """The build wants a file of weights that is not on this machine."""

    def at_end(self, undo: Callable[[], object]) -> None:
        """Call this when the check ends."""


LOCAL = threading.local()
"""Its ``hooks`` are those of the check in the calling thread, where there is one."""


BORN = "_shapesafe_born"
"""The attribute that says in which check a layer was made."""


def current() -> Hooks | None:
    """The hooks active in this thread, or None."""
    return getattr(LOCAL, "hooks", None)


def touch(hooks: Hooks, layer: Layer) -> None:
    """Tell a check that a layer which it did not make itself is about to change."""
    if layer.__dict__.get(BORN) is not hooks.born_here:
        hooks.touch(layer)
