"""Checks in some threads while others build and train: each gets what it would get alone."""

from __future__ import annotations

import contextlib
import gc
import io
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor
from shapesafe_tuner.checker import Checker
from shapesafe_tuner.tracing.question import Question
from shapesafe_tuner.tracing.standins.facades import Facade
from tests import toys

pytestmark = [pytest.mark.filterwarnings(each) for each in toys.IGNORED_WARNINGS]

THREADS = 8
MODELS = 1
"""That each training thread makes, one after the other."""
CHECKS = 8
"""That each checking thread makes at least; it goes on while models are trained."""
STAND_INS = (Facade, SymbolicTensor)


class Doubled(layers.Layer):
    """No rule knows it, so Keras itself is asked."""

    def call(self, x: Any) -> Any:
        return keras.ops.concatenate([x, x], axis=-1)


def custom(hp: Any) -> keras.Model:
    inputs = keras.Input((toys.LENGTH, 1))
    return toys.finish(Doubled()(layers.Cropping1D((hp.Int("a", 0, 9), 0))(inputs)), inputs)


def noisy(hp: Any) -> keras.Model:
    print("from a check")
    print("from a check", file=sys.stderr)
    warnings.warn("from a check", stacklevel=1)
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.utils.clear_session()
    return toys.few(hp)


def in_class(hp: Any) -> keras.Model:
    inputs = keras.Input((toys.LENGTH, 1))
    return toys.finish(inputs, inputs, hp.Int("width", 1, 5), loss="categorical_crossentropy")


CASES: list[tuple[Callable[[Any], Any], dict[str, Any], dict[str, Any], bool]] = [
    (toys.few, {"a": 7}, {"x": toys.X, "y": toys.Y}, True),
    (toys.few, {"a": 8}, {"x": toys.X, "y": toys.Y}, False),
    (custom, {"a": 3}, {}, True),
    (custom, {"a": 8}, {}, False),
    (noisy, {"a": 5}, {}, True),
    (noisy, {"a": 9}, {}, False),
    (in_class, {"width": 3}, {"x": toys.X, "y": toys.labels(3)}, True),
    (in_class, {"width": 3}, {"x": toys.X, "y": toys.labels(4)}, False),
]


def trained(number: int) -> tuple[list[str], list[np.ndarray], list[np.ndarray], list[float]]:
    """Layer names, weights before and after, and losses of one more model of this thread."""
    inputs = keras.Input((toys.LENGTH, 1))
    x = layers.Dropout(0.1)(layers.Conv1D(2 + number % 3, 3, activation="tanh")(inputs))
    model = toys.finish(layers.BatchNormalization()(x), inputs)
    own = [layer for layer in model.layers if not isinstance(layer, layers.InputLayer)]
    assert {type(layer).__module__.split(".")[0] for layer in own} == {"keras"}
    assert {layer.compute_dtype for layer in own} == {"float32"}
    before = model.get_weights()
    history = model.fit(toys.X, toys.Y, batch_size=4, epochs=2, verbose=0)
    return [layer.name for layer in own], before, model.get_weights(), history.history["loss"]


def right_model(number: int, made: Any) -> None:
    names, before, after, losses = made
    kinds = ("conv1d", "dropout", "batch_normalization", "flatten", "dense")
    assert names == [f"{kind}_{number}" if number else kind for kind in kinds]
    assert np.isfinite(losses).all()
    for old, new in zip(before, after, strict=True):
        assert np.isfinite(new).all()
        assert old.shape == new.shape
        assert not np.array_equal(old, new)


class Threads:
    """Eight that check and eight that train, however they are started."""

    def __init__(self) -> None:
        self.wrong: list[Any] = []
        self.checks = 0
        self.models: list[Any] = []
        self._training = threading.Semaphore(0)
        self._done = threading.Event()
        self._lock = threading.Lock()

    def check(self, number: int) -> None:
        made = 0
        while made < CHECKS or not self._done.is_set():
            build, values, data, expected = CASES[(number + made) % len(CASES)]
            verdict = sst.check(build, values, **data)
            if verdict.feasible is not expected:
                self.wrong.append((build.__name__, values, verdict))
            made += 1
        with self._lock:
            self.checks += made

    def train(self, number: int) -> None:
        try:
            for model in range(MODELS):
                self.models.append((model, trained(number)))
        finally:
            with self._lock:
                self._training.release()
                if self._training._value == THREADS:
                    self._done.set()


def by_threads(tasks: list[Callable[[], None]]) -> None:
    errors: list[BaseException] = []

    def run(task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def by_a_pool(tasks: list[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(len(tasks)) as pool:
        for future in [pool.submit(task) for task in tasks]:
            future.result()


@pytest.mark.parametrize("start", [by_threads, by_a_pool])
def test_eight_threads_check_while_eight_others_train(
    start: Callable[[list[Callable[[], None]]], None], capfd: pytest.CaptureFixture[str]
) -> None:
    streams = sys.stdout, sys.stderr, warnings.warn
    threads = Threads()
    tasks = [lambda n=n: threads.check(n) for n in range(THREADS)]
    tasks += [lambda n=n: threads.train(n) for n in range(THREADS)]
    start(tasks)
    assert threads.wrong == []
    assert threads.checks >= THREADS * CHECKS
    assert len(threads.models) == THREADS * MODELS
    for number, made in threads.models:
        right_model(number, made)
    assert (sys.stdout, sys.stderr, warnings.warn) == streams
    assert "from a check" not in "".join(capfd.readouterr())
    assert keras.config.floatx() == "float32"
    gc.collect()
    left = [each for each in gc.get_objects() if issubclass(type(each), STAND_INS)]
    assert [type(each).__name__ for each in left] == []


def test_a_checker_is_shared() -> None:
    checker = Checker(Question(toys.square))
    drawn = [{"a": a, "b": b} for a in range(10) for b in range(10)] * 2
    with ThreadPoolExecutor(THREADS) as pool:
        verdicts = list(pool.map(checker.judge, drawn))
    assert [bool(verdict) for verdict in verdicts] == [toys.fits(values) for values in drawn]


def test_an_oracle_is_shared(tmp_path: Path) -> None:
    oracle = sst.oracles.RandomSearchOracle(objective=toys.SCORE, max_trials=24, seed=3)
    toys.put_in_folder(oracle, tmp_path)
    oracle.bind(toys.square)
    toys.square(oracle.hyperparameters)

    def work(tuner: int) -> None:
        while (trial := oracle.create_trial(f"tuner{tuner}")).status != "STOPPED":
            toys.complete(oracle, trial)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    run = [toys.plain(trial.hyperparameters.values) for trial in toys.trials_of(oracle)]
    assert len({tuple(values.items()) for values in run}) == len(run) == 24
    assert all(toys.fits(values) for values in run)


def test_a_default_dtype_set_by_overlapping_checks_is_put_back() -> None:
    first_inside, second_inside = threading.Event(), threading.Event()
    first_over = threading.Event()

    def first(hp: Any) -> keras.Model:
        keras.config.set_floatx("float16")
        first_inside.set()
        assert second_inside.wait(20)
        return toys.few(hp)

    def second(hp: Any) -> keras.Model:
        if not second_inside.is_set():
            second_inside.set()
            assert first_over.wait(20)
        return toys.few(hp)

    one = threading.Thread(target=sst.check, args=(first, {"a": 5}))
    two = threading.Thread(target=sst.check, args=(second, {"a": 5}))
    one.start()
    assert first_inside.wait(20)
    two.start()
    one.join()
    first_over.set()
    two.join()
    assert keras.config.floatx() == "float32"


def test_a_stream_redirected_around_the_end_of_a_check_is_not_left_wrapped() -> None:
    inside, redirected = threading.Event(), threading.Event()

    def build(hp: Any) -> keras.Model:
        inside.set()
        assert redirected.wait(20)
        return toys.few(hp)

    before = sys.stdout
    checking = threading.Thread(target=sst.check, args=(build, {"a": 5}))
    checking.start()
    assert inside.wait(20)
    with contextlib.redirect_stdout(io.StringIO()):
        redirected.set()
        checking.join()
    sst.check(toys.few, {"a": 5})
    assert sys.stdout is before
