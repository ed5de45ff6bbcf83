"""Hold the check against Keras on a suite that nobody here wrote.

    python -m tests.suites keras-layers --cases 2000 [--seed 1] [--begin 0] [--seconds 500]

What differs is printed as it is found, then the counts and with what ``--begin`` to go on. The
exit status is 1 where something was falsely refused, missed or crashed.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
from importlib.metadata import version

import keras

from tests.suites.case import Outcome
from tests.suites.running import SUITES, Count, run_apart


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser("python -m tests.suites", description=__doc__)
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("--cases", type=int, help="at most so many")
    parser.add_argument("--begin", type=int, default=0, help="the number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=math.inf, help="no new case after so long")
    given = parser.parse_args()

    found: list[Outcome] = []
    cases = run_apart(given.suite, given.cases, given.seed, given.begin, given.seconds)
    for outcome, said in cases:
        found.append(outcome)
        if outcome != "agreed":
            print(said, flush=True)
    count = Count.of(found)
    print(f"Keras {version('keras')} on {keras.config.backend()}, {given.suite}:", end=" ")
    print(", ".join(f"{name} {n}" for name, n in dataclasses.asdict(count).items()))
    print(f"The next case is --begin {given.begin + count.asked}.")
    return int(bool(count.missed or count.falsely_refused or count.crashed))


if __name__ == "__main__":
    sys.exit(main())
