"""Layers inside layers of the user's own count when Keras names those after them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import shapesafe_tuner as sst
from tests import toys

pytestmark = [
    *(pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS),
    # Keras says so before it raises.
    pytest.mark.filterwarnings("ignore:Layer 'refusing' looks like it has unbuilt state"),
    pytest.mark.filterwarnings("ignore:`build..` was called on layer 'refusing'"),
]


class Block(layers.Layer):  # type: ignore[misc]
    """Only the layer itself can be asked: it looks at its tensor."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.before = layers.Conv2D(16, 3, padding="same")
        self.after = layers.Conv2D(16, 3, padding="same")

    def call(self, x: Any) -> Any:
        return x if isinstance(x, np.ndarray) else self.after(self.before(x))


class Late(layers.Layer):  # type: ignore[misc]
    def build(self, shape: Any) -> None:
        self.inner = layers.Conv2D(shape[-1], 3, padding="same")

    def call(self, x: Any) -> Any:
        return x if isinstance(x, np.ndarray) else self.inner(x)


class Named(layers.Layer):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(name="mine")
        self.block = Block()

    def call(self, x: Any) -> Any:
        return x if isinstance(x, np.ndarray) else self.block(x)


class Refusing(layers.Layer):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.narrow = layers.Conv2D(4, 1)
        self.wide = layers.Conv2D(4, 30)

    def call(self, x: Any) -> Any:
        return x if isinstance(x, np.ndarray) else self.wide(self.narrow(x))


class Posed(layers.Layer):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.inner = layers.Conv2D(16, 3, padding="same")

    def call(self, x: Any) -> Any:
        return self.inner(x)


def builds(*parts: Callable[[], Any]) -> Callable[[Any], Any]:
    def build(hp: Any) -> Any:
        inputs = keras.Input((16, 16, 3))
        x = layers.Conv2D(16, 3)(inputs)
        for part in parts:
            x = part()(x)
        return keras.Model(inputs, layers.Conv2D(16, 30)(x))

    return build


def refused_by_keras(build: Callable[[Any], Any]) -> str:
    """The name of the layer that raises in a real build."""
    keras.backend.clear_session()
    keras.config.disable_traceback_filtering()
    try:
        with pytest.raises(ValueError, match="output size") as caught:
            build(None)
    finally:
        keras.config.enable_traceback_filtering()
        keras.backend.clear_session()
    owners = [entry.frame.f_locals.get("self") for entry in caught.traceback]
    return next(str(each.name) for each in reversed(owners) if isinstance(each, layers.Conv2D))


@pytest.mark.parametrize(
    "parts",
    [
        (Block,), (Block, Block), (lambda: Block(name="other"), Block), (Late,), (Late, Block),
        (Named, Block), (Block, Late, Late), (Refusing,), (Block, Refusing), (Posed, Block, Posed),
    ],
)  # fmt: skip
def test_a_layer_has_the_name_that_keras_gives_it(parts: tuple[Callable[[], Any], ...]) -> None:
    build = builds(*parts)
    name = refused_by_keras(build)
    for _ in range(2):  # what the first check learned of the classes, the second one remembers
        fault = sst.check(build, {}).fault
        assert fault is not None
        assert fault.layer == name
        assert f"'{name}'" in fault.reason
