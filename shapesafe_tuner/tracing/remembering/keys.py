"""Keys of any Python values: equal for what a layer cannot tell apart, and only for that.

A check that is repeated looks up what was worked out before, so a key that is equal for too much
gives a wrong verdict, and one that is equal for too little only costs time. ``1``, ``1.0`` and
``True`` have three keys. A lambda that is made anew in every ``build`` has the key of the last one:
its code, what it closes over, and what the globals that it reads stand for *now*. What has no such
key raises :class:`~shapesafe_tuner.tracing.signals.NoKey`, and is worked out each time.
"""

from __future__ import annotations

from typing import Any, cast

from shapesafe_tuner.tracing.remembering.objects import Key, object_key

__all__ = ["Key", "key_of"]

_PLAIN = frozenset([int, float, str, bool, type(None), complex, bytes])


def key_of(value: Any) -> Key:
    """A hashable stand-in for a value, equal for values that a layer cannot tell apart.

    Raises:
        NoKey: there is no such thing for this value.
    """
    kind = type(value)
    if kind in _PLAIN:
        return kind, repr(value) if kind is float else value
    if kind in (list, tuple):
        return kind, *[key_of(item) for item in value]
    if kind is dict:
        return kind, *[(key_of(key), key_of(item)) for key, item in value.items()]
    if hasattr(kind, "own_key") and kind.__module__.startswith("shapesafe_tuner."):
        return cast(Key, kind.own_key(value))
    return object_key(value)
