"""Hold the check against Keras on a suite that nobody here wrote.

    python -m tests.suites keras-layers --cases 2000 [--seed 1] [--begin 0]

What differs is printed as it is found, then the counts. The exit status is 1 where something was
falsely refused, missed or crashed.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

import keras

from tests.suites.case import Judged
from tests.suites.running import SUITES, Count, cases_of, run


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser("python -m tests.suites", description=__doc__)
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("--cases", type=int, help="at most so many")
    parser.add_argument("--begin", type=int, default=0, help="the number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()

    def show(judged: Judged) -> None:
        if judged.outcome not in ("agreed", "only on a device"):
            print(judged, flush=True)

    count = Count.of(run(cases_of(given.suite, given.cases, given.seed, given.begin), show))
    print(f"Keras {keras.__version__} on {keras.config.backend()}, {given.suite}:", end=" ")
    print(", ".join(f"{name} {n}" for name, n in dataclasses.asdict(count).items()))
    return int(bool(count.missed or count.falsely_refused or count.crashed))


if __name__ == "__main__":
    sys.exit(main())
