"""What code only writes to is no part of what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shapesafe_tuner.tracing.remembering.writing import only_written

COUNT = 0
COUNTS = {"calls": 0}
LOG: list[Any] = []


class Counted:
    calls = 0


def counts(x: Any) -> Any:
    global COUNT
    COUNT += 1
    Counted.calls += 1
    COUNTS["calls"] += 1
    LOG.append(x.shape)
    return x


def decides(x: Any) -> Any:
    global COUNT
    COUNT += 1
    Counted.calls += 1
    COUNTS["calls"] += 1
    LOG.append(x)
    return x if COUNT > 3 or Counted.calls > 3 or COUNTS["calls"] or len(LOG) else None


def multiplies(x: Any) -> Any:
    global COUNT
    COUNT *= x
    return [COUNTS, LOG.index(1)]


def closed() -> Callable[[], None]:
    log: list[int] = []
    return lambda: log.append(1)


@pytest.mark.parametrize(
    ("function", "written"),
    [
        (counts, {"COUNT", "calls", "COUNTS", "LOG"}),
        (decides, set()),
        (multiplies, set()),
        (closed(), {"log"}),
    ],
)
def test_counters_and_logs_are_only_written_to(function: Any, written: set[str]) -> None:
    assert only_written(function.__code__) == written


def test_what_another_function_reads_is_read() -> None:
    assert only_written(counts.__code__, decides.__code__) == set()
