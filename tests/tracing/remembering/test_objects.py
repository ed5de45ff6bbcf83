"""Keys of objects: equal for what is made anew alike, unequal as soon as anything differs."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from shapesafe_tuner.tracing.remembering.objects import digest, object_key
from shapesafe_tuner.tracing.signals import NoKey

SCALE = 2.0
SETTINGS = ModuleType("users_settings")
SETTINGS.__dict__["width"] = 3


class Helper:
    """Of the user's own."""

    factor = 3

    def __init__(self, size: int) -> None:
        self.size = size


def helped(x: Any) -> Any:
    return x * Helper(2).factor * SCALE


def by_settings(x: Any) -> Any:
    return x * SETTINGS.width


def recursive(n: int) -> int:
    return n and recursive(n - 1)


class Own(keras.Model):  # type: ignore[misc]
    """A model with a step of its own."""

    def __init__(self, units: int, scale: float = 1.0) -> None:
        super().__init__()
        self.hidden, self.head = layers.Dense(units), layers.Dense(1)
        self.scale = scale

    def call(self, x: Any) -> Any:
        return self.head(self.hidden(x)) * self.scale

    def train_step(self, data: Any) -> Any:
        return super().train_step(data)


def functional(units: int = 4, *, shared: bool = False, name: str | None = None) -> Any:
    inputs = keras.Input((3,))
    first = layers.Dense(units, name=name)
    x = first(inputs)
    y = (first if shared else layers.Dense(units))(inputs)
    keras.utils.clear_session()
    return keras.Model(inputs, layers.Dense(1, name="head")(layers.Add(name="add")([x, y])))


def compiled(loss: Any, optimizer: Any = "sgd") -> Any:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1, name="head")], name="model")
    model.compile(optimizer, loss)
    return model


def closure(factor: Any) -> Callable[..., Any]:
    return lambda y, p: ops.mean(y - p) * factor


MADE: list[Callable[[], Any]] = [
    lambda: keras.losses.Huber(0.5),
    lambda: keras.losses.binary_crossentropy,
    lambda: keras.metrics.AUC(name="auc"),
    lambda: keras.metrics.AUC(name="auc", from_logits=True),
    lambda: closure(2.0),
    lambda: closure(np.arange(3)),
    lambda: closure(np.arange(4)),
    lambda: closure(keras.losses.BinaryCrossentropy()),
    lambda: closure(keras.losses.BinaryCrossentropy(from_logits=True)),
    lambda: functools.partial(closure, 3),
    lambda: Helper(3),
    lambda: Helper(4),
    lambda: [Helper(3), Helper(3)],
    lambda: recursive,
    lambda: compiled("mse"),
    lambda: compiled("mae"),
    lambda: compiled(closure(1.0)),
    lambda: compiled("mse", keras.optimizers.SGD(momentum=0.5)),
]


def key(make: Callable[[], Any]) -> bytes:
    keras.utils.set_random_seed(0)
    keras.utils.clear_session()
    return digest(object_key(make(), exact=False))


def test_what_is_made_anew_has_one_key_and_no_two_have_the_same() -> None:
    keys = [key(make) for make in MADE]
    assert keys == [key(make) for make in MADE]
    assert len(set(keys)) == len(keys)


def test_models_are_told_apart_by_all_that_they_hold() -> None:
    keras.utils.clear_session()
    models = [
        functional(), functional(5), functional(shared=True), functional(name="first"),
        Own(4), Own(5), Own(4, 2.0),
    ]  # fmt: skip
    frozen = functional()
    frozen.get_layer("head").trainable = False
    keys = [digest(object_key(model, exact=False)) for model in [*models, frozen]]
    assert len(set(keys)) == len(keys)


def test_floats_of_kerass_objects_count_where_they_are_zero() -> None:
    def made(rate: float, *, exact: bool) -> Any:
        keras.utils.clear_session()
        return object_key(layers.Dropout(rate, name="drop", seed=1), exact=exact)

    zero, one, other = [made(rate, exact=False) for rate in (0.0, 0.1, 0.2)]
    assert zero != one == other
    assert made(0.1, exact=True) != made(0.2, exact=True)


@pytest.mark.parametrize(
    ("function", "holder", "name", "value"),
    [
        (helped, globals(), "SCALE", 3.0),
        (helped, Helper, "factor", 4),
        (helped, Helper, "__init__", lambda self, size: None),
        (by_settings, SETTINGS, "width", 4),
        (Own, Own, "train_step", lambda self, data: {}),
        (Own, globals(), "layers", SimpleNamespace()),
    ],
)
def test_what_a_function_reads_is_read_anew(
    function: Any, holder: Any, name: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = object_key(function)
    assert object_key(function) == before
    if isinstance(holder, dict):
        monkeypatch.setitem(holder, name, value)
    else:
        monkeypatch.setattr(holder, name, value)
    assert object_key(function) != before


def chance(x: Any) -> Any:
    return x * random.random()


def importing(x: Any) -> Any:
    import os

    return x * len(os.environ)


def looking(x: Any) -> Any:
    return x * globals()["SCALE"]


@pytest.mark.parametrize("value", [chance, importing, looking, object(), {Helper(1)}, iter([1])])
def test_what_may_answer_otherwise_the_next_time_has_no_key(value: Any) -> None:
    with pytest.raises(NoKey):
        object_key(value)


def test_weights_count_by_shape() -> None:
    def built(value: float) -> Any:
        keras.utils.set_random_seed(0)
        layer = layers.Dense(2, name="d")
        layer.build((None, 3))
        layer.set_weights([np.full((3, 2), value), np.zeros(2)])
        return layer

    assert object_key(built(1.0)) == object_key(built(2.0))
