"""Window arithmetic: how many places a kernel or a pooling window finds on a map.

Formulas: Dumoulin and Visin, *A guide to convolution arithmetic for deep learning* (2016), as
Keras computes them in ``keras/src/ops/operation_utils.py`` (``compute_conv_output_shape``,
``compute_pooling_output_shape``) and ``keras/src/backend/common/backend_utils.py``
(``compute_conv_transpose_output_shape``).
"""

from __future__ import annotations

from collections.abc import Sequence

from shapesafe_tuner.shapes.sentences import with_article
from shapesafe_tuner.shapes.spec import Dim, Refused, by

__all__ = ["reach", "slide", "transpose"]


def reach(window: int, dilation: int) -> int:
    """Extent of a dilated window: ``dilation * (window - 1) + 1``."""
    return window if dilation == 1 else dilation * (window - 1) + 1


def slide(
    spatial: Sequence[Dim],
    window: Sequence[int],
    strides: Sequence[int],
    padding: str,
    dilation: Sequence[int] | None = None,
    kind: str = "kernel",
) -> tuple[Dim, ...]:
    """Sizes of the map that a sliding window gives.

    Per axis: unpadded ``floor((size - reach) / stride) + 1``, padded
    ``floor((size - 1) / stride) + 1``.

    Raises:
        Refused: an unpadded axis would come out zero or negative.
    """
    result: list[Dim] = []
    for axis, size in enumerate(spatial):
        if size is None:
            result.append(None)
        elif padding == "valid":
            extent = reach(window[axis], 1 if dilation is None else dilation[axis])
            places = (size - extent) // strides[axis] + 1
            if places <= 0:
                wide = (
                    f" (reaching {extent} with dilation {dilation[axis]})"
                    if (dilation is not None and dilation[axis] > 1)
                    else ""
                )
                found = f"= {places}" if type(places) is int else "is below 1"
                raise Refused(
                    f"slides {_sliding(window, kind)}{wide} over a map of only {by(spatial)}: "
                    f"floor(({size} - {extent}) / {strides[axis]}) + 1 {found}"
                )
            result.append(places)
        else:
            result.append((size - 1) // strides[axis] + 1)
    return tuple(result)


def _sliding(window: Sequence[int], kind: str) -> str:
    """``a 5 x 5 kernel``, ``a kernel of 5``."""
    return f"a {kind} of {by(window)}" if len(window) == 1 else with_article(f"{by(window)} {kind}")


def transpose(
    spatial: Sequence[Dim],
    window: Sequence[int],
    strides: Sequence[int],
    padding: str,
    dilation: Sequence[int],
    extra: Sequence[int] | None = None,
) -> tuple[Dim, ...]:
    """Sizes of the map that a transposed convolution gives.

    Per axis, with ``extra`` the output padding: unpadded ``(size - 1) * stride + reach + extra``,
    where no extra means ``max(reach, stride) - reach``; padded ``size * stride``, or with extra
    ``(size - 1) * stride + reach % 2 + extra``.
    """
    result: list[Dim] = []
    for axis, size in enumerate(spatial):
        extent, stride = reach(window[axis], dilation[axis]), strides[axis]
        if size is None:
            result.append(None)
        elif padding == "valid":
            more = max(extent, stride) - extent if extra is None else extra[axis]
            result.append((size - 1) * stride + extent + more)
        elif extra is None:
            result.append(size * stride)
        else:
            result.append((size - 1) * stride + extent % 2 + extra[axis])
    return tuple(result)
