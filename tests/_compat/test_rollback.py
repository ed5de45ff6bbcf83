"""A snapshot puts a layer back as it was: attributes, containers, the lock of its tracker."""

from __future__ import annotations

import keras

from shapesafe_tuner._compat.keras.rollback import Snapshot


class Holder(keras.layers.Layer):
    """Holds what user code may hold."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = [keras.layers.Dense(2)]
        self.sizes = {"first": 1}


def test_attributes_and_containers_come_back() -> None:
    layer = Holder()
    parts, sizes = layer.parts, layer.sizes
    snapshot = Snapshot(layer)
    layer.added = 3
    layer.parts.append(keras.layers.Dense(4))
    layer.sizes["second"] = 2
    layer.sizes["first"] = 9
    snapshot.restore()
    assert not hasattr(layer, "added")
    assert layer.parts is parts
    assert [part.units for part in layer.parts] == [2]
    assert layer.sizes is sizes
    assert dict(layer.sizes) == {"first": 1}


def test_a_layer_that_was_built_is_unbuilt_and_builds_again() -> None:
    layer = keras.layers.Dense(3)
    snapshot = Snapshot(layer)
    layer.build((None, 4))
    assert layer.built
    assert len(layer.weights) == 2
    snapshot.restore()
    assert not layer.built
    assert layer.weights == []
    layer.build((None, 7))
    assert tuple(layer.kernel.shape) == (7, 3)
