"""The mixin that makes an oracle hand out only configurations which can exist."""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shapesafe_tuner import state
from shapesafe_tuner._compat import keras_tuner_internals as kt_internals
from shapesafe_tuner.checker import Checker
from shapesafe_tuner.errors import NoFeasibleConfigurationError
from shapesafe_tuner.space.enumeration import Walk
from shapesafe_tuner.tracing.data_reading import read_data
from shapesafe_tuner.tracing.stages import FROZEN
from shapesafe_tuner.tracing.training_step import SUSPICIOUS
from shapesafe_tuner.verdict import Rejection

__all__ = ["ShapeSafeOracle", "checked_option"]

MAX_DRAWS = 10_000
"""Draws from the oracle's own distribution for one candidate."""
MAX_JUDGED = 300
"""Of these, how many may cost a check; what known conflicts refuse is nearly free."""
MAX_KNOWN = 200
"""Draws in a row that known conflicts refuse, before feasible ones are sought systematically."""
MAX_WALKED = 700
"""Checks of the systematic walk that follows."""


class ShapeSafeOracle(kt_internals.OracleHooks):
    """Mixin that refuses infeasible candidates before a trial exists.

    Put it before an oracle class of KerasTuner's or of your own:
    ``class MyOracle(ShapeSafeOracle, TheirOracle)``. Candidates that come out of
    ``_random_values`` are drawn again; any other infeasible proposal of ``populate_space`` is
    replaced by a feasible random one.

    Args:
        on_infeasible: "resample" draws again; "warn" runs the trial and records it.
        *args, **kwargs: of the oracle class.

    Attributes:
        rejections: one record for each draw that was refused, oldest first.
        drawn: how many candidates were judged.
        seconds: what judging them cost.
        notes: what was said of feasible configurations: suspicious losses, frozen bounds.
    """

    def __init__(self, *args: Any, on_infeasible: str = "resample", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._start_judging(on_infeasible)

    def _start_judging(self, on_infeasible: str) -> None:
        self._on_infeasible = checked_option(on_infeasible)
        self._checker: Checker | None = None
        self._accepted: dict[str, Any] | None = None
        self._walked_to_the_end = False
        self._said_why_stopped = False
        self.rejections: list[Rejection] = []
        self.notes: dict[str, None] = {}
        self.drawn = 0
        self.seconds = 0.0
        self._saved_rejections = 0

    def bind(
        self,
        hypermodel: Any,
        *,
        x: Any = None,
        y: Any = None,
        sample_weight: Any = None,
        validation_data: Any = None,
        batch_size: int | None = None,
        max_model_size: int | None = None,
        constraints: Sequence[Callable[[Any], bool]] = (),
    ) -> None:
        """Say what is searched, for oracles used without a shape-safe tuner.

        Args: as for :func:`shapesafe_tuner.check`.
        """
        model = kt_internals.as_hypermodel(hypermodel)
        data = read_data(x, y, sample_weight, validation_data, batch_size=batch_size)
        self.judge_with(
            Checker(model.build, data=data, max_model_size=max_model_size, constraints=constraints)
        )

    def judge_with(self, checker: Checker | None) -> None:
        """Use this checker from now on; None judges nothing, as stock does."""
        self._checker = checker
        self._walked_to_the_end = False

    def next_feasible(self, draw: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
        """The next candidate that may run, or None if there is none left."""
        if self._checker is None:
            return draw()
        judged = known_in_a_row = 0
        for _ in range(MAX_DRAWS):
            values = draw()
            if values is None:
                break
            if self._may_run(values):
                return values
            is_known = self.rejections[-1].verdict.stage == "conflict"
            judged += not is_known
            known_in_a_row = known_in_a_row + 1 if is_known else 0
            enough = judged >= MAX_JUDGED or known_in_a_row >= MAX_KNOWN
            if enough or self._checker.always_fails is not None:
                break
        return self._walk()

    def _may_run(self, values: Mapping[str, Any]) -> bool:
        """Judge a candidate; record it when it is refused."""
        assert self._checker is not None
        plain = {name: value for name, value in values.items() if not name.startswith("tuner/")}
        if plain == self._accepted:
            return True
        self._checker.space = self.hyperparameters
        start = time.perf_counter()
        verdict = self._checker.judge(plain)
        seconds = time.perf_counter() - start
        self.drawn += 1
        self.seconds += seconds
        self._say_once(verdict.warnings)
        if verdict:
            self._accepted = plain
            return True
        self.rejections.append(Rejection(dict(plain), verdict, seconds=seconds, time=time.time()))
        if self._on_infeasible == "warn":
            reason = verdict.fault.reason if verdict.fault is not None else "infeasible"
            warnings.warn(f"An infeasible configuration will run: {reason}", stacklevel=2)
            self._accepted = plain
            return True
        return False

    def _in_keras_words(self, rejection: Rejection) -> Rejection:
        if self._checker is None:
            return rejection
        verdict = self._checker.said_by_keras(rejection.values, rejection.verdict)
        return dataclasses.replace(rejection, verdict=verdict)

    def _say_once(self, notes: Sequence[str]) -> None:
        """Warn of what runs although it should be looked at."""
        for note in notes:
            if note not in self.notes and note.startswith((SUSPICIOUS, FROZEN)):
                self.notes[note] = None
                warnings.warn(note, stacklevel=2)

    def _walk(self) -> dict[str, Any] | None:
        """A feasible configuration that was not tried, found systematically."""
        checker = self._checker
        assert checker is not None
        checker.space = self.hyperparameters
        walk = Walk(self.hyperparameters, self.seed, checker.is_known_infeasible)
        start = time.perf_counter()
        try:
            for count, values in enumerate(walk):
                if count >= MAX_WALKED:
                    walk.complete = False
                    break
                if not self.is_tried(values) and checker.judge(values):
                    self._accepted = values
                    return values
        finally:
            self.seconds += time.perf_counter() - start
        self._walked_to_the_end = walk.complete
        return None

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """KerasTuner's proposal if it may run, else a feasible random configuration."""
        response: dict[str, Any] = super().populate_space(trial_id)
        values = response.get("values")
        judged = self._checker is not None and response["status"] == "RUNNING"
        if not judged or not values or "tuner/trial_id" in values or self._may_run(values):
            return response
        replacement = self.random_candidate()
        if replacement is not None:
            return {"status": "RUNNING", "values": replacement}
        return {"status": "IDLE" if self.ongoing_trials else "STOPPED", "values": None}

    def create_trial(self, tuner_id: str) -> Any:
        """As in KerasTuner; a refused draw makes no trial.

        Raises:
            NoFeasibleConfigurationError: nothing that was judged is feasible. A chief of a
                parallel search lets its workers end instead.
        """
        self._accepted = None
        try:
            trial = super().create_trial(tuner_id)
        except BaseException:
            self.release_lock()
            raise
        if trial.status == "STOPPED":
            self._say_why_stopped()
        if len(self.rejections) != self._saved_rejections and self.has_project:
            self.save()
        return trial

    def end_trial(self, *args: Any, **kwargs: Any) -> Any:
        """As in KerasTuner; its lock is freed when an exception leaves it."""
        try:
            return super().end_trial(*args, **kwargs)
        except BaseException:
            self.release_lock()
            raise

    def _say_why_stopped(self) -> None:
        if self._checker is None or self._said_why_stopped:
            return
        if self.rejections and not self.trials:
            if self.has_project:
                self.save()
            if not kt_internals.is_chief():
                refused = {_plain(rejection.values) for rejection in self.rejections}
                judged = max(self._checker.judged, len(refused))
                raise NoFeasibleConfigurationError(
                    self.rejections, judged, self._walked_to_the_end, self._in_keras_words
                )
        full = self.max_trials and len(self.trials) >= self.max_trials
        if self._walked_to_the_end and not full and self.verbose:
            self._said_why_stopped = True
            tried = {_plain(trial.hyperparameters.values) for trial in self.trials.values()}
            print(f"All {len(tried)} feasible configurations have been tried.")

    def get_state(self) -> dict[str, Any]:
        """KerasTuner's state and how many rejections belong to it."""
        own = {"rejections": len(self.rejections), "drawn": self.drawn, "seconds": self.seconds}
        return {**super().get_state(), state.KEY: own}

    def set_state(self, saved: dict[str, Any]) -> None:
        """Take up a state of ours or of stock KerasTuner's."""
        super().set_state(saved)
        own = saved.get(state.KEY, {})
        self.drawn = own.get("drawn", 0)
        self.seconds = own.get("seconds", 0.0)
        if self.has_project:
            path = self.file_beside_state(state.FILE)
            self.rejections = state.read_rejections(path, own.get("rejections"))
        self._saved_rejections = len(self.rejections)

    def save(self) -> None:
        """Write the rejections, then the state that counts them."""
        path = self.file_beside_state(state.FILE)
        state.append_rejections(path, self.rejections, self._saved_rejections)
        super().save()
        self._saved_rejections = len(self.rejections)


def _plain(values: Mapping[str, Any]) -> str:
    """A configuration without what Hyperband adds to it, to count different ones."""
    own = ((name, value) for name, value in values.items() if not name.startswith("tuner/"))
    return repr(sorted(own))


def checked_option(on_infeasible: str) -> str:
    """``on_infeasible`` if it is one that is known.

    Raises:
        ValueError: it is not.
    """
    if on_infeasible == "repair":
        raise ValueError('on_infeasible="repair" is not yet available; use "resample" or "warn".')
    if on_infeasible not in ("resample", "warn"):
        raise ValueError(f'on_infeasible must be "resample" or "warn", not {on_infeasible!r}.')
    return on_infeasible
