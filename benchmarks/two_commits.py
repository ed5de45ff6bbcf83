"""Whole spaces with this commit and with another, in turns: CPU time, runs of build, memory.

    git worktree add ../before COMMIT && python -m benchmarks two_commits ../before

The labelled spaces of the tests, shallow as most people's are. Each checkout has a process of its
own; a space goes to the one and then to the other, ``--rounds`` times, and the quickest round
counts. What takes longer than ``--seconds`` of wall time is interrupted. Memory is what the highest
peak of the process grows by while the space is explored the first time.
"""

from __future__ import annotations

import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks import harness
from benchmarks.harness import Table

__all__ = ["main"]

HERE = pathlib.Path(__file__).resolve().parents[1]
_LONG = 0.5
"""CPU seconds from which a ratio of two times says something."""


class Measured(NamedTuple):
    """One exploration.

    Attributes:
        seconds: CPU time of the thread.
        runs: of ``build``; None where the report does not say.
        exact: nothing was sampled or interrupted.
        memory: MiB by which the peak of the process grew.
    """

    seconds: float
    runs: int | None
    exact: bool
    memory: float


class Side:
    """A process that explores spaces with one checkout.

    Args:
        checkout: the folder of the package that it imports.
        seconds: wall time after which an exploration is interrupted.
    """

    def __init__(self, checkout: pathlib.Path, seconds: int) -> None:
        command = [sys.executable, "-m", "benchmarks.two_commits", "--serve", str(seconds)]
        environment = {
            **os.environ,
            "PYTHONPATH": str(HERE),
            "SHAPESAFE_CHECKOUT": str(checkout.resolve()),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1",
        }
        self._process = subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, cwd=HERE,
        )  # fmt: skip

    def explore(self, space: str) -> Measured:
        """Explore a labelled space.

        Raises:
            RuntimeError: the process has ended.
        """
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        print(space, file=asked, flush=True)
        for line in answers:
            if line.startswith("{"):
                return Measured(**json.loads(line))
        raise RuntimeError(f"The process ended while it explored {space}.")

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def serve(seconds: int) -> None:
    """Explore the spaces that are named on standard input, with the checkout of the environment."""
    sys.path.insert(0, os.environ["SHAPESAFE_CHECKOUT"])
    import resource

    import shapesafe_tuner as sst

    if not str(sst.__file__).startswith(os.environ["SHAPESAFE_CHECKOUT"]):
        raise RuntimeError(f"{sst.__file__} was imported in place of the checkout's package.")
    sys.path.insert(0, str(HERE))
    from tests.labelled.spaces import HERE as SPACES

    known = {space.name: space for space in SPACES}

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, stop)
    wanted = ("x", "y", "sample_weight", "validation_data", "batch_size")
    for line in sys.stdin:
        space = known[line.strip()]
        given = {name: part for name, part in space.data().items() if name in wanted}
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.thread_time()
        signal.alarm(seconds)
        report: Any = sst.validate_search_space(space.build, progress=False, **given)
        signal.alarm(0)
        took = time.thread_time() - start
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        found = Measured(took, getattr(report, "runs", None), bool(report.exact), grown)
        print(json.dumps(found._asdict()), flush=True)


def compared(
    before: pathlib.Path, names: Sequence[str], rounds: int, seconds: int
) -> dict[str, list[Measured]]:
    """For each space what the other checkout took and what this one takes."""
    sides = [Side(before, seconds), Side(HERE, seconds)]
    found: dict[str, list[Measured]] = {}
    try:
        for name in names:
            turns = [[side.explore(name) for side in sides] for _ in range(rounds)]
            quickest = [min(each, key=lambda one: one.seconds) for each in zip(*turns, strict=True)]
            found[name] = [
                best._replace(memory=first.memory)
                for best, first in zip(quickest, turns[0], strict=True)
            ]
            print(name, *found[name], flush=True)
    finally:
        for side in sides:
            side.close()
    return found


def tables(found: dict[str, list[Measured]]) -> list[Table]:
    """What was measured, for readers."""
    rows = [
        [name, *_cells(before), *_cells(now), f"{now.seconds / before.seconds:.2f}"]
        for name, (before, now) in found.items()
    ]
    long = [
        now.seconds / before.seconds for before, now in found.values() if before.seconds > _LONG
    ]
    middle = f"{statistics.median(long):.2f}" if long else "none"
    exact = [sum(pair[side].exact for pair in found.values()) for side in (0, 1)]
    total = [sum(pair[side].seconds for pair in found.values()) for side in (0, 1)]
    return [
        Table(
            "Whole spaces, two commits",
            ["space", "before", "runs", "MiB", "now", "runs", "MiB", "now / before"],
            rows,
            [
                f"{len(found)} spaces: exact {exact[0]} before and {exact[1]} now; CPU time "
                f"{total[0]:.1f} s before and {total[1]:.1f} s now. Median of now / before where "
                f"it took more than {_LONG:g} s before: {middle}. A star: not exact."
            ],
        )
    ]


def _cells(one: Measured) -> list[str]:
    runs = "?" if one.runs is None else f"{one.runs:,}"
    return [f"{one.seconds:.2f} s{'' if one.exact else ' *'}", runs, f"{one.memory:.0f}"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the table."""
    parser = harness.parser("two_commits", __doc__)
    parser.add_argument("before", type=pathlib.Path, help="a checkout of the other commit")
    parser.add_argument("--rounds", type=int, default=2, help="of which the quickest counts")
    parser.add_argument("--seconds", type=int, default=60, help="wall time of one exploration")
    parser.add_argument("--only", nargs="+", metavar="SPACE", help="labelled spaces, by name")
    given = parser.parse_args(arguments)
    from tests.labelled.spaces import HERE as SPACES

    known = [space.name for space in SPACES]
    names = given.only or known
    unknown = sorted(set(names).difference(known))
    if unknown:
        parser.error(f"there is no labelled space {unknown[0]}; there are {', '.join(known)}.")
    found = compared(given.before, names, given.rounds, given.seconds)
    data = {name: [one._asdict() for one in pair] for name, pair in found.items()}
    print(harness.publish("two_commits", given.into, given, data, tables(found)))


if __name__ == "__main__":
    serve(int(sys.argv[2]))
