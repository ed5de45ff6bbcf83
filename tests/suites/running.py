"""Runs a suite and counts: asked, agreed, missed, falsely refused, undecided."""

from __future__ import annotations

import dataclasses
import itertools
import math
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tests.suites import keras_layers, keywords, published
from tests.suites.case import Judged, Outcome, judge

__all__ = ["SUITES", "Count", "cases_of", "run", "run_apart"]


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
    def of(cls, outcomes: Iterable[Outcome]) -> Count:
        """Count."""
        found = Counter(outcomes)
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
    "published": published.published_cases,
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


def run_apart(
    suite: str,
    count: int | None,
    seed: int = 0,
    begin: int = 0,
    seconds: float = math.inf,
) -> Iterator[tuple[Outcome, str]]:
    """Judge cases in a process of their own, and go on in another one where that dies.

    Args:
        suite, count, seed, begin: as of :func:`cases_of`.
        seconds: no new case after so long.

    Yields:
        For each case its outcome, and what is to be said about it.
    """
    ends = time.time() + seconds
    stop = None if count is None else begin + count
    while stop is None or begin < stop:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        left = None if stop is None else stop - begin
        given = (theirs, suite, left, seed, begin, ends)
        process = multiprocessing.get_context("spawn").Process(target=_send, args=given)
        process.start()
        theirs.close()
        while True:
            try:
                found = ours.recv()
            except EOFError:
                break
            if found is None:
                process.join()
                return
            begin += 1
            yield found
        process.join()
        yield "only on a device", f"case {begin} ends the process: {process.exitcode}"
        begin += 1


def _send(pipe: Any, suite: str, count: int | None, seed: int, begin: int, ends: float) -> None:
    for case in cases_of(suite, count, seed, begin):
        if time.time() > ends:
            break
        judged = judge(case)
        pipe.send((judged.outcome, str(judged)))
    pipe.send(None)
