"""Notes that say the same of other losses and sizes are one."""

from __future__ import annotations

import itertools

from shapesafe_tuner.report.grouping import grouped
from shapesafe_tuner.tracing.training.step import NOT_SAVED


def broadcast(loss: str, size: int) -> str:
    return f"Suspicious: the loss {loss} broadcasts targets (batch, 1) against (batch, {size})."


def test_losses_and_sizes_are_told_together() -> None:
    pairs = itertools.product((2, 3, 4), ("mse", "mae"))
    (note,) = grouped(broadcast(loss, size) for size, loss in pairs)
    assert note == (
        f"{broadcast('mse', 2)} The same holds with mae in place of mse and 3 and 4 in place of "
        "2: 6 notes in all."
    )


def test_of_many_the_first_are_named() -> None:
    (note,) = grouped(broadcast("mse", size) for size in range(2, 23))
    assert "with 3, 4, 5, 6, 7, 8 and 14 more in place of 2: 21 notes in all." in note


def test_other_notes_stay_and_saving_comes_last() -> None:
    unsaved = str(NOT_SAVED)
    others = ["The range of k is frozen.", broadcast("mse", 2)]
    assert grouped([unsaved, *others]) == [*others, unsaved]
    assert grouped([]) == []
