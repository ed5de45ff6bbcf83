"""Put a layer back as it was before a check built or called it.

Some programs make a layer or a backbone once and use it in every ``build``. What a check does to
it, such as building it for the shapes of a configuration that is then refused, must not last.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Snapshot"]


class Snapshot:
    """The state of one layer or optimizer: its attributes, and what its containers hold."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer
        self._attributes = dict(layer.__dict__)
        containers = [*layer.__dict__.values(), *_containers_of(layer)]
        # TensorFlow's lists keep what they hold in a list of their own, and what it was last.
        inner = [held for held in containers if type(held).__name__ in ("List", "ListWrapper")]
        self._inside = [(held, dict(vars(held))) for held in inner]
        self._contents = [
            (container, _copied(container))
            for container in map(_unwrapped, (*containers, *(held._storage for held in inner)))
            if isinstance(container, (list, dict, set))
        ]
        tracker = layer.__dict__.get("_tracker")
        self._lock = None if tracker is None else (tracker.locked, tracker._lock_violation_msg)

    def restore(self) -> None:
        """Undo what happened since."""
        self._layer.__dict__.clear()
        self._layer.__dict__.update(self._attributes)
        for container, items in self._contents:
            if isinstance(container, list):
                list.__setitem__(container, slice(None), items)
            elif isinstance(container, dict):
                dict.clear(container)
                dict.update(container, items)
            else:
                set.clear(container)
                set.update(container, items)
        for held, attributes in self._inside:
            vars(held).clear()
            vars(held).update(attributes)
        if self._lock is not None:
            tracker = self._layer._tracker
            tracker.locked, tracker._lock_violation_msg = self._lock


def _containers_of(layer: Any) -> list[Any]:
    """The lists and sets in which Keras keeps a layer's variables and sublayers."""
    tracker = layer.__dict__.get("_tracker")
    if tracker is None:
        return []
    return [*tracker.stored_ids.values(), *(store for _, store in tracker.config.values())]


def _unwrapped(container: Any) -> Any:
    """The dict or tuple inside TensorFlow's tracking proxies."""
    if type(container).__name__ in ("_DictWrapper", "_TupleWrapper"):
        return container.__wrapped__
    return container


def _copied(container: Any) -> Any:
    if isinstance(container, list):
        return list(container)
    return dict(container) if isinstance(container, dict) else set(container)
