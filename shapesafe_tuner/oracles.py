"""Oracles that hand out only configurations which can exist."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras_tuner

from shapesafe_tuner import state
from shapesafe_tuner._compat import keras_tuner_internals as kt_internals
from shapesafe_tuner.checker import FROZEN, Checker
from shapesafe_tuner.errors import NoFeasibleConfigurationError
from shapesafe_tuner.space.enumeration import Walk
from shapesafe_tuner.tracing.data_reading import read_data
from shapesafe_tuner.tracing.training_step import SUSPICIOUS
from shapesafe_tuner.verdict import Rejection

__all__ = [
    "BayesianOptimizationOracle",
    "GridSearchOracle",
    "HyperbandOracle",
    "RandomSearchOracle",
    "ShapeSafeOracle",
    "shape_safe_oracle",
]

MAX_DRAWS = 10_000
"""Draws from the oracle's own distribution for one candidate."""
MAX_JUDGED = 300
"""Of these, how many may cost a check; what known conflicts refuse is nearly free."""
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
        self._on_infeasible = _checked_option(on_infeasible)
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
        judged = 0
        for _ in range(MAX_DRAWS):
            values = draw()
            if values is None:
                break
            if self._may_run(values):
                return values
            judged += self.rejections[-1].verdict.stage != "conflict"
            if judged >= MAX_JUDGED or self._checker.always_fails:
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

    def end_trial(self, trial: Any) -> Any:
        """As in KerasTuner; its lock is freed when an exception leaves it."""
        try:
            return super().end_trial(trial)
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
                raise NoFeasibleConfigurationError(
                    self.rejections, self._checker.judged, self._walked_to_the_end
                )
        full = self.max_trials and len(self.trials) >= self.max_trials
        if self._walked_to_the_end and not full and self.verbose:
            self._said_why_stopped = True
            print(f"All {len(self._tried_so_far)} feasible configurations have been tried.")

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


class RandomSearchOracle(ShapeSafeOracle, keras_tuner.oracles.RandomSearchOracle):  # type: ignore[misc]
    """KerasTuner's random search over what is feasible."""


class BayesianOptimizationOracle(
    ShapeSafeOracle,
    keras_tuner.oracles.BayesianOptimizationOracle,  # type: ignore[misc]
):
    """KerasTuner's Bayesian optimisation; a refused proposal becomes a feasible random one."""


class HyperbandOracle(ShapeSafeOracle, keras_tuner.oracles.HyperbandOracle):  # type: ignore[misc]
    """KerasTuner's Hyperband; each bracket fills with feasible configurations."""


class GridSearchOracle(
    ShapeSafeOracle,
    kt_internals.GridHooks,
    keras_tuner.oracles.GridSearchOracle,  # type: ignore[misc]
):
    """KerasTuner's grid search in its own order, without the infeasible combinations.

    Unlike stock it gives integers for an ``Int`` with a logarithmic step, and goes on where it
    stopped when a project is resumed.
    """

    _refused: set[str]

    def _start_judging(self, on_infeasible: str) -> None:
        super()._start_judging(on_infeasible)
        self._refused = set()

    def _may_run(self, values: Mapping[str, Any]) -> bool:
        # Stock asks twice what follows a trial: when it starts and when it ends.
        key = repr(sorted(values.items()))
        if key in self._refused:
            return self._on_infeasible == "warn"
        before = len(self.rejections)
        may_run = super()._may_run(values)
        if len(self.rejections) > before:
            self._refused.add(key)
        return may_run

    def next_in_order(
        self, values: dict[str, Any], following: Callable[[dict[str, Any]], dict[str, Any] | None]
    ) -> dict[str, Any] | None:
        """The first feasible combination after ``values``, or None at the end of the grid."""
        combination = following(values)
        while combination is not None and self._checker is not None:
            if self._may_run(combination):
                break
            combination = following(combination)
        self._walked_to_the_end = combination is None
        return combination

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """The next combination; the first is the default one, or the first feasible after it."""
        first = not self.start_order
        response: dict[str, Any] = super(ShapeSafeOracle, self).populate_space(trial_id)
        values = response.get("values")
        if not first or self._checker is None or values is None or self._may_run(values):
            return response
        combination = self.next_combination(values)
        if combination is None:
            return {"status": "STOPPED", "values": None}
        return {**response, "values": combination}

    def set_state(self, saved: dict[str, Any]) -> None:
        """Take up a saved state and the place in the grid it had reached."""
        super().set_state(saved)
        self._refused = {repr(sorted(item.values.items())) for item in self.rejections}
        self.restore_order()


_SHAPE_SAFE: dict[type, type] = {
    keras_tuner.oracles.RandomSearchOracle: RandomSearchOracle,
    keras_tuner.oracles.BayesianOptimizationOracle: BayesianOptimizationOracle,
    keras_tuner.oracles.HyperbandOracle: HyperbandOracle,
    keras_tuner.oracles.GridSearchOracle: GridSearchOracle,
}


def shape_safe_oracle(oracle: Any, on_infeasible: str = "resample") -> Any:
    """Make an oracle shape-safe, in place; one that already is stays as it is.

    Args:
        oracle: any ``keras_tuner.Oracle``; anything else is returned for KerasTuner to refuse.
        on_infeasible: see :class:`ShapeSafeOracle`.
    """
    if isinstance(oracle, ShapeSafeOracle) or not isinstance(oracle, keras_tuner.Oracle):
        return oracle
    cls = type(oracle)
    if cls not in _SHAPE_SAFE:
        grid = isinstance(oracle, keras_tuner.oracles.GridSearchOracle)
        bases = (GridSearchOracle if grid else ShapeSafeOracle, cls)
        _SHAPE_SAFE[cls] = type(cls.__name__, bases, {"__module__": cls.__module__})
    oracle.__class__ = _SHAPE_SAFE[cls]
    oracle._start_judging(on_infeasible)
    return oracle


def _checked_option(on_infeasible: str) -> str:
    if on_infeasible == "repair":
        raise ValueError('on_infeasible="repair" is not yet available; use "resample" or "warn".')
    if on_infeasible not in ("resample", "warn"):
        raise ValueError(f'on_infeasible must be "resample" or "warn", not {on_infeasible!r}.')
    return on_infeasible
