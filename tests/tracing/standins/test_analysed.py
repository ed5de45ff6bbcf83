"""From where the layers on the way to a refusal take their inputs."""

from __future__ import annotations

from typing import Any

import keras
import pytest
from keras import layers

import shapesafe_tuner as sst


def residual(hp: Any) -> Any:
    inputs = keras.Input((12,), name="features")
    x = stem = layers.Dense(16, name="stem")(inputs)
    layers.Dense(3, name="elsewhere")(inputs)
    x = layers.Dense(hp.Choice("width", [32, 16]), name="wide")(x)
    return keras.Model(inputs, layers.Add(name="add")([stem, keras.ops.abs(x)]))


def two_inputs(hp: Any) -> Any:
    image, table = keras.Input((8, 8, 1), name="image"), keras.Input((6,), name="table")
    seen = layers.Conv2D(2, 3, name="seen")(image)
    return keras.Model([image, table], layers.Concatenate(name="both")([seen, table]))


def shared(hp: Any) -> Any:
    inputs = keras.Input((4, 2))
    twice = layers.Conv1D(2, 1, name="twice")
    first = twice(inputs)
    second = twice(layers.MaxPooling1D(2, name="half")(first))
    return keras.Model(inputs, layers.Add(name="add")([first, second]))


class Narrow(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Dense(4, name="first")
        self.second = layers.Dense(5, name="second")
        self.add = layers.Add(name="add")

    def call(self, inputs: Any) -> Any:
        return self.add([self.first(inputs), self.second(inputs)])


def narrow(hp: Any) -> Any:
    model = Narrow()
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(
    ("build", "data", "wanted"),
    [
        (residual, {}, {"stem": ("features",), "wide": ("stem",), "add": ("stem", "wide")}),
        (two_inputs, {}, {"seen": ("image",), "both": ("seen", "table")}),
        (shared, {}, {"twice": ("half",), "half": ("twice",), "add": ("twice", "twice")}),
        (narrow, {"x": keras.KerasTensor((None, 3)), "y": keras.KerasTensor((None, 4))},
         {"first": ("input",), "second": ("input",), "add": ("first", "second")}),
    ],
)  # fmt: skip
def test_the_way_to_a_refusal(build: Any, data: Any, wanted: dict[str, tuple[str, ...]]) -> None:
    verdict = sst.check(build, {}, **data)
    assert verdict.feasible is False
    if verdict.stage != "analytic":
        pytest.skip("Keras decides here on this backend")
    rows = verdict.layers
    found = {
        row.name: tuple(rows[one].name if isinstance(one, int) else one for one in row.sources)
        for row in rows
        if row.sources is not None
    }
    assert found == wanted
    assert sst.Verdict.from_dict(verdict.to_dict()).layers[-1].sources == rows[-1].sources
