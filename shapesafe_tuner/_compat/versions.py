"""What older versions of Keras do differently, found out by asking the one that is installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras.src.ops import operation_utils

__all__ = ["BUILDS_EMPTY_MAPS", "LATER_ARGUMENTS"]

LATER_ARGUMENTS: Mapping[str, Any] = {
    "output_padding": None,  # of transposed convolutions, 3.11
    "quantization_config": None,  # 3.13
    "renorm": False,  # 3.14
    "use_gate": False,  # 3.14
    "sliding_window": None,  # 3.15
}
"""Constructor arguments that rules read and that Keras 3.10 does not have yet, with the value
that means what older versions do."""


def _builds_empty_maps() -> frozenset[str]:
    """The windows, "kernel" or "window", that may find no place at all on a map in a build.

    Convolutions up to Keras 3.13 and pooling up to 3.14 build such maps; what becomes of them in
    training is the backend's.
    """
    on_one = (None, 1, 1)
    compute: dict[str, Any] = {
        "kernel": lambda: operation_utils.compute_conv_output_shape(on_one, 1, (2,), 1, "valid"),
        "window": lambda: operation_utils.compute_pooling_output_shape(on_one, (2,), 1, "valid"),
    }
    found = set()
    for kind, shape in compute.items():
        try:
            shape()
        except ValueError:
            continue
        found.add(kind)
    return frozenset(found)


BUILDS_EMPTY_MAPS = _builds_empty_maps()
