"""Tensors and values that ``build`` keeps and does not read again: they need not count.

In ``skips.append(x)`` every block keeps a tensor. Were the sizes of all of them part of a state,
hardly two runs would meet; and where nobody reads the list, or only its end, they decide nothing.
So a tensor counts only as long as tensors that were made at the same place of the code have been
read after so many others were made. That is taken optimistically: a run that reads an older one
makes it count, and the exploration starts again. It is sound for the reason that other history
is: of every edge of the diagram there was a run, the tensors that a state left out were old in it
and stayed old, and it read none of them; so those with other sizes go the same way.

The same holds for values that were chosen and not shown, which a list of settings keeps to the end.
The age of a value begins when it was used last; what was not used yet counts.
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
    """How many tensors of one run were made after each, and after the last use of each value.

    Args:
        counting: by place of the code, up to which age what was made there counts; shared by all
            runs.

    Attributes:
        made: number of tensors so far.
        seen: by place, the age at which something was read that did not count.
    """

    def __init__(self, counting: dict[Place, float]) -> None:
        self._counting = counting
        self.made = 0
        self._born: dict[int, tuple[int, Place]] = {}
        self._values: dict[int, Place] = {}
        self.seen: dict[Place, float] = {}

    def born(self, tensor: SymbolicTensor, place: Place | None) -> None:
        """A tensor was made; where the place is not known, and inputs, always count."""
        self.made += 1
        if place is not None and not isinstance(tensor.node.record, InputRecord):
            self._born[id(tensor)] = self.made, place

    def given(self, value: Any, place: Place | None) -> None:
        """A value was chosen that ``build`` was not shown."""
        if place is not None:
            self._values[id(value)] = place

    def gone(self, key: int) -> None:
        """It died."""
        self._born.pop(key, None)
        self._values.pop(key, None)

    def is_old(self, key: int) -> bool:
        """Whether it does not count."""
        return key in self._born and self._age(key) > self._limit(key)

    def read(self, some: Iterable[Any]) -> None:
        """Some were read."""
        for each in some:
            key = id(each)
            if self.is_old(key):
                place = self._born[key][1]
                self.seen[place] = max(self.seen.get(place, 0), self._age(key))

    def used(self, some: Iterable[Any]) -> None:
        """Something that had some is done: those that are values begin a new age."""
        for each in some:
            place = self._values.get(id(each))
            if place is not None:
                self.read([each])
                self._born[id(each)] = self.made, place

    def learn(self) -> bool:
        """Let count what was read; whether that changes anything."""
        for place, age in self.seen.items():
            self._counting[place] = 2 * age if age <= _FAR else float("inf")
        return bool(self.seen)

    def _age(self, key: int) -> int:
        return self.made - self._born[key][0]

    def _limit(self, key: int) -> float:
        return self._counting.get(self._born[key][1], 0)
