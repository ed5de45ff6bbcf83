"""What older versions of Keras do differently from 3.15, the one that the rules describe."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import keras
import keras_tuner

__all__ = ["CASTS_DROP_MASKS", "LATER_ARGUMENTS", "RULES_ARE_NEWER", "versions"]

_MINOR = tuple(map(int, keras.__version__.split(".")[:2]))

CASTS_DROP_MASKS: bool = _MINOR < (3, 14)
"""Whether a tensor that a layer casts to its compute dtype loses its mask."""

RULES_ARE_NEWER: bool = _MINOR < (3, 15)
"""Whether Keras may accept what rules refuse.

Versions up to 3.14 build maps without a place (a pooling window on a smaller map; up to 3.13 a
kernel too), which training refuses on TensorFlow, and take numbers that no layer can have
(``Dense(0)`` up to 3.12, ``Embedding(0, 8)``, ``RepeatVector(0)``).
"""

LATER_ARGUMENTS: Mapping[str, Any] = {
    "output_padding": None,  # of transposed convolutions, since 3.11
    "quantization_config": None,  # 3.13
    "renorm": False,  # 3.14
    "use_gate": False,  # 3.14
    "sliding_window": None,  # 3.15
}
"""Constructor arguments that rules read and that Keras 3.10 does not have yet, with the value
that means what older versions do."""

_BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


def versions() -> str:
    """Those of the packages that a verdict depends on, in words."""
    backend = keras.backend.backend()
    found = getattr(importlib.import_module(backend), "__version__", "")
    on = f"{_BACKENDS.get(backend, backend)} {found}"
    return f"Keras {keras.__version__} on {on}, KerasTuner {keras_tuner.__version__}"
