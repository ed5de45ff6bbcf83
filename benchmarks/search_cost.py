"""What a search costs beside its trials: KerasTuner's own classes and ours, trial by trial.

No trial trains: what is measured is drawing, judging and keeping, in CPU time of the process and
in wall time, with both classes in turn. The second table is of a space of which one
configuration in a hundred is feasible.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import keras_tuner

import shapesafe_tuner as sst
from benchmarks import harness

WAYS = {"stock": keras_tuner.RandomSearch, "ours": sst.RandomSearch}
REPEATS = 3


def feasible(hp: Any) -> keras.Model:
    """10,000 configurations; all can be built."""
    return _cropped(hp.Int("left", 0, 9), hp.Int("units", 1, 1000))


def rare(hp: Any) -> keras.Model:
    """A million configurations; 1 % can be built."""
    return _cropped(hp.Int("left", 0, 999), hp.Int("units", 1, 1000))


def _cropped(left: int, units: int) -> keras.Model:
    inputs = keras.Input((10, 1))
    x = keras.layers.Flatten()(keras.layers.Cropping1D((left, 0))(inputs))
    model = keras.Model(inputs, keras.layers.Dense(units)(x))
    model.compile("sgd", "mse")
    return model


class Cost(NamedTuple):
    """Of one search: milliseconds a trial, and how many configurations were rejected."""

    cpu: float
    wall: float
    first: float
    last: float
    rejected: int


def search(way: str, build: Any, trials: int) -> Cost:
    """Run a search whose trials do nothing.

    Args:
        way: "stock" or "ours".
        build: the model function.
        trials: how many.

    Returns:
        What it cost; ``first`` and ``last`` are the wall time of a trial in the first and in the
        last tenth of the search.
    """
    moments: list[float] = []

    def run_trial(self: Any, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        moments.append(time.perf_counter())
        return {"score": float(trial.hyperparameters.get("units"))}

    made = type("Measured", (WAYS[way],), {"run_trial": run_trial})
    with tempfile.TemporaryDirectory() as folder:
        objective = keras_tuner.Objective("score", "min")
        tuner = made(build, objective=objective, max_trials=trials, directory=folder, seed=1)
        wall, cpu = time.perf_counter(), time.process_time()
        tuner.search(verbose=0)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        gaps = [after - before for before, after in itertools.pairwise(moments)] or [wall]
        some = max(1, len(gaps) // 10)
        return Cost(
            1e3 * cpu / trials,
            1e3 * wall / trials,
            1e3 * statistics.median(gaps[:some]),
            1e3 * statistics.median(gaps[-some:]),
            len(getattr(tuner, "rejections", ())),
        )


def table(trials: list[int]) -> tuple[harness.Table, list[dict[str, Any]]]:
    """Searches of so many trials each, in turn; the fastest of some repetitions."""
    rows, found = [], []
    for number in trials:
        runs = {way: [search(way, feasible, number)] for way in WAYS}
        for _ in range(REPEATS - 1):
            for way in WAYS:
                runs[way].append(search(way, feasible, number))
        best = {way: min(costs) for way, costs in runs.items()}
        stock = best["stock"]
        for way, cost in best.items():
            found.append({"trials": number, "way": way, **cost._asdict()})
            figures = (f"{x:.1f}" for x in (cost.cpu, cost.wall, cost.first, cost.last))
            ratio = f"{cost.cpu / stock.cpu:.1f}"
            rows.append([number, way, *figures, ratio])
    columns = ["trials", "way", "CPU ms a trial", "wall ms a trial", "first tenth (ms)",
               "last tenth (ms)", "CPU: times stock's"]  # fmt: skip
    notes = [f"Trials that do nothing; the least CPU time of {REPEATS} searches, in turn."]
    return harness.Table("A search beside its trials", columns, rows, notes), found


def rejecting(trials: list[int]) -> tuple[harness.Table, list[dict[str, Any]]]:
    """Searches in the space of rare feasible configurations."""
    rows, found = [], []
    for number in trials:
        cost = search("ours", rare, number)
        each = cost.cpu * number / max(1, cost.rejected)
        found.append({"trials": number, **cost._asdict()})
        rows.append([number, cost.rejected, f"{cost.cpu * number / 1e3:.1f}", f"{each:.2f}"])
    columns = ["trials", "rejected", "CPU s", "CPU ms a rejection, all included"]
    return harness.Table("Where one in a hundred is feasible", columns, rows), found


def main(arguments: list[str] | None = None) -> None:
    """Measure, print the tables and write the results."""
    parser = harness.parser("search_cost", __doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 1000], help="of a search")
    parser.add_argument(
        "--rare", type=int, nargs="+", default=[10, 100], help="trials where few are feasible"
    )
    given: argparse.Namespace = parser.parse_args(arguments)
    all_feasible, found = table(given.trials)
    few_feasible, rejected = rejecting(given.rare)
    settings = {"trials": given.trials, "rare": given.rare}
    results = {"feasible": found, "rare": rejected}
    print(
        harness.publish("search_cost", given.into, settings, results, [all_feasible, few_feasible])
    )


if __name__ == "__main__":
    main(sys.argv[1:])
