"""Warnings of a search, shown at the user's own line."""

from __future__ import annotations

import os
import sys
import warnings

import keras_tuner

__all__ = ["warn_user"]

_NOT_THE_USERS = tuple(
    os.path.dirname(os.path.abspath(name)) + os.sep
    for name in (os.path.dirname(os.path.abspath(__file__)), keras_tuner.__file__)
)
"""The folders of this package and of KerasTuner."""


def warn_user(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line that is neither ours nor KerasTuner's.

    Args:
        text: the warning.
        category: its class.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_code.co_filename.startswith(_NOT_THE_USERS):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)
