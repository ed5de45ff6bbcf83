"""All labelled search spaces."""

from __future__ import annotations

import importlib

from tests.labelled.model import Space

MODULES = (
    "losses",
    "subclassed",
    "unet",
    "autoencoder",
    "keras_ops",
    "custom_layers",
    "volumes",
    "signals",
    "multi_io",
    "nested",
    "backbones",
    "preprocessing",
    "tabular",
    "everyday",
    "cnn",
    "residual",
    "recurrent",
    "transformer",
)

ALL: tuple[Space, ...] = tuple(
    space for module in MODULES for space in importlib.import_module(f"{__name__}.{module}").SPACES
)

HERE: tuple[Space, ...] = tuple(space for space in ALL if space.left_out is None)
"""Those that mean something on the backend in use."""

assert len({space.name for space in ALL}) == len(ALL), "two spaces have the same name"
