"""What a search says while it runs: a line between KerasTuner's own, and log records."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from shapesafe_tuner.escaping import named
from shapesafe_tuner.verdict import Rejection

__all__ = ["LOG", "progress_line", "record", "trial_line"]

LOG = logging.getLogger("shapesafe_tuner")
"""Gets one record at level INFO for each rejection; the record's ``rejection`` is the object."""


def record(rejection: Rejection) -> None:
    """Log a rejection."""
    LOG.info(
        "Rejected %r: %s",
        dict(rejection.values),
        _reason(rejection),
        extra={"rejection": rejection},
    )


def progress_line(rejections: Sequence[Rejection], since: int) -> str | None:
    """What was rejected before a trial; None if nothing was.

    Args:
        rejections: all of the search.
        since: how many there were when a line was printed last.
    """
    new = len(rejections) - since
    if new <= 0:
        return None
    causes = Counter(_reason(rejection) for rejection in rejections[since:])
    reason, count = causes.most_common(1)[0]
    often = f"; the most frequent reason ({count} of {new})" if new > count else ""
    total = "" if not since else f" ({len(rejections)} in all)"
    configurations = "configuration was" if new == 1 else "configurations were"
    return f"{new} {configurations} rejected without a trial{total}{often}: {reason}"


def trial_line(rejections: Sequence[Rejection], number: int) -> str:
    """What runs instead.

    Args:
        rejections: before the trial.
        number: of the trial, as KerasTuner counts.
    """
    last = rejections[-1]
    if last.repaired_to is None:
        return f"Trial #{number} runs instead."
    changed = {
        name: value
        for name, value in last.repaired_to.items()
        if name not in last.values or last.values[name] != value
    }
    before = {name: last.values[name] for name in changed if name in last.values}
    return f"Trial #{number} is a repair: {named(changed)} in place of {named(before)}."


def _reason(rejection: Rejection) -> str:
    fault = rejection.verdict.fault
    return "infeasible" if fault is None else fault.reason
