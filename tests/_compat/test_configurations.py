"""A configuration remembers what is read of it, and which ranges KerasTuner ignored."""

from __future__ import annotations

from typing import Any

import keras_tuner

from shapesafe_tuner._compat.keras_tuner.configurations import (
    Ranges,
    configuration,
    lazy_configuration,
)


def space() -> keras_tuner.HyperParameters:
    hp = keras_tuner.HyperParameters()
    hp.Int("units", 1, 8, default=4)
    hp.Choice("kind", ["a", "b"])
    with hp.conditional_scope("kind", ["b"]):
        hp.Int("depth", 1, 3, default=2)
    return hp


def test_active_ones_get_their_defaults_and_others_nothing() -> None:
    values = configuration(space(), {"kind": "a"}).values
    assert dict.keys(values) == {"kind", "units"}
    assert dict.keys(configuration(space(), {"kind": "b"}).values) == {"kind", "units", "depth"}


def test_only_what_is_read_is_remembered_in_order() -> None:
    hp = configuration(space(), {"units": 3, "kind": "a"})
    assert hp.values.read() == {}
    hp.get("kind")
    hp.get("units")
    assert list(hp.values.read()) == ["kind", "units"]


def test_a_range_that_is_ignored_is_noted_unless_it_was_given_in_advance() -> None:
    for in_advance, noted in (([], {"units": Ranges("1 to 8", "1 to 16")}), (["units"], {})):
        hp = configuration(space(), {"units": 3}, in_advance)
        hp.Int("units", 1, 16)
        assert hp.values.reregistered == noted


def test_values_are_deferred_when_they_are_first_read() -> None:
    asked: list[str] = []

    def defer(parameter: Any) -> int:
        asked.append(parameter.name)
        return 5

    hp = lazy_configuration(space(), {"kind": "a"}, [], defer)
    assert asked == []
    assert hp.Int("units", 1, 8) == 5
    assert hp.Int("units", 1, 8) == 5
    assert asked == ["units"]
