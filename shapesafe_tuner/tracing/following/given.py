"""The data that is given to a search or a check, as long as code of the user's may need it."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras

from shapesafe_tuner._compat.keras import trainer
from shapesafe_tuner._compat.types import Model
from shapesafe_tuner.tracing.data.spec import raw_leaves
from shapesafe_tuner.tracing.environment import Check
from shapesafe_tuner.tracing.following.guard import untouchable
from shapesafe_tuner.tracing.following.purity import not_followed, read_code
from shapesafe_tuner.tracing.following.source import Build, Followed, NotFollowed

__all__ = ["GivenData", "objection_to_fit"]


class GivenData:
    """Arguments of ``fit``, of which code of the user's gets copies that cannot be written to.

    As a context it keeps them only until it is left.

    Args:
        args, kwargs: as they were given.
        everything: follow also what may have side effects.
    """

    def __init__(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], *, everything: bool = False
    ) -> None:
        self._args, self._kwargs = args, dict(kwargs)
        self.everything = everything
        self._is_released = False

    @property
    def holds_arrays(self) -> bool:
        """Whether all data are arrays, of which elements may be taken."""
        leaves = raw_leaves([self._args, {**self._kwargs, "callbacks": None}])
        return all(map(_is_plain, leaves))

    def copies(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, for one run.

        Raises:
            NotFollowed: they were released.
        """
        if self._is_released:
            raise NotFollowed("the search is over, and its data no longer kept")
        kept = {name: value for name, value in self._kwargs.items() if name != "callbacks"}
        kwargs: dict[str, Any] = untouchable(kept)
        if self._kwargs.get("callbacks") is not None:
            kwargs["callbacks"] = [copy.copy(item) for item in self._kwargs["callbacks"]]
        return untouchable(self._args), kwargs

    def assert_taken_by(self, function: Callable[..., Any], *before: None, callbacks: bool) -> None:
        """Hold the arguments against the signature of the user's function that gets them.

        Args:
            function: a bound method.
            *before: one for each argument that it gets before them.
            callbacks: whether it gets some in any case.

        Raises:
            TypeError: every call of it fails.
        """
        more = {"callbacks": None} if callbacks else {}
        inspect.signature(function).bind(*before, *self._args, **{**self._kwargs, **more})

    def __enter__(self) -> GivenData:
        return self

    def __exit__(self, *error: object) -> None:
        """Keep the data no longer."""
        self._args, self._kwargs, self._is_released = (), {}, True

    def objection_to(self, model: object) -> str | None:
        """Why a ``fit`` of the model's own is not run in a check; None if it is."""
        why = None if self.everything else objection_to_fit(model, self.holds_arrays)
        return why and f"{type(model).__name__}.fit: {why}"

    def reach(self, model: Model, check: Check) -> Model:
        """Follow a ``fit`` of the model's own to that of Keras; the check learns its data.

        Returns:
            The model that Keras's ``fit`` was called on.

        Raises:
            NotFollowed: it does not come there, or is not run in a check.
            Exception: whatever it raises before.
        """
        name = f"{type(model).__name__}.fit"
        why = self.objection_to(model)
        if why is not None:
            raise NotFollowed(not_followed(name, why))

        def run(hp: Any, build: Build) -> None:
            args, kwargs = self.copies()
            model.fit(*args, **kwargs)

        return Followed(run, name).reach(None, check)


def objection_to_fit(model: object, holds_arrays: bool) -> str | None:
    """Why a ``fit`` of the model's own is not run in a check; None if it is, or there is none.

    Args:
        model: what was built.
        holds_arrays: whether its data are arrays.
    """
    if not isinstance(model, keras.Model) or not trainer.overrides(model, "fit"):
        return None
    owner = type(model)
    read = read_code(owner.fit, owner, models=("self",), holds_arrays=holds_arrays)
    if read.objections:
        return read.objections[0]
    return "it catches exceptions" if read.catches else None


def _is_plain(leaf: object) -> bool:
    return leaf is None or isinstance(leaf, (str, int, float)) or type(leaf).__name__ == "ndarray"
