"""From where layers take their inputs, where Keras itself builds the model."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner.report.ladder import ladder_of


def by_keras(hp: Any) -> Any:
    inputs = keras.Input((12,), name="features")
    x = stem = layers.Dense(16, name="stem")(inputs)
    assert str(x.name)  # rules do not know the names of tensors
    x = layers.Dense(hp.Choice("width", [32, 16]), name="wide")(x)
    return keras.Model(inputs, layers.Add(name="add")([stem, keras.ops.abs(x)]))


def sources(verdict: sst.Verdict) -> dict[str, Any]:
    rows = verdict.layers
    return {
        row.name: row.sources
        and tuple(rows[one].name if isinstance(one, int) else one for one in row.sources)
        for row in rows
    }


def test_the_way_to_a_refusal_of_keras() -> None:
    verdict = sst.check(by_keras, {})
    assert (verdict.feasible, verdict.stage) == (False, "symbolic")
    assert sources(verdict) == {"stem": ("features",), "wide": ("stem",), "add": ("stem", "wide")}


def test_a_layer_that_takes_its_own_output_is_drawn_without_lines() -> None:
    def build(hp: Any) -> Any:
        x = keras.Input((12,))
        assert str(x.name)
        twice = layers.Dense(12, name="twice")
        both = [twice(twice(x)), layers.Dense(7, name="seven")(x)]
        assert str(both[0].name)
        return keras.Model(x, layers.Add(name="add")(both))

    verdict = sst.check(build, {})
    assert verdict.feasible is False
    assert [row.name for row in verdict.layers] == ["twice", "seven", "add"]
    ladder = ladder_of(verdict.layers)
    assert ladder is not None
    assert ladder.lanes == 0
