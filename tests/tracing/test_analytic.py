"""Analytic runs: inert when off, void when something was swallowed, the same verdicts as Keras."""

from __future__ import annotations

import contextlib
import gc
import random
import threading
import weakref
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner.memory import Memory
from shapesafe_tuner.tracing.data.reading import read_data
from shapesafe_tuner.tracing.judge import Judge
from shapesafe_tuner.tracing.question import Question
from shapesafe_tuner.tracing.standins.facades import Facade


def small(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(4, hp.Int("kernel", 1, 12))])
    model.add(layers.Flatten())
    model.add(layers.Dense(3))
    model.compile("adam", "mse")
    return model


def stock_keras() -> bool:
    """Whether constructors in this thread give what they always do."""
    made = [layers.Dense(3), keras.Sequential(), keras.optimizers.Adam(), keras.losses.Huber()]
    return not any(issubclass(type(item), Facade) for item in made)


class Stop(BaseException):
    """An end that nobody expects."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, Stop, MemoryError, NameError])
def test_whatever_ends_a_build_keras_is_as_it_was(error: type[BaseException]) -> None:
    def build(hp: Any) -> Any:
        layers.Dense(3)(keras.Input((4,)))
        raise error

    with contextlib.suppress(KeyboardInterrupt):
        sst.check(build, {})
    assert stock_keras()
    assert sst.check(small, {"kernel": 3}).stage == "analytic"


def test_an_interrupt_reaches_the_user() -> None:
    def build(hp: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sst.check(build, {})


def test_other_threads_see_stock_keras() -> None:
    inside, done = threading.Event(), threading.Event()
    seen: list[bool] = []

    def other() -> None:
        inside.wait(30)
        seen.append(stock_keras())
        model = small_real()
        seen.append(model.count_params() == 4 * 9 + 4 + 6 * 6 * 4 * 3 + 3)
        done.set()

    def build(hp: Any) -> Any:
        seen.append(stock_keras())
        inside.set()
        done.wait(30)
        return small(hp)

    thread = threading.Thread(target=other)
    thread.start()
    verdict = sst.check(build, {"kernel": 3})
    thread.join()
    assert (verdict.feasible, verdict.stage) == (True, "analytic")
    assert seen[:3] == [False, True, True]
    assert not any(seen[3:])  # the check runs a build again that seems to draw random numbers
    assert stock_keras()


def small_real() -> Any:
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    hp.values = {"kernel": 3}
    return small(hp)


def test_eight_threads_check_while_four_build() -> None:
    wrong: list[Any] = []

    def check(seed: int) -> None:
        judge = Judge(Question(small))
        for _ in range(60):
            kernel = random.Random(seed).randint(1, 12)
            verdict = judge.judge({"kernel": kernel}).verdict
            if verdict.feasible is not (kernel <= 8) or verdict.stage != "analytic":
                wrong.append((kernel, verdict))

    def build() -> None:
        for _ in range(6):
            model = small_real()
            if model.count_params() != 475 or not isinstance(model.layers[0], layers.Conv2D):
                wrong.append(model)

    threads = [threading.Thread(target=check, args=(seed,)) for seed in range(8)]
    threads += [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_swallowed_refusal_proves_nothing() -> None:
    def build(hp: Any) -> Any:
        x = keras.Input((8, 8, 1))
        try:
            y = layers.Conv2D(4, 17)(x)
        except ValueError:
            y = layers.Conv2D(4, 3)(x)
        return keras.Model(x, y)

    verdict = sst.check(build, {})
    assert (verdict.feasible, verdict.stage, verdict.parameters) == (True, "symbolic", 40)


def test_a_swallowed_escalation_voids_the_run() -> None:
    def build(hp: Any) -> Any:
        dense = layers.Dense(3)
        model = keras.Sequential([keras.Input((4,)), dense])
        try:
            width = dense.kernel.shape[0]
        except BaseException:
            width = 99
        model.add(layers.Dense(width))
        return model

    verdict = sst.check(build, {})
    assert (verdict.stage, verdict.output_shape) == ("symbolic", (None, 4))


def test_an_error_that_is_no_rules_is_settled_by_keras() -> None:
    def build(hp: Any) -> Any:
        shape = layers.Conv2D(3, 3)(keras.Input((8, 8, 1))).shape
        return keras.Model(keras.Input((shape[9],)), None)

    verdict = sst.check(build, {})
    assert (verdict.feasible, verdict.stage) == (False, "symbolic")


def test_a_bug_in_build_is_undecided() -> None:
    def build(hp: Any) -> Any:
        layers.Dense(3)(keras.Input((4,)))
        return undefined_name  # type: ignore[name-defined] # noqa: F821

    assert sst.check(build, {}).feasible is None


def test_a_build_that_keeps_its_layers_is_left_to_keras() -> None:
    kept: list[Any] = []

    def build(hp: Any) -> Any:
        if not kept:
            kept.append(layers.Dense(3, name="kept"))
        return keras.Sequential([keras.Input((4,)), kept[0]])

    judge = Judge(Question(build))
    verdicts = [judge.judge({}).verdict for _ in range(3)]
    assert [verdict.feasible for verdict in verdicts] == [True, True, True]
    assert [verdict.stage for verdict in verdicts] == ["analytic", "symbolic", "symbolic"]
    assert isinstance(kept[0], layers.Dense)
    assert keras.Sequential([keras.Input((4,)), kept[0]]).count_params() == 15


def test_nothing_of_a_run_stays_alive() -> None:
    born: list[Any] = []

    def build(hp: Any) -> Any:
        model = small(hp)
        born.append(weakref.ref(model))
        return model

    gc.disable()
    try:
        data = {"x": np.zeros((8, 8, 8, 1)), "y": np.zeros((8, 3))}
        for kernel in (3, 12, 4, 3):
            sst.check(build, {"kernel": kernel}, **data)
            assert all(reference() is None for reference in born)
    finally:
        gc.enable()


def both(build: Callable[[Any], Any], values: Any, data: Any = None) -> Any:
    judged = [
        Judge(Question(build, data, by_rules=analytic)).judge(values)[0]
        for analytic in (True, False)
    ]
    assert judged[0].stage in ("analytic", "training_step")
    return judged


@pytest.mark.parametrize("kernel", [1, 5, 8, 9, 12, 40])
def test_values_out_of_their_domain_are_named_all_the_same(kernel: int) -> None:
    ruled, real = both(small, {"kernel": kernel})
    assert ruled.feasible is real.feasible
    assert ruled.warnings == real.warnings


def test_frozen_bounds_are_named_all_the_same() -> None:
    def build(hp: Any) -> Any:
        hp.Int("units", 1, 10)
        return keras.Sequential([keras.Input((4,)), layers.Dense(hp.Int("units", 1, 5))])

    ruled, real = both(build, {"units": 9})
    assert ruled.warnings == real.warnings
    assert "Frozen bounds: units" in ruled.warnings[0]


@pytest.mark.parametrize("how", ["scope", "conditional", "parent", "space", "copy"])
def test_what_only_keras_tuners_own_answers_is_answered(how: str) -> None:
    def build(hp: Any) -> Any:
        kind = hp.Choice("kind", ["wide", "deep"])
        if how == "scope":
            with hp.name_scope("inner"):
                units = hp.Int("units", 1, 9)
        elif how == "conditional":
            with hp.conditional_scope("kind", ["wide"]):
                units = hp.Int("units", 1, 9)
        elif how == "parent":
            units = hp.Int("units", 1, 9, parent_name="kind", parent_values=["wide"]) or 1
        elif how == "space":
            units = 1 + len(hp.space)
        else:
            units = hp.copy().Int("units", 1, 9)
        assert kind
        return keras.Sequential([keras.Input((4,)), layers.Dense(units)])

    judge = Judge(Question(build))
    for units in (3, 5):
        values = {"kind": "wide", "units": units, "inner/units": units}
        verdict = judge.judge(values).verdict
        assert (verdict.feasible, verdict.stage) == (True, "analytic")
        assert verdict.parameters == (10 if how == "space" else 5 * units)


DATA = {
    "fits": (np.zeros((10, 8, 8, 1)), np.zeros((10, 3))),
    "targets": (np.zeros((10, 8, 8, 1)), np.zeros((10, 5))),
    "inputs": (np.zeros((10, 9, 8, 1)), np.zeros((10, 3))),
    "flat": (np.zeros((10, 8, 8)), np.zeros((10, 3))),
    "suspicious": (np.zeros((10, 8, 8, 1)), np.zeros(10)),
}


@pytest.mark.parametrize("name", sorted(DATA))
@pytest.mark.parametrize("kernel", [3, 8, 9])
def test_the_training_step_is_judged_as_keras_does(name: str, kernel: int) -> None:
    data = read_data(*DATA[name], batch_size=4)
    ruled, real = (
        Judge(Question(small, data, by_rules=analytic)).judge({"kernel": kernel})[0]
        for analytic in (True, False)
    )
    assert (ruled.feasible, ruled.parameters, ruled.output_shape, ruled.warnings) == (
        real.feasible,
        real.parameters,
        real.output_shape,
        real.warnings,
    )
    if ruled.fault is not None:
        assert real.fault is not None
        assert ruled.fault.refused_by == real.fault.refused_by
        assert ruled.fault.layer == real.fault.layer


def test_loss_and_metrics_are_traced_once_for_equal_outputs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from shapesafe_tuner.tracing.standins import training

    traced: list[Any] = []
    stock = training.trace_training

    def trace(*args: Any, **kwargs: Any) -> Any:
        traced.append(stock(*args, **kwargs))
        return traced[-1]

    monkeypatch.setattr(training, "trace_training", trace)
    monkeypatch.setattr(training, "_STEPS", Memory(10))
    judge = Judge(Question(small, read_data(*DATA["fits"], batch_size=4)))
    for kernel in (1, 2, 3, 4, 5):
        assert judge.judge({"kernel": kernel}).verdict.feasible
    assert len(traced) == 1, traced


def test_max_model_size_is_a_limit_in_either_pass() -> None:
    for analytic in (True, False):
        judge = Judge(Question(small, max_model_size=100, by_rules=analytic))
        assert judge.judge({"kernel": 3}).verdict.stage == "limit"
        assert judge.judge({"kernel": 8}).verdict.stage == "limit"
        assert judge.judge({"kernel": 9}).verdict.feasible is False
    assert Judge(Question(small, max_model_size=500)).judge({"kernel": 3})[0].stage == "analytic"
