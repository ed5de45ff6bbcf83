"""What users catch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import keras_tuner

from shapesafe_tuner.verdict import Rejection

__all__ = ["NoFeasibleConfigurationError"]


class NoFeasibleConfigurationError(keras_tuner.errors.FatalError):  # type: ignore[misc]
    """A search found no configuration that can be built and trained.

    Attributes:
        tried: how many configurations were judged.
        reasons: the faults and how often each occurred, most frequent first.
        exhaustive: True when every configuration of the space was judged.
    """

    def __init__(self, rejections: Iterable[Rejection], tried: int, exhaustive: bool) -> None:
        faults = (rejection.verdict.fault for rejection in rejections)
        counts = Counter(fault.reason for fault in faults if fault is not None)
        self.tried = tried
        self.exhaustive = exhaustive
        self.reasons = counts.most_common()
        super().__init__(str(self))

    def __str__(self) -> str:
        extent = "the whole space" if self.exhaustive else "random and systematic draws"
        lines = [
            f"No feasible configuration was found: all {self.tried} that were judged "
            f"({extent}) are infeasible. Most frequent reasons:"
        ]
        lines += [f"  {count} x {reason}" for reason, count in self.reasons[:3]]
        return "\n".join(lines)
