"""The data that is given to a search or a check, as long as code of the user's may need it."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

import keras

from shapesafe_tuner._compat.keras import trainer
from shapesafe_tuner._compat.types import Model
from shapesafe_tuner.tracing.data.spec import raw_leaves
from shapesafe_tuner.tracing.data.varying import value_for
from shapesafe_tuner.tracing.environment import Check
from shapesafe_tuner.tracing.following.guard import untouchable
from shapesafe_tuner.tracing.following.purity import not_followed, read_code
from shapesafe_tuner.tracing.following.source import Build, Followed, NotFollowed

__all__ = ["GivenData", "objection_to_fit"]


class GivenData:
    """Arguments of ``fit``, of which code of the user's gets copies that cannot be written to.

    As a context it keeps them only until it is left.

    Args:
        args, kwargs: as they were given; in a check they may be functions of ``hp``.
        everything: follow also what may have side effects.
        example: what stands for them where they are functions, to see what kinds of data they are.
    """

    def __init__(
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        everything: bool = False,
        example: Collection[Any] | None = None,
    ) -> None:
        self._args, self._kwargs = args, dict(kwargs)
        kept = [args, {**self._kwargs, "callbacks": None}] if example is None else example
        self.holds_arrays = all(map(_is_plain, raw_leaves(kept)))
        self.everything = everything
        self._is_released = self._is_needed = False

    def copies(self, hp: Any = None) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, for one run.

        Args:
            hp: the configuration, for arguments that are functions of it.

        Raises:
            NotFollowed: they were released.
        """
        if self._is_released:
            raise NotFollowed("the search is over, and its data no longer kept")
        kept = {
            name: value_for(value, hp)
            for name, value in self._kwargs.items()
            if name != "callbacks"
        }
        kwargs: dict[str, Any] = untouchable(kept)
        if self._kwargs.get("callbacks") is not None:
            kwargs["callbacks"] = [copy.copy(item) for item in self._kwargs["callbacks"]]
        return untouchable(tuple(value_for(value, hp) for value in self._args)), kwargs

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

    def need(self) -> GivenData:
        """The same; it is sent along to other processes, if it can be."""
        self._is_needed = True
        return self

    def __reduce__(self) -> Any:
        if not (self._is_needed and self.holds_arrays):
            return _nothing, ()
        return _sent, (self._args, self._kwargs, self.everything)

    def __enter__(self) -> GivenData:
        return self

    def __exit__(self, *error: object) -> None:
        """Keep the data no longer."""
        self._args, self._kwargs, self._is_released = (), {}, True

    def objection_to(self, model: object) -> str | None:
        """Why a ``fit`` of the model's own is not run in a check; None if it is."""
        why = None if self.everything else objection_to_fit(model, self.holds_arrays)
        return why and f"{type(model).__name__}.fit: {why}"

    def reach(self, model: Model, check: Check, hp: Any) -> Model:
        """Follow a ``fit`` of the model's own to that of Keras; the check learns its data.

        Args:
            model: as it was built.
            check: the active one.
            hp: the configuration.

        Returns:
            The model that Keras's ``fit`` was called on.

        Raises:
            NotFollowed: it does not come there, or is not run in a check.
            Exception: whatever it raises before.
        """
        self.need()
        name = f"{type(model).__name__}.fit"
        why = self.objection_to(model)
        if why is not None:
            raise NotFollowed(not_followed(name, why))

        def run(hp: Any, build: Build) -> None:
            args, kwargs = self.copies(hp)
            model.fit(*args, **kwargs)

        return Followed(run, name).reach(hp, check)


def _nothing() -> None:
    """What is sent of data that no code of the user's needs."""


def _sent(args: tuple[Any, ...], kwargs: dict[str, Any], everything: bool) -> GivenData:
    return GivenData(args, kwargs, everything=everything, example=()).need()


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
