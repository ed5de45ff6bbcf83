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
        tensorflow_only: Why it cannot be built or fitted on another backend, if so.
    """

    name: str
    build: Build
    data: Callable[[], dict[str, Any]]
    configurations: int
    seed: int = 0
    tags: tuple[str, ...] = ()
    tensorflow_only: str | None = None

    @property
    def left_out(self) -> str | None:
        """Why there is nothing to label on the backend in use, or None."""
        return None if keras.config.backend() == "tensorflow" else self.tensorflow_only

    def call(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Build the model of the hyperparameters."""
        if isinstance(self.build, keras_tuner.HyperModel):
            return self.build.build(hp)
        return self.build(hp)
