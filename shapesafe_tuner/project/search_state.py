"""Our part of a saved search: what ``oracle.json`` holds besides KerasTuner's own state.

A search that is resumed goes on from it; KerasTuner, which does not know it, reads the file too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

__all__ = ["KEY", "SearchState"]

KEY = "shapesafe"
"""The name of our part in the state of an oracle."""


@dataclasses.dataclass(frozen=True)
class SearchState:
    """What a shape-safe oracle saves.

    Attributes:
        rejections: how many lines of the file of rejections belong to this state; None where stock
            KerasTuner wrote it, which counts none.
        repeated: how often a configuration was drawn that was refused before.
        drawn: how many candidates were judged.
        seconds: what judging them cost.
        complained: the search has warned that hardly anything is feasible.
        ends: by trial, how often a process ended while it ran.
        stopped: trials that were running when the search was ended by an exception.
        random_state: that of the optimiser of an acquisition, where the oracle has one.
    """

    rejections: int | None = None
    repeated: int = 0
    drawn: int = 0
    seconds: float = 0.0
    complained: bool = False
    ends: Mapping[str, int] = dataclasses.field(default_factory=dict)
    stopped: tuple[str, ...] = ()
    random_state: list[Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """A dict for JSON; :meth:`of` reads it back."""
        fields = dataclasses.asdict(self)
        return {name: value for name, value in fields.items() if value is not None}

    @classmethod
    def of(cls, saved: Mapping[str, Any]) -> SearchState:
        """Our part of the state of an oracle, or an empty one where it has none.

        Args:
            saved: the whole state.
        """
        own = saved.get(KEY) or {}
        names = {field.name for field in dataclasses.fields(cls)}
        known = {name: value for name, value in own.items() if name in names}
        return cls(**{**known, "stopped": tuple(known.get("stopped", ()))})
