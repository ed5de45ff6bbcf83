"""What a public ``check`` costs: feasible and refused, with and without data, beside a real build.

    python -m benchmarks check_cost [--configurations 40] [--subjects NAME ...] [--readme README.md]

Each random configuration is judged by ``shapesafe_tuner.check``, with data and without, and built
for real, in turns within one process. The *floor* is the same ``build`` on a stock
``HyperParameters`` with an object that does nothing in place of everything of Keras: nothing that
runs ``build`` can cost less. A few configurations are built and trained for one step as well.

All times are CPU time of the thread, medians of one call for each configuration. *First* is the
first check of a hypermodel in the process; the others are warm: as many other configurations were
judged before. A refusal is asked for its reason, and not for the hyperparameters that cause it:
these are worked out when they are read, and their cost is a column of its own.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import contextlib
import dataclasses
import gc
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
import tensorflow as tf

from benchmarks import harness, subjects
from shapesafe_tuner import Verdict, check

Values = dict[str, Any]


class Nothing:
    """Stands for anything of Keras and does nothing."""

    def __call__(self, *args: Any, **kwargs: Any) -> Nothing:  # noqa: D102
        return self

    __getattr__ = __getitem__ = __call__
    __add__ = __radd__ = __mul__ = __setitem__ = __call__


NOTHING = Nothing()


@dataclasses.dataclass
class Times:
    """Seconds of each kind of call, a configuration each.

    Attributes:
        first: of the first check.
        feasible, refused: of the warm checks that ended so.
        undecided: how many checks could not decide.
        causes: of reading which hyperparameters cause a refusal.
    """

    first: float | None = None
    feasible: list[float] = dataclasses.field(default_factory=list)
    refused: list[float] = dataclasses.field(default_factory=list)
    undecided: int = 0
    causes: list[float] = dataclasses.field(default_factory=list)

    def add(self, seconds: float, verdict: Verdict) -> None:
        """Count a warm check."""
        if verdict.feasible is None:
            self.undecided += 1
        else:
            (self.feasible if verdict.feasible else self.refused).append(seconds)

    def milliseconds(self) -> dict[str, Any]:
        """The medians."""
        return {
            "first": _ms([self.first] if self.first is not None else []),
            "feasible": _ms(self.feasible),
            "refused": _ms(self.refused),
            "cause": _ms(self.causes),
            "worse": _ms(max([self.feasible, self.refused], key=_median)),
            "undecided": self.undecided,
        }


def _median(seconds: list[float]) -> float:
    return statistics.median(seconds) if seconds else 0.0


def _ms(seconds: list[float]) -> float | None:
    return round(statistics.median(seconds) * 1e3, 3) if seconds else None


def clocked(call: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[float, Any]:
    """CPU seconds of this thread that a call takes, and what it gives."""
    start = time.thread_time()
    given = call(*args, **kwargs)
    return time.thread_time() - start, given


def configuration(values: Values) -> Any:
    """A configuration as KerasTuner hands it to ``build``."""
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return hp


def bare_build(subject: subjects.Subject, values: Values) -> None:
    """The build, once :data:`NOTHING` stands for Keras."""
    subject.build(configuration(values))


def real_build(subject: subjects.Subject, values: Values) -> Any:
    """The model that a trial builds, or None where Keras refuses."""
    try:
        return subject.build(configuration(values))
    except ValueError:
        return None


def first_step(subject: subjects.Subject, values: Values, data: Values) -> None:
    """A real build and one step of training."""
    model = real_build(subject, values)
    if model is not None:
        # What the backend refuses in a step ends the trial there.
        with contextlib.suppress(ValueError, TypeError, tf.errors.InvalidArgumentError):
            model.fit(data["x"][:32], data["y"][:32], batch_size=32, epochs=1, verbose=0)


def floor(subject: subjects.Subject) -> Any:
    """What puts :data:`NOTHING` in place of Keras in the module of a subject."""
    places = {name for name in ("keras", "layers", "ops") if hasattr(subject.written_in, name)}
    return mock.patch.multiple(
        subject.written_in, **dict.fromkeys({*places, *subject.own}, NOTHING)
    )


def measured(subject: subjects.Subject, count: int, steps: int) -> dict[str, Any]:
    """One subject's times."""
    generator = random.Random(0)
    count = max(2, count // subject.heavy)
    data = subject.data()
    ways = {"without data": Values(), **({"with data": data} if data else {})}
    times = {way: Times() for way in ways}
    for way, given in ways.items():
        for number in range(count):
            values = subject.draw(generator)
            seconds, verdict = clocked(check, subject.build, values, **given)
            if not number:
                times[way].first = seconds
            if verdict.fault is not None:
                times[way].causes.append(clocked(getattr, verdict.fault, "hyperparameters")[0])
    lowest: list[float] = []
    builds: list[float] = []
    for _ in range(count):
        values = subject.draw(generator)
        verdicts = {}
        for way, given in ways.items():
            seconds, verdicts[way] = clocked(check, subject.build, values, **given)
            times[way].add(seconds, verdicts[way])
        with floor(subject):
            lowest.append(clocked(bare_build, subject, values)[0])
        keras.utils.clear_session()
        seconds, model = clocked(real_build, subject, values)
        builds.append(seconds)
        known = verdicts["without data"].feasible
        assert known is None or known is (model is not None), values
        del model
        gc.collect()
    trained: list[float] = []
    for _ in range(max(1, steps // subject.heavy) if data else 0):
        values = subject.draw(generator)
        keras.utils.clear_session()
        trained.append(clocked(first_step, subject, values, data)[0])
    return {
        "configurations": count,
        **{way: found.milliseconds() for way, found in times.items()},
        "floor": _ms(lowest),
        "real build": _ms(builds),
        "real build and first step": _ms(trained),
    }


def growth(depths: tuple[int, ...]) -> dict[str, Any]:
    """Microseconds a layer of one check, for stacks of these depths."""
    rows = {}
    for depth in depths:
        build = subjects.deep_mlp(depth)
        seconds = [
            clocked(check, build, {"units": units})[0] for units in (8, 9, 10, 11, 12, 13, 14)
        ]
        rows[f"{depth} layers"] = round(_median(seconds[2:]) / depth * 1e6, 2)
    return rows


def resident() -> int:
    """Resident memory of this process in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def large() -> dict[str, Any]:
    """100 million parameters: memory that ten checks take."""
    given = {"x": keras.KerasTensor((None, 784)), "y": keras.KerasTensor((None, 10))}
    before = resident()
    for more in (given, {}):
        for units in range(7_000, 7_005):
            assert check(subjects.wide_mlp, {"units": units}, **more).feasible
    return {"memory of ten checks MiB": round((resident() - before) / 2**20, 1)}


def _over(one: float | None, other: float | None, digits: int | None = None) -> Any:
    return "-" if not one or not other else round(one / other, digits)


def _shown(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "-"
    return f"{milliseconds:.2f} ms" if milliseconds < 10 else f"{milliseconds:,.0f} ms"


def summary(rows: dict[str, Any]) -> harness.Table:
    """The worse of feasible and refused against the real build and the floor; for the README."""
    columns = [
        "model", "feasible", "refused", "with data, feasible", "refused", "floor", "real build",
        "build and first step", "worse / floor", "build / worse", "build / worse with data",
    ]  # fmt: skip
    cells = []
    for name, row in rows.items():
        alone, data = row["without data"], row.get("with data", {})
        checks = [kind.get(part) for kind in (alone, data) for part in ("feasible", "refused")]
        others = [row[part] for part in ("floor", "real build", "real build and first step")]
        cells.append([
            name, *map(_shown, checks), *map(_shown, others),
            _over(alone["worse"], row["floor"], 1),
            _over(row["real build"], alone["worse"]),
            _over(row["real build"], data.get("worse")),
        ])  # fmt: skip
    return harness.Table("", columns, cells)


def tables(rows: dict[str, Any], besides: dict[str, Any]) -> list[harness.Table]:
    """The summary, everything that was measured, and what was measured besides."""
    details = [
        [name, way, row["configurations"], *row[way].values()]
        for name, row in rows.items()
        for way in ("without data", "with data")
        if way in row
    ]
    columns = ["model", "", "configurations", *next(iter(rows.values()))["without data"]]
    others = [[name, *item] for name, row in besides.items() for item in row.items()]
    return [
        dataclasses.replace(summary(rows), title="A public check"),
        harness.Table("Milliseconds of a check", columns, details),
        harness.Table("Besides", ["what", "", "figure"], others),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write the tables, and put the summary into a page."""
    parser = harness.parser("check_cost", __doc__)
    parser.add_argument("--configurations", type=int, default=40)
    parser.add_argument("--steps", type=int, default=5, help="real first steps of training")
    parser.add_argument("--subjects", nargs="*", choices=list(subjects.SUBJECTS), default=None)
    parser.add_argument("--readme", type=pathlib.Path, help="a page with this benchmark's markers")
    given = parser.parse_args(arguments)
    rows = {}
    for name in given.subjects or subjects.SUBJECTS:
        rows[name] = measured(subjects.SUBJECTS[name], given.configurations, given.steps)
        print(name, rows[name], file=sys.stderr, flush=True)
    besides = {
        "microseconds a layer": growth((10, 100, 1_000)),
        "100 million parameters": large(),
    }
    results = {"models": rows, "besides": besides}
    print(harness.publish("check_cost", given.into, given, results, tables(rows, besides)))
    if given.readme is not None:
        page = given.readme.read_text()
        text = harness.between_markers(page, "check_cost", summary(rows).markdown())
        given.readme.write_text(text)


if __name__ == "__main__":
    main()
