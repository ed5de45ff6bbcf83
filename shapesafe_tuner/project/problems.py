"""The one error of a project's files, made where it is needed: its class belongs to KerasTuner's.

Code that only reads a project, as ``shapesafe report`` does, need not wait for Keras to start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shapesafe_tuner.errors import ProjectError

__all__ = ["project_error"]


def project_error(sentence: str) -> ProjectError:
    """A ``ProjectError`` that says ``sentence``."""
    from shapesafe_tuner.errors import ProjectError

    return ProjectError(sentence)
