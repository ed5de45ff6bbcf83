"""Constraints and the size of a model."""

from __future__ import annotations

from typing import Any

import keras
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner._compat.keras_tuner.configurations import configuration
from shapesafe_tuner.tracing.limits import oversized, refused_by


class Narrow:
    """A constraint that is an object."""

    def __call__(self, hp: Any) -> bool:
        return bool(hp.Int("units", 1, 9) < 5)


def odd(hp: Any) -> bool:
    return bool(hp.Int("units", 1, 9) % 2)


def hp_of(units: int) -> Any:
    return configuration(None, {"units": units, "other": 1})


@pytest.mark.parametrize(("units", "said"), [(3, None), (8, "Narrow"), (4, "odd")])
def test_the_first_constraint_that_refuses_is_named(units: int, said: str | None) -> None:
    verdict = refused_by([Narrow(), odd], hp_of(units))
    if said is None:
        assert verdict is None
        return
    assert verdict is not None
    assert verdict.fault is not None
    assert (verdict.feasible, verdict.stage) == (False, "declared")
    assert verdict.fault.reason == f"The constraint {said} refuses this configuration."
    assert verdict.fault.hyperparameters == {"units": units}


def test_a_constraint_that_reads_nothing_is_blamed_on_all_values() -> None:
    verdict = refused_by([lambda hp: False], hp_of(3))
    assert verdict is not None
    assert verdict.fault is not None
    assert verdict.fault.hyperparameters == {"units": 3, "other": 1}


def test_a_model_is_as_large_as_its_trainable_weights() -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.BatchNormalization()])
    hp = hp_of(3)
    assert oversized(model, hp, None) is None
    assert oversized(model, hp, 21) is None
    fault = oversized(model, hp, 20)
    assert fault is not None
    assert "21 trainable parameters, more than max_model_size=20" in fault.reason
    assert oversized(keras.Sequential([layers.Dense(3)]), hp, 1) is None


def test_an_error_of_a_constraint_is_the_users() -> None:
    def broken(hp: Any) -> bool:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        sst.check(
            lambda hp: keras.Sequential([keras.Input((4,)), layers.Dense(1)]),
            {},
            constraints=[broken],
        )


def two(hp: Any) -> Any:
    width, _ = hp.Int("width", 1, 4), hp.Int("other", 1, 4, default=3)
    return keras.Sequential([keras.Input((4,)), layers.Dense(width)])


def custom(hp: Any) -> Any:
    width, _ = hp.Int("width", 1, 4), hp.Int("other", 1, 4, default=3)
    layer = layers.Dense(width)
    layer.extra = iter(())  # no rule knows what this is for
    return keras.Sequential([keras.Input((4,)), layer])


def kept(hp: Any) -> bool:
    return bool(hp.get("other") < 4)


@pytest.mark.parametrize("build", [two, custom])
def test_a_constraint_may_ask_for_what_build_has_not_registered_yet(build: Any) -> None:
    assert sst.check(build, {}, constraints=[kept]).feasible is True
    assert sst.check(build, {"width": 2}, constraints=[kept]).feasible is True
    assert sst.check(build, {"other": 4}, constraints=[kept]).stage == "declared"
    report = sst.validate_search_space(build, constraints=[kept])
    assert (report.feasible_fraction, report.infeasible_fraction) == (0.75, 0.25)
    (cause,) = report.causes
    assert (cause.layer, cause.fraction, cause.decided_by) == (None, 0.25, ("other",))


def test_a_constraint_that_asks_for_what_nobody_registers_says_so() -> None:
    asks = [lambda hp: hp.get("depth") < 4]
    with pytest.raises(KeyError, match="depth does not exist"):
        sst.check(two, {}, constraints=asks)
    with pytest.raises(KeyError, match="depth does not exist"):
        sst.validate_search_space(two, constraints=asks)


def test_a_constraint_may_look_at_the_space() -> None:
    looks = [lambda hp: "width" not in hp or any(one.name == "other" for one in hp.space)]
    report = sst.validate_search_space(two, constraints=looks)
    assert (report.feasible_fraction, report.exact) == (1, True)
