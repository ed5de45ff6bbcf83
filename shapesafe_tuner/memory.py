"""What is remembered for as long as there is room, and the key of a configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

__all__ = ["ConfigurationKey", "Memory", "configuration_key"]

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
ConfigurationKey: TypeAlias = tuple[tuple[str, type, str], ...]
"""Name, type and ``repr`` of each value."""


def configuration_key(
    values: Mapping[str, Any], names: Iterable[str] | None = None
) -> ConfigurationKey:
    """Equal for configurations that ``build`` cannot tell apart, and only for these.

    1, 1.0, True and "1" are four different values; the order of the names does not count.

    Args:
        values: the configuration.
        names: those of its hyperparameters that count; None for all.
    """
    chosen = sorted(values if names is None else names)
    return tuple((name, type(values[name]), repr(values[name])) for name in chosen)


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
