"""What layers take from Keras's global state is the same before and after the first layer."""

from __future__ import annotations

import keras
import pytest

from shapesafe_tuner._compat.keras.global_state import isolated_state, policies


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_first_layer_changes_no_policy(dtype: str) -> None:
    before = keras.config.floatx()
    keras.config.set_floatx(dtype)
    try:
        with isolated_state():
            first = policies()
            layer = keras.layers.Dense(2)
            assert policies() == first
            assert first.policy == first.dtype == layer.dtype_policy.name == dtype
    finally:
        keras.config.set_floatx(before)


def test_a_policy_that_was_set_is_one_of_its_own() -> None:
    with isolated_state():
        plain = policies()
        keras.config.set_dtype_policy("mixed_float16")
        assert policies() != plain
        assert policies().policy == "mixed_float16"
