"""Whose exception it is: each raised for real, with the frames it came through."""

from __future__ import annotations

import re
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
from keras import layers

from shapesafe_tuner.tracing.attribution import (
    Origin,
    attribute,
    described,
    place_of_code,
    place_of_error,
    type_name,
)
from shapesafe_tuner.tracing.environment import Check, check_environment


def wide() -> Any:
    return layers.Conv1D(1, 9)(keras.Input((5, 1)))


def by_arithmetic() -> Any:
    return keras.Input((None, 1)).shape[1] // 2


def by_a_name() -> Any:
    size = keras.Input((None, 1)).shape[1]
    return size + 1


def by_index() -> Any:
    return keras.Input((3,)).shape[4]


def without_units() -> Any:
    return layers.Dense()


def a_typo() -> Any:
    return layers.Dence(3)


def a_type() -> Any:
    return "3" + 3  # type: ignore[operator]


def declares() -> Any:
    raise keras_tuner.errors.FailedTrialError("too deep")


def a_fatal_one() -> Any:
    raise keras_tuner.errors.FatalValueError("stop")


def a_file() -> Any:
    return np.load("no such file.npy")


def unicode() -> Any:
    return b"\xff".decode()


def out_of_memory() -> Any:
    raise MemoryError


def own_check() -> Any:
    raise ValueError("kernel must be odd")


def caught(function: Any) -> BaseException:
    with check_environment(Check()):
        try:
            function()
        except BaseException as error:
            return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    ("function", "origin", "by_user_code"),
    [
        (wide, Origin.FAULT, False),
        (by_arithmetic, Origin.FAULT, True),
        (by_a_name, Origin.FAULT, True),
        (by_index, Origin.FAULT, True),
        (without_units, Origin.FAULT, True),
        (own_check, Origin.FAULT, True),
        (a_typo, Origin.BUG, True),
        (a_type, Origin.BUG, True),
        (unicode, Origin.BUG, True),
        (a_fatal_one, Origin.BUG, True),
        (declares, Origin.DECLARED, True),
        (a_file, Origin.UNKNOWN, False),
        (out_of_memory, Origin.UNKNOWN, True),
    ],
)
def test_whose_it_is(function: Any, origin: Origin, *, by_user_code: bool) -> None:
    found = attribute(caught(function))
    assert (found.origin, found.by_user_code) == (origin, by_user_code)


def test_the_layer_that_raised_is_named_and_not_its_parts() -> None:
    def build() -> Any:
        cell = layers.LSTM(3)
        return keras.Sequential([keras.Input((5,)), layers.Dense(2), cell])

    found = attribute(caught(build))
    assert type_name(found.operation) == "LSTM"
    assert "ndim" in found.message


def test_the_users_own_layer_is_looked_into() -> None:
    class Block(layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.inner = layers.Conv1D(1, 9)

        def call(self, x: Any) -> Any:
            return self.inner(x)

    found = attribute(caught(lambda: Block()(keras.Input((5, 1)))))
    assert type_name(found.operation) == "Conv1D"


def test_what_a_loss_compared() -> None:
    pair = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")
    found = attribute(caught(lambda: keras.losses.CategoricalCrossentropy()(*pair)))
    assert found.origin is Origin.FAULT
    assert found.inputs == [(4, 3), (4, 2)]
    assert type_name(found.operation) == "CategoricalCrossentropy"


def test_where_it_is() -> None:
    error = caught(own_check)
    place = place_of_error(error)
    assert place is not None
    assert re.search(r"test_attribution\.py, line \d+$", place)
    assert described(error) == f"ValueError: kernel must be odd ({place})"
    assert place_of_code(own_check) != place
    assert place_of_code(len) is None
    assert described(MemoryError(), len) == "MemoryError"
    assert len(described(ValueError("x" * 900))) < 420
