"""What it costs to know a whole space: ours, counting by hand, and random real builds.

    python -m benchmarks search_space [--seconds 10] [--builds 20] [--page docs/measurements.md]

The spaces of ``whole_spaces.py``, shallow and deep. Beside ``validate_search_space``, three ways in
which a user counts feasible configurations with shape rules of his own (``rules.py``,
``by_hand.py``): memoised recursion, python-constraint and OR-Tools CP-SAT. The ways take turns, and
the quickest of ``--rounds`` counts; what took longer than ``--seconds`` is not run again, and the
solvers are stopped there. All that finish must find the same share, or the benchmark fails. The two
solvers need ``pip install -e ".[benchmarks]"``; without them their columns say so. A space that is
in ``runs.jsonl`` already is not measured again.

A user without any rules would build random configurations until the 95 % interval of the
feasible share is 1 % wide: how many that takes follows from the share (Wilson's interval), what one
costs is measured on ``--builds`` of them.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import dataclasses
import math
import pathlib
import random
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import keras
import keras_tuner

import shapesafe_tuner as sst
from benchmarks import by_hand, harness
from benchmarks.by_hand import Count
from benchmarks.harness import Table
from benchmarks.whole_spaces import SUBJECTS, Subject
from shapesafe_tuner.report.search_space import SearchSpaceReport
from shapesafe_tuner.space.shares import wilson

__all__ = ["main"]


KEY = ("space", "limit", "rounds", "builds")


@dataclasses.dataclass(frozen=True)
class Way:
    """A way to know a space.

    Attributes:
        work: what is counted of its work.
        needs: what has to be written or known.
        lacks: what it does not give.
    """

    work: str
    needs: str
    lacks: str


WAYS = {
    "shapesafe_tuner": Way(
        "runs of `build`",
        "the hypermodel as it is",
        "an exact share where a value out of too many decides: it samples",
    ),
    "recursion": Way(
        "states",
        "the shape rules by hand, in the order in which sizes flow; which hyperparameters matter",
        "causes, conflicts, configurations; a word where `build` and the rules differ",
    ),
    "python-constraint": Way(
        "calls of a constraint",
        "the shape rules by hand; which hyperparameters matter",
        "causes, conflicts; an end in deep spaces, since it lists configurations to count them",
    ),
    "CP-SAT": Way(
        "branches",
        "the shape rules by hand, as tables of whole numbers; which hyperparameters matter",
        "causes, conflicts; an end in deep spaces, since it lists configurations to count them",
    ),
}


def explored(build: Callable[[Any], Any]) -> tuple[SearchSpaceReport, Count]:
    """The report on a space, and what it took."""
    start = time.thread_time()
    report = sst.validate_search_space(build, progress=False)
    seconds = time.thread_time() - start
    share = Fraction(report.feasible_fraction) if report.exact else None
    return report, Count(share, 0, report.runs, seconds)


def in_turns(
    subject: Subject, seconds: float, rounds: int
) -> tuple[SearchSpaceReport, dict[str, Count]]:
    """The report on a space, and what each way that is installed took in its quickest round.

    Args:
        subject: the space.
        seconds: of CPU time for a solver; what takes longer has one round.
        rounds: in which the ways take turns.

    Raises:
        RuntimeError: two ways that finish find different shares.
    """
    reports: list[SearchSpaceReport] = []

    def ours() -> Count:
        report, count = explored(subject.build)
        reports.append(report)
        return count

    left: dict[str, Callable[[], Count]] = {
        "shapesafe_tuner": ours,
        "recursion": lambda: by_hand.by_recursion(subject.chains),
        "python-constraint": lambda: by_hand.by_python_constraint(subject.chains, seconds),
        "CP-SAT": lambda: by_hand.by_cp_sat(subject.chains, seconds),
    }
    best: dict[str, Count] = {}
    for _ in range(rounds):
        for name, way in list(left.items()):
            try:
                count = way()
            except ImportError:
                del left[name]
                continue
            best[name] = min(best.get(name, count), count, key=lambda each: each.seconds)
            if count.seconds > seconds or count.share is None:
                del left[name]
    agreed(subject.name, best)
    return reports[0], best


def agreed(space: str, counts: dict[str, Count]) -> None:
    """Hold the shares of all ways that finish to the exact one.

    Raises:
        RuntimeError: one of them differs.
    """
    shares = {name: float(c.share) for name, c in counts.items() if c.share is not None}
    for name, share in shares.items():
        if not math.isclose(share, shares["recursion"], rel_tol=1e-12):
            raise RuntimeError(f"{space}: {name} finds {share}, recursion {shares['recursion']}.")


class Drawing(keras_tuner.HyperParameters):  # type: ignore[misc]
    """Hyperparameters that are drawn at random when ``build`` first asks for them."""

    def __init__(self, generator: random.Random) -> None:
        super().__init__()
        self._generator = generator

    def _register(self, hyperparameter: Any, overwrite: bool = False) -> Any:
        drawn = hyperparameter.random_sample(self._generator.randrange(2**31))
        self.values.setdefault(hyperparameter.name, drawn)
        return super()._register(hyperparameter, overwrite)


def random_builds(build: Callable[[Any], Any], count: int) -> tuple[float, int]:
    """CPU seconds of a random real build, and how many of them succeed."""
    generator, took, built = random.Random(0), 0.0, 0
    for _ in range(count):
        keras.utils.clear_session(free_memory=False)
        start = time.thread_time()
        try:
            build(Drawing(generator))
            built += 1
        except ValueError:
            pass
        took += time.thread_time() - start
    return took / count, built


def builds_needed(share: float, width: float = 0.01) -> int:
    """Random builds until the interval is this wide."""
    low, high = 1, 10**7
    while low < high:
        middle = (low + high) // 2
        ends = wilson(round(share * middle), middle)
        low, high = (low, middle) if ends[1] - ends[0] <= width else (middle + 1, high)
    return low


def measured(subject: Subject, seconds: float, rounds: int, builds: int) -> dict[str, Any]:
    """Everything about a space, as JSON.

    Args:
        subject: the space.
        seconds: of CPU time for a solver.
        rounds: in which the ways take turns.
        builds: random real builds.
    """
    report, counts = in_turns(subject, seconds, rounds)
    share = report.feasible_fraction
    each, built = random_builds(subject.build, builds)
    needed = builds_needed(share)
    return {
        "space": subject.name,
        "limit": seconds,
        "rounds": rounds,
        "share": share,
        "configurations": report.total,
        "conflicts": len(report.conflicts),
        "causes": len(report.causes),
        "feasible by the rules": counts["recursion"].found,
        "ways": {
            name: {"finished": c.share is not None, "found": c.found, "work": c.work,
                   "seconds": c.seconds}
            for name, c in counts.items()
        },
        "builds": builds,
        "random builds": {"built": built, "seconds": each, "needed": needed},
    }  # fmt: skip


def tables(rows: Sequence[dict[str, Any]], seconds: float) -> list[Table]:
    """What was measured, for readers.

    Args:
        rows: of ``measured``.
        seconds: the limit of a solver.
    """
    counted = Table(
        "A whole space, exactly",
        ["space", "configurations", "feasible", *WAYS],
        [
            [row["space"], _number(row["configurations"]), percent(row["share"])]
            + [_cell(name, row) for name in WAYS]
            for row in rows
        ],
        [
            "CPU time of the thread, the quickest round, and in brackets what was done in it: "
            + ", ".join(f"{name} {way.work}" for name, way in WAYS.items())
            + f". A solver that had not finished in {seconds:g} s was stopped; then the cell says "
            "how many of the feasible configurations it had listed. The rules leave out "
            "hyperparameters that cannot matter, so they have fewer configurations to count. All "
            "that finished found the same share."
        ],
    )
    terms = Table(
        "What each way needs, and what it does not give",
        ["way", "needs", "does not give"],
        [[name, way.needs, way.lacks] for name, way in WAYS.items()],
    )
    builds = Table(
        "Random real builds instead",
        ["space", "for an interval of 1 %", "CPU time", "of shapesafe_tuner's", "measured on"],
        [_of_builds(row) for row in rows],
        [
            "The number follows from the share (Wilson's interval), the time from the mean of the "
            "builds measured. Where little is feasible, an interval of 1 % says little."
        ],
    )
    return [counted, terms, builds]


def _number(count: float) -> str:
    return "infinitely many" if math.isinf(count) else f"{count:.2g}"


def percent(share: float) -> str:
    """A share with four digits, however small."""
    return f"{100 * share:.4g} %"


def _seconds(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms" if seconds < 0.1 else f"{seconds:.1f} s"


def _cell(name: str, row: dict[str, Any]) -> str:
    way = row["ways"].get(name)
    if way is None:
        return "not installed"
    took = f"{_seconds(way['seconds'])} ({way['work']:,})"
    if way["finished"]:
        return took
    if name == "shapesafe_tuner":
        return f"{took}, not exact"
    of_all = row["feasible by the rules"]
    shown = f"{of_all:,}" if of_all < 10**9 else f"{of_all:.2g}"
    return f"stopped at {way['found']:,} of {shown}"


def _of_builds(row: dict[str, Any]) -> list[str]:
    builds, ours = row["random builds"], row["ways"]["shapesafe_tuner"]["seconds"]
    total = builds["needed"] * builds["seconds"]
    return [
        row["space"], f"{builds['needed']:,}", f"{total:,.0f} s", f"{total / ours:,.0f} times",
        f"{row['builds']}, of which {builds['built']} could be built",
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the tables."""
    parser = harness.parser("search_space", __doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="CPU time of a solver")
    parser.add_argument("--rounds", type=int, default=3, help="in which the ways take turns")
    parser.add_argument("--builds", type=int, default=20, help="random real builds of each space")
    parser.add_argument("--only", nargs="+", metavar="SPACE", choices=list(SUBJECTS))
    parser.add_argument("--page", type=pathlib.Path, help="page whose marked part gets the tables")
    given = parser.parse_args(arguments)
    journal = harness.Journal(given.into / "runs.jsonl", KEY)
    rows = []
    for name in given.only or SUBJECTS:
        wanted = (name, given.seconds, given.rounds, given.builds)
        if dict(zip(KEY, wanted, strict=True)) not in journal:
            journal.add(measured(SUBJECTS[name], *wanted[1:]))
            print(journal.runs[-1], flush=True)
        rows += [row for row in journal.runs if tuple(row[key] for key in KEY) == wanted]
    shown = tables(rows, given.seconds)
    print(harness.publish("search_space", given.into, given, rows, shown))
    if given.page is not None:
        text = "\n".join(table.markdown(3) for table in shown)
        given.page.write_text(harness.between_markers(given.page.read_text(), "search_space", text))
