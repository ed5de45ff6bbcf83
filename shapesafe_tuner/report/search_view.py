"""What the page of a search shows, put into words and positions for its template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shapesafe_tuner.escaping import named, visible
from shapesafe_tuner.findings.search import COMPLETED, SearchFindings, TrialFindings
from shapesafe_tuner.report.failures import reason_of
from shapesafe_tuner.report.ladder import ladder_of
from shapesafe_tuner.report.wording import abridged, counted, sentence, value_words
from shapesafe_tuner.verdict import Rejection

__all__ = ["search_text", "search_view"]

_REASONS = 12
"""Rows of the table of reasons; the others are one line below it."""
_STATES = {COMPLETED: "fits", "FAILED": "refused", "INVALID": "refused"}


def search_view(search: SearchFindings, refresh: int = 0) -> dict[str, Any]:
    """The view.

    Args:
        search: what the files of the project say.
        refresh: seconds after which a browser reads the page again; 0 for a page that stays.
    """
    reasons = search.reasons()
    left_out = reasons[_REASONS:]
    return {
        "title": search.project,
        "refresh": refresh,
        "headline": _headline(search),
        "effort": _effort(search),
        "best": _best(search.best),
        "timeline": _timeline(search),
        "reasons": [_reason(*one, len(search.rejections)) for one in reasons[:_REASONS]],
        "left_out": counted(len(left_out), "more reason") if left_out else "",
        "left_out_rejections": counted(sum(count for _, count, _ in left_out), "rejection"),
        "trials": _trials(search),
    }


def search_text(search: SearchFindings) -> str:
    """The same for a terminal."""
    best = _best(search.best)
    lines = [f"Search in {search.project}", _headline(search), _effort(search)]
    if best:
        lines.append(f"Best: {best}")
    for reason, count, rejection in search.reasons()[:_REASONS]:
        lines.append(f"  {count} x {reason}")
        cause = rejection.verdict.fault.hyperparameters if rejection.verdict.fault else {}
        if cause:
            lines.append(f"      for example {named(cause)}")
    for row in _trials(search):
        repair = f", in place of {row['instead']}" if row["instead"] else ""
        why = f": {row['message']}" if row["message"] else ""
        lines.append(f"  trial {row['id']} {row['status']} {row['score']}{repair}{why}".rstrip())
    return "\n".join(map(visible, lines))


def _headline(search: SearchFindings) -> str:
    completed = sum(trial.status == COMPLETED for trial in search.trials)
    failed = sum(_STATES.get(trial.status) == "refused" for trial in search.trials)
    trials = f"{counted(len(search.trials), 'trial')}, {completed} completed"
    rejections = counted(len(search.rejections), "rejection")
    return f"{trials}{f', {failed} failed' if failed else ''}; {rejections}"


def _effort(search: SearchFindings) -> str:
    """What the checks saved and what they cost."""
    if not search.drawn:
        return "No configuration was judged in this project."
    share = len(search.rejections) / search.drawn
    times = _times(search)
    whole = max(times) - min(times) if times else 0.0
    of = f" of {_duration(whole)}" if whole > search.seconds else ""
    return (
        f"{counted(search.drawn, 'configuration')} drawn, {share:.0%} of them rejected without a "
        f"trial; checking took {search.seconds:.1f} s{of}."
    )


def _times(search: SearchFindings) -> list[float]:
    """When trials ended and configurations were rejected."""
    ended = [trial.ended for trial in search.trials if trial.ended is not None]
    return [*ended, *(rejection.time for rejection in search.rejections)]


def _best(trial: TrialFindings | None) -> str:
    if trial is None or trial.score is None:
        return ""
    return f"{trial.score:.4g} in trial {trial.trial_id}, with {_words(trial.values)}"


def _words(values: Mapping[str, Any]) -> str:
    """A configuration, its numbers with four digits at most."""
    return ", ".join(f"{abridged(name)}={value_words(value)}" for name, value in values.items())


def _timeline(search: SearchFindings) -> dict[str, Any] | None:
    """Two lines that rise: ended trials and rejections over the time since the first of them."""
    trials = sorted(trial.ended for trial in search.trials if trial.ended is not None)
    rejections = sorted(rejection.time for rejection in search.rejections)
    if len(trials) + len(rejections) < 2:
        return None
    first, last = min([*trials, *rejections]), max([*trials, *rejections])
    highest = max(len(trials), len(rejections))
    return {
        "trials": _steps(trials, first, last, highest),
        "rejections": _steps(rejections, first, last, highest),
        "highest": f"{highest:,}",
        "duration": _duration(last - first),
    }


def _steps(times: Sequence[float], first: float, last: float, highest: int) -> str:
    """The points of a staircase in a box of 100 by 100, as SVG wants them."""
    span = (last - first) or 1.0
    points, height = ["0,100"], 100.0
    for number, time in enumerate(times, start=1):
        x = 100 * (time - first) / span
        points.append(f"{x:.2f},{height:.2f}")
        height = 100 - 100 * number / highest
        points.append(f"{x:.2f},{height:.2f}")
    return " ".join([*points, f"100,{height:.2f}"])


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _reason(reason: str, count: int, first: Rejection, all_of_them: int) -> dict[str, Any]:
    fault = first.verdict.fault
    return {
        "reason": sentence(reason),
        "count": f"{count:,}",
        "width": round(100 * count / all_of_them, 2),
        "cause": [
            f"{abridged(name)}={value_words(value)}"
            for name, value in (fault.hyperparameters if fault else {}).items()
        ],
        "ladder": ladder_of(first.verdict.layers),
    }


def _trials(search: SearchFindings) -> list[dict[str, Any]]:
    repaired = search.repaired()
    rows = []
    for trial in search.trials:
        instead = repaired.get(trial.trial_id)
        rows.append(
            {
                "id": trial.trial_id,
                "status": trial.status.lower(),
                "state": _STATES.get(trial.status, "undecided"),
                "score": "" if trial.score is None else f"{trial.score:.4g}",
                "values": _words(trial.values),
                "instead": "" if instead is None else _changes(instead),
                "message": "" if not trial.message else sentence(reason_of(trial.message)),
            }
        )
    return rows


def _changes(rejection: Rejection) -> str:
    """What a repair changed: the values that were drawn and are others now."""
    repaired = rejection.repaired_to or {}
    return _words(
        {
            name: value
            for name, value in rejection.values.items()
            if name in repaired and repaired[name] != value
        }
    )
