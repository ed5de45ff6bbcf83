"""Answers for one layer: when its rule, when memory and when the layer itself is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from keras import layers

from shapesafe_tuner.shapes.deferred import Deferred, demanded, forget_demands
from shapesafe_tuner.shapes.spec import Refused, Spec
from shapesafe_tuner.tracing.environment import Check, check_environment
from shapesafe_tuner.tracing.standins.answers import (
    Answers,
    demand_sizes,
    has_empty_map,
    tensors_for,
)
from shapesafe_tuner.tracing.standins.run import AnalyticRun


class Halving(layers.Layer):  # type: ignore[misc]
    """Has no rule."""

    def call(self, x: Any) -> Any:
        if x.shape[-1] % 2:
            raise ValueError("an odd width")
        return x[..., ::2], x


@pytest.fixture
def run() -> Iterator[AnalyticRun]:
    check = Check()
    with check_environment(check):
        check.analytic = run = AnalyticRun(check)
        try:
            yield run
        finally:
            check.analytic = None
            run.close()


def asked(run: AnalyticRun, layer: Any, *sizes: int) -> Any:
    return run.ask(layer._record, Spec((None, *sizes)), None, step="")


def test_a_rule_answers_and_keras_is_not_asked(run: AnalyticRun) -> None:
    answer = asked(run, layers.Dense(3), 5)
    assert (answer.weights, answer.outputs, answer.asked) == (18, Spec((None, 3)), False)
    with pytest.raises(Refused, match="5"):
        asked(run, layers.Conv1D(1, 9), 5, 1)


def test_a_layer_without_a_rule_is_asked_once_for_equal_calls(
    run: AnalyticRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    new_layer = Answers.new_layer
    monkeypatch.setattr(
        Answers, "new_layer", lambda self, record: made.append(record) or new_layer(self, record)
    )
    asked(run, Halving(), 2)  # from the first real layer on, the dtype policy is known
    first = asked(run, Halving(), 6)
    assert first.asked
    assert first.outputs == (Spec((None, 3)), Spec((None, 6)))
    once = len(made)
    assert asked(run, Halving(), 6) == first
    assert len(made) == once
    with pytest.raises(ValueError, match="odd width"):
        asked(run, Halving(), 7)


def test_keras_needs_numbers() -> None:
    low = Deferred(("hp", "units", 1, 9, 9), 1, 9, ("units",), True)
    forget_demands()
    try:
        with pytest.raises(BaseException):  # noqa: B017
            demand_sizes([Spec((None, 3)), {"x": Spec((None, low))}])
        assert demanded() == "units"
    finally:
        forget_demands()
    demand_sizes([Spec((None, 3)), None, "text"])


def test_maps_without_a_place_and_tensors_for_keras() -> None:
    assert has_empty_map([Spec((None, 3)), (Spec((None, 0, 3)),)])
    assert not has_empty_map({"x": Spec((None, 1))})
    given, more = tensors_for((Spec((2, 3), "int32", (2,)), [None, 5]))
    assert (given.shape, given.dtype) == ((2, 3), "int32")
    assert given._keras_mask.shape == (2,)
    assert more == [None, 5]
