"""The analytic pass: a verdict without Keras, or none."""

from __future__ import annotations

import contextlib
import gc
import logging
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from shapesafe_tuner._compat.keras.versions import RULES_ARE_NEWER
from shapesafe_tuner._compat.keras_tuner.configurations import RecordedValues
from shapesafe_tuner._compat.keras_tuner.source import HyperParametersSource
from shapesafe_tuner._compat.types import HyperParameter, HyperParameters, Values
from shapesafe_tuner.escaping import said
from shapesafe_tuner.shapes.deferred import Demand, demand, demanded
from shapesafe_tuner.tracing.environment import Check, check_environment
from shapesafe_tuner.tracing.lazy import shown_sizes
from shapesafe_tuner.tracing.question import Question
from shapesafe_tuner.tracing.signals import (
    NoKey,
    NoSpec,
    RefusalInBuild,
    SizesMatter,
    users_line,
    without_frames,
)
from shapesafe_tuner.tracing.standins.analysed import (
    Analysed,
    Given,
    built,
    parameters_of,
    refused,
    refused_by_kerastuner,
)
from shapesafe_tuner.tracing.standins.answers import has_empty_map
from shapesafe_tuner.tracing.standins.facades import ModelStandIn, Posed
from shapesafe_tuner.tracing.standins.models import ModelRecord
from shapesafe_tuner.tracing.standins.posed.posable import blame
from shapesafe_tuner.tracing.standins.run import AnalyticRun
from shapesafe_tuner.tracing.standins.training import Training
from shapesafe_tuner.tracing.states.follower import Follower
from shapesafe_tuner.tracing.states.hyperparameters import FollowedHyperParameters
from shapesafe_tuner.tracing.states.run import FollowedRun
from shapesafe_tuner.tracing.states.wanted import wanted

__all__ = ["AnalyticPass", "Left"]

_LOG = logging.getLogger("shapesafe_tuner")


class Left(NamedTuple):
    """An analytic run proved nothing.

    Attributes:
        why: what rules do not know, and the line of the user's code where it came up.
        blamed: the class of the user's that it is the fault of: not posed any more, try again.
    """

    why: str
    blamed: type | None = None


class AnalyticPass:
    """Runs one ``build`` on stand-ins.

    Args:
        question: what is judged.
        training: judges the training step of a stand-in model; None to judge the build alone.
        poses: the user's own classes may run on stand-ins.

    Attributes:
        off: why no further run is worth a try; None as long as one is.
    """

    def __init__(
        self, question: Question, training: Training | None, *, poses: bool = False
    ) -> None:
        self._build = question.build
        self._changes = question.changes
        self._poses = poses
        self._max_model_size = question.max_model_size
        self._training = training
        self._source = HyperParametersSource(question.in_advance)
        self.off: str | None = None

    def judge(self, space: HyperParameters | None, values: Values) -> Analysed | Left:
        """What an analytic run proves of a configuration, or why it proves nothing.

        Raises:
            KeyboardInterrupt: when the user interrupts the build.
        """
        if self.off is not None:
            return Left(self.off)
        source = self._source
        stock = source.stock
        found = self._judge(source.chosen(space, values))
        while isinstance(found, Left) and found.blamed is not None:
            found = self._judge(source.chosen(space, values))
        if isinstance(found, Left) and source.stock and not stock:
            found = self._judge(source.chosen(space, values))
        return found

    def judge_lazily(
        self,
        space: HyperParameters | None,
        values: Values,
        defer: Callable[[HyperParameter], Any],
        follower: Follower | None = None,
    ) -> Analysed | None:
        """As :meth:`judge`, with only some values chosen.

        Args:
            space: the ``HyperParameters`` registered so far, or None.
            values: those that are chosen.
            defer: gives the others, when they are read.
            follower: follows the run, if any; it follows none that needs KerasTuner's own class.

        Returns:
            What holds for all values of the others, unless one was demanded meanwhile
            (:func:`shapesafe_tuner.shapes.deferred.demanded`); None where nothing is proved.
        """
        if self.off is not None:
            return None
        source = self._source
        found: Analysed | Left | None = None
        if not source.stock:
            if follower is None:
                quick = source.quick(space, values, defer)
            else:
                quick = FollowedHyperParameters(
                    RecordedValues(values), source.declarations(space), defer, follower=follower
                )
            found = self._judge(quick, show=shown_sizes, follower=follower)
            while isinstance(found, Left) and found.blamed is not None and follower is None:
                found = self._judge(source.quick(space, values, defer), show=shown_sizes)
            if follower is not None and isinstance(found, Left) and found.blamed is not None:
                follower.uses("blamed")
            if follower is not None and quick.needs_stock:
                return None
        elif follower is not None:
            follower.uses("stock")
            return None
        if source.stock and demanded() is None:
            found = self._judge(source.kerastuners(space, values, defer), show=shown_sizes)
        return None if isinstance(found, Left) else found

    def _judge(
        self, hp: Given, show: Callable[[Any], Any] | None = None, follower: Follower | None = None
    ) -> Analysed | Left:
        found, left = self._in_check(hp, show, follower)
        if found is not None:
            return found
        if left.blamed is not None:
            if demanded() is None:
                blame(left.blamed)
                return left
            left = Left(left.why)
        if demanded() is None and not getattr(hp, "needs_stock", False):
            _LOG.debug("Rules alone cannot decide: %s.", left.why)
        return left

    def _in_check(
        self, hp: Given, show: Callable[[Any], Any] | None, follower: Follower | None
    ) -> tuple[Analysed | None, Left]:
        """What one run proves, or why it proves nothing."""
        check = Check()
        with check_environment(check, by_rules=True):
            if follower is None:
                run = AnalyticRun(check)
                run.show = show
            else:
                batches = None if self._training is None else self._training.batches
                run = FollowedRun(check, follower, batches)
            run.changes = self._changes
            run.poses = self._poses
            check.analytic = run
            found: Analysed | None = None
            try:
                found = self._run(hp, run, check, follower)
            finally:
                check.analytic = None
                run.close()
                if follower is not None:
                    follower.close()
            left = Left(run.escalated or "a refusal did not arrive", run.blamed)
            if getattr(hp, "needs_stock", False):
                if follower is None:
                    self._source.stock = True
                else:
                    follower.uses("stock")
        # A stand-in that outlives its run keeps the run, and with it every layer of it, alive: the
        # memory of a search would grow with each check. The next check would also meet layers of
        # this one. So the run is counted: whoever keeps a stand-in holds a reference. A cycle of
        # the user's is no such thing; hence the collections, the cheap ones first. If a reference
        # is left then, ``build`` keeps layers, and the pass is off for good: such a build means
        # one layer for all trials, which only Keras itself can judge.
        # This frame's name and getrefcount's argument are two references.
        if sys.getrefcount(run) > _OWN_REFERENCES:
            # What is young is looked at first: to look at everything can take a second.
            for generation in range(3):
                gc.collect(generation)
                if sys.getrefcount(run) <= _OWN_REFERENCES:
                    return found, left
            for _ in range(_WAITS):
                time.sleep(_WAIT)
                if sys.getrefcount(run) <= _OWN_REFERENCES:
                    return found, left
            self.off = "build keeps layers from one call to the next"
        return found, left

    def _run(
        self, hp: Given, run: AnalyticRun, check: Check, follower: Follower | None
    ) -> Analysed | None:
        try:
            model = self._build(hp) if follower is None else follower.run(self._build, hp)
        except KeyboardInterrupt:
            raise
        except RefusalInBuild as refusal:
            if refusal is run.refusal and run.escalated is None:
                return refused(hp, run, refusal)
            run.escalated = run.escalated or _hidden(refusal)
            return None
        except BaseException as error:
            found = refused_by_kerastuner(hp, run, error)
            if found is None and run.refusal is None:
                _show_what_is_wanted(error, hp, follower)
            run.escalated = run.escalated or _raised(error)
            without_frames(error)
            return found
        if run.escalated is not None or run.refusal is not None or not _is_model(model):
            hidden = None if run.refusal is None else _hidden(run.refusal)
            run.escalated = run.escalated or hidden or "build returns no model of this run"
            return None
        record: ModelRecord = model._record
        if follower is not None:
            follower.final = model
        del model
        try:
            return self._feasible(hp, run, record, check)
        except RefusalInBuild as refusal:
            return refused(hp, run, refusal, record)
        except (KeyboardInterrupt, SizesMatter):
            raise
        except (NoKey, NoSpec) as reason:
            run.escalated = str(reason)
            return None
        except BaseException as error:
            run.escalated = run.escalated or _raised(error)
            without_frames(error)
            return None

    def _feasible(
        self, hp: Given, run: AnalyticRun, record: ModelRecord, check: Check
    ) -> Analysed | None:
        was_built, step = record.is_built(), None
        if self._training is not None:
            step = self._training.judge(record, run, check)
        else:
            Training.accepted_by_compile(record, run, check)
            if RULES_ARE_NEWER and any(has_empty_map(call.outputs) for call in run.rows):
                Training.forward_alone(record, run)
        if self._max_model_size:
            parameters = parameters_of(record)
            if parameters is None or parameters > self._max_model_size:
                run.escalate("max_model_size needs to know which weights are trainable")
        return built(hp, run, record, step, was_built=was_built)


def _show_what_is_wanted(error: BaseException, hp: Given, follower: Follower | None) -> None:
    """Have the next run choose, and show, the value that C code could not get of a proxy."""
    shown = None if follower is None else follower.memory.shown
    name = wanted(error, hp.values.read(), shown)
    if name is None:
        return
    if follower is not None:
        follower.shows(name)
        return
    # It counts as demanded, whatever becomes of this run.
    with contextlib.suppress(Demand):
        demand(name)


def _is_model(value: Any) -> bool:
    kind = type(value)
    return issubclass(kind, ModelStandIn) or (issubclass(kind, Posed) and value._record.is_model)


_OWN_REFERENCES = 2
_WAITS, _WAIT = 10, 0.01
"""A profiler in another thread may hold the frames of a run that is over, for milliseconds."""


def _hidden(refusal: RefusalInBuild) -> str:
    """What is said of a refusal that ``build`` handles."""
    return f"build goes on where {refusal.record.layer_class.__name__} {refusal.refused.why}"


def _raised(error: BaseException) -> str:
    """What is said of an error that no rule raised."""
    line = users_line(error.__traceback__)
    return said(error) + (f" ({line})" if line else "")
