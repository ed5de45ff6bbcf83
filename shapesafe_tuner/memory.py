"""What is remembered for as long as there is room."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["Memory"]

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Memory(dict[_Key, _Value]):
    """A dict that forgets the older half of what it holds when it is full.

    Only for what can be found again. Threads may share one.

    Args:
        most: how many items it holds.
    """

    __slots__ = ("_most",)

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: _Key, value: _Value) -> None:
        if len(self) >= self._most and key not in self:
            # Half at once: to look for the oldest of a dict costs the more, the more was taken.
            for old in list(self)[: (self._most + 1) // 2]:
                self.pop(old, None)
        super().__setitem__(key, value)

    def setdefault(self, key: _Key, default: _Value) -> _Value:
        """As of a dict."""
        if key not in self:
            self[key] = default
        return self[key]
