"""What users catch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import keras_tuner

from shapesafe_tuner.escaping import visible
from shapesafe_tuner.verdict import Rejection

__all__ = [
    "FeasibilityWarning",
    "NoFeasibleConfigurationError",
    "ProjectError",
    "UnknownHyperparameterError",
]


class FeasibilityWarning(UserWarning):
    """Nearly everything that a search draws is infeasible: the space should be changed."""


class UnknownHyperparameterError(ValueError):
    """A value was given for a name that no path of ``build`` reads, most likely misspelt."""


class ProjectError(keras_tuner.errors.FatalRuntimeError):  # type: ignore[misc]
    """The files of a project cannot be read, written or locked; nothing in them was changed.

    A ``keras_tuner.errors.FatalError`` and a ``RuntimeError``: no trial is marked failed for it.
    """


class NoFeasibleConfigurationError(keras_tuner.errors.FatalRuntimeError):  # type: ignore[misc]
    """A search found no configuration that can be built and trained.

    A ``keras_tuner.errors.FatalError``, and a ``RuntimeError`` like the one with which stock
    gives up.

    Attributes:
        tried: how many configurations were judged.
        reasons: the faults and how often each occurred, most frequent first.
        exhaustive: True when every configuration of the space was judged.

    Args:
        rejections: what was refused.
        tried, exhaustive: see above.
        spoken: adds Keras's own message to a rejection, for the case that all fail alike.
    """

    def __init__(
        self,
        rejections: Iterable[Rejection],
        tried: int,
        exhaustive: bool,
        spoken: Callable[[Rejection], Rejection] = lambda rejection: rejection,
    ) -> None:
        rejections = list(rejections)
        if len({str(item.verdict.fault and item.verdict.fault.reason) for item in rejections}) == 1:
            rejections = [spoken(rejections[0])] * len(rejections)
        faults = (rejection.verdict.fault for rejection in rejections)
        known = [fault for fault in faults if fault is not None]
        counts = Counter(fault.reason for fault in known)
        self._errors = list(dict.fromkeys(fault.error or fault.reason for fault in known))
        self.tried = tried
        self.exhaustive = exhaustive
        self.reasons = counts.most_common()
        super().__init__(str(self))

    @property
    def always_broken(self) -> str | None:
        """The message with which every configuration failed, if it was the same one."""
        return self._errors[0] if len(self._errors) == 1 else None

    def __str__(self) -> str:
        if self.always_broken is not None:
            return (
                "No feasible configuration was found: every configuration fails the same way, so "
                "build or the data must change, not the search space. "
                f"{visible(self.reasons[0][0])}\n  The error: "
                + "\n".join(visible(line) for line in self.always_broken.split("\n"))
            )
        extent = "the whole space" if self.exhaustive else "random and systematic draws"
        one = self.tried == 1
        checked = "the only one that was" if one else f"all {self.tried:,} that were"
        lines = [
            f"No feasible configuration was found: {checked} checked ({extent}) "
            f"{'is' if one else 'are'} infeasible. Most frequent reasons:"
        ]
        lines += [f"  {count} x {visible(reason)}" for reason, count in self.reasons[:3]]
        return "\n".join(lines)
