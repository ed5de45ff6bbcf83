"""Code written in C takes no proxy of a string or a number: the value is shown to it."""

from __future__ import annotations

import importlib
import json
import math
import operator
import re
import types
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner.space.data.varying import judge_of
from shapesafe_tuner.space.explorer import Explorer
from shapesafe_tuner.tracing.question import question_of
from shapesafe_tuner.tracing.states.wanted import wanted
from tests import toys

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]

KERNELS = types.SimpleNamespace(small=3, big=12)


def by_keyword(small: int = 0, big: int = 0) -> int:
    """A kernel that a keyword chooses."""
    return 3 if small > big else 12


OF_TEXT: dict[str, Callable[[str], int]] = {
    "getattr": lambda text: getattr(KERNELS, text),
    "hasattr": lambda text: 3 if hasattr(types.SimpleNamespace(small=1), text) else 12,
    "attrgetter": lambda text: operator.attrgetter(text)(KERNELS),
    "join": lambda text: {"k_small": 3, "k_big": 12}["_".join(["k", text])],
    "startswith": lambda text: 3 if "smallest".startswith(text) else 12,
    "in": lambda text: 3 if text in "smallest" else 12,
    "replace": lambda text: {"x small": 3, "x big": 12}["x ?".replace("?", text)],
    "match": lambda text: 3 if re.match("sm", text) else 12,
    "compile": lambda text: 3 if re.compile(text).match("small") else 12,
    "json": lambda text: {'["small"]': 3, '["big"]': 12}[json.dumps([text])],
    "upper": lambda text: 3 if str.upper(text) == "SMALL" else 12,
    "keyword": lambda text: by_keyword(**{text: 1}),
    "import": lambda text: 3 if importlib.import_module({"big": "re"}.get(text, "json")) is json
    else 12,
}  # fmt: skip
OF_NUMBERS: dict[str, Callable[[int], int]] = {
    "json": lambda number: int(json.loads(json.dumps({"kernel": number}))["kernel"]),
    "log": lambda number: int(math.log2(number)) + 6,
    "array": lambda number: int(np.array([number, 5]).max()),
    "slice": lambda number: len(("x" * 20)[:number]),
}


def space(read: Callable[[Any], Any], kernel: Callable[[Any], int]) -> Callable[[Any], Any]:
    """A space in which the kernel of ten positions' first convolution is worked out."""

    def build(hp: Any) -> Any:
        inputs = keras.Input((10, 2))
        x = layers.Dense(hp.Int("units", 2, 40))(inputs)
        x = layers.Conv1D(3, kernel(read(hp)), activation=hp.Choice("act", ["relu", "tanh"]))(x)
        x = layers.Conv1D(3, hp.Choice("second", [1, 2, 3]))(x)
        optimizer = keras.optimizers.SGD(hp.Float("lr", 1e-4, 1e-2))
        model = keras.Model(inputs, layers.Flatten()(x))
        model.compile(optimizer, "mse")
        return model

    return build


def fitting(kernels: list[int]) -> float:
    """The feasible share, by arithmetic."""
    fits = [k <= 10 and second <= 10 - k + 1 for k in kernels for second in (1, 2, 3)]
    return sum(fits) / len(fits)


@pytest.mark.parametrize("form", OF_TEXT)
def test_text(form: str) -> None:
    build = space(lambda hp: hp.Choice("text", ["small", "big"]), OF_TEXT[form])
    report = sst.validate_search_space(build, progress=False)
    assert report.exact
    assert report.feasible_fraction == fitting([3, 12]) == 0.5
    assert {name for cause in report.causes for name in cause.decided_by} == {"text"}


@pytest.mark.parametrize("form", OF_NUMBERS)
def test_numbers(form: str) -> None:
    kernel = OF_NUMBERS[form]
    build = space(lambda hp: hp.Int("number", 1, 14), kernel)
    report = sst.validate_search_space(build, progress=False)
    assert report.exact
    assert report.feasible_fraction == pytest.approx(fitting([kernel(n) for n in range(1, 15)]))


def test_it_is_shown_where_states_are_not_merged_too() -> None:
    build = space(lambda hp: hp.Choice("text", ["small", "big"]), OF_TEXT["getattr"])
    leaves = list(Explorer(judge_of(question_of(build)), None).leaves())
    assert [(leaf.values, leaf.feasible) for leaf in leaves] == [
        ({"text": "small"}, True), ({"text": "big"}, False)
    ]  # fmt: skip


def test_the_one_read_before_comes_next() -> None:
    def kernel(names: tuple[str, str]) -> int:
        return int(getattr(KERNELS, names[0])) + 0 * len(names)

    def read(hp: Any) -> tuple[str, str]:
        return hp.Choice("first", ["small", "big"]), hp.Choice("second_text", ["a", "b"])

    report = sst.validate_search_space(space(read, kernel), progress=False)
    assert report.exact
    assert report.feasible_fraction == 0.5
    assert {name for cause in report.causes for name in cause.decided_by} == {"first"}
    assert "second_text" in report.irrelevant


def test_an_error_of_another_kind_is_about_none() -> None:
    read = {"text": "a", "units": 3}
    assert wanted(ValueError("not a LazyStr"), read, ()) is None
    assert wanted(TypeError("unsupported operand"), read, ()) is None
    assert wanted(TypeError("expected str, not OpaqueStr"), read, ()) == "text"
    assert wanted(TypeError("no OpaqueInt"), read, ()) == "units"
    assert wanted(TypeError("expected str, not OpaqueStr"), read, {"text"}) is None
    assert wanted(TypeError("expected str, not LazyStr"), read) is None
