"""Eight search spaces as people write them, and one in which every configuration can exist."""

from __future__ import annotations

from benchmarks.spaces import deep, encoders, images, vectors
from benchmarks.spaces.model import Space

__all__ = ["CONTROL", "SPACES", "Space"]

CONTROL = "control"

SPACES: dict[str, Space] = {
    space.name: space for space in (*images.SPACES, *encoders.SPACES, *deep.SPACES, *vectors.SPACES)
}
"""By name; the control is the last."""
