"""What ``build`` may do that has nothing to do with shapes: each crops by ``a``, 0 to 9 of 8."""

from __future__ import annotations

import itertools
import os
import random
import secrets
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tests.backends import BACKEND
from tests.toys import LENGTH, crop, finish

if BACKEND == "tensorflow":
    import tensorflow as tf

Build = Callable[[Any], Any]


def cropping(before: Callable[[Any], None] = lambda hp: None) -> Build:
    """A build that does something before it crops."""

    def build(hp: Any) -> keras.Model:
        before(hp)
        return crop(hp.Int("a", 0, 9), 0)

    return build


def prints(hp: Any) -> None:
    print("out of build")
    print("out of build", file=sys.stderr)
    sys.stdout.writelines(["out ", "of ", "build"])
    sys.stdout.buffer.write(b"out of build")


def warns(hp: Any) -> None:
    warnings.warn("out of build", stacklevel=1)
    warnings.warn("out of build", DeprecationWarning, stacklevel=1)


def raising(error: BaseException) -> Build:
    """Raises for ``a`` = 3."""

    def build(hp: Any) -> keras.Model:
        if hp.Int("a", 0, 9) == 3:
            raise error
        return crop(hp.get("a"), 0)

    return build


def exits(hp: Any) -> keras.Model:
    if hp.Int("a", 0, 9) == 3:
        sys.exit("out of build")
    return crop(hp.get("a"), 0)


def recurses(hp: Any) -> keras.Model:
    def deeper(n: int) -> int:
        return deeper(n + 1) + 1

    a = hp.Int("a", 0, 9)
    return crop(deeper(0) if a == 3 else a, 0)


def out_of_memory(hp: Any) -> keras.Model:
    a = hp.Int("a", 0, 9)
    if a == 3:
        np.empty(2**60, "int8")
    return crop(a, 0)


def on_a_device(hp: Any) -> keras.Model:
    with keras.device("cpu:0"):
        return crop(hp.Int("a", 0, 9), 0)


def in_a_strategy(hp: Any) -> keras.Model:
    with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
        return crop(hp.Int("a", 0, 9), 0)


def in_mixed_precision(hp: Any) -> keras.Model:
    keras.config.set_dtype_policy("mixed_float16")
    return crop(hp.Int("a", 0, 9), 0)


def of_seeded_numbers(hp: Any) -> keras.Model:
    """Draws, but always the same: its verdicts stand."""
    keras.utils.set_random_seed(7)
    return crop(min(hp.Int("a", 0, 9), random.randrange(8, 10)), int(np.random.rand() < 0))


def reads_a_file(path: str) -> Build:
    """Crops by ``a`` and by what the file says."""

    def build(hp: Any) -> keras.Model:
        with open(path, encoding="utf-8") as file:
            return crop(hp.Int("a", 0, 9), int(file.read()))

    return build


def loads_weights(path: str) -> Build:
    """Weights of a model with one more unit do not fit ``units`` = 1."""

    def build(hp: Any) -> keras.Model:
        inputs = keras.Input((LENGTH, 1))
        model = finish(inputs, inputs, hp.Int("units", 1, 2))
        model.load_weights(path)
        return model

    return build


def saves_weights(folder: str) -> Build:
    def build(hp: Any) -> keras.Model:
        model = crop(hp.Int("a", 0, 9), 0)
        model.save_weights(os.path.join(folder, "of_build.weights.h5"))
        return model

    return build


def keeps_the_last_value() -> Build:
    kept: list[int] = []

    def build(hp: Any) -> keras.Model:
        kept.append(hp.Int("a", 0, 9))
        return crop(kept[-1], 0)

    return build


HARMLESS: dict[str, Callable[[], Build]] = {
    "prints": lambda: cropping(prints),
    "warns": lambda: cropping(warns),
    "on_a_device": lambda: on_a_device,
    "in_mixed_precision": lambda: in_mixed_precision,
    "of_seeded_numbers": lambda: of_seeded_numbers,
    "keeps_the_last_value": keeps_the_last_value,
}
"""Their verdicts are those of the shapes alone."""

if BACKEND == "tensorflow":
    HARMLESS["in_a_strategy"] = lambda: in_a_strategy

BREAKING: dict[str, tuple[Build, str]] = {
    "exits": (exits, "SystemExit: out of build"),
    "memory_error": (raising(MemoryError("no more")), "MemoryError: no more"),
    "out_of_memory": (out_of_memory, "MemoryError"),
    "recurses": (recurses, "RecursionError"),
    "generator_exit": (raising(GeneratorExit("left")), "GeneratorExit: left"),
    "os_error": (raising(OSError("no disk")), "OSError: no disk"),
}
"""For ``a`` = 3 nothing is known of the shapes; what to say of it."""


def _coin(toss: Callable[[], bool]) -> Build:
    def build(hp: Any) -> keras.Model:
        a = hp.Int("a", 0, 7)
        return crop(LENGTH if toss() else a, 0)

    return build


def _counted_by_a_closure() -> Build:
    calls = 0

    def build(hp: Any) -> keras.Model:
        nonlocal calls
        calls += 1
        return crop(LENGTH if calls % 2 else hp.Int("a", 0, 7), 0)

    return build


def _warming_up() -> Build:
    """Only the first two calls are refused."""
    calls = [0]

    def build(hp: Any) -> keras.Model:
        calls[0] += 1
        return crop(LENGTH if calls[0] < 3 else hp.Int("a", 0, 7), 0)

    return build


def _counted_by_an_iterator() -> Build:
    calls = itertools.count()
    return _coin(lambda: next(calls) % 2 == 0)


class _Counting:
    calls = 0

    def build(self, hp: Any) -> keras.Model:
        self.calls += 1
        return crop(LENGTH if self.calls % 2 else hp.Int("a", 0, 7), 0)


VARYING: dict[str, Callable[[], Build]] = {
    "random": lambda: _coin(lambda: random.random() < 0.5),
    "numpy": lambda: _coin(lambda: bool(np.random.rand() < 0.5)),
    "generator": lambda: _coin(lambda: bool(np.random.default_rng().random() < 0.5)),
    "secrets": lambda: _coin(lambda: secrets.randbelow(2) == 1),
    "system": lambda: _coin(lambda: os.urandom(1)[0] % 2 == 1),
    "clock": lambda: _coin(lambda: time.time_ns() // 7 % 2 == 1),
    "counted_by_a_closure": _counted_by_a_closure,
    "counted_by_an_iterator": _counted_by_an_iterator,
    "counted_by_an_object": lambda: _Counting().build,
    "warming_up": _warming_up,
}
"""Every configuration is sometimes refused, and sometimes it is not."""

if BACKEND == "tensorflow":
    VARYING["tensorflow"] = lambda: _coin(lambda: bool(tf.random.uniform(()) < 0.5))
