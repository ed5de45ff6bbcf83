"""Whether a search still does its job: the health check that Hypothesis makes of its samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from shapesafe_tuner.escaping import named
from shapesafe_tuner.memory import configuration_key
from shapesafe_tuner.verdict import Rejection

__all__ = ["complaint"]

_ENOUGH = 50
_MOST = 0.9


def complaint(rejections: Sequence[Rejection], accepted: int) -> str | None:
    """What to say of a search whose draws are nearly all refused; None if they are not.

    Args:
        rejections: of the search so far.
        accepted: how many configurations ran or run.
    """
    if len(rejections) <= _MOST * (len(rejections) + accepted):
        return None
    # At the end of a small space the same few are drawn again and again: they count once.
    refused = len({configuration_key(item.values) for item in rejections})
    drawn = refused + accepted
    if drawn < _ENOUGH or refused <= _MOST * drawn:
        return None
    faults = [item.verdict.fault for item in rejections if item.verdict.fault is not None]
    causes = Counter(named(fault.hyperparameters) for fault in faults)
    cause, count = causes.most_common(1)[0]
    reason = next(fault.reason for fault in faults if named(fault.hyperparameters) == cause)
    return (
        f"{refused} of {drawn} different configurations drawn so far were refused. The most "
        f"frequent cause, {count} times: {f'{cause}. ' if cause else ''}{reason} "
        "The search goes on, but samples a small part of its space: "
        "shapesafe_tuner.validate_search_space says which, and how to narrow it. "
        "To silence this: warnings.simplefilter('ignore', "
        "shapesafe_tuner.FeasibilityWarning)."
    )
