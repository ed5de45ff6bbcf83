"""What is said of one backend alone is tested on it alone, and says why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import pytest

BACKEND: str = keras.config.backend()


def only_on(backend: str, why: str) -> pytest.MarkDecorator:
    """Mark a test, or a parameter, that means nothing on another backend.

    Args:
        backend: "tensorflow", "jax" or "torch".
        why: what of it only this backend has.
    """
    return pytest.mark.skipif(backend != BACKEND, reason=f"only on {backend}: {why}")


def labelled(spaces: Iterable[Any]) -> list[Any]:
    """Labelled spaces as parameters of a test; what the backend cannot run is skipped aloud."""
    return [
        space
        if space.tensorflow_only is None
        else pytest.param(space, marks=only_on("tensorflow", space.tensorflow_only))
        for space in spaces
    ]
