"""Causes of a tree: what is one, what it costs and depends on, held against its leaves."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import shapesafe_tuner as sst
from tests.space import spaces


def stacked(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((20, 4))])
    for number in range(hp.Int("layers", 1, 3)):
        given = {"return_sequences": hp.Boolean(f"seq_{number}")}
        model.add(layers.LSTM(hp.Int("units", 8, 32, 8), **given))
    model.add(layers.Dense(1))
    return model


def merged(hp: Any) -> Any:
    x = keras.Input((16,))
    branches = [layers.Dense(hp.Int(name, 8, 16, 4))(x) for name in ("left", "right")]
    is_added = hp.Choice("merge", ["add", "concatenate"]) == "add"
    y = layers.Add()(branches) if is_added else layers.Concatenate()(branches)
    return keras.Model(x, layers.Reshape((4, -1))(layers.Dense(hp.Choice("out", [8, 9, 12]))(y)))


def test_a_layer_and_what_it_refuses_are_a_cause() -> None:
    report = sst.validate_search_space(stacked)
    found = [(one.layer, one.fraction, one.decided_by) for one in report.causes]
    assert found == [
        ("lstm_1", pytest.approx(1 / 3), ("layers", "seq_0")),
        ("lstm_2", pytest.approx(1 / 12), ("layers", "seq_0", "seq_1")),
    ]
    assert [[str(one) for one in cause.conflicts] for cause in report.causes] == [
        ["layers in 2..3 and seq_0=False"],
        ["layers=3 and seq_1=False"],
    ]
    assert [[one.text for one in cause.suggestions] for cause in report.causes] == [
        ["keep seq_0=True", "keep layers <= 2"],
        ["keep layers <= 2"],
    ]


def test_the_numbers_of_a_sentence_are_no_causes_of_their_own() -> None:
    report = sst.validate_search_space(merged)
    assert [(one.layer_type, one.decided_by) for one in report.causes] == [
        ("Add", ("merge", "left", "right")),
        ("Reshape", ("merge", "left", "right", "out")),
    ]
    assert [one.fraction for one in report.causes] == pytest.approx([1 / 3, 2 / 9])
    assert len(report.causes[0].conflicts) == 3


@pytest.mark.parametrize("build", [stacked, merged, spaces.deep, spaces.halves])
def test_causes_add_up_to_what_is_infeasible(build: Any) -> None:
    report = sst.validate_search_space(build)
    assert math.fsum(one.fraction for one in report.causes) == pytest.approx(
        report.infeasible_fraction, abs=1e-12
    )
    assert [one.fraction for one in report.causes] == sorted(
        (one.fraction for one in report.causes), reverse=True
    )
    assert len({(one.layer, one.reason) for one in report.causes}) == len(report.causes)
    of_causes = [one for cause in report.causes for one in cause.conflicts]
    assert sorted(map(str, of_causes)) == sorted(map(str, report.conflicts))
    for cause in report.causes:
        assert not set(cause.decided_by) & set(report.irrelevant)


def test_a_formula_with_a_name_in_it_is_the_same_cause() -> None:
    report = sst.validate_search_space(spaces.deep)
    assert [one.layer for one in report.causes] == [
        "conv2d_2", "conv2d_3", "max_pooling2d_1", "max_pooling2d_2"
    ]  # fmt: skip


class Net(keras.Model):  # type: ignore[misc]
    def __init__(self, width: int, is_residual: bool) -> None:
        super().__init__()
        self.first, self.second = layers.Dense(width), layers.Dense(16)
        self.is_residual = is_residual

    def call(self, x: Any) -> Any:
        y = self.first(x)
        return y + self.second(x) if self.is_residual else y


def net(hp: Any) -> Any:
    model = Net(hp.Choice("width", [16, 32]), hp.Boolean("residual"))
    model.compile("sgd", "mse")
    return model


def test_causes_may_share_a_conflict() -> None:
    x, y = keras.KerasTensor((None, 8)), keras.KerasTensor((None, 16))
    report = sst.validate_search_space(net, x=x, y=y)
    (conflict,) = report.conflicts
    assert str(conflict) == "width=32"
    assert [one.fraction for one in report.causes] == [0.25, 0.25]
    assert [one.conflicts for one in report.causes] == [(conflict,)] * 2
    assert all(one.suggestions for one in report.causes)


def test_a_conflict_of_many_values_is_as_wide_as_it_can_be() -> None:
    def build(hp: Any) -> Any:
        model = keras.Sequential([keras.Input((64, 1))])
        padding = hp.Choice("padding", ["causal", "valid"])
        for number in range(hp.Int("blocks", 1, 3)):
            size, reach = hp.Int(f"size_{number}", 2, 9), hp.Choice(f"reach_{number}", [1, 2, 4, 8])
            model.add(layers.Conv1D(2, size, dilation_rate=reach, padding=padding))
            if hp.Boolean(f"pooling_{number}"):
                model.add(layers.MaxPooling1D(2))
        return model

    report = sst.validate_search_space(build)
    first = report.conflicts[0]
    assert first.values == {
        "blocks": (2, 3), "padding": ("valid",), "pooling_0": (True,), "reach_1": (8,),
        "size_1": (5, 6, 7, 8),
    }  # fmt: skip
    # 31 places after the pooling at most, and 5 values 8 apart reach over 33; 9 of them reach over
    # 65, more than there are without a pooling too: that is another conflict.
    assert first.fraction == pytest.approx(2 / 3 / 2 / 2 / 4 * 4 / 8)


def added_or_not(hp: Any) -> Any:
    """The last value is read only after ``Add`` has refused."""
    x = keras.Input((6,))
    y = layers.Dense(8)(x)
    if hp.Choice("merge", ["concatenate", "add"]) == "add":
        y = layers.Add()([y, layers.Dense(hp.Choice("width", [4, 8]))(x)])
    model = keras.Model(x, layers.Dense(hp.Choice("classes", [3, 5]))(y))
    model.compile("adam", "mse")
    return model


def branches(hp: Any) -> Any:
    """What only one branch reads does not help the other."""
    model = keras.Sequential([keras.Input((16, 8))])
    if hp.Choice("kind", ["cnn", "lstm"]) == "cnn":
        with hp.conditional_scope("kind", ["cnn"]):
            for _ in range(hp.Int("convolutions", 1, 3)):
                model.add(layers.Conv1D(8, hp.Choice("kernel", [3, 7, 11])))
    else:
        with hp.conditional_scope("kind", ["lstm"]):
            model.add(layers.LSTM(8, return_sequences=hp.Boolean("sequences")))
            model.add(layers.LSTM(8))
    return model


def test_a_suggestion_stands_beside_causes_that_it_removes() -> None:
    data = {"x": np.zeros((32, 6)), "y": np.zeros((32, 5))}
    report = sst.validate_search_space(added_or_not, **data)
    found = {one.layer_type: [each.text for each in one.suggestions] for one in report.causes}
    assert found["Add"] == ["keep merge='concatenate'"]
    assert found["mean_squared_error"][0] == "keep classes=5"
    for cause in sst.validate_search_space(branches).causes:
        said = [each.text for each in cause.suggestions]
        assert ("keep sequences=True" in said) is (cause.layer_type == "LSTM")
