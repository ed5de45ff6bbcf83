"""The chief of a parallel search: no trial is lost with a worker, none is run by two."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import cast

from shapesafe_tuner._compat.keras_tuner.rpc import Server, Worker
from shapesafe_tuner._compat.types import Oracle, Trial
from shapesafe_tuner.errors import ProjectError
from shapesafe_tuner.search.progress import LOG

__all__ = ["PATIENCE", "Attendance", "Chief", "patience", "serve"]

PATIENCE = "SHAPESAFE_WORKER_TIMEOUT"
"""Environment variable: seconds of silence after which a worker counts as gone."""
_DEFAULT = 60.0
_ABANDONED = 10
"""A chief whose workers are all gone waits this many times that long for another."""
_STEP = 0.2


def patience() -> float:
    """Seconds of silence after which a worker counts as gone.

    Raises:
        ValueError: the environment variable holds no positive number.
    """
    given = os.environ.get(PATIENCE, str(_DEFAULT))
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ValueError(f"{PATIENCE} must be a positive number of seconds, not {given!r}.")
    return seconds


class Attendance:
    """Which workers are there, by what was last heard of them. Threads may share it.

    Stock KerasTuner's workers do not say that they are at work, so their silence means nothing:
    they are there until they leave.

    Args:
        patience: seconds of silence after which a worker counts as gone.
        clock: seconds.
    """

    def __init__(self, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._started = clock()
        self._heard: float | None = None
        self._last: dict[str, float] = {}
        self._process: dict[str, str | None] = {}

    def __bool__(self) -> bool:
        return bool(self._last)

    def come(self, worker: Worker) -> bool:
        """A worker asks for work; whether it is another process than the one that was there."""
        with self._lock:
            before = self._process.get(worker.tuner_id, worker.process)
            self._note(worker)
            return before != worker.process

    def hear(self, worker: Worker) -> None:
        """A worker says that it is at work; one whose place another process took does not count."""
        with self._lock:
            if self._process.get(worker.tuner_id, worker.process) == worker.process:
                self._note(worker)

    def _note(self, worker: Worker) -> None:
        self._heard = self._clock()
        self._last[worker.tuner_id] = math.inf if worker.process is None else self._heard
        self._process[worker.tuner_id] = worker.process

    def expect(self, tuner_id: str) -> None:
        """A worker may be there that this process has not heard."""
        with self._lock:
            self._heard = self._last[tuner_id] = self._clock()

    def leave(self, tuner_id: str) -> None:
        """A worker was told that there is nothing more to do."""
        with self._lock:
            self._last.pop(tuner_id, None)
            self._process.pop(tuner_id, None)

    def silent(self) -> list[str]:
        """The workers that were not heard for too long; they do not count any more."""
        with self._lock:
            now = self._clock()
            gone = [name for name, last in self._last.items() if now - last > self.patience]
            for name in gone:
                del self._last[name]
                self._process.pop(name, None)
            return gone

    @property
    def had_anybody(self) -> bool:
        """Whether a worker was there at any time."""
        return self._heard is not None

    def quiet_for(self) -> float:
        """Seconds since anybody was heard, or since the start."""
        return self._clock() - (self._started if self._heard is None else self._heard)


class Chief:
    """Gives trials to workers and takes their results.

    Args:
        oracle: a shape-safe one.
        attendance: of its workers.

    Attributes:
        failure: with which the search has to end.
    """

    def __init__(self, oracle: Oracle, attendance: Attendance) -> None:
        self.failure: Exception | None = None
        self._oracle = oracle
        self._attendance = attendance
        self._has_stopped = False
        for tuner_id in oracle.ongoing_trials:
            attendance.expect(tuner_id)

    def alive(self, worker: Worker) -> float:
        """Note that a worker is at work; returns the seconds of silence it may allow itself."""
        # Without the oracle's lock, which one long proposal may hold for longer than that.
        oracle = self._oracle
        if worker.tuner_id in oracle.ongoing_trials or worker.tuner_id in oracle.tuner_ids:
            self._attendance.hear(worker)
        return self._attendance.patience

    def _lost(self, tuner_id: str, why: str) -> None:
        trial = self._oracle.ongoing_trials.get(tuner_id)
        self._oracle.tuner_ids.discard(tuner_id)
        if trial is None:
            return
        LOG.warning("Worker %s %s while it ran trial %s.", tuner_id, why, trial.trial_id)
        self._try(lambda: self._oracle.lost(trial.trial_id))
        self._oracle.save()

    def _try(self, action: Callable[[], Trial | None]) -> Trial | None:
        """Do what may end the search: the chief says so when its workers have left."""
        try:
            return action()
        except Exception as error:
            self.failure = self.failure or error
            return None

    def create_trial(self, worker: Worker) -> Trial:
        """A trial to run; or one whose status says to wait or to stop."""
        with self._oracle.locked():
            if self._attendance.come(worker):
                self._lost(worker.tuner_id, "was started again")
            trial: Trial | None = None
            if self.failure is None:
                trial = self._try(lambda: self._oracle.create_trial(worker.tuner_id))
            if trial is None:
                trial = cast(Trial, self._oracle.nothing_more())
            if trial.status != "STOPPED":
                return trial
            if self.failure is None and self._oracle.has_work:
                # One of those who still run may be lost, and its trial with it.
                trial.status = "IDLE"
                self._oracle.tuner_ids.add(worker.tuner_id)
                return trial
            self._has_stopped = True
            self._oracle.tuner_ids.discard(worker.tuner_id)
            self._attendance.leave(worker.tuner_id)
            return trial

    def _owns(self, worker: Worker | None, trial_id: str) -> bool:
        if worker is None:
            return True
        self._attendance.hear(worker)
        trial = self._oracle.ongoing_trials.get(worker.tuner_id)
        return trial is not None and trial.trial_id == trial_id

    def update_trial(
        self, worker: Worker | None, trial_id: str, metrics: Mapping[str, float], step: int
    ) -> Trial:
        """Take what a trial reports; not from a worker that was taken for gone."""
        with self._oracle.locked():
            if self._owns(worker, trial_id):
                return cast(Trial, self._oracle.update_trial(trial_id, metrics, step=step))
            return cast(Trial, self._oracle.get_trial(trial_id))

    def end_trial(self, worker: Worker | None, trial: Trial) -> None:
        """Take a trial that has ended; once, and from the worker that has it."""
        with self._oracle.locked():
            if self._owns(worker, trial.trial_id):
                self._try(lambda: self._oracle.end_trial(trial))
                if self.failure is not None:
                    self._oracle.run_again(trial.trial_id)
                self._oracle.save()  # as a tuner does when a trial has ended

    def is_over(self) -> bool:
        """Whether everything is done and everybody has left; takes note of who is gone.

        Raises:
            ProjectError: work is left and nobody came for long.
        """
        with self._oracle.locked():
            for tuner_id in self._attendance.silent():
                self._lost(tuner_id, "has not answered")
            if self._attendance:
                return False
            quiet, limit = self._attendance.quiet_for(), self._attendance.patience
            if self.failure is not None or not self._oracle.has_work:
                if self._has_stopped:
                    return True
                if self._oracle.remaining_trials() == 0:
                    return quiet > limit
            if self._attendance.had_anybody and quiet > _ABANDONED * limit:
                raise ProjectError(
                    f"All workers are gone, and no other came for {quiet:.0f} seconds. "
                    "The search is saved: start the chief and workers again to go on."
                )
            return False


def serve(oracle: Oracle) -> None:
    """Serve workers until the search is over and they have left.

    Raises:
        Exception: whatever ended the search, once the workers have left.
        NoFeasibleConfigurationError: nothing that was judged is feasible.
        ProjectError: the address is in use; or work is left and nobody came for long.
    """
    chief = Chief(oracle, Attendance(patience()))
    try:
        server = Server(oracle, chief)
    except RuntimeError as error:
        raise ProjectError(
            f"The chief cannot listen ({error}): is another chief running there? Give this one "
            "another KERASTUNER_ORACLE_PORT."
        ) from error
    try:
        while not chief.is_over():
            time.sleep(_STEP)
    finally:
        server.stop()
    if chief.failure is not None:
        raise chief.failure
    oracle.assert_feasible()
