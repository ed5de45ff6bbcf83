"""What a check costs, against the real build of the same configuration.

    python benchmarks/check_cost.py

Two subjects: the 1 - 5 block CNN on 28 x 28 pixels, written as a Sequential and as a functional
model, over random configurations; and a model of 100 million parameters. Times are medians over
configurations, real build and check taking turns in one process. Memory is the growth of the
resident set (Linux).
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import json
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import keras
import keras_tuner
import numpy as np
from keras import layers

from shapesafe_tuner.checker import Checker
from shapesafe_tuner.tracing.data_reading import read_data

Build = Callable[[Any], keras.Model]


def sequential_cnn(hp: Any) -> keras.Model:
    """The CNN grown layer by layer."""
    model = keras.Sequential([keras.Input((28, 28, 1))])
    for layer in _blocks(hp):
        model.add(layer)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def functional_cnn(hp: Any) -> keras.Model:
    """The same CNN as a graph of layers."""
    inputs = h = keras.Input((28, 28, 1))
    for layer in _blocks(hp):
        h = layer(h)
    model = keras.Model(inputs, h)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _blocks(hp: Any) -> Any:
    for block in range(hp.Int("blocks", 1, 5)):
        filters = hp.Int(f"filters_{block}", 8, 64, step=8)
        yield layers.Conv2D(filters, hp.Choice(f"kernel_{block}", [3, 5, 7]), activation="relu")
        if hp.Boolean(f"pooling_{block}"):
            yield layers.MaxPooling2D(2)
    yield layers.Flatten()
    yield layers.Dense(hp.Int("units", 32, 256, step=32), activation="relu")
    yield layers.Dropout(hp.Float("dropout", 0.0, 0.5))
    yield layers.Dense(10, activation="softmax")


def wide_mlp(hp: Any) -> keras.Model:
    """A model of 100 million parameters."""
    units = hp.Int("units", 7_000, 7_100)
    stack = [layers.Dense(units, activation="relu") for _ in range(3)]
    model = keras.Sequential([keras.Input((784,)), *stack, layers.Dense(10)])
    model.compile("adam", "mse")
    return model


def sampled(generator: random.Random) -> dict[str, Any]:
    """A random configuration of the CNN."""
    values: dict[str, Any] = {"blocks": generator.randint(1, 5), "dropout": generator.random() / 2}
    values["units"] = generator.randrange(32, 257, 32)
    for block in range(5):
        values[f"filters_{block}"] = generator.randrange(8, 65, 8)
        values[f"kernel_{block}"] = generator.choice([3, 5, 7])
        values[f"pooling_{block}"] = generator.random() < 0.5
    return values


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and the result or the ValueError that came of it."""
    start = time.perf_counter()
    try:
        result: Any = action()
    except ValueError as refused:
        result = refused
    return time.perf_counter() - start, result


def resident() -> int:
    """Resident memory of this process in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def compare(build: Build, configurations: list[dict[str, Any]], data: Any) -> dict[str, Any]:
    """Medians in milliseconds over the configurations, and the ratio of real build to check."""
    real, symbolic, training = [], [], []
    growth = 0
    for values in configurations:
        hp = keras_tuner.HyperParameters()
        hp.values = dict(values)
        keras.utils.clear_session(free_memory=False)
        seconds, model = timed(lambda hp=hp: build(hp))
        real.append(seconds)
        refused = isinstance(model, ValueError)
        del model
        before = resident()
        seconds, verdict = timed(lambda values=values: Checker(build).judge(values))
        symbolic.append(seconds)
        growth = max(growth, resident() - before)
        assert verdict.feasible is not refused, (values, verdict)
        training.append(timed(lambda values=values: Checker(build, data=data).judge(values))[0])
    medians = [statistics.median(times[2:]) * 1e3 for times in (real, symbolic, training)]
    return {
        "configurations": len(configurations) - 2,
        "real build ms": round(medians[0], 1),
        "check of the build ms": round(medians[1], 1),
        "check with data ms": round(medians[2], 1),
        "real build / check": round(medians[0] / medians[1], 1),
        "memory of the check MiB": round(growth / 2**20, 1),
    }


def main() -> None:
    """Print the table as JSON."""
    generator = random.Random(0)
    cnn = [sampled(generator) for _ in range(62)]
    images = read_data(np.zeros((70, 28, 28, 1)), np.zeros(70, "int64"))
    wide = [{"units": 7_000 + number} for number in range(7)]
    vectors = read_data(keras.KerasTensor((None, 784)), keras.KerasTensor((None, 10)))
    rows = {
        "CNN, Sequential": compare(sequential_cnn, cnn, images),
        "CNN, functional": compare(functional_cnn, cnn, images),
        "100 million parameters": compare(wide_mlp, wide, vectors),
    }
    print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
