"""What the followed runs of one space share: numbers for keys, and what counts."""

from __future__ import annotations

import dataclasses
from typing import Any

from shapesafe_tuner.tracing.states.early import Early
from shapesafe_tuner.tracing.states.frames import Place

__all__ = ["HISTORY", "Memory"]

HISTORY = frozenset(["layers", "models", "counters"])
"""What a run may look at of what lies behind: layers used again, models walked, names counted."""


@dataclasses.dataclass
class Memory:
    """What the followed runs of one space share.

    Attributes:
        keys: numbers for keys.
        places: where states are summarised.
        relevant: names of hyperparameters whose values are part of every state, and which of
            :data:`HISTORY` is.
        reads_frames: whether frames may be looked at.
        hides: whether chosen values may be hidden from ``build``.
        arrays: large arrays that some state names.
        why: what kept states from being summarised.
        declarations: of hyperparameters, by their identity.
        early: where values are chosen.
        shown: stems of what is chosen, and shown, where it is read: ``build`` hands it to C code.
        counting: by place of the code, up to which age what was made there counts.
    """

    keys: dict[Any, int] = dataclasses.field(default_factory=dict)
    places: set[Place] = dataclasses.field(default_factory=set)
    relevant: set[str] = dataclasses.field(default_factory=set)
    reads_frames: bool = True
    hides: bool = True
    arrays: dict[int, Any] = dataclasses.field(default_factory=dict)
    why: dict[str, int] = dataclasses.field(default_factory=dict)
    declarations: dict[int, tuple[Any, Any]] = dataclasses.field(default_factory=dict)
    early: Early = dataclasses.field(default_factory=Early)
    shown: set[str] = dataclasses.field(default_factory=set)
    counting: dict[Place, float] = dataclasses.field(default_factory=dict)

    def declared(self, hp: Any) -> Any:
        """All that a hyperparameter was declared with."""
        known = self.declarations.get(id(hp))
        if known is None or known[0] is not hp:
            known = self.declarations[id(hp)] = (hp, (type(hp).__name__, repr(hp.get_config())))
        return known[1]

    def number(self, key: Any) -> int:
        """A small number for a key."""
        return self.keys.setdefault(key, len(self.keys))
