"""A ``HyperModel.fit`` of the user's own, followed without a search."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Collection, Mapping
from typing import Any, Literal

import keras

from shapesafe_tuner._compat.keras_tuner.configurations import configuration
from shapesafe_tuner._compat.types import HyperModel, HyperParameters
from shapesafe_tuner.tracing.data.reading import is_arrays
from shapesafe_tuner.tracing.data.spec import raw_leaves
from shapesafe_tuner.tracing.data.varying import value_for, varies_with_values
from shapesafe_tuner.tracing.environment import Check, check_environment
from shapesafe_tuner.tracing.following.given import GivenData
from shapesafe_tuner.tracing.following.purity import model_given_to, not_followed, read_code
from shapesafe_tuner.tracing.following.source import Build, Followed
from shapesafe_tuner.tracing.signals import Undecidable

__all__ = ["follow_fit", "given_by"]


@dataclasses.dataclass(frozen=True)
class _Run:
    """Builds and trains as a search does that gets this data.

    Attributes:
        hypermodel: of the user's.
        given: the data.
    """

    hypermodel: HyperModel
    given: GivenData

    def __call__(self, hp: HyperParameters, build: Build) -> None:
        args, kwargs = self.given.copies(hp)
        model = build(self.hypermodel.build, hp)
        callbacks = [keras.callbacks.Callback()]
        copy.copy(self.hypermodel).fit(hp, model, *args, callbacks=callbacks, **kwargs)


def follow_fit(
    hypermodel: HyperModel,
    given: GivenData,
    in_advance: Collection[str],
) -> Followed | str:
    """What follows it, or why it is not followed.

    Args:
        hypermodel: with a ``fit`` of its own.
        given: what a search would get.
        in_advance: names that the user registered before ``build``.
    """
    owner = type(hypermodel)
    name = f"{owner.__name__}.fit"
    fit = hypermodel.fit
    read = read_code(fit, owner, models=model_given_to(fit), holds_arrays=given.holds_arrays)
    if read.objections and not given.everything:
        return not_followed(name, read.objections[0])
    return Followed(
        _Run(hypermodel, given.need()),
        name,
        in_advance,
        may_catch=read.catches or bool(read.objections),
        objection_to=given.objection_to,
    )


def given_by(
    parts: Mapping[str, Any],
    check_training_step: bool | Literal["follow"],
    hyperparameters: HyperParameters | None = None,
) -> GivenData | None:
    """The data of a check as a search would get it; None if it is not at hand.

    Args:
        parts: by the names of the arguments of ``fit``.
        check_training_step: "follow" follows also what may have side effects.
        hyperparameters: registered so far, for parts that are functions of ``hp``.
    """
    example: Mapping[str, Any] = parts
    if varies_with_values(parts):
        hp = configuration(hyperparameters, {})
        with check_environment(Check()):
            try:
                example = {name: value_for(part, hp) for name, part in parts.items()}
            except (Exception, Undecidable):
                return None  # what it raises is said where it is judged
    if not _is_at_hand(example):
        return None
    rest = {name: part for name, part in parts.items() if name != "x" and part is not None}
    args = [parts["x"]]
    if "y" in rest:
        args.append(rest.pop("y"))
    follow = check_training_step == "follow"
    return GivenData(tuple(args), rest, everything=follow, example=[*example.values()])


def _is_at_hand(parts: Mapping[str, Any]) -> bool:
    """Whether all the data are data, targets included, and no specifications of them."""
    if parts["x"] is None or (parts["y"] is None and is_arrays(parts["x"])):
        return False
    return not any(
        isinstance(leaf, (keras.KerasTensor, keras.InputSpec))
        or type(leaf).__name__ == "ShapeDtypeStruct"
        for name in ("x", "y", "sample_weight", "validation_data")
        for leaf in raw_leaves(parts[name])
    )
