"""Runs a suite and counts: asked, agreed, missed, falsely refused, undecided."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tests.suites import keras_layers, keywords
from tests.suites.case import Judged, judge

__all__ = ["SUITES", "Count", "cases_of", "run"]


@dataclasses.dataclass(frozen=True)
class Count:
    """What came of a suite; ``on_a_device`` fails as it runs, and is no fault of shapes."""

    asked: int
    agreed: int
    missed: int
    falsely_refused: int
    undecided: int
    crashed: int
    on_a_device: int

    @classmethod
    def of(cls, judged: Iterable[Judged]) -> Count:
        """Count."""
        found = Counter(item.outcome for item in judged)
        return cls(
            sum(found.values()), found["agreed"], found["missed"], found["false"],
            found["undecided"], found["crashed"], found["only on a device"],
        )  # fmt: skip


def _keras_layers(seed: int) -> Iterator[Any]:
    """As called, with an open batch, then for ever with one change."""
    recorded = keras_layers.recorded()
    yield from recorded
    opened = [keras_layers.with_open_batch(case) for case in recorded]
    yield from opened
    draw = random.Random(seed)
    while True:
        for case in opened:
            yield keras_layers.changed(case, draw)


def _keywords(seed: int) -> Iterator[Any]:
    cases = list(keywords.keyword_cases(keras_layers.recorded()))
    random.Random(seed).shuffle(cases)
    yield from cases


SUITES: dict[str, Callable[[int], Iterator[Any]]] = {
    "keras-layers": _keras_layers,
    "keywords": _keywords,
}
"""By name, what gives the cases for a seed."""


def cases_of(suite: str, count: int | None, seed: int = 0, begin: int = 0) -> Iterator[Any]:
    """Cases of a suite, ``count`` of them from number ``begin`` on."""
    stop = None if count is None else begin + count
    return itertools.islice(SUITES[suite](seed), begin, stop)


def run(cases: Iterable[Any], show: Callable[[Judged], None] | None = None) -> list[Judged]:
    """Judge cases one by one."""
    found = []
    for case in cases:
        judged = judge(case)
        found.append(judged)
        if show is not None:
            show(judged)
    return found
