"""How good a search gets: by number of trials and by wall time, ours and what a user has otherwise.

    python -m benchmarks search_quality [--quick] [--into FOLDER]

The quickstart's CNN on handwritten digits, 60 % of whose configurations cannot exist. Four ways:

* "stock": KerasTuner, told to go on whatever fails;
* "guards": KerasTuner with shape arithmetic written into ``build`` that raises
  ``FailedTrialError``, as Keras's guide has it;
* "resample" and "repair": ours.

Each with the four algorithms and three seeds, 15 trials (``--quick``: random search and Bayesian
optimisation, one seed, 6 trials). A run that is there already is not made again, so that an
interrupted benchmark goes on. ``curves.png`` needs matplotlib (``pip install -e ".[dev]"``).
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any, ClassVar

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import keras
import keras_tuner
import numpy as np
from sklearn.datasets import load_digits

import shapesafe_tuner as sst
from benchmarks import harness
from benchmarks.searches import OURS
from examples.quickstart import build_model

ALGORITHMS = ("RandomSearch", "BayesianOptimization", "Hyperband", "GridSearch")
WAYS = ("stock", "guards", "resample", "repair")
EPOCHS = 3


def guarded(hp: Any) -> Any:
    """The same space, read in the same order, with the arithmetic of a careful user."""
    side = 8
    for block in range(hp.Int("blocks", 1, 3)):
        hp.Choice(f"filters_{block}", [8, 16, 32])
        side -= hp.Choice(f"kernel_{block}", [3, 5, 7]) - 1
        if side > 0 and hp.Boolean(f"pooling_{block}"):
            side //= 2
        if side < 1:
            raise keras_tuner.errors.FailedTrialError("the image is used up")
    return build_model(hp)


class Clock(keras.callbacks.Callback):  # type: ignore[misc]
    """Seconds spent in training, and how good each epoch was when. KerasTuner copies callbacks for
    each trial, so what they note belongs to the class.
    """

    started = total = 0.0
    progress: ClassVar[list[tuple[float, float]]] = []

    @classmethod
    def reset(cls) -> None:
        """A search begins."""
        cls.started, cls.total, cls.progress = time.perf_counter(), 0.0, []

    def on_train_begin(self, logs: Any = None) -> None:
        """Start."""
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """The accuracy of this epoch and its time."""
        seconds = time.perf_counter() - Clock.started
        accuracy = float((logs or {}).get("val_accuracy", 0.0))
        Clock.progress.append((round(seconds, 2), round(accuracy, 4)))

    def on_train_end(self, logs: Any = None) -> None:
        """Stop."""
        Clock.total += time.perf_counter() - self._start


def tuner_of(way: str, algorithm: str, seed: int, trials: int, folder: str) -> Any:
    """A tuner for one run."""
    settings: dict[str, Any] = {
        "objective": "val_accuracy",
        "seed": seed,
        "directory": folder,
        "max_consecutive_failed_trials": 10**6,
    }
    if algorithm == "Hyperband":
        settings |= {"max_epochs": EPOCHS, "factor": 3}
    else:
        settings["max_trials"] = trials
    if algorithm == "BayesianOptimization":
        settings["num_initial_points"] = 4
    if way in ("stock", "guards"):
        build = build_model if way == "stock" else guarded
        return getattr(keras_tuner, algorithm)(build, **settings)
    return getattr(sst, algorithm)(build_model, on_infeasible=way, **settings)


def run(way: str, algorithm: str, seed: int, trials: int) -> dict[str, Any]:
    """One search: the best accuracy after each trial, and where the time went."""
    digits = load_digits()
    x, y = digits.images[..., None] / 16.0, digits.target
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    Clock.reset()
    with tempfile.TemporaryDirectory() as folder:
        tuner = tuner_of(way, algorithm, seed, trials, folder)
        tuner.search(x, y, validation_split=0.2, epochs=EPOCHS, verbose=0, callbacks=[Clock()])
        seconds = time.perf_counter() - Clock.started
        oracle = tuner.oracle
        order = [oracle.trials[trial_id] for trial_id in oracle.start_order]
        best, curve = 0.0, []
        for trial in order:
            best = max(best, trial.score or 0.0) if trial.status == "COMPLETED" else best
            curve.append(round(float(best), 4))
        return {
            "way": way,
            "algorithm": algorithm,
            "seed": seed,
            "trials": len(order),
            "completed": sum(trial.status == "COMPLETED" for trial in order),
            "seconds": round(seconds, 2),
            "training": round(Clock.total, 2),
            "checking": round(oracle.draws.seconds if way in OURS else 0.0, 3),
            "best": round(float(best), 4),
            "curve": curve,
            "progress": Clock.progress,
        }


def best_by(run: dict[str, Any], seconds: float) -> float:
    """The best accuracy that a run had reached after so many seconds."""
    return max((accuracy for at, accuracy in run["progress"] if at <= seconds), default=0.0)


def at_equal_time(runs: list[dict[str, Any]]) -> dict[tuple[str, str], list[float]]:
    """Best accuracies at the moment when the first of the four ways had ended, seed by seed."""
    found: dict[tuple[str, str], list[float]] = {}
    for run in runs:
        rivals = [r for r in runs if (r["algorithm"], r["seed"]) == (run["algorithm"], run["seed"])]
        end = min(r["seconds"] for r in rivals)
        found.setdefault((run["algorithm"], run["way"]), []).append(best_by(run, end))
    return found


def summary(runs: list[dict[str, Any]]) -> harness.Table:
    """A table: means over the seeds, with the range of the best accuracy."""
    rows = []
    equal = at_equal_time(runs)
    for algorithm in ALGORITHMS:
        for way in WAYS:
            found = [r for r in runs if (r["algorithm"], r["way"]) == (algorithm, way)]
            if not found:
                continue
            mean = {
                key: statistics.mean(r[key] for r in found)
                for key in ("trials", "completed", "best", "seconds", "checking")
            }
            best, then = [r["best"] for r in found], equal[algorithm, way]
            rows.append(
                [
                    algorithm,
                    way,
                    f"{mean['trials']:.1f}",
                    f"{mean['completed']:.1f}",
                    f"{mean['best']:.3f} ({min(best):.3f} - {max(best):.3f})",
                    f"{statistics.mean(then):.3f} ({min(then):.3f} - {max(then):.3f})",
                    f"{mean['seconds']:.1f}",
                    f"{mean['checking'] / mean['seconds']:.2%}",
                ]
            )
    columns = [
        "algorithm", "way", "trials", "completed", "best accuracy (range)",
        "at equal time (range)", "seconds", "checking",
    ]  # fmt: skip
    return harness.Table("Means over the seeds", columns, rows)


def draw(runs: list[dict[str, Any]], path: pathlib.Path) -> None:
    """Best accuracy against the number of trials and against wall time."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [name for name in ALGORITHMS if any(r["algorithm"] == name for r in runs)]
    figure, axes = pyplot.subplots(2, len(shown), figsize=(4 * len(shown), 7), squeeze=False)
    for column, algorithm in enumerate(shown):
        for way in WAYS:
            found = [r for r in runs if (r["algorithm"], r["way"]) == (algorithm, way)]
            if not found:
                continue
            length = min(len(r["curve"]) for r in found)
            mean = np.mean([r["curve"][:length] for r in found], axis=0)
            axes[0][column].plot(range(1, length + 1), mean, label=way)
            moments = np.linspace(0, min(r["seconds"] for r in found), 200)
            reached = np.mean([[best_by(r, at) for at in moments] for r in found], axis=0)
            axes[1][column].plot(moments, reached, label=way)
        axes[0][column].set(title=algorithm, xlabel="trials", ylabel="best validation accuracy")
        axes[1][column].set(xlabel="seconds", ylabel="best validation accuracy")
    axes[0][0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the runs that are missing, then the table and the picture."""
    parser = harness.parser("search_quality", __doc__)
    parser.add_argument("--quick", action="store_true", help="two algorithms, one seed, 6 trials")
    given = parser.parse_args(arguments)
    algorithms, seeds, trials = (
        (ALGORITHMS[:2], (1,), 6) if given.quick else (ALGORITHMS, (1, 2, 3), 15)
    )
    journal = harness.Journal(given.into / "runs.jsonl", ("way", "algorithm", "seed", "asked"))
    for seed in seeds:
        for algorithm in algorithms:
            for way in WAYS:
                wanted = {"way": way, "algorithm": algorithm, "seed": seed, "asked": trials}
                if wanted in journal:
                    continue
                found = {**run(way, algorithm, seed, trials), "asked": trials}
                journal.add(found)
                shown = {k: v for k, v in found.items() if k not in ("curve", "progress")}
                print(shown, flush=True)
    runs = [r for r in journal.runs if r["asked"] == trials]
    print(harness.publish("search_quality", given.into, given, runs, [summary(runs)]))
    draw(runs, given.into / "curves.png")


if __name__ == "__main__":
    main()
