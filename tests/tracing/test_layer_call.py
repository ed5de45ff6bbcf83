"""What ``Layer.__call__`` does around a layer, held against Keras."""

from __future__ import annotations

from typing import Any

import keras
import pytest
from keras import layers

from shapesafe_tuner.shapes.spec import Call, Spec, Unknown
from shapesafe_tuner.tracing.binding import bind
from shapesafe_tuner.tracing.layer_call import apply, autocast, without_masks


@pytest.mark.parametrize("dtype", ["float16", "float32", "bfloat16", "int32", "bool"])
def test_inputs_are_cast_as_keras_casts_them(dtype: str) -> None:
    real = layers.Identity(dtype="float16")(keras.KerasTensor((None, 3), dtype))
    _, ours = apply(bind(layers.Identity, (), {"dtype": "float16"}), Spec((None, 3), dtype), Call())
    assert ours.dtype == real.dtype


def test_structures_keep_their_kind() -> None:
    inputs: Any = {"a": [Spec((1,)), (Spec((2,), "float64"), Spec((3,), "int32"))]}
    cast = autocast(inputs, "float16")
    assert cast == {"a": [Spec((1,), "float16"), (Spec((2,), "float16"), Spec((3,), "int32"))]}
    masked = {"a": [Spec((1,), "float32", (1,))]}
    assert without_masks(masked) == {"a": [Spec((1,))]}


def test_weights_are_made_by_the_first_call_only() -> None:
    dense = bind(layers.Dense, (), {"units": 3})
    assert apply(dense, Spec((None, 4)), Call())[0] == 15
    assert apply(dense, Spec((2, 4)), Call(built_on=Spec((None, 4))))[0] == 0


def test_an_argument_that_a_rule_does_not_know_is_for_the_layer() -> None:
    with pytest.raises(Unknown, match="LSTM is called with initial_state"):
        apply(
            bind(layers.LSTM, (), {"units": 3}),
            Spec((None, 4, 2)),
            Call(arguments={"initial_state": [Spec((None, 3))]}),
        )


def test_a_mask_passes_where_the_rule_says_so() -> None:
    masked = Spec((None, 4, 2), "float32", (None, 4))
    assert apply(bind(layers.Dropout, (), {"rate": 0.5}), masked, Call())[1].mask == (None, 4)
    assert apply(bind(layers.Flatten), masked, Call())[1].mask is None
