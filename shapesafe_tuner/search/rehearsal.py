"""Whether a tuner's or hypermodel's own code between ``search`` and ``fit`` is followed."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from shapesafe_tuner._compat.keras_tuner.configurations import configuration
from shapesafe_tuner._compat.keras_tuner.tuner_hooks import TunerHooks
from shapesafe_tuner._compat.types import HyperParameters, Oracle
from shapesafe_tuner.search.arguments import refusal_of_search
from shapesafe_tuner.space.enumeration import sample
from shapesafe_tuner.tracing.data.spec import DataSpec
from shapesafe_tuner.tracing.environment import Check, check_environment
from shapesafe_tuner.tracing.following.given import GivenData
from shapesafe_tuner.tracing.following.purity import (
    Objection,
    model_given_to,
    not_followed,
    read_code,
)
from shapesafe_tuner.tracing.following.source import Build, Followed, NotFollowed
from shapesafe_tuner.tracing.signals import Undecidable

__all__ = ["Rehearsal", "register_what_fit_reads", "rehearsal_of"]

ATTEMPTS = 10
"""Configurations that are tried until one comes to its ``fit``."""


@dataclasses.dataclass(frozen=True)
class Rehearsal:
    """What is known of a user's own code.

    Attributes:
        source: follows it; None where it is not followed.
        unjudged: why not.
        builds_alone: False where a build by itself says nothing: the code prepares the hypermodel
            before, catches what a build raises, or builds the model itself.
    """

    source: Followed | None = None
    unjudged: str | None = None
    builds_alone: bool = True


def rehearsal_of(tuner: TunerHooks, given: GivenData, in_advance: Collection[str]) -> Rehearsal:
    """Look at what the user wrote, and say how to follow it.

    Args:
        tuner: with its hypermodel.
        given: the arguments of ``search``.
        in_advance: names that the user registered before ``build``.
    """
    name = tuner._trains_by_itself
    if name is None:
        return Rehearsal()
    _assert_taken(tuner, given)
    found: list[Objection] = []
    catches = prepares = False
    for method, owner in tuner._own_code:
        of_hypermodel = owner is type(tuner.hypermodel)
        models = model_given_to(method) if of_hypermodel else ()
        read = read_code(method, owner, models=models, holds_arrays=given.holds_arrays)
        found += read.objections
        catches = catches or read.catches
        prepares = prepares or (read.catches and not of_hypermodel)
    prepares = prepares or any("self.hypermodel." in one for one in found)
    alone = tuner.hypermodel is not None and not prepares
    if found and not given.everything:
        return Rehearsal(None, not_followed(name, found[0]), alone)

    def run(hp: HyperParameters, build: Build) -> None:
        tuner._rehearse(hp, build, *given.copies())

    source = Followed(
        run,
        name,
        in_advance,
        has_build=tuner.hypermodel is not None,
        may_catch=catches or bool(found),
        objection_to=given.objection_to,
    )
    return Rehearsal(source, None, alone)


def _assert_taken(tuner: TunerHooks, given: GivenData) -> None:
    """The first of the user's methods gets the arguments of ``search``.

    Raises:
        FatalTypeError: it has no such parameters, so that every trial fails.
    """
    method, owner = tuner._own_code[0]
    own_name = getattr(method, "__name__", type(method).__name__)
    by_tuner = own_name == "run_trial"
    try:
        before = (None,) if issubclass(owner, TunerHooks) else (None, None)
        given.assert_taken_by(method, *before, callbacks=not by_tuner)
    except TypeError as error:
        name = f"{owner.__name__}.{own_name}"
        words = f"{name} does not take these arguments of search ({error})."
        raise refusal_of_search(words, error) from error


def register_what_fit_reads(oracle: Oracle, source: Followed) -> str | None:
    """Put the hyperparameters that only the user's own code reads into the space.

    KerasTuner meets them in its first trial, which always has their defaults.

    Args:
        oracle: of the search.
        source: follows the code.

    Returns:
        Why the code was not followed; None if it was.

    Raises:
        FatalValueError: the code fails however often it runs.
    """
    hp = configuration(oracle.hyperparameters, {})
    found = source.follow(hp)
    if found.unjudged is not None:
        return found.unjudged
    if found.whole:
        return _register_with_models(oracle, source)
    _assert_can_be_called(found.data)
    oracle.update_space(hp)
    return None


def _register_with_models(oracle: Oracle, source: Followed) -> str | None:
    """The same where the model must be built for it: with the first that comes to its ``fit``."""
    for attempt in range(ATTEMPTS):
        values = sample(oracle.hyperparameters, attempt) if attempt else {}
        hp = configuration(oracle.hyperparameters, values)
        check = Check()
        with check_environment(check):
            try:
                source.reach(hp, check)
            except NotFollowed as why:
                return str(why)
            except (Exception, Undecidable):
                continue  # this one cannot be built; others may
        _assert_can_be_called(check.fit_gets)
        oracle.update_space(hp)
        return None
    return None


def _assert_can_be_called(data: DataSpec | None) -> None:
    if data is not None and data.refuses_call:
        raise refusal_of_search(f"{data.problem}.")
