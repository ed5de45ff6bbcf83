"""What bytecode says of a build: chance, values that are kept, types that are looked at."""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from shapesafe_tuner.tracing.code_reading import (
    globals_of,
    is_library,
    keeps_values,
    names_chance,
    sees_types,
)

COUNT = 0
SEEN: list[Any] = []


def plain(hp: Any) -> Any:
    return [hp.Int("units", 1, 9) for _ in range(3) if hp is not None]


def draws(hp: Any) -> Any:
    return random.random()


def draws_below(hp: Any) -> Any:
    return [lower() for lower in [lambda: draws(hp)]]


def looks_at_the_clock(hp: Any) -> Any:
    return time.time()


def counts(hp: Any) -> Any:
    global COUNT
    COUNT += 1


def compares_types(hp: Any) -> bool:
    return type(hp.Int("units", 1, 9)) is int


def asks_isinstance(hp: Any) -> bool:
    return isinstance(hp.Int("units", 1, 9), int)


@dataclasses.dataclass
class Settings:
    units: int


def makes_settings(hp: Any) -> Any:
    return Settings(hp.Int("units", 1, 9))


def compares_with_true(hp: Any) -> bool:
    return hp.Boolean("flag") is True


def compares_with_a_value(hp: Any) -> bool:
    return hp.Int("units", 1, 9) is SEEN


def by_keras(hp: Any) -> Any:
    return keras.random.normal((2,))


def by_numpy(hp: Any) -> Any:
    return keras.random.normal((2,)) + np.random.default_rng().normal()


class Noisy:
    def call(self, x: Any) -> Any:
        return np.random.normal() + x


def noisy(hp: Any) -> Any:
    return Noisy()


class Model:
    def build(self, hp: Any) -> Any:
        self.units = hp.Int("units", 1, 9)
        return self.units

    def pure(self, hp: Any) -> Any:
        return hp.Int("units", 1, 9)


@pytest.mark.parametrize(
    ("build", "chance"),
    [
        (plain, False),
        (draws, True),
        (draws_below, True),
        (looks_at_the_clock, True),
        (by_keras, False),
        (by_numpy, True),
        (noisy, True),
    ],
)
def test_chance_is_found_in_what_a_build_calls(build: Callable[[Any], Any], chance: bool) -> None:
    assert names_chance(build) is chance


@pytest.mark.parametrize(
    ("build", "keeps"),
    [(plain, False), (counts, True), (Model().build, True), (Model().pure, False)],
)
def test_what_outlives_a_call_is_found(build: Callable[[Any], Any], keeps: bool) -> None:
    assert keeps_values(build) is keeps


@pytest.mark.parametrize(
    ("build", "sees"),
    [
        (plain, False), (compares_types, True), (asks_isinstance, False),
        (makes_settings, False), (compares_with_true, False), (compares_with_a_value, True),
    ],
)  # fmt: skip
def test_only_what_no_proxy_can_pretend_is_looking(build: Callable[[Any], Any], sees: bool) -> None:
    assert sees_types(build) is sees


def test_whose_a_module_is() -> None:
    assert is_library("keras.src.layers")
    assert is_library("json")
    assert is_library("shapesafe_tuner.checker")
    assert not is_library("__main__")
    assert not is_library("models")


def test_an_attribute_is_no_global() -> None:
    def build(hp: Any) -> Any:
        hp.SEEN.append([COUNT for _ in hp.draws])
        return keras.layers.plain

    assert set(globals_of(build.__code__)) == {"COUNT", "keras"}
