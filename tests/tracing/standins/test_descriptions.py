"""Equal constructor calls, and functions that only look equal."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import shapesafe_tuner as sst
from shapesafe_tuner.tracing.remembering.keys import key_of

WIDTH = 4
TABLE = [object(), 1.0]


class Cut(keras.layers.Layer):
    """Reads a global of its module."""

    def call(self, inputs: Any) -> Any:
        return inputs[:, :WIDTH]


class Tabled(keras.layers.Layer):
    """Reads a global whose equality cannot be told."""

    calls = 0

    def call(self, inputs: Any) -> Any:
        Tabled.calls += 1
        return inputs * TABLE[1]


def helper(inputs: Any) -> Any:
    return inputs[:, :WIDTH]


def by_class(hp: Any) -> Any:
    return keras.Sequential([keras.Input((9,)), Cut(), keras.layers.Dense(2)])


def by_function(hp: Any) -> Any:
    cut = keras.layers.Lambda(lambda x: helper(x))
    return keras.Sequential([keras.Input((9,)), cut, keras.layers.Dense(2)])


@pytest.mark.parametrize("build", [by_class, by_function])
def test_what_reads_a_global_is_asked_again_when_it_changes(
    build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for width in (4, 7, 2):
        monkeypatch.setitem(globals(), "WIDTH", width)
        verdict = sst.check(build, {})
        assert (verdict.stage, verdict.parameters) == ("analytic", 2 * width + 2)


def test_what_cannot_be_told_equal_is_asked_each_time() -> None:
    def build(hp: Any) -> Any:
        return keras.Sequential([keras.Input((9,)), Tabled()])

    before = Tabled.calls
    assert sst.check(build, {}).feasible
    once = Tabled.calls - before
    assert sst.check(build, {}).feasible
    assert Tabled.calls - before == 2 * once


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (1, True), (0.0, -0.0), ("1", 1), ((1,), [1]), (None, 0), (float("nan"), 0.0)],
)
def test_unequal_values_have_unequal_keys(one: Any, other: Any) -> None:
    assert key_of(one) != key_of(other)
    assert key_of([one]) == key_of([one])


def test_functions_are_equal_by_code_and_by_what_they_close_over() -> None:
    def make(n: int) -> Any:
        return lambda x: x + n

    assert key_of(make(1)) == key_of(make(1))
    assert key_of(make(1)) != key_of(make(2))


def test_initializers_are_equal_by_their_arguments() -> None:
    assert key_of(keras.initializers.Constant(1.0)) == key_of(keras.initializers.Constant(1.0))
    assert key_of(keras.initializers.Constant(1.0)) != key_of(keras.initializers.Constant(2.0))
    one, other = np.ones(3), np.zeros(3)
    assert key_of(keras.initializers.Constant(one)) != key_of(keras.initializers.Constant(other))
