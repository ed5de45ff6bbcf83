"""Functions of ``keras.ops`` that make arrays: they need sizes themselves, no proxies of them.

``arange`` asks the type of what it is given for a dtype, and a backend turns numbers into tensors
below Python. So while an analytic run is active it says first what its proxies stand for.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import keras
from keras.src import ops
from keras.src.ops import numpy as numpy_ops

from shapesafe_tuner._compat.active import LOCAL

__all__ = ["install"]

_NAMES = (
    "arange", "empty", "eye", "full", "geomspace", "identity", "linspace", "logspace", "ones",
    "one_hot", "tri", "zeros",
)  # fmt: skip


def install() -> None:
    """Put the functions in place."""
    modules: tuple[ModuleType, ...] = (keras.ops, keras.ops.numpy, keras.ops.nn, ops, numpy_ops)
    for name in _NAMES:
        stock = getattr(keras.ops, name, None)
        if stock is None:  # older than this version of Keras
            continue
        for module in modules:
            if getattr(module, name, None) is stock:
                setattr(module, name, _asking(stock))


@functools.cache
def _asking(stock: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(stock)
    def made(*args: Any, **kwargs: Any) -> Any:
        hooks = getattr(LOCAL, "hooks", None)
        if hooks is not None and hooks.analytic is not None:
            args, kwargs = hooks.analytic.computed_with((args, kwargs))
        return stock(*args, **kwargs)

    return made
