"""What a verdict costs: the analytic pass, the symbolic pass, the real build, and the floor.

    python -m benchmarks check_cost [--configurations 60] [--into FOLDER]

Every subject's random configurations are judged without data in one process, each way in its own
round over the same configurations. The *floor* is the same ``build`` on a stock ``HyperParameters``
with an object that does nothing in place of everything of Keras: no checker that runs ``build`` can
cost less. Times are medians over configurations of the best of three. The analytic pass is warm,
as it is in a search: it has judged as many other configurations before.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import pathlib
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import keras
import keras_tuner
import numpy as np

from benchmarks import harness, subjects
from shapesafe_tuner.checker import Checker
from shapesafe_tuner.tracing.data.reading import read_data
from shapesafe_tuner.tracing.stages import Stages

Values = dict[str, Any]


class Nothing:
    """Stands for anything of Keras and does nothing."""

    def __call__(self, *args: Any, **kwargs: Any) -> Nothing:  # noqa: D102
        return self

    __getattr__ = __getitem__ = __call__


NOTHING = Nothing()


def configuration(values: Values) -> Any:
    """A configuration as KerasTuner hands it to ``build``."""
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return hp


def real(build: Callable[[Any], Any]) -> Callable[[Values], bool]:
    """The stock build; True when it gives a model."""

    def run(values: Values) -> bool:
        try:
            build(configuration(values))
        except ValueError:
            return False
        return True

    return run


def floor(build: Callable[[Any], Any]) -> Callable[[Values], bool]:
    """The build alone, once :data:`NOTHING` stands for Keras."""

    def run(values: Values) -> bool:
        build(configuration(values))
        return True

    return run


def medians(run: Callable[[Values], bool], configurations: list[Values], repeat: int) -> Any:
    """Median microseconds of the best of ``repeat``, and the answers."""
    times, answers = [], []
    for values in configurations:
        best = float("inf")
        for _ in range(repeat):
            start = time.perf_counter()
            answer = run(values)
            best = min(best, time.perf_counter() - start)
        times.append(best)
        answers.append(answer)
    return statistics.median(times) * 1e6, answers


def compare(name: str, count: int) -> dict[str, Any]:
    """One subject's row."""
    build, draw = subjects.SUBJECTS[name]
    generator = random.Random(0)
    before = [draw(generator) for _ in range(count)]
    configurations = [draw(generator) for _ in range(count)]
    analytic, symbolic = Stages(build), Stages(build, analytic=False)
    stages: list[str] = []

    def judged(stage: Stages) -> Callable[[Values], bool]:
        def run(values: Values) -> bool:
            verdict = stage.judge(None, values)[0]
            stages.append(verdict.stage)
            return verdict.feasible is True

        return run

    medians(judged(analytic), before, 1)
    refusals = causes(build, configurations)
    stages.clear()
    fast, answers = medians(judged(analytic), configurations, 3)
    decided = sum(stage == "analytic" for stage in stages) / len(stages)
    slow, same = medians(judged(symbolic), configurations, 1)
    with mock.patch.multiple(subjects, keras=NOTHING, layers=NOTHING, Positions=NOTHING):
        lowest, _ = medians(floor(build), configurations, 3)
    keras.utils.clear_session()
    stock, truth = medians(real(build), configurations, 1)
    assert answers == same == truth, name
    return {
        "configurations": count,
        "feasible": sum(truth),
        "decided analytically": decided,
        "analytic us": round(fast, 1),
        "symbolic us": round(slow, 1),
        "real build us": round(stock, 1),
        "floor us": round(lowest, 1),
        "a refusal with its cause us (mean)": refusals,
        "real build / analytic": round(stock / fast),
        "real build / symbolic": round(stock / slow, 1),
        "analytic / floor": round(fast / lowest, 2),
    }


def causes(build: Callable[[Any], Any], configurations: list[Values]) -> float | None:
    """Mean microseconds of the refusals of a search, each with the fewest values that cause it."""
    checker, seconds = Checker(build), []
    for values in configurations:
        start = time.perf_counter()
        if not checker.judge(values):
            seconds.append(time.perf_counter() - start)
    return round(statistics.mean(seconds) * 1e6) if seconds else None


def growth(depths: tuple[int, ...]) -> dict[str, Any]:
    """Analytic microseconds a layer, for stacks of these depths."""
    rows = {}
    for depth in depths:
        stages = Stages(subjects.deep_mlp(depth))
        run: Any = lambda values, stages=stages: stages.judge(None, values)[0].feasible  # noqa: E731
        medians(run, [{"units": 8 + n} for n in range(5)], 1)
        cost, _ = medians(run, [{"units": 8 + n} for n in range(5)], 3)
        rows[f"{depth} layers"] = round(cost / depth, 2)
    return rows


def resident() -> int:
    """Resident memory of this process in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def large() -> dict[str, Any]:
    """100 million parameters: memory that a check takes, symbolic pass and training step."""
    data = read_data(keras.KerasTensor((None, 784)), keras.KerasTensor((None, 10)))
    before = resident()
    for stages in (Stages(subjects.wide_mlp, data=data, analytic=False), Stages(subjects.wide_mlp)):
        for units in range(7_000, 7_005):
            assert stages.judge(None, {"units": units})[0].feasible
    return {"memory of ten checks MiB": round((resident() - before) / 2**20, 1)}


def with_data(count: int) -> dict[str, Any]:
    """The CNN with its data: loss and metrics are traced once and remembered."""
    build, draw = subjects.SUBJECTS["CNN, Sequential"]
    generator = random.Random(1)
    data = read_data(np.zeros((70, 28, 28, 1)), np.zeros(70, "int64"))
    stages = Stages(build, data=data)
    run: Any = lambda values: stages.judge(None, values)[0].feasible  # noqa: E731
    medians(run, [draw(generator) for _ in range(count)], 1)
    cost, _ = medians(run, [draw(generator) for _ in range(count)], 3)
    return {"analytic with data us": round(cost, 1)}


def tables(rows: dict[str, Any]) -> list[harness.Table]:
    """One table of the models, and what was measured besides."""
    models = {name: row for name, row in rows.items() if name in subjects.SUBJECTS}
    columns = list(next(iter(models.values())))
    others = [
        [name, *item] for name, row in rows.items() if name not in models for item in row.items()
    ]
    return [
        harness.Table("A check of each model", ["model", *columns],
                      [[name, *row.values()] for name, row in models.items()]),
        harness.Table("Besides", ["what", "", "figure"], others),
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the tables."""
    parser = harness.parser("check_cost", __doc__)
    parser.add_argument("--configurations", type=int, default=60)
    given = parser.parse_args(arguments)
    count = given.configurations
    rows: dict[str, Any] = {name: compare(name, count) for name in subjects.SUBJECTS}
    rows["CNN with data"] = with_data(count)
    rows["microseconds a layer"] = growth((10, 100, 1_000))
    rows["100 million parameters"] = large()
    print(harness.publish("check_cost", given.into, given, rows, tables(rows)))


if __name__ == "__main__":
    main()
