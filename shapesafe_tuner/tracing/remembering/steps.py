"""What became of a model that Keras has built, remembered for models like it.

A trace of a training step takes most of a check by Keras's classes. It depends on the model, as an
object with all that it holds, on the data, and on what was seen while it was built; all of it is
in the key, so that a model with another layer, another function or another global that it reads is
traced again. The hyperparameters are not: two configurations may come to the same model.
"""

from __future__ import annotations

import contextlib
import dataclasses

from shapesafe_tuner._compat.keras.global_state import policies
from shapesafe_tuner._compat.keras.trainer import overrides
from shapesafe_tuner._compat.keras_tuner.configurations import RecordedHyperParameters
from shapesafe_tuner._compat.types import Model
from shapesafe_tuner.memory import Memory
from shapesafe_tuner.tracing.environment import Check
from shapesafe_tuner.tracing.question import Question
from shapesafe_tuner.tracing.remembering.objects import Key, digest, object_key
from shapesafe_tuner.tracing.signals import NoKey
from shapesafe_tuner.verdict import Verdict

__all__ = ["Remembered"]

_VERDICTS: Memory[Key, Verdict] = Memory(2048)


class Remembered:
    """The place in memory of a model's verdict.

    Args:
        model: as ``build`` gave it.
        question: the data, and what is judged on them.
        check: in which it was built.
    """

    def __init__(self, model: Model, question: Question, check: Check) -> None:
        self._key: Key = None
        if overrides(model, "fit"):
            return
        with contextlib.suppress(NoKey, TypeError, ValueError):
            self._key = (
                digest(object_key(model, exact=False)),
                policies(),
                tuple((data, data.seen) for data in (question.data, check.fit_gets) if data),
                (question.judges_training, question.unjudged, question.saves),
                (repr(check.recorder.table()), check.recorder.births, check.recorder.own_births),
                (check.recorder.empty_map, check.undecided, tuple(check.warnings)),
            )

    def verdict(self, hp: RecordedHyperParameters) -> Verdict | None:
        """What was said of such a model.

        Args:
            hp: the configuration, which recorded what was read: a fault is blamed on that.
        """
        known = None if self._key is None else _VERDICTS.get(self._key)
        if known is None or known.fault is None:
            return known
        fault = dataclasses.replace(known.fault, hyperparameters=hp.values.read())
        return dataclasses.replace(known, fault=fault)

    def keep(self, verdict: Verdict) -> None:
        """Remember a verdict, without what it is blamed on."""
        if self._key is not None:
            fault = verdict.fault
            if fault is not None:
                fault = dataclasses.replace(fault, hyperparameters={})
            _VERDICTS[self._key] = dataclasses.replace(verdict, fault=fault)
