"""What is found in the files of a search: its trials and its rejections. No Keras here."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Any

from shapesafe_tuner.plain import plain, to_json
from shapesafe_tuner.verdict import Rejection

__all__ = ["SearchFindings", "TrialFindings"]

COMPLETED = "COMPLETED"


@dataclasses.dataclass(frozen=True)
class TrialFindings:
    """One trial as KerasTuner saved it.

    Attributes:
        trial_id: KerasTuner's name for it.
        status: KerasTuner's word: "COMPLETED", "FAILED", "INVALID", "RUNNING" ...
        values: its configuration.
        score: the best value of the objective, None without one.
        direction: "min" or "max", None where no metric of the trial has this score.
        message: why it failed, None where it did not.
        ended: seconds since the epoch when its result was saved; None while it runs.
    """

    trial_id: str
    status: str
    values: Mapping[str, Any]
    score: float | None = None
    direction: str | None = None
    message: str | None = None
    ended: float | None = None


@dataclasses.dataclass(frozen=True)
class SearchFindings:
    """A search, from the files of its project.

    Attributes:
        project: the folder.
        trials: in the order in which they started.
        rejections: in the order in which they were drawn.
        drawn: how many configurations were judged.
        seconds: time that checking took.
    """

    project: str
    trials: tuple[TrialFindings, ...]
    rejections: tuple[Rejection, ...]
    drawn: int
    seconds: float

    @property
    def best(self) -> TrialFindings | None:
        """The completed trial with the best score; None where no direction is known."""
        scored = [
            trial
            for trial in self.trials
            if trial.status == COMPLETED and trial.score is not None and trial.direction
        ]
        if not scored:
            return None
        sign = 1 if scored[0].direction == "max" else -1
        return max(scored, key=lambda trial: sign * (trial.score or 0.0))

    def repaired(self) -> dict[str, Rejection]:
        """For each trial that is a repair, by its id, the rejection that it replaces."""
        left = [rejection for rejection in self.rejections if rejection.repaired_to is not None]
        found = {}
        for trial in self.trials:
            for rejection in left:
                if _agrees(rejection.repaired_to or {}, trial.values):
                    found[trial.trial_id] = rejection
                    left.remove(rejection)
                    break
        return found

    def reasons(self) -> list[tuple[str, int, Rejection]]:
        """Each reason, how many rejections give it, and the first; most frequent first."""
        counts: Counter[str] = Counter()
        first: dict[str, Rejection] = {}
        for rejection in self.rejections:
            if rejection.verdict.fault is not None:
                reason = rejection.verdict.fault.reason
                counts[reason] += 1
                first.setdefault(reason, rejection)
        return [(reason, count, first[reason]) for reason, count in counts.most_common()]

    def to_json(self) -> str:
        """The findings as one JSON object."""
        return to_json(
            {
                "project": self.project,
                "drawn": self.drawn,
                "seconds": self.seconds,
                "trials": [plain(dataclasses.asdict(trial)) for trial in self.trials],
                "rejections": [rejection.to_dict() for rejection in self.rejections],
            }
        )


def _agrees(part: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    return all(name in values and values[name] == value for name, value in part.items())
