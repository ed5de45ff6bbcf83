"""Learning rates that are nothing else, told from those that code may look at."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
from keras import layers, optimizers

import shapesafe_tuner as sst
from shapesafe_tuner.tracing.learning_rates import learning_rates_of
from tests import toys
from tests.backends import only_on

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]
OTHERS: dict[str, Any] = {}


def handed_over(hp: Any) -> Any:
    return keras.optimizers.Adam(hp.Float("lr", 1e-4, 1e-2, sampling="log"))


def by_keyword(hp: Any) -> Any:
    return optimizers.SGD(momentum=0.9, learning_rate=hp.Choice("lr", [1e-2, 1e-3]))


def named(hp: Any) -> Any:
    rate = hp.Float(name="lr", min_value=1e-4, max_value=1e-2)
    if hp.Boolean("plain"):
        return optimizers.SGD(rate)
    return optimizers.Adam(learning_rate=rate)


def inside_a_function(hp: Any) -> Any:
    def optimizer() -> Any:
        return optimizers.SGD(hp.Float("lr", 1e-4, 1e-2))

    return optimizer()


def got_by_its_name(hp: Any) -> Any:
    kind = getattr(keras.optimizers, hp.Choice("kind", ["Adam", "SGD"]))
    assert kind is not None
    return getattr(optimizers, hp.Choice("kind", ["Adam", "SGD"]))(
        learning_rate=hp.Float("lr", 1e-4, 1e-2)
    )


def one_of_some(hp: Any) -> Any:
    rate = hp.Float("lr", 1e-4, 1e-2)
    if hp.Boolean("by_name"):
        return {"adam": optimizers.Adam, "sgd": optimizers.SGD}[hp.Choice("kind", ["sgd"])](rate)
    if hp.Boolean("by_place"):
        return [optimizers.Adam, optimizers.SGD][hp.Int("place", 0, 1)](rate)
    return (optimizers.Adam if hp.Boolean("adam") else optimizers.SGD)(rate)


RATES = [handed_over, by_keyword, named, inside_a_function, got_by_its_name, one_of_some]


@pytest.mark.parametrize("build", RATES)
def test_a_learning_rate(build: Any) -> None:
    assert learning_rates_of(build) == {"lr"}


def looked_at(hp: Any) -> Any:
    rate = hp.Float("lr", 1e-4, 1e-2)
    return layers.Dense(4 if rate > 1e-3 else 5), optimizers.SGD(rate)


def read_twice(hp: Any) -> Any:
    return optimizers.SGD(hp.Float("lr", 1e-4, 1e-2)), hp.get("lr")


def given_another_name(hp: Any) -> Any:
    rate = kept = hp.Float("lr", 1e-4, 1e-2)
    return optimizers.SGD(rate), layers.Dense(int(1000 * kept))


def given_to_something_else(hp: Any) -> Any:
    return optimizers.SGD(clipnorm=hp.Float("lr", 1e-4, 1e-2))


def put_into_a_sum(hp: Any) -> Any:
    return optimizers.SGD(hp.Float("lr", 1e-4, 1e-2) + 1)


def given_to_one_of_some(hp: Any) -> Any:
    return {"sgd": optimizers.SGD, "dense": layers.Dense}["dense"](hp.Float("lr", 1.0, 2.0))


def given_to_what_is_got_elsewhere(hp: Any) -> Any:
    return getattr(layers, "Dense")(hp.Float("lr", 1.0, 2.0))  # noqa: B009


class Mine(optimizers.SGD):  # type: ignore[misc]
    """May do what it likes with its learning rate."""


def of_a_class_of_ones_own(hp: Any) -> Any:
    return Mine(hp.Float("lr", 1e-4, 1e-2))


def asked_for_later(hp: Any) -> Any:
    optimizer = optimizers.SGD(hp.Float("lr", 1e-4, 1e-2))
    return layers.Dense(4 if float(optimizer.learning_rate) > 1e-3 else 5)


def with_a_name_made_up(hp: Any) -> Any:
    name = "l" + "r"
    return optimizers.SGD(hp.Float(name, 1e-4, 1e-2))


def by_all_values(hp: Any) -> Any:
    return optimizers.SGD(hp.Float("lr", 1e-4, 1e-2)), [layers.Dense(v) for v in hp.values]


def stored(hp: Any) -> Any:
    OTHERS["rate"] = hp.Float("lr", 1e-4, 1e-2)
    return optimizers.SGD(OTHERS["rate"])


@pytest.mark.parametrize(
    "build",
    [
        looked_at, read_twice, given_another_name, given_to_something_else, put_into_a_sum,
        given_to_one_of_some, given_to_what_is_got_elsewhere, of_a_class_of_ones_own,
        asked_for_later, with_a_name_made_up, stored,
        by_all_values,
    ],
)  # fmt: skip
def test_not_only_a_learning_rate(build: Any) -> None:
    assert learning_rates_of(build) == frozenset()


class Encoding(keras.Model):  # type: ignore[misc]
    """Only Keras itself can judge it: ``train_step`` is its own."""

    def __init__(self, decoder: Any) -> None:
        super().__init__()
        self.decoder = decoder

    def call(self, x: Any) -> Any:
        return self.decoder(x)

    def train_step(self, data: Any) -> Any:
        return super().train_step(data)


def encoder(hp: Any) -> Any:
    width = hp.Choice("width", [2, 3])
    decoder = keras.Sequential([layers.Dense(width), layers.Dense(hp.Choice("out", [3, 4]))])
    model = Encoding(decoder)
    model.compile(optimizers.Adam(hp.Float("lr", 1e-4, 1e-2, sampling="log")), "mse")
    return model


X, Y = np.zeros((8, 5), "float32"), np.zeros((8, 3), "float32")


@only_on("tensorflow", "this train_step is TensorFlow's")
def test_a_space_that_keras_judges_is_exact() -> None:
    report = sst.validate_search_space(encoder, x=X, y=Y)
    assert (report.exact, report.feasible_fraction) == (True, 0.5)
    assert set(report.irrelevant) == {"width", "lr"}
    assert [conflict.values for conflict in report.conflicts] == [{"out": (4,)}]
    fault = sst.check(encoder, {"out": 4}, x=X, y=Y).fault
    assert fault is not None
    assert fault.hyperparameters == {"out": 4}


@only_on("tensorflow", "this train_step is TensorFlow's")
def test_a_constraint_may_ask_for_it() -> None:
    def is_slow(hp: Any) -> bool:
        return bool(hp.get("lr") < 1e-3)

    report = sst.validate_search_space(encoder, x=X, y=Y, constraints=[is_slow])
    assert not report.exact
    hp = keras_tuner.HyperParameters()
    hp.values = {"width": 2, "out": 3, "lr": 1e-2}
    assert not sst.check(encoder, hp.values, x=X, y=Y, constraints=[is_slow]).feasible
