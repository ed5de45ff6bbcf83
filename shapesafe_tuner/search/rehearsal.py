"""Whether a tuner's or hypermodel's own code between ``search`` and ``fit`` is followed."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from shapesafe_tuner._compat.keras_tuner.configurations import configuration
from shapesafe_tuner._compat.keras_tuner.tuner_hooks import TunerHooks
from shapesafe_tuner.search.arguments import refusal_of_search
from shapesafe_tuner.tracing.following.probe import untouchable
from shapesafe_tuner.tracing.following.purity import objections
from shapesafe_tuner.tracing.following.source import Followed

__all__ = ["Rehearsal", "register_what_fit_reads", "rehearsal_of"]


@dataclasses.dataclass(frozen=True)
class Rehearsal:
    """What is known of a user's own code.

    Attributes:
        source: follows it; None where it is not followed.
        unjudged: why not.
        builds_alone: False where it prepares the hypermodel before it builds, so that a build by
            itself says nothing.
    """

    source: Followed | None = None
    unjudged: str | None = None
    builds_alone: bool = True


def rehearsal_of(
    tuner: TunerHooks,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    in_advance: Collection[str],
    *,
    everything: bool,
) -> Rehearsal:
    """Look at what the user wrote, and say how to follow it.

    Args:
        tuner: with its hypermodel.
        args, kwargs: of ``search``.
        in_advance: names that the user registered before ``build``.
        everything: also what may have side effects.
    """
    name = tuner._trains_by_itself
    found = [one for method, owner in tuner._own_code for one in objections(method, owner)]
    alone = not any("self.hypermodel." in one for one in found)
    handled = [one for one in found if " try statement" in one]
    stops = handled if everything else found
    if name is None or stops:
        why = None if name is None else f"{name} may change the data, and was not followed: "
        return Rehearsal(None, why and why + stops[0], alone)
    kept = {word: value for word, value in kwargs.items() if word != "callbacks"}
    callbacks = list(kwargs.get("callbacks") or ())

    def run(hp: Any, probe: Any) -> None:
        given = untouchable(kept)
        tuner._rehearse(hp, probe, untouchable(args), {**given, "callbacks": list(callbacks)})

    return Rehearsal(Followed(run, name, in_advance), None, alone)


def register_what_fit_reads(oracle: Any, source: Followed) -> str | None:
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
    problem = None if found.data is None else found.data.problem
    if problem is not None and ("multiple values" in problem or "these arguments" in problem):
        raise refusal_of_search(f"{problem}.")
    oracle.update_space(hp)
    return None
