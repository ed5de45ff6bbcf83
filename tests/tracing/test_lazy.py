"""Values that are not chosen: what they answer, what demands them, and code that sees through."""

from __future__ import annotations

import collections.abc
import copy
import json
import math
from collections.abc import Callable
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers

from shapesafe_tuner._compat.keras_tuner.hypermodels import as_hypermodel
from shapesafe_tuner.shapes.deferred import Deferred, Demand, demanded, forget_demands
from shapesafe_tuner.space.explorer import Explorer
from shapesafe_tuner.tracing.code_reading import sees_types
from shapesafe_tuner.tracing.judge import Judge
from shapesafe_tuner.tracing.lazy import lazy_value
from shapesafe_tuner.tracing.question import Question
from tests.tracing import prying


def whole(low: int = 1, high: int = 8) -> Any:
    return lazy_value("n", range(low, high + 1), low, high, int)


def share() -> Any:
    return lazy_value("r", None, 0.1, 0.5, float)


def word() -> Any:
    return lazy_value("w", ["relu", "tanh"], None, None, str)


DEMANDS: dict[str, Callable[[], Any]] = {
    "range": lambda: range(whole()),
    "comparison": lambda: whole() > 3,
    "equality": lambda: whole() == 3,
    "f-string": lambda: f"units_{whole()}",
    "str": lambda: str(whole()),
    "repr": lambda: repr(share()),
    "index": lambda: [1, 2, 3][whole()],
    "dict": lambda: {1: "a"}[whole()],
    "key": lambda: {whole(): 1},
    "set": lambda: {whole()},
    "in": lambda: whole() in (1, 2),
    "slice": lambda: "abc"[: whole()],
    "times a list": lambda: [0] * whole(),
    "int": lambda: int(share()),
    "float": lambda: float(whole()),
    "round": lambda: round(share()),
    "math": lambda: math.sqrt(whole()),
    "numpy": lambda: np.zeros(whole()),
    "power": lambda: 2 ** whole(),
    "powered": lambda: whole() ** 2,
    "min": lambda: min(whole(), 3),
    "sum": lambda: bool(sum([whole(), whole()]) > 9),
    "sorted": lambda: sorted([whole(), 3]),
    "divided": lambda: 16 // whole(),
    "truth": lambda: bool(whole(0, 3)),
    "copy": lambda: copy.deepcopy(whole()),
    "json": lambda: json.dumps({"a": word()}),
    "method": lambda: whole().bit_length(),
    "word": lambda: word() == "relu",
    "upper": lambda: word().upper(),
    "length": lambda: len(word()),
    "joined": lambda: "_".join([word()]),
    "added": lambda: word() + "_1",
    "named": lambda: getattr(keras.activations, word()),
    "loop": lambda: list(word()),
    "format": lambda: "{:d}".format(whole()),  # noqa: UP032
    "percent": lambda: "%s" % whole(),  # noqa: UP031
}


@pytest.mark.parametrize("how", sorted(DEMANDS))
def test_what_needs_the_value_demands_it(how: str) -> None:
    forget_demands()
    # Code in C that wants a real string raises an error of its own: Keras then decides.
    with pytest.raises((Demand, TypeError)) as caught:
        DEMANDS[how]()
    assert demanded() in ("n", "r", "w") or caught.type is TypeError
    forget_demands()


def test_what_holds_for_every_value_demands_nothing() -> None:
    forget_demands()
    n, r, w = whole(), share(), word()
    assert isinstance(n, int)
    assert isinstance(r, float)
    assert isinstance(w, str)
    assert not isinstance(n, str)
    assert not callable(n)
    assert not callable(w)
    assert not hasattr(n, "__len__")
    assert not hasattr(n, "__iter__")
    assert not isinstance(n, collections.abc.Iterable)
    assert not isinstance(r, collections.abc.Callable)  # type: ignore[arg-type]
    assert isinstance(n / 2, float)
    assert isinstance(n * 0.5, float)
    assert isinstance(2 * n + 1, int)
    assert n > 0
    assert n >= 1
    assert n != 9
    assert n * 2 <= 16
    assert n != 0
    assert n == n
    assert n + 1 == n + 1
    assert -n < 0
    assert n - n <= 7
    assert (n % 1) in (0,)
    assert n is not None
    assert 0 <= r <= 1
    assert demanded() is None


@given(
    st.integers(-5, 9), st.integers(0, 6), st.integers(-4, 4), st.integers(1, 4),
    st.sampled_from(["+", "-", "*", "//", "%", "r-"]),
    st.sampled_from(["<", "<=", "==", "!=", ">"]),
    st.integers(-20, 20),
)  # fmt: skip
def test_an_answer_without_a_demand_holds_for_every_value(
    low: int, span: int, first: int, second: int, work: str, comparison: str, against: int
) -> None:
    """Interval arithmetic never says more than the numbers do."""

    def result(n: Any) -> Any:
        value = {
            "+": lambda: n + first, "-": lambda: n - first, "*": lambda: n * first,
            "//": lambda: n // second, "%": lambda: n % second, "r-": lambda: first - n,
        }[work]()  # fmt: skip
        return {
            "<": lambda: value < against, "<=": lambda: value <= against,
            "==": lambda: value == against, "!=": lambda: value != against,
            ">": lambda: value > against,
        }[comparison]()  # fmt: skip

    forget_demands()
    try:
        lazily = result(Deferred(("hp", "n"), low, low + span, ("n",), True))
    except Demand:
        forget_demands()
        return
    assert all(result(n) == lazily for n in range(low, low + span + 1))


def test_a_swallowed_demand_still_counts() -> None:
    def build(hp: Any) -> Any:
        try:
            kernel = 3 if hp.Int("kernel", 1, 9) > 4 else 9
        except BaseException:
            kernel = 1
        return keras.Sequential([keras.Input((5, 1)), layers.Conv1D(1, kernel)])

    leaves = list(Explorer(Judge(Question(build)), None).leaves())
    assert {leaf.values["kernel"]: leaf.feasible for leaf in leaves} == {
        **dict.fromkeys(range(1, 5), False),
        **dict.fromkeys(range(5, 10), True),
    }


def plain(hp: Any) -> Any:
    units = hp.Int("units", 1, 9)
    return keras.Sequential([keras.Input((4,)), layers.Dense(units if units is not None else 3)])


def asks_type(hp: Any) -> Any:
    return layers.Dense(3) if type(hp.Int("units", 1, 9)) is int else None


def asks_identity(hp: Any) -> Any:
    return hp.Choice("act", ["relu", "tanh"]) is plain


def helper(value: Any) -> bool:
    return type(value) in (int, float)


def asks_in_a_helper(hp: Any) -> Any:
    return helper(hp.Int("units", 1, 9))


class Hyper(keras_tuner.HyperModel):
    def build(self, hp: Any) -> Any:
        return self.layer(hp.Int("units", 1, 9))

    def layer(self, units: Any) -> Any:
        return issubclass(type(units), int)


def asks_in_a_lambda(hp: Any) -> Any:
    look = lambda units: type(units) == int  # noqa: E721, E731
    return look(hp.Int("units", 1, 9))


def asks_in_a_module(hp: Any) -> Any:
    return prying.looks(hp.Int("units", 1, 9))


def asks_the_standard_library(hp: Any) -> Any:
    return copy.copy(hp.Int("units", 1, 9)), collections.abc.Callable


@pytest.mark.parametrize(
    "build",
    [asks_in_a_module, asks_type, asks_identity, asks_in_a_helper, asks_in_a_lambda, Hyper().build],
)
def test_code_that_looks_at_types_is_noticed(build: Any) -> None:
    assert sees_types(build)
    assert sees_types(as_hypermodel(build).build)


def test_code_that_does_not_is_not() -> None:
    assert not sees_types(plain)
    assert not sees_types(asks_the_standard_library)


def test_an_operation_with_sizes_not_chosen_demands_them() -> None:
    def build(hp: Any) -> Any:
        x = keras.Input((12, hp.Int("features", 1, 4)))
        return keras.Model(x, keras.ops.reshape(x, (-1, x.shape[2] * 4, 3)))

    leaves = list(Explorer(Judge(Question(build)), None).leaves())
    assert {leaf.values["features"]: leaf.feasible for leaf in leaves} == {
        1: True, 2: True, 3: True, 4: True,
    }  # fmt: skip


def test_a_tuner_is_read_with_its_hypermodel(tmp_path: Any) -> None:
    tuner = keras_tuner.RandomSearch(
        plain, objective="val_loss", max_trials=1, directory=str(tmp_path)
    )
    assert not sees_types(tuner._build_hypermodel)
    tuner.hypermodel = Hyper()
    assert sees_types(tuner._build_hypermodel)


def test_booleans_and_mixed_choices_are_never_deferred() -> None:
    def build(hp: Any) -> Any:
        flag = hp.Boolean("flag")
        mixed = hp.Choice("mixed", [1, 2])
        fixed = hp.Fixed("fixed", 4)
        if flag not in (True, False):
            raise AssertionError
        return keras.Sequential(
            [keras.Input((4,)), layers.Dense(mixed, use_bias=flag), layers.Dense(fixed)]
        )

    leaves = list(Explorer(Judge(Question(build)), None).leaves())
    assert [dict(leaf.values) for leaf in leaves] == [{"flag": True}, {"flag": False}]
