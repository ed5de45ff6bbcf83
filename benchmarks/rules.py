"""The shape rules of the spaces in ``whole_spaces.py``, as a careful user works them out by hand.

Only hyperparameters that decide are here: that the others do not matter has to be known too.
"""

from __future__ import annotations

from benchmarks.by_hand import Chain, Step

__all__ = ["blocks", "branches", "convolutions", "ordinary", "residual"]

KERNELS = (3, 5, 7)
EITHER = (0, 1)


def _convolved(size: int, kernel: int, stride: int = 1) -> int | None:
    return (size - kernel) // stride + 1 if kernel <= size else None


def _block(size: int, kernel: int, pooling: int) -> int | None:
    left = _convolved(size, kernel)
    if left is None or not pooling:
        return left
    return left // 2 or None


def blocks(number: int, side: int) -> Chain:
    """So many convolutions, each with or without pooling behind it."""
    return Chain(side, (Step(_block, (KERNELS, EITHER)),) * number)


def convolutions(number: int, side: int) -> Chain:
    """So many convolutions."""
    return Chain(side, (Step(_convolved, (KERNELS,)),) * number)


def _valid(size: int, kernel: int, stride: int, pooling: int) -> int | None:
    left = _convolved(size, kernel, stride)
    return left if left is None or pooling == 0 else left // 2 or None


def _same(size: int, kernel: int, stride: int, pooling: int) -> int | None:
    left = -(-size // stride)
    return left if pooling == 0 else left // 2 or None


def ordinary(number: int, side: int) -> tuple[Chain, ...]:
    """Kernels, strides and no, maximum or average pooling; padding "valid" and "same"."""
    domains = (KERNELS, (1, 2), (0, 1, 2))
    return tuple(Chain(side, (Step(rule, domains),) * number) for rule in (_valid, _same))


def _added(width: int, chosen: int, projected: int) -> int | None:
    return chosen if projected or chosen == width else None


def residual(number: int, width: int) -> Chain:
    """What is added must be as wide, unless a projection makes it so."""
    return Chain(width, (Step(_added, ((16, 32, 64), EITHER)),) * number)


def _branch(size: int, first: int, pooling: int, second: int) -> int | None:
    left = _convolved(size, first)
    if left is not None and pooling:
        left = left // 4 or None
    return None if left is None or _convolved(left, second) is None else size


def branches(number: int, side: int) -> Chain:
    """Each branch begins with the input again."""
    return Chain(side, (Step(_branch, (KERNELS, EITHER, (3, 5, 7, 9))),) * number)
