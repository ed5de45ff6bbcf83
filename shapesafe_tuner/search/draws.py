"""What a search drew: how much of it was refused, what that cost and what was said of it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager

from shapesafe_tuner._compat.types import Configuration, Values
from shapesafe_tuner.errors import FeasibilityWarning
from shapesafe_tuner.escaping import visible
from shapesafe_tuner.memory import ConfigurationKey, configuration_key
from shapesafe_tuner.project import rejection_file
from shapesafe_tuner.project.search_state import SearchState
from shapesafe_tuner.project.writing import RemoteFiles
from shapesafe_tuner.search.health import complaint
from shapesafe_tuner.search.progress import progress_line, record, trial_line
from shapesafe_tuner.search.warning import warn_user
from shapesafe_tuner.verdict import Rejection, Verdict, kind_of

__all__ = ["Draws"]

_SHOWN = ("suspicious", "not saved", "frozen bounds", "varying build")
"""Kinds of notes that a search shows as warnings, each once."""


class Draws:
    """The draws of one search.

    Attributes:
        rejections: one record for each configuration that was refused, oldest first; also for
            one that was refused before, where another one was tried in its place.
        repeated: how often one of them was drawn again.
        last: the last draw that was refused, repeated or not.
        trial_id: of the trial that is drawn for.
        unjudged: what is not judged in this search, and why; None for nothing.
        notes: what was said of feasible configurations: suspicious losses, frozen bounds.
        number: how many candidates were judged, repeats left out.
        seconds: what judging them cost.
    """

    def __init__(self) -> None:
        self.rejections: list[Rejection] = []
        self.repeated = 0
        self.last: Rejection | None = None
        self.trial_id: str | None = None
        self.unjudged: str | None = None
        self._refused: set[ConfigurationKey] = set()
        self.notes: dict[str, None] = {}
        self.number = 0
        self.seconds = 0.0
        self._has_complained = False
        self._told_of = 0
        self._file: rejection_file.RejectionFile | None = None

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Add what happens inside to what judging cost."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - start

    def judged(self, verdict: Verdict) -> None:
        """Count a draw; warn, once, of what runs although it should be looked at."""
        self.number += 1
        for note in verdict.warnings:
            if kind_of(note) in _SHOWN:
                self.note(note)

    def note(self, note: str) -> None:
        """Warn once, and keep it for the summary."""
        if note not in self.notes:
            self.notes[note] = None
            warn_user(note)

    def refused(self, values: Values, verdict: Verdict, seconds: float) -> None:
        """Keep a rejection, or count that it was drawn again."""
        self.last = Rejection(
            dict(values), verdict, seconds=seconds, time=time.time(), trial_id=self.trial_id
        )
        key = configuration_key(values)
        if key in self._refused:
            self.number -= 1
            self.repeated += 1
        else:
            self._refused.add(key)
            self._add(self.last)

    def repaired(self, to: Configuration, told: str | None, seconds: float) -> None:
        """The last rejection was repaired, which took so long."""
        assert self.last is not None
        is_kept = bool(self.rejections) and self.rejections[-1] is self.last
        self.last = dataclasses.replace(
            self.last, repaired_to=to, told=told, seconds=self.last.seconds + seconds
        )
        if is_kept:
            self.rejections[-1] = self.last
        else:
            self.number += 1
            self.repeated -= 1
            self._add(self.last)

    def _add(self, rejection: Rejection) -> None:
        self.rejections.append(rejection)
        record(rejection)

    def say(self, accepted: int, verbose: bool, runs: bool = False) -> None:
        """Print how it goes, and warn once if hardly anything is feasible.

        Args:
            accepted: how many configurations ran or run.
            verbose: whether to print.
            runs: whether the trial that was drawn for will run.
        """
        line = progress_line(self.rejections, self._told_of)
        if line is not None and verbose:
            print(visible(line))
            if runs:
                print(visible(trial_line(self.rejections[self._told_of :], accepted)))
            print()
        self._told_of = len(self.rejections)
        said = None if self._has_complained else complaint(self.rejections, accepted)
        if said is not None:
            self._has_complained = True
            warn_user(said, FeasibilityWarning)

    def keep(self, state: SearchState) -> SearchState:
        """Add to the state of a search what belongs to it."""
        return dataclasses.replace(
            state,
            rejections=len(self.rejections),
            repeated=self.repeated,
            drawn=self.number,
            seconds=self.seconds,
            complained=self._has_complained,
        )

    def restore(self, state: SearchState) -> None:
        """Go on from a saved state; :meth:`read` reads the rejections."""
        self.number = state.drawn
        self.repeated = state.repeated
        self.seconds = state.seconds
        self._has_complained = state.complained

    def read(self, path: str, remote: RemoteFiles | None, count: int | None) -> None:
        """Read the rejections; arguments as for ``RejectionFile.read``.

        Raises:
            ProjectError: the file is damaged.
        """
        self.rejections = self._file_at(path, remote).read(count)
        self._refused = {configuration_key(rejection.values) for rejection in self.rejections}
        self._told_of = len(self.rejections)

    def are_saved_in(self, path: str, remote: RemoteFiles | None) -> bool:
        """Whether a file has all rejections."""
        return self._file_at(path, remote).saved == len(self.rejections)

    def save(self, path: str, remote: RemoteFiles | None) -> None:
        """Add to a file the rejections that it does not have.

        Raises:
            ProjectError: it cannot be written.
        """
        self._file_at(path, remote).append(self.rejections)

    def _file_at(self, path: str, remote: RemoteFiles | None) -> rejection_file.RejectionFile:
        if self._file is None or self._file.path != path:
            self._file = rejection_file.RejectionFile(path, remote)
        return self._file
