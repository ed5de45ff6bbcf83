"""Precision and recall of the check: labelled configurations against what real Keras did.

    python -m benchmarks agreement [--only SPACE ...] [--configurations 8] [--suites 200]
        [--into FOLDER]

The labelled set (``tests/labelled``) has search spaces of many kinds, with configurations that real
Keras built and fitted. A *positive* is a configuration that Keras refuses: precision is the share
of refusals that are right, recall the share of what Keras refuses that is refused. What is
undecided runs, so it counts as not refused. Intervals are Wilson's, 95 %; where every answer is
right they still end below 1, since the set is finite. The configurations of one space are alike,
so that the intervals are narrower than those of independent programs would be.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from benchmarks import harness
from benchmarks.harness import Table
from shapesafe_tuner.space.shares import wilson

__all__ = ["PUBLISHED", "Score", "main", "score"]

PUBLISHED = (
    (
        "NeuraLint", "34 programs from Stack Overflow and GitHub", "100 %", "70.5 %",
        "Nikanjam et al., *Automatic Fault Detection for Deep Learning Programs Using Graph "
        "Transformations*, TOSEM 2022, [10.1145/3470006](https://doi.org/10.1145/3470006)",
    ),
    (
        "ShapeTracer", "60 failed industrial TensorFlow programs", "no false positive", "40 of 60",
        "Liu et al., *Detecting TensorFlow Program Bugs in Real-World Industrial Environment*, "
        "ASE 2021",
    ),
)  # fmt: skip
"""Tool, its set, precision, recall and where they were published."""

NOTE = (
    "These sets are not ours, and a row cannot be ranked against another: both tools read programs "
    "without running them, report more than shapes (NeuraLint) or exactly one error a program "
    "(ShapeTracer), and were judged on bugs that people had made. Our set was written for this "
    "project, its truth is what Keras does, and the check runs `build`."
)


@dataclasses.dataclass(frozen=True)
class Score:
    """Counts of a confusion matrix; positive is what Keras refuses.

    Attributes:
        hits: refused, and Keras refuses it.
        false: refused, and Keras trains it.
        missed: passed, and Keras refuses it.
        passed: passed, and Keras trains it.
        undecided: of ``missed`` and ``passed``, those that no check could decide.
    """

    hits: int
    false: int
    missed: int
    passed: int
    undecided: int

    def cells(self) -> list[Any]:
        """How many, refused by Keras, precision and recall with intervals, undecided."""
        refused = self.hits + self.missed
        return [
            self.hits + self.false + self.missed + self.passed, refused,
            self.false, self.missed,
            _share(self.hits, self.hits + self.false), _share(self.hits, refused), self.undecided,
        ]  # fmt: skip


def _share(hits: int, count: int) -> str:
    if not count:
        return "-"
    low, high = wilson(hits, count)
    return f"{hits / count:.1%} ({low:.1%} - {high:.1%})"


def score(records: Iterable[dict[str, Any]]) -> Score:
    """The confusion matrix.

    Args:
        records: each with ``trains`` (bool) and ``feasible`` (bool, or None: undecided).
    """
    counted = Counter((not r["trains"], r["feasible"] is False) for r in records)
    undecided = sum(r["feasible"] is None for r in records)
    return Score(
        counted[True, True], counted[False, True], counted[True, False], counted[False, False],
        undecided,
    )  # fmt: skip


def records_of(names: Sequence[str] | None, most: int | None) -> list[dict[str, Any]]:
    """What Keras and the check say of each labelled configuration.

    Args:
        names: of the spaces; None for all.
        most: configurations of a space; None for all.
    """
    from tests.labelled.judge import judge
    from tests.labelled.spaces import ALL

    known = {space.name: space for space in ALL}
    unknown = sorted(set(names or ()) - set(known))
    if unknown:
        raise SystemExit(f"There is no labelled space {unknown[0]!r}: see tests/labelled/labels.")
    found = []
    for name in names or known:
        for case in judge(known[name], most):
            refused_in = "build" if case.label["build"] != "ok" else "training step"
            found.append(
                {
                    "space": name,
                    "kind": name.split("_")[0],
                    "trains": case.trains,
                    "refused in": None if case.trains else refused_in,
                    "feasible": case.verdict.feasible,
                    "stage": case.verdict.stage,
                }
            )
    return found


def tables(records: Sequence[dict[str, Any]]) -> list[Table]:
    """Overall and beside the published figures, by kind, by stage, by where Keras refuses."""
    columns = [
        "configurations", "Keras refuses", "false rejections", "missed", "precision", "recall",
        "undecided",
    ]  # fmt: skip

    def by(name: str) -> list[list[Any]]:
        values = sorted({str(record[name]) for record in records})
        return [
            [value, *score([r for r in records if str(r[name]) == value]).cells()]
            for value in values
        ]

    whole = score(records).cells()
    spaces = len({record["space"] for record in records})
    ours = ["shapesafe_tuner", f"{len(records)} configurations of {spaces} spaces", *whole[4:6], ""]
    where = [
        [value, count, sum(r["feasible"] is False for r in records if r["refused in"] == value)]
        for value, count in Counter(r["refused in"] for r in records if not r["trains"]).items()
    ]
    return [
        Table("All", columns, [whole]),
        Table(
            "Beside published figures",
            ["tool", "judged on", "precision", "recall", "source"],
            [ours, *PUBLISHED],
            [NOTE],
        ),
        Table("By kind of space", ["kind", *columns], by("kind")),
        Table("By the stage that decided", ["stage", *columns], by("stage")),
        Table("By where Keras refuses", ["where", "Keras refuses", "refused"], where),
    ]


def suites_table(cases: int, seed: int = 0) -> Table:
    """So many cases of each suite of ``tests/suites``, which were not written for this project."""
    from tests.suites.running import SUITES, Count, run_apart

    rows: list[list[Any]] = []
    for suite in SUITES:
        count = Count.of(outcome for outcome, _ in run_apart(suite, cases, seed))
        rows.append([suite, *dataclasses.astuple(count)])
    columns = [
        "suite", "asked", "agreed", "missed", "falsely refused", "undecided", "crashed",
        "fails on a device only",
    ]  # fmt: skip
    return Table("Suites", columns, rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge the labelled set and write the tables."""
    parser = harness.parser("agreement", __doc__)
    parser.add_argument("--only", nargs="*", help="names of labelled spaces")
    parser.add_argument("--configurations", type=int, help="at most so many of a space")
    parser.add_argument("--suites", type=int, default=0, help="cases of each suite")
    given = parser.parse_args(arguments)
    records = records_of(given.only, given.configurations)
    suites = [suites_table(given.suites)] if given.suites else []
    print(harness.publish("agreement", given.into, given, records, [*tables(records), *suites]))


if __name__ == "__main__":
    main()
