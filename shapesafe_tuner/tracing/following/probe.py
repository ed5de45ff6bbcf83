"""A model that only has ``fit``: where a user's own code ends that prepares the training."""

from __future__ import annotations

from typing import Any

from shapesafe_tuner.tracing.following.guard import Guarded

__all__ = ["Probe"]


class Probe:
    """Stands for the model, as far as nobody looks at it before ``fit``.

    Args:
        guard: learns of the call of ``fit``, and of what is read from the model before.
    """

    _guard: Guarded

    def __init__(self, guard: Guarded) -> None:
        vars(self)["_guard"] = guard

    def fit(self, *args: Any, **kwargs: Any) -> None:
        """Ends the run."""
        self._guard.reach(None, args, kwargs)

    def __getattr__(self, name: str) -> None:
        self._guard.need_model(name)

    def __setattr__(self, name: str, value: object) -> None:
        self._guard.need_model(f"{name} =")

    def __call__(self, *args: object, **kwargs: object) -> None:
        """A model is called."""
        self._guard.need_model("its call")

    def __bool__(self) -> bool:
        self._guard.need_model("its truth")
        return True

    def __iter__(self) -> Any:
        self._guard.need_model("its elements")

    def __len__(self) -> int:
        self._guard.need_model("its length")
        return 0

    def __reduce_ex__(self, protocol: object) -> Any:
        self._guard.need_model("a copy of it")
