"""What ends a run early, and what is said of it."""

from __future__ import annotations

import logging
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner.shapes import Refused
from shapesafe_tuner.tracing.signals import RefusalInBuild, users_line, without_frames


class Own(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)


def fast(hp: Any) -> Any:
    return keras.Sequential([keras.Input((4,)), layers.Dense(hp.Int("units", 1, 4))])


def reads_weights(hp: Any) -> Any:
    dense = layers.Dense(3)
    model = keras.Sequential([keras.Input((4,)), dense])
    dense.kernel.shape  # noqa: B018
    return model


def keeps(hp: Any) -> Any:
    KEPT.append(layers.Dense(3))
    return keras.Sequential([keras.Input((4,)), KEPT[-1]])


KEPT: list[Any] = []


def test_what_rules_decide_is_not_slow() -> None:
    assert sst.check(fast, {}).slow_because is None
    assert sst.check(fast, {"units": 0}).slow_because is None


def test_a_verdict_says_which_line_left_the_fast_path(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="shapesafe_tuner"):
        verdict = sst.check(reads_weights, {})
    line = reads_weights.__code__.co_firstlineno + 3
    why = f"Dense.kernel is read (test_signals.py:{line})"
    assert verdict.feasible
    assert verdict.slow_because == why
    assert f"Rules alone cannot decide: {why}." in caplog.messages
    assert verdict.to_dict()["slow_because"] == why
    assert sst.Verdict.from_dict(verdict.to_dict()) == verdict


def pops_without_rebuilding(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(2)], name="stack")
    model.pop(rebuild=False)
    return model


def asks_by_index(hp: Any) -> Any:
    inputs = keras.Input((4,)), keras.Input((4,))
    model = keras.Model(inputs, layers.Add(name="sum")(list(inputs)), name="two")
    assert model.get_layer(index=1)
    return model


def asks_whether_built(hp: Any) -> Any:
    dense = layers.Dense(3, name="asked")
    assert not dense.built
    return keras.Sequential([keras.Input((4,)), dense])


def goes_on(hp: Any) -> Any:
    inputs = keras.Input((4, 4))
    try:
        outputs = layers.Conv2D(2, 3)(inputs)
    except ValueError:
        outputs = layers.Conv1D(2, 3)(inputs)
    return keras.Model(inputs, outputs)


def takes_one_array(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)], name="stack")
    model.compile("sgd", "mse")
    return model


def trains_by_number(hp: Any) -> Any:
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(2, name="head")(inputs, training=1))


@pytest.mark.parametrize(
    ("build", "why", "line"),
    [
        (pops_without_rebuilding, "Sequential 'stack' is empty where a layer is popped", 2),
        (asks_by_index, "Functional 'two' does not know the layer that get_layer", 3),
        (asks_whether_built, "Dense 'asked' is asked whether it is built", 2),
        (goes_on, "build goes on where Conv2D ", None),
        (trains_by_number, "Dense 'head' is called with a training that is no bool", 2),
    ],
)
def test_a_reason_names_the_layer_or_the_line(build: Any, why: str, line: int | None) -> None:
    said = sst.check(build, {}).slow_because
    assert said is not None
    assert said.startswith(why)
    if line is not None:
        assert said.endswith(f"(test_signals.py:{build.__code__.co_firstlineno + line})")


def test_a_reason_of_the_training_step_names_the_model() -> None:
    x, y = np.zeros((8, 4), "float32"), np.zeros((8, 1), "float32")
    verdict = sst.check(takes_one_array, {}, x=[x, x], y=y)
    assert verdict.slow_because == "Sequential 'stack' is trained on several arrays"


def test_nothing_is_logged_of_what_is_only_not_chosen(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="shapesafe_tuner"):
        sst.validate_search_space(fast)
    assert caplog.messages == []


def test_layers_that_are_kept_are_a_reason() -> None:
    checker_verdicts = [sst.check(keeps, {}) for _ in range(2)]
    KEPT.clear()
    assert all(verdict.feasible for verdict in checker_verdicts)


def test_a_refusal_is_caught_by_whatever_would_have_caught_kerass() -> None:
    for kind in (ValueError, TypeError, ZeroDivisionError.__base__, KeyError.__base__):
        assert issubclass(RefusalInBuild, kind)  # type: ignore[arg-type]
    assert str(RefusalInBuild(None, None, Refused("needs more"))) == "needs more"


def test_errors_lose_the_frames_that_would_keep_a_run_alive() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer") from inner
    except ValueError as error:
        found = without_frames(error)
    assert found.__traceback__ is None
    assert found.__cause__ is None
    assert found.__context__ is None


def test_the_users_line_is_the_innermost_of_theirs() -> None:
    def inner() -> str:
        return users_line()

    assert users_line().startswith("test_signals.py:")
    assert inner() == f"test_signals.py:{inner.__code__.co_firstlineno + 1}"
