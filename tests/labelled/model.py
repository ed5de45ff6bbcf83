"""The record that describes one labelled search space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import keras_tuner

Build = Callable[[keras_tuner.HyperParameters], keras.Model] | keras_tuner.HyperModel


@dataclass(frozen=True)
class Space:
    """A hypermodel, the data it is fitted on and how many configurations to label.

    Attributes:
        name: Unique name; also the name of the file the labels are kept in.
        build: A function of the hyperparameters, or a `keras_tuner.HyperModel` instance.
        data: Returns the keyword arguments given to `model.fit`.
        configurations: How many different configurations to label, at most.
        seed: Seed of the sampling.
        tags: Free words that describe the space.
    """

    name: str
    build: Build
    data: Callable[[], dict[str, Any]]
    configurations: int
    seed: int = 0
    tags: tuple[str, ...] = ()

    def call(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Build the model of the hyperparameters."""
        if isinstance(self.build, keras_tuner.HyperModel):
            return self.build.build(hp)
        return self.build(hp)
