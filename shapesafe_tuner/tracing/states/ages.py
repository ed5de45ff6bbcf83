"""Tensors that ``build`` keeps and does not read again: their sizes need not count.

In ``skips.append(x)`` every block keeps a tensor. Were the sizes of all of them part of a state,
hardly two runs would meet; and where nobody reads the list, or only its end, they decide nothing.
So a tensor counts only as long as tensors that were made at the same place of the code have been
read after so many others were made. That is taken optimistically: a run that reads an older one
makes it count, and the exploration starts again. It is sound for the reason that other history
is: of every edge of the diagram there was a run, the tensors that a state left out were old in it
and stayed old, and it read none of them; so those with other sizes go the same way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor
from shapesafe_tuner.tracing.standins.graph import InputRecord
from shapesafe_tuner.tracing.states.frames import Place

__all__ = ["Ages"]

_FAR = 2
"""An age beyond which tensors of a place count for ever."""


class Ages:
    """How many tensors of one run were made after each.

    Args:
        counting: by place of the code, up to which age its tensors count; shared by all runs.

    Attributes:
        seen: by place, the age at which a tensor was read that did not count.
    """

    def __init__(self, counting: dict[Place, float]) -> None:
        self._counting = counting
        self._made = 0
        self._born: dict[int, tuple[int, Place]] = {}
        self.seen: dict[Place, float] = {}

    def born(self, tensor: SymbolicTensor, place: Place | None) -> None:
        """A tensor was made; where the place is not known, and inputs, always count."""
        self._made += 1
        if place is not None and not isinstance(tensor.node.record, InputRecord):
            self._born[id(tensor)] = self._made, place

    def gone(self, key: int) -> None:
        """It died."""
        self._born.pop(key, None)

    def is_old(self, key: int) -> bool:
        """Whether it does not count."""
        return key in self._born and self._age(key) > self._limit(key)

    def read(self, tensors: Iterable[Any]) -> None:
        """Some were read."""
        for tensor in tensors:
            key = id(tensor)
            if self.is_old(key):
                place = self._born[key][1]
                self.seen[place] = max(self.seen.get(place, 0), self._age(key))

    def learn(self) -> bool:
        """Let count what was read; whether that changes anything."""
        for place, age in self.seen.items():
            self._counting[place] = 2 * age if age <= _FAR else float("inf")
        return bool(self.seen)

    def _age(self, key: int) -> int:
        return self._made - self._born[key][0]

    def _limit(self, key: int) -> float:
        return self._counting.get(self._born[key][1], 0)
