"""Domains, shares and scales of hyperparameters, against KerasTuner's own draws."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import keras_tuner
import pytest

from shapesafe_tuner._compat.keras_tuner import domains

DECLARED: dict[str, Callable[[Any], Any]] = {
    "choice": lambda hp: hp.Choice("it", [3, 1, 2]),
    "twice": lambda hp: hp.Choice("it", ["a", "b", "a"]),
    "int": lambda hp: hp.Int("it", 2, 6),
    "stepped": lambda hp: hp.Int("it", 2, 9, step=3),
    "doubling": lambda hp: hp.Int("it", 2, 40, step=2, sampling="log"),
    "log": lambda hp: hp.Int("it", 1, 6, sampling="log"),
    "reverse": lambda hp: hp.Int("it", 1, 6, sampling="reverse_log"),
    "float": lambda hp: hp.Float("it", 0.0, 1.0, step=0.25),
    "boolean": lambda hp: hp.Boolean("it"),
    "fixed": lambda hp: hp.Fixed("it", 7),
}


def parameter(name: str) -> Any:
    hp = keras_tuner.HyperParameters()
    DECLARED[name](hp)
    return hp.space[0]


@pytest.mark.parametrize("name", DECLARED)
def test_shares_are_those_of_keras_tuners_draws(name: str) -> None:
    declared = parameter(name)
    weights = domains.weighted_domain(declared)
    assert weights is not None
    assert sum(share for _, share in weights) == 1
    drawn = Counter(domains.random_value(declared, seed) for seed in range(4_000))
    assert set(drawn) <= {value for value, _ in weights}
    for value, share in weights:
        spread = math.sqrt(float(share) * (1 - float(share)) / 4_000)
        assert abs(drawn[value] / 4_000 - float(share)) <= 5 * spread + 1e-9, value


@pytest.mark.parametrize("name", DECLARED)
def test_a_value_is_in_its_domain_and_others_are_not(name: str) -> None:
    declared = parameter(name)
    for value in domains.domain(declared) or ():
        assert not domains.outside_domain(declared, value)
    assert domains.outside_domain(declared, "another")
    assert domains.outside_domain(declared, 1_000)


def test_what_has_no_end_has_no_domain() -> None:
    hp = keras_tuner.HyperParameters()
    hp.Float("rate", 0.0, 1.0)
    assert domains.domain(hp.space[0]) is None
    assert domains.size_of(hp.space) == math.inf


def test_sizes_count_what_is_active() -> None:
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["plain", "deep"])
    with hp.conditional_scope("kind", ["deep"]):
        hp.Int("depth", 1, 5)
    hp.Boolean("bias")
    assert domains.size_of(hp.space) == (1 + 5) * 2


def test_a_narrowed_space_draws_only_what_it_keeps() -> None:
    declared = [parameter("choice")]
    narrower = domains.narrowed(declared, {"it": (3, 2)})
    assert domains.domain(narrower.space[0]) == [3, 2]
    assert narrower.space[0].default in (3, 2)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("choice", "one of [3, 1, 2]"),
        ("int", "2 to 6"),
        ("stepped", "2 to 9, step 3"),
        ("boolean", "True or False"),
        ("fixed", "fixed"),
    ],
)
def test_ranges_in_words(name: str, words: str) -> None:
    assert domains.range_of(parameter(name)) == words
