"""What is said of one backend alone is tested on it alone, and says why."""

from __future__ import annotations

from collections.abc import Collection, Iterable
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


def labelled(spaces: Iterable[Any], smoke: Collection[str] = ()) -> list[Any]:
    """Labelled spaces as parameters of a test; what the backend cannot run is skipped aloud.

    Args:
        spaces: the spaces.
        smoke: names of those for the quick run.
    """
    return [
        pytest.param(
            space,
            marks=[
                *([pytest.mark.smoke] if space.name in smoke else []),
                *([only_on("tensorflow", why)] if (why := space.tensorflow_only) else []),
            ],
        )
        for space in spaces
    ]
