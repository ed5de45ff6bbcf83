"""A module of a user's, with a function that looks at types."""

from __future__ import annotations

from typing import Any


def looks(value: Any) -> bool:
    """Whether it is an int and nothing else."""
    return type(value) is int
