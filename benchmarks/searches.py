"""One search: a space, an algorithm, and one of five ways to deal with what cannot exist."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import io
import math
import os
import tempfile
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import keras_tuner

import shapesafe_tuner as sst
from benchmarks.spaces import SPACES, Space

__all__ = ["ALGORITHMS", "EPOCHS", "VARIANTS", "Job", "asked", "search"]

ALGORITHMS = ("RandomSearch", "BayesianOptimization", "Hyperband", "GridSearch")
VARIANTS = {
    "stock": "KerasTuner as it comes",
    "patient": "KerasTuner, `max_consecutive_failed_trials` out of reach",
    "guards": "KerasTuner, `FailedTrialError` from guards written by hand, settings of the guide",
    "resample": 'shapesafe_tuner, `on_infeasible="resample"`',
    "repair": 'shapesafe_tuner, `on_infeasible="repair"`',
}
"""In the order of tables; what each is."""
OURS = ("resample", "repair")
EPOCHS = 2
HYPERBAND = {"max_epochs": 3, "factor": 3}

# https://keras.io/guides/keras_tuner/failed_trials/
_SETTINGS: dict[str, dict[str, Any]] = {
    "patient": {"max_consecutive_failed_trials": 10**6},
    "guards": {"max_retries_per_trial": 3, "max_consecutive_failed_trials": 8},
    "resample": {"on_infeasible": "resample"},
    "repair": {"on_infeasible": "repair"},
}


@dataclasses.dataclass(frozen=True)
class Job:
    """What one search is.

    Attributes:
        space: a name in ``SPACES``.
        algorithm: one of ``ALGORITHMS``.
        variant: one of ``VARIANTS``.
        seed: of the search and of Keras.
        trials: ``max_trials``; Hyperband makes as many as its brackets have places.
    """

    space: str
    algorithm: str
    variant: str
    seed: int
    trials: int


def asked(job: Job) -> int:
    """How many trials a search is asked for.

    Hyperband's brackets: Li et al., *Hyperband*, JMLR 18 (2018), as KerasTuner rounds them.
    """
    if job.algorithm != "Hyperband":
        return job.trials
    epochs, factor = HYPERBAND["max_epochs"], HYPERBAND["factor"]
    last = math.floor(math.log(epochs, factor) + 1e-9)
    ends = math.ceil(1 + math.log(epochs, factor))
    return sum(
        math.ceil(ends / (bracket + 1) * factor ** (bracket - round_))
        for bracket in range(last + 1)
        for round_ in range(bracket + 1)
    )


class _Timed:
    """Notes how long each run of a trial took, how it ended and when."""

    def on_search_begin(self) -> None:
        """Nothing has run."""
        self.spent: list[tuple[str, float]] = []
        self.ended: dict[str, float] = {}
        super().on_search_begin()  # type: ignore[misc]

    def on_trial_begin(self, trial: Any) -> None:
        """Start."""
        super().on_trial_begin(trial)  # type: ignore[misc]
        self._began = time.perf_counter()

    def on_trial_end(self, trial: Any) -> None:
        """Stop, before the oracle hears of it and may end the search."""
        self.ended[trial.trial_id] = time.perf_counter()
        self.spent.append((trial.status, self.ended[trial.trial_id] - self._began))
        super().on_trial_end(trial)  # type: ignore[misc]


def tuner_of(job: Job, folder: str) -> Any:
    """The tuner of a search, which notes how long its trials take."""
    space = SPACES[job.space]
    settings: dict[str, Any] = {
        "objective": space.objective,
        "seed": job.seed,
        "directory": folder,
        **_SETTINGS.get(job.variant, {}),
    }
    if job.algorithm == "Hyperband":
        settings |= HYPERBAND
    else:
        settings["max_trials"] = job.trials
    if job.algorithm == "BayesianOptimization":
        settings["num_initial_points"] = 3
    stock = getattr(sst if job.variant in OURS else keras_tuner, job.algorithm)
    timed = type(job.algorithm, (_Timed, stock), {})
    return timed(space.guarded if job.variant == "guards" else space.build, **settings)


def search(job: Job) -> dict[str, Any]:
    """Run a search and say what became of it.

    Args:
        job: the search.

    Returns:
        The job's fields and: ``asked``; ``outcome`` ("ended", "aborted", "crashed": in its
        constructor); ``completed``, ``failed`` and ``never_run`` trials; ``distinct`` feasible
        configurations tried; ``rejected`` draws; ``best`` score or None; ``seconds`` of wall
        time, of these ``constructor``, ``in_trials``, of these ``infeasible`` (that failed), and
        ``checking`` (judging draws); ``cpu`` seconds; ``tried``, the configurations with status and
        score in order; ``ended``, the seconds after which each of them had; ``error``.
    """
    keras.utils.clear_session()
    # KerasTuner collects garbage twice a trial: what was there before is not looked through again,
    # so that a search costs the same whatever ran before it in the process.
    gc.collect()
    gc.freeze()
    keras.utils.set_random_seed(job.seed)
    data = SPACES[job.space].data()
    outcome, error, tuner = "ended", None, None
    with tempfile.TemporaryDirectory() as folder:
        start, cpu = time.perf_counter(), time.process_time()
        try:
            tuner = tuner_of(job, folder)
        except Exception as raised:
            if job.variant in OURS or _defaults_fit(SPACES[job.space]):
                raise
            outcome, error = "crashed", _last_line(raised)
        constructor = time.perf_counter() - start
        try:
            # KerasTuner prints the traceback of every trial that fails; the trial keeps it too.
            with contextlib.redirect_stderr(io.StringIO()):
                if tuner is not None:
                    tuner.search(**data, epochs=EPOCHS, verbose=0)
        except RuntimeError as raised:
            if "consecutive failures" not in str(raised):
                raise
            outcome, error = "aborted", _first_line(raised)
        seconds = time.perf_counter() - start
        cpu = time.process_time() - cpu
    runs = getattr(tuner, "spent", ())
    return {
        **dataclasses.asdict(job),
        "asked": asked(job),
        "outcome": outcome,
        "error": error,
        **_counts(tuner, asked(job)),
        "ended": [round(moment - start, 3) for moment in _moments(tuner)],
        "seconds": round(seconds, 3),
        "cpu": round(cpu, 3),
        "constructor": round(constructor, 3),
        "in_trials": round(sum(spent for _, spent in runs), 3),
        "infeasible": round(sum(spent for status, spent in runs if status != "COMPLETED"), 3),
        "checking": round(tuner.oracle.draws.seconds if job.variant in OURS else 0.0, 4),
    }


def _counts(tuner: Any, asked: int) -> dict[str, Any]:
    oracle = getattr(tuner, "oracle", None)
    trials = [] if oracle is None else [oracle.trials[name] for name in oracle.start_order]
    completed = [trial for trial in trials if trial.status == "COMPLETED"]
    best = oracle.get_best_trials(1)[0].score if oracle and completed else None
    tried = [[_values(trial), trial.status, trial.score] for trial in trials]
    return {
        "completed": len(completed),
        "failed": len(trials) - len(completed),
        "never_run": max(0, asked - len(trials)),
        "distinct": len({repr(sorted(_values(trial).items())) for trial in completed}),
        "rejected": len(getattr(tuner, "rejections", ())),
        "best": None if best is None else round(float(best), 4),
        "tried": tried,
    }


def _moments(tuner: Any) -> list[float]:
    """When each trial ended for the last time, in the order of ``tried``."""
    ended = getattr(tuner, "ended", {})
    return [ended[name] for name in tuner.oracle.start_order] if ended else []


def _values(trial: Any) -> dict[str, Any]:
    """What was chosen, without Hyperband's own entries."""
    chosen = trial.hyperparameters.values.items()
    return {name: value for name, value in chosen if not name.startswith("tuner/")}


def _defaults_fit(space: Space) -> bool:
    return sst.check(space.build, {}, **space.arrays()).feasible is not False


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"


def _last_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[-1]}"
