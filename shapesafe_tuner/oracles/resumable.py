"""What an oracle keeps so that a search goes on after its process, or a worker's, has ended."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Iterator

from shapesafe_tuner._compat.keras_tuner.oracle_hooks import OracleHooks
from shapesafe_tuner._compat.keras_tuner.processes import is_chief
from shapesafe_tuner._compat.types import Trial
from shapesafe_tuner.errors import ProjectError
from shapesafe_tuner.project.crash_notes import read_note
from shapesafe_tuner.project.lock import sole_searcher
from shapesafe_tuner.project.search_state import SearchState
from shapesafe_tuner.search.progress import LOG

__all__ = ["ResumableOracle"]

FREE_RUNS = 10
"""How often in all a trial runs again where ``max_retries_per_trial`` is 0, as by default, and
nothing tells whether it ended its process or somebody did: a search that is stopped again and
again, as on machines that may be taken away, loses no trial."""


class ResumableOracle(OracleHooks):
    """Mixin that runs a trial again when its process was stopped, and not when it crashed it.

    A trial during which its process ended is run again ``max_retries_per_trial`` times, then it
    is ``FAILED``. Where that is 0, what is known decides: after a crash in native code or the
    out-of-memory killer it is not run again, otherwise ``FREE_RUNS`` times. A search that ends
    with an exception, as by Ctrl-C, says so itself and counts nothing.
    """

    _ends: Counter[str]
    _stopped: set[str]

    def _start_keeping(self) -> None:
        self._ends = Counter()
        self._stopped = set()
        self._is_settled = True
        self._known: tuple[int, ...] | None = None

    @contextlib.contextmanager
    def sole_search(self) -> Iterator[None]:
        """Hold the project for a search; what runs when an exception ends it was stopped.

        Raises:
            ProjectError: another search holds it, or has gone on with it.
        """
        with sole_searcher(self.folder):
            if self.fingerprint() != self._known:
                raise ProjectError(
                    f"Another process has searched in {self.folder} since this tuner read it: "
                    "make the tuner again to go on from there."
                )
            try:
                yield
            except BaseException:
                with self.locked():
                    self._stopped = {trial.trial_id for trial in self.ongoing_trials.values()}
                    with contextlib.suppress(ProjectError):  # the first error is the one to see
                        self.save()
                raise

    def create_trial(self, tuner_id: str) -> Trial:
        """As in KerasTuner; a trial that crashes its process is not run again and again."""
        with self.locked():
            self._settle()
            trial: Trial = super().create_trial(tuner_id)
            self._stopped.discard(trial.trial_id)
            return trial

    def update_trial(self, *args: object, **kwargs: object) -> Trial:
        """As in KerasTuner; its lock is freed when an exception leaves it."""
        with self.locked():
            trial: Trial = super().update_trial(*args, **kwargs)
            return trial

    def end_trial(self, trial: Trial, *args: object, **kwargs: object) -> None:
        """As in KerasTuner; its lock is freed when an exception leaves it."""
        with self.locked():
            super().end_trial(trial, *args, **kwargs)

    def _settle(self) -> None:
        """Decide what becomes of the trials that ran when the project was saved last."""
        if self._is_settled:
            return
        self._is_settled = True
        for trial_id in self.interrupted.values():
            self.lost(trial_id)

    def lost(self, trial_id: str) -> None:
        """A process ended while it ran this trial: run it again, or not any more.

        Args:
            trial_id: of a trial that was running.
        """
        if trial_id in self._stopped:
            self.run_again(trial_id)
            return
        self._ends[trial_id] += 1
        count, note = self._ends[trial_id], read_note(self.folder_of(trial_id))
        allowed = self.max_retries_per_trial or (0 if note else FREE_RUNS)
        if count <= allowed:
            self.run_again(trial_id)
            return
        times = "once" if count == 1 else f"{count} times"
        cause = note or "it was killed, by whom is unknown"
        why = f"The process ended {times} while this trial ran ({cause}); it is not run again."
        LOG.warning("Trial %s: %s", trial_id, why)
        self.give_up(trial_id, why)

    def take_up(self) -> None:
        """Read what was saved in the project, if a tuner did not."""
        if self._known is None and self.has_state:
            self.reload()

    def reload(self) -> None:
        """Read the project; nothing is written before a search starts.

        Raises:
            ProjectError: a file is damaged.
        """
        super().reload()
        self._is_settled = False
        self._known = self.fingerprint()
        if is_chief():
            for tuner_id, trial_id in self.interrupted.items():
                self.keep_running(tuner_id, trial_id)
            self._is_settled = True

    def save(self) -> None:
        """Write the state.

        Raises:
            ProjectError: it cannot be written; what was saved before is untouched.
        """
        super().save()
        self._known = self.fingerprint()

    def keep(self, state: SearchState) -> SearchState:
        """Add how often processes ended during trials, and which were stopped."""
        return dataclasses.replace(
            super().keep(state), ends=dict(self._ends), stopped=tuple(sorted(self._stopped))
        )

    def restore(self, state: SearchState) -> None:
        """Take up what :meth:`keep` added."""
        super().restore(state)
        self._ends = Counter(state.ends)
        self._stopped = set(state.stopped)
