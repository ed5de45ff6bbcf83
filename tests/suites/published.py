"""Models of other people: KerasTuner's applications and, if installed, keras-hub's backbones.

Nothing of theirs is kept here: the classes come from their packages, the small settings are ours.
"""

from __future__ import annotations

import dataclasses
import importlib
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras_tuner
import numpy as np

from tests.suites.case import BATCH, mean_of_outputs
from tests.suites.keras_layers import other_value

__all__ = ["PublishedCase", "published_cases"]


@dataclasses.dataclass(frozen=True)
class PublishedCase:
    """A published model with settings.

    Attributes:
        name: of the class.
        make: gives the model for its settings.
        settings: arguments of the class, or the seed of a configuration.
        inputs: shape without the batch, or several by name; those by name are token ids.
    """

    name: str
    make: Callable[..., Any]
    settings: Mapping[str, Any]
    inputs: Any

    def build(self, hp: Any) -> Any:
        """The model, compiled for any output."""
        model = self.make(**self.settings)
        model.compile(optimizer="sgd", loss=mean_of_outputs)
        return model

    def data(self) -> Any:
        """Arrays for its inputs."""
        if isinstance(self.inputs, dict):
            return {name: np.ones((BATCH, *shape), "int32") for name, shape in self.inputs.items()}
        return np.zeros((BATCH, *self.inputs), "float32")

    def __str__(self) -> str:
        return f"{self.name}({dict(self.settings)}) on {self.inputs}"


def published_cases(seed: int) -> Iterator[PublishedCase]:
    """In turns for ever a configuration of KerasTuner's and a changed backbone of keras-hub's."""
    draw = random.Random(seed)
    backbones = list(_backbones())
    yield from backbones
    while True:
        for name, inputs, settings in _HYPERMODELS:
            drawn = {**settings, "seed": draw.randrange(10**6)}
            yield PublishedCase(name, _configured(name), drawn, inputs)
        for case in backbones:
            argument = draw.choice(sorted(case.settings))
            value = other_value(argument, case.settings[argument], draw)
            yield dataclasses.replace(case, settings={**case.settings, argument: value})


_HYPERMODELS: tuple[tuple[str, tuple[int, ...], Mapping[str, Any]], ...] = (
    ("HyperResNet", (32, 32, 3), {"input_shape": (32, 32, 3), "classes": 3}),
    ("HyperXception", (72, 72, 3), {"input_shape": (72, 72, 3), "classes": 3}),
    ("HyperXception", (16, 16, 3), {"input_shape": (16, 16, 3), "classes": 3}),
    ("HyperImageAugment", (16, 16, 3), {"input_shape": (16, 16, 3)}),
)


class _Drawn(keras_tuner.HyperParameters):  # type: ignore[misc]
    """Draws each value when it is first read."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._draw = random.Random(seed)

    def _retrieve(self, hp: Any) -> Any:
        if hp.name not in self.values:
            self.values[hp.name] = hp.random_sample(self._draw.randrange(10**6))
        return super()._retrieve(hp)


def _configured(name: str) -> Callable[..., Any]:
    def make(seed: int, **settings: Any) -> Any:
        return getattr(keras_tuner.applications, name)(**settings).build(_Drawn(seed))

    return make


_TEXT = {
    "vocabulary_size": 30, "num_layers": 1, "num_heads": 2, "hidden_dim": 8,
    "intermediate_dim": 16, "max_sequence_length": 12,
}  # fmt: skip
_TOKENS = {"token_ids": (8,), "padding_mask": (8,)}
_BACKBONES: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "BertBackbone": ({**_TOKENS, "segment_ids": (8,)}, _TEXT),
    "RobertaBackbone": (_TOKENS, _TEXT),
    "DistilBertBackbone": (_TOKENS, _TEXT),
    "GPT2Backbone": (_TOKENS, _TEXT),
    "OPTBackbone": (_TOKENS, _TEXT),
    "ViTBackbone": (
        (16, 16, 3),
        {"image_shape": (16, 16, 3), "patch_size": (4, 4), "num_layers": 1, "num_heads": 2,
         "hidden_dim": 8, "mlp_dim": 16},
    ),
    "ResNetBackbone": (
        (16, 16, 3),
        {"input_conv_filters": [8], "input_conv_kernel_sizes": [3],
         "stackwise_num_filters": [8, 16], "stackwise_num_blocks": [1, 1],
         "stackwise_num_strides": [1, 2], "block_type": "basic_block",
         "image_shape": (16, 16, 3)},
    ),
}  # fmt: skip


def _backbones() -> Iterator[PublishedCase]:
    try:
        models = importlib.import_module("keras_hub").models
    except ImportError:
        return
    for name, (inputs, settings) in _BACKBONES.items():
        yield PublishedCase(name, getattr(models, name), settings, inputs)
