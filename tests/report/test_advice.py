"""Suggestions beside causes, and as code: what is written is done, and the space is as said."""

from __future__ import annotations

import itertools
import types
from typing import Any

import keras
import keras_tuner
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner.findings import Bound, Suggestion
from shapesafe_tuner.report.advice import advice_for, code_of, ranked
from tests.space import spaces


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ((1, 2, 3), "hp.Int('k', 1, 3)"),
        ((3, 7, 5), "hp.Int('k', 3, 7, step=2)"),
        ((1, 2, 4), "hp.Choice('k', [1, 2, 4])"),
        ((0.1, 0.2), "hp.Choice('k', [0.1, 0.2])"),
        (("a", "b"), "hp.Choice('k', ['a', 'b'])"),
        ((True,), "hp.Fixed('k', True)"),
        ((4,), "hp.Fixed('k', 4)"),
    ],
)
def test_kept_values_as_code(values: tuple[Any, ...], code: str) -> None:
    assert code_of(Suggestion("", (0,), 0.0, {"k": values})) == code
    hp = keras_tuner.HyperParameters()
    assert eval(code, {"hp": hp}) in values
    assert set(hp.space[0].values) == set(values)


@pytest.mark.parametrize(
    "bound",
    [Bound("a", "b", "at most"), Bound("a", "b", "equal"), Bound("a", "b", "multiple"),
     Bound("a", "b", "sum at most", 7)],
)  # fmt: skip
def test_a_relation_as_code_refuses_what_the_suggestion_does(bound: Bound) -> None:
    suggestion = Suggestion("", (0,), 0.0, bound=bound)
    code = code_of(suggestion)
    assert code.startswith("constraints=[lambda hp: ")
    (constraint,) = eval(code.removeprefix("constraints="))
    hp = keras_tuner.HyperParameters()
    for values in ({}, {"a": 3}, *({"a": a, "b": b} for a in range(1, 7) for b in range(1, 7))):
        hp.values = values
        assert bool(constraint(hp)) == suggestion(hp)


def test_a_layer_as_code() -> None:
    suggestion = Suggestion("", (0,), 0.0, layer=("Conv2D", {"padding": "same"}))
    assert code_of(suggestion) == "layers.Conv2D(..., padding='same')"


def test_a_relation_as_code_is_one_for_the_whole_space() -> None:
    report = sst.validate_search_space(chained)
    suggestion = next(one for one in report.suggestions if one.bound is not None)
    constraints = eval(code_of(suggestion).removeprefix("constraints="))
    again = sst.validate_search_space(chained, constraints=constraints)
    other = sst.validate_search_space(chained, **report.apply(suggestion))
    assert again.feasible_fraction == other.feasible_fraction
    lost = report.feasible_fraction - again.feasible_fraction
    assert lost == pytest.approx(suggestion.lost * report.feasible_fraction)


def chained(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((8, 1))])
    for number in range(hp.Int("blocks", 1, 3)):
        model.add(layers.Conv1D(1, hp.Int(f"kernel_{number}", 1, 6)))
    return model


def test_what_helps_most_comes_first() -> None:
    report = sst.validate_search_space(spaces.deep)
    assert [one.text for one in ranked(report)] == [
        "keep blocks <= 3", 'give every Conv2D padding="same"', "leave 3 out of blocks"
    ]  # fmt: skip
    assert ranked(report)[0].removed == pytest.approx(0.2079, abs=1e-4)
    advice = [advice_for(cause) for cause in report.causes]
    assert [one and one.text for one in advice] == [
        *['give every Conv2D padding="same"'] * 2, *["keep blocks <= 3"] * 2
    ]  # fmt: skip


def divided(hp: Any) -> Any:
    inputs = keras.Input((6, 12))
    groups, filters = hp.Choice("groups", [1, 3, 5]), hp.Choice("filters", [6, 8])
    x = layers.Conv1D(filters, 3, groups=groups, padding="same")(inputs)
    x = layers.Dense(filters * hp.Choice("wider", [1, 2]))(x)
    return keras.Model(inputs, layers.Add()([x, layers.Dense(filters)(inputs)]))


def test_a_cause_has_the_suggestion_that_removes_it() -> None:
    report = sst.validate_search_space(divided, progress=False)
    assert report.feasible_fraction == pytest.approx(1 / 4)
    advice = {cause.reason: advice_for(cause) for cause in report.causes}
    words = {
        reason: one.text
        for reason, one in advice.items()
        if one is not None and ("filters into" in reason or "Add" in reason)
    }
    assert list(words.values()) == ["keep filters % groups == 0", "keep wider=1"]
    for cause in report.causes:
        first = advice_for(cause)
        assert first is not None
        left = sst.validate_search_space(divided, **report.apply(first), progress=False)
        again = [one.fraction for one in left.causes if one.reason == cause.reason]
        assert sum(again) < cause.fraction


def test_the_code_of_a_multiple_holds_where_the_relation_does() -> None:
    bound = Bound("rows", "height", "multiple")
    code = code_of(Suggestion("keep rows % height == 0", (0,), 0.0, bound=bound))
    (constraint,) = eval(code.removeprefix("constraints="))
    for rows, height in itertools.product(range(4), range(4)):
        hp = types.SimpleNamespace(values={"rows": rows, "height": height})
        assert bool(constraint(hp)) is bound.holds(rows, height)
