"""Where a layer that slides over a map finds the map and the channels.

``Conv2D`` on ``(None, 32, 24, 3)`` slides over the map ``(32, 24)`` with 3 channels, the last axis;
with ``data_format="channels_first"`` the same map is ``(None, 3, 32, 24)``.
"""

from __future__ import annotations

from typing import Any

from shapesafe_tuner.shapes.spec import Arguments, Dim, Refused, Unknown

__all__ = [
    "channel_axis", "check_data_format", "check_padding", "spatial", "spatial_rank", "with_map",
]  # fmt: skip


def spatial_rank(a: Arguments) -> int:
    """The number of axes a ``...1D``, ``...2D`` or ``...3D`` layer slides over."""
    return next(int(letter) for letter in a.layer_type if letter.isdigit())


def channel_axis(a: Arguments) -> int:
    """Where the channels are."""
    return -1 if a.data_format == "channels_last" else 1


def spatial(a: Arguments, shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """The sizes of the map."""
    return shape[1:-1] if a.data_format == "channels_last" else shape[2:]


def with_map(a: Arguments, batch: Dim, sizes_: Any, channels: Dim) -> tuple[Dim, ...]:
    """The shape with this map and these channels."""
    if a.data_format == "channels_last":
        return (batch, *sizes_, channels)
    return (batch, channels, *sizes_)


def check_data_format(a: Arguments) -> None:
    """Refuse what ``standardize_data_format`` does."""
    if a.data_format.lower() not in ("channels_last", "channels_first"):
        raise Refused(f"takes no data_format={a.data_format!r}")
    a.data_format = a.data_format.lower()


def check_padding(a: Arguments, *, causal: bool) -> None:
    """Refuse what ``standardize_padding`` does."""
    if not isinstance(a.padding, str):
        raise Unknown(f"padding={a.padding!r} is not a string")
    a.padding = a.padding.lower()
    if a.padding not in (("valid", "same", "causal") if causal else ("valid", "same")):
        raise Refused(f"takes no padding={a.padding!r}")
