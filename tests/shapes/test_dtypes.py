"""Every rule in every dtype of floats: backends do not have every operation in each."""

from __future__ import annotations

from typing import Any

import pytest
from keras import layers

from shapesafe_tuner.shapes import Spec
from shapesafe_tuner.structures import map_leaves
from shapesafe_tuner.testing import check_rule
from tests.shapes.test_unread import call_of, classes, inputs_of, needed

DTYPES = ("float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16")


def of_two(specs: Any) -> Any:
    """The same for a batch of two."""
    return map_leaves(lambda leaf: Spec((2, *leaf.shape[1:])), specs)


@pytest.mark.parametrize("layer_class", classes(), ids=lambda layer_class: layer_class.__name__)
def test_a_training_step_in_every_dtype(layer_class: type) -> None:
    name = layer_class.__name__
    inputs, further = of_two(inputs_of(name)), of_two(dict(call_of(name).arguments))
    for dtype in DTYPES:
        given = {**needed(layer_class), "dtype": dtype}
        check_rule(layer_class, given, inputs, call_arguments=further, step=True)


def test_what_is_left_to_the_backend() -> None:
    given = {"pool_size": 2, "dtype": "float64"}
    images = Spec((2, 8, 8, 8, 4))
    assert check_rule(layers.MaxPooling3D, given, images, step=True).says == "unknown"
    assert check_rule(layers.AveragePooling3D, given, images, step=True).says == "feasible"
