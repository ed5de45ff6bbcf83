"""What it takes to follow a fit of the user's own: CPU time a set of values, and memory.

The data are one array of 400 MB and its targets. A recipe is followed once for each set of values
that it reads; the copies that it makes are gone when it is over.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import time
import tracemalloc
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras_tuner
import numpy as np

from benchmarks import harness
from shapesafe_tuner.tracing.following.given import GivenData
from shapesafe_tuner.tracing.following.hypermodel import follow_fit
from shapesafe_tuner.tracing.following.source import Followed

FEATURES = 100


class BatchSize(keras_tuner.HyperModel):  # type: ignore[misc]
    """The recipe of KerasTuner's pages."""

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        """Train."""
        return model.fit(*args, batch_size=hp.Int("n", 1, 1000), **kwargs)


class Columns(keras_tuner.HyperModel):  # type: ignore[misc]
    """The last columns: a view."""

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        """Train."""
        return model.fit(x[:, -(hp.Int("n", 1, 1000) % FEATURES) :], y, **kwargs)


class Copied(keras_tuner.HyperModel):  # type: ignore[misc]
    """The same, scaled: a copy of everything."""

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        """Train."""
        return model.fit(x * hp.Int("n", 1, 1000), y, **kwargs)


RECIPES = (BatchSize, Columns, Copied)


def measure(recipe: type, megabytes: int, repeats: int) -> dict[str, Any]:
    """Follow a recipe with different values.

    Args:
        recipe: a ``HyperModel`` with a ``fit``.
        megabytes: of the data.
        repeats: how many values.

    Returns:
        Milliseconds of CPU time, the first and the median of the others; megabytes that are left
        behind, and that were taken at most.
    """
    x = np.ones((megabytes * 10**6 // (4 * FEATURES), FEATURES), "float32")
    given = GivenData((x, x[:, :1]), {})
    source = follow_fit(recipe(), given, ())
    assert isinstance(source, Followed), source
    space = keras_tuner.HyperParameters()
    source.find({"n": 1}, space)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    source.find({"n": 2}, space)
    gc.collect()
    left, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    times = []
    for number in range(3, 3 + repeats):
        start = time.thread_time()
        source.find({"n": number}, space)
        times.append(1e3 * (time.thread_time() - start))
    return {
        "recipe": recipe.__name__,
        "milliseconds": statistics.median(times),
        "left": (left - before) / 1e6,
        "most": (most - before) / 1e6,
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure, print the table and write the results."""
    parser = harness.parser("following", __doc__)
    parser.add_argument("--megabytes", type=int, default=400, help="of the data")
    parser.add_argument("--repeats", type=int, default=100, help="sets of values")
    given: argparse.Namespace = parser.parse_args(arguments)
    found = [measure(recipe, given.megabytes, given.repeats) for recipe in RECIPES]
    rows = [
        [one["recipe"], *(f"{one[name]:.2f}" for name in ("milliseconds", "left", "most"))]
        for one in found
    ]
    columns = ["recipe", "CPU ms a set of values", "MB left behind", "MB at most"]
    table = harness.Table(f"Following, with {given.megabytes} MB of data", columns, rows)
    settings = {"megabytes": given.megabytes, "repeats": given.repeats}
    print(harness.publish("following", given.into, settings, found, [table]))


if __name__ == "__main__":
    main(sys.argv[1:])
