"""What it costs to know a whole space: exactly by lazy exploration, or by random real builds.

    python -m benchmarks search_space [--builds 40] [--into FOLDER]

The 1 - 5 block CNN of ``subjects.py``, cut down for smaller spaces: fewer blocks, then no choice of
filters. "With ten more" adds ten hyperparameters that cannot change a shape. A user without this
tool would build random configurations until the 95 % interval of the feasible share is 1 % wide:
how many that takes follows from the share (Wilson's interval); what one costs is measured on
``--builds`` of them, which also say whether their share agrees.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import pathlib
import random
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import keras
import keras_tuner
from keras import layers

import shapesafe_tuner as sst
from benchmarks import harness
from shapesafe_tuner.space.shares import wilson


def cnn(blocks: int, more: bool = False, *, wide: bool = True) -> Callable[[Any], Any]:
    """The CNN with at most so many blocks, and ten hyperparameters more that cannot matter.

    Args:
        blocks: at most.
        more: widths, rates and an optimizer, two of them with infinitely many values.
        wide: filters, units, activation and dropout are searched too.
    """

    def build(hp: Any) -> Any:
        model = keras.Sequential([keras.Input((28, 28, 1))])
        for block in range(hp.Int("blocks", 1, blocks)):
            filters = hp.Int(f"filters_{block}", 8, 64, step=8) if wide else 8
            activation = hp.Choice(f"activation_{block}", ["relu", "elu", "tanh"]) if wide else None
            kernel = hp.Choice(f"kernel_{block}", [3, 5, 7])
            model.add(layers.Conv2D(filters, kernel, activation=activation))
            if hp.Boolean(f"pooling_{block}"):
                model.add(layers.MaxPooling2D(2))
        model.add(layers.Flatten())
        for number in range(4 * more):
            model.add(layers.Dense(hp.Int(f"width_{number}", 1, 10_000)))
            model.add(layers.Dropout(hp.Float(f"rate_{number}", 0.0, 0.9)))
        if wide:
            model.add(layers.Dense(hp.Int("units", 32, 256, step=32)))
            model.add(layers.Dropout(hp.Float("dropout", 0.0, 0.5, step=0.05)))
        model.add(layers.Dense(10))
        optimizer = hp.Choice("optimizer", ["adam", "sgd"]) if more else "adam"
        if more:
            rate = hp.Float("learning_rate", 1e-5, 1e-1, sampling="log")
            model.compile(keras.optimizers.Adam(rate), "mse")
        model.compile(optimizer, "mse")
        return model

    return build


def explored(build: Callable[[Any], Any]) -> tuple[Any, float]:
    """The report and the seconds it took."""
    start = time.perf_counter()
    report = sst.validate_search_space(build, progress=False)
    return report, time.perf_counter() - start


def real_builds(build: Callable[[Any], Any], values: list[dict[str, Any]]) -> tuple[float, int]:
    """Mean seconds of a real build, and how many of them succeeded."""
    start, built = time.perf_counter(), 0
    for chosen in values:
        keras.utils.clear_session(free_memory=False)
        hp = keras_tuner.HyperParameters()
        hp.values = dict(chosen)
        try:
            build(hp)
        except ValueError:
            continue
        built += 1
    return (time.perf_counter() - start) / len(values), built


def drawn(build: Callable[[Any], Any], blocks: int, count: int) -> list[dict[str, Any]]:
    """Random configurations, feasible or not, as KerasTuner draws them."""
    known = keras_tuner.HyperParameters()
    known.values = {"blocks": blocks}
    build(known)
    generator = random.Random(0)
    return [
        {hp.name: hp.random_sample(generator.randrange(2**31)) for hp in known.space}
        for _ in range(count)
    ]


def builds_needed(share: float, width: float = 0.01) -> int:
    """Random builds until the interval is this wide."""
    low, high = 1, 10**7
    while low < high:
        middle = (low + high) // 2
        ends = wilson(round(share * middle), middle)
        low, high = (low, middle) if ends[1] - ends[0] <= width else (middle + 1, high)
    return low


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the table."""
    parser = harness.parser("search_space", __doc__)
    parser.add_argument("--builds", type=int, default=40)
    given = parser.parse_args(arguments)
    count = given.builds
    explored(cnn(1))  # imports and first traces
    rows: dict[str, Any] = {}
    for name, blocks, more, wide in (
        ("2 blocks, kernels and pooling", 2, False, False),
        ("3 blocks, kernels and pooling", 3, False, False),
        ("5 blocks, kernels and pooling", 5, False, False),
        ("3 blocks", 3, False, True),
        ("4 blocks", 4, False, True),
        ("5 blocks", 5, False, True),
        ("6 blocks", 6, False, True),
        ("5 blocks, with ten more", 5, True, True),
    ):
        build = cnn(blocks, more, wide=wide)
        report, seconds = explored(build)
        each, built = real_builds(build, drawn(build, blocks, count))
        needed = builds_needed(report.feasible_fraction)
        low, high = wilson(built, count)
        rows[name] = {
            "configurations": None if report.total == float("inf") else f"{report.total:.2g}",
            "exact": report.exact,
            "feasible": round(report.feasible_fraction, 4),
            "runs of build": report.runs,
            "seconds": round(seconds, 2),
            "conflicts": len(report.conflicts),
            "real builds that succeeded": f"{built} of {count}: {low:.2f} to {high:.2f}",
            "random real builds for 1 %": needed,
            "their seconds (one measured)": round(needed * each),
            "their seconds / ours": round(needed * each / seconds),
        }
    columns = list(next(iter(rows.values())))
    cells = [[name, *row.values()] for name, row in rows.items()]
    table = harness.Table("To know a whole space", ["space", *columns], cells)
    print(harness.publish("search_space", given.into, given, rows, [table]))


if __name__ == "__main__":
    main()
