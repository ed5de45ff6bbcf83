"""Which layers have a rule, and rules of a user's own."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import keras
import pytest

import shapesafe_tuner as sst
from shapesafe_tuner.shapes import Refused, Rule, Spec, register_rule, registry, rules
from shapesafe_tuner.testing import ask_rule, check_rule
from shapesafe_tuner.tracing.binding import layer_classes
from tests import shapes


def test_every_layer_of_keras_has_a_rule_or_says_why_not() -> None:
    names = set(layer_classes().values())
    assert len(names) > 100
    assert names - rules.rule_names() - set(rules.ESCALATES) == set()


def test_no_layer_has_a_rule_and_an_excuse() -> None:
    assert rules.rule_names() & set(rules.ESCALATES) == set()
    assert all(len(why) > 10 for why in rules.ESCALATES.values())


def test_every_rule_is_held_against_its_layer() -> None:
    """A rule that no differential test draws is a guess."""
    drawn: set[str] = set()
    for module in pkgutil.iter_modules(shapes.__path__):
        if module.name.startswith("test_"):
            found = vars(importlib.import_module(f"tests.shapes.{module.name}"))
            tests = [item for name, item in found.items() if name.startswith("test_")]
            drawn = drawn.union(*[getattr(test, "layers", ()) for test in tests])
    assert rules.rule_names() - drawn == set()


class Halve(keras.layers.Layer):
    """Keeps every second feature; refuses what has an odd number of them."""

    def __init__(self, times: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if times < 1:
            raise ValueError("times must be positive")
        self.times = times

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(shape[-1],))

    def call(self, inputs: Any) -> Any:
        if inputs.shape[-1] % 2**self.times:
            raise ValueError("an odd number of features")
        return (inputs * self.scale)[..., :: 2**self.times]


class HalveRule(Rule):
    def configure(self, a: Any) -> None:
        if a.times < 1:
            raise Refused("needs positive times")

    def build(self, a: Any, inputs: Any) -> int:
        return int(inputs.shape[-1])

    def call(self, a: Any, inputs: Any, call: Any) -> Spec:
        *rest, features = inputs.shape
        if features % 2**a.times:
            raise Refused(f"cannot halve {features} features {a.times} times")
        return Spec((*rest, features // 2**a.times), a.compute_dtype)


class WrongRule(HalveRule):
    def call(self, a: Any, inputs: Any, call: Any) -> Spec:
        return Spec(inputs.shape, a.compute_dtype)


@pytest.fixture
def halving() -> Iterator[None]:
    register_rule(Halve, HalveRule())
    yield
    registry._OWN.pop(Halve, None)


@pytest.mark.usefixtures("halving")
@pytest.mark.parametrize(
    ("arguments", "shape", "says"),
    [
        ({}, (None, 8), "feasible"),
        ({"times": 3}, (None, 5, 8), "feasible"),
        ({"times": 2}, (None, 6), "refused"),
        ({"times": 0}, (None, 8), "refused"),
        ({"often": 1}, (None, 8), "unknown"),
    ],
)
def test_a_rule_of_ones_own_agrees_with_its_layer(arguments: Any, shape: Any, says: str) -> None:
    assert check_rule(Halve, arguments, shape).says == says


@pytest.mark.usefixtures("halving")
def test_a_wrong_rule_is_found_out() -> None:
    register_rule(Halve)(WrongRule)
    with pytest.raises(AssertionError, match=r"Halve\(times=1\) on .*\n  rule .*\n  Keras"):
        check_rule(Halve, {"times": 1}, (None, 8))


def build(hp: Any) -> Any:
    return keras.Sequential(
        [keras.Input((hp.Int("features", 1, 64),)), Halve(hp.Int("times", 1, 4), name="half")]
    )


@pytest.mark.usefixtures("halving")
def test_a_check_uses_it() -> None:
    verdict = sst.check(build, {"features": 12, "times": 2})
    assert (verdict.feasible, verdict.stage) == (True, "analytic")
    assert (verdict.output_shape, verdict.parameters) == ((None, 3), 12)
    verdict = sst.check(build, {"features": 12, "times": 3})
    assert (verdict.feasible, verdict.stage) == (False, "analytic")
    assert verdict.fault is not None
    assert verdict.fault.reason == "Halve 'half' cannot halve 12 features 3 times."


def test_a_rule_replaces_what_was_known_of_the_layer() -> None:
    before = sst.check(build, {"features": 12, "times": 3})
    assert (before.feasible, before.stage) == (False, "symbolic")
    register_rule(Halve, HalveRule())
    try:
        assert sst.check(build, {"features": 12, "times": 3}).stage == "analytic"
    finally:
        registry._OWN.pop(Halve)
    assert sst.check(build, {"features": 12, "times": 3}).stage == "symbolic"


def test_a_subclass_needs_a_rule_of_its_own(halving: None) -> None:
    class Third(Halve):
        pass

    assert ask_rule(Third, {}, Spec((None, 9))).says == "unknown"


def test_what_is_no_rule_is_refused() -> None:
    with pytest.raises(TypeError, match="needs a layer class, not 'Halve'"):
        register_rule("Halve", HalveRule())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="rule for Halve must derive from shapesafe_tuner"):
        register_rule(Halve, lambda a: a)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Dense is Keras's own and has its rule"):
        register_rule(keras.layers.Dense, HalveRule())
