"""Keys: equal for what a layer cannot tell apart, and only for that."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest

from shapesafe_tuner.tracing.remembering.keys import key_of
from shapesafe_tuner.tracing.signals import NoKey

FACTOR = 2


def times(factor: int) -> Any:
    return lambda x: x * factor


def scaled(x: Any) -> Any:
    return x * FACTOR


DIFFERENT: list[Any] = [
    1, 1.0, True, "1", b"1", None, 0, -0.0, 0.0, (1,), [1], {"a": 1}, {"a": 1.0}, int, len,
    times(1), times(2), scaled, keras.initializers.GlorotUniform(seed=1),
    keras.initializers.GlorotUniform(seed=2), keras.constraints.MaxNorm(2),
    keras.constraints.NonNeg(), np.ones(3), np.zeros(3), np.float32(1), np.ones(3, "float32"),
]  # fmt: skip


def test_no_two_of_these_have_one_key() -> None:
    keys = [key_of(value) for value in DIFFERENT]
    for (one, first), (other, second) in itertools.combinations(enumerate(keys), 2):
        assert first != second, (DIFFERENT[one], DIFFERENT[other])


@pytest.mark.parametrize(
    "make",
    [
        lambda: times(3),
        lambda: [1, {"a": (2.0, None)}],
        lambda: keras.constraints.MaxNorm(2),
        lambda: float("nan"),
        lambda: keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9),
    ],
)
def test_what_is_made_anew_has_the_key_of_the_last_one(make: Any) -> None:
    assert key_of(make()) == key_of(make())
    assert hash(key_of(make())) == hash(key_of(make()))


def test_a_function_has_another_key_when_what_it_reads_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = key_of(scaled)
    monkeypatch.setitem(globals(), "FACTOR", 3)
    assert key_of(scaled) != before


@pytest.mark.parametrize("value", [np.ones(100_000), object(), [object()], {"a": {1.5}}])
def test_what_cannot_be_told_has_none(value: Any) -> None:
    with pytest.raises(NoKey):
        key_of(value)
