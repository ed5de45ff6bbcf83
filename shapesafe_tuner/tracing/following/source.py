"""The data that a user's own ``fit`` or ``run_trial`` gives to Keras's ``fit``, by following it.

Twice, if need be: first with a probe in place of the model, which costs about a millisecond; where
the code looks at the model before it trains, with the model itself, built without weights.
"""

from __future__ import annotations

import dataclasses
import dis
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

import keras

from shapesafe_tuner._compat.keras_tuner.configurations import configuration, lazy_configuration
from shapesafe_tuner._compat.types import Model
from shapesafe_tuner.tracing.attribution import Attribution, Origin, attribute
from shapesafe_tuner.tracing.data.reading import read_data
from shapesafe_tuner.tracing.data.spec import DataSpec
from shapesafe_tuner.tracing.data.varying import Found, MemoryOfReads, plain_value
from shapesafe_tuner.tracing.environment import Check, check_environment
from shapesafe_tuner.tracing.following.guard import (
    FitCall,
    Guarded,
    NeedsModel,
    Reached,
    RefusedByFit,
    Stopped,
)
from shapesafe_tuner.tracing.following.probe import Probe
from shapesafe_tuner.tracing.signals import Undecidable

__all__ = ["Build", "Followed", "NotFollowed", "Trial"]

Build = Callable[[Callable[[Any], Any], Any], Any]
"""Takes the ``build`` of the hypermodel and ``hp``, and gives what stands for a model."""
Trial = Callable[[Any, Build], Any]
"""Does what a trial does with this ``hp``, and builds by the second argument."""


class NotFollowed(Exception):
    """The user's own code was not followed to its first ``fit``; it says why."""


class Followed:
    """Runs what the user wrote, up to its first ``fit``, once for the values that it reads.

    Args:
        run: does what a trial does.
        name: of the user's method.
        in_advance: names that the user registered before ``build``.
        has_build: False where the user's method builds the model itself.
        may_catch: whether it may catch what a build or ``fit`` raises.
        objection_to: why a model that was built must not be trained in a check, if so.

    Attributes:
        may_catch: as given.
    """

    def __init__(
        self,
        run: Trial,
        name: str,
        in_advance: Collection[str] = (),
        *,
        has_build: bool = True,
        may_catch: bool = False,
        objection_to: Callable[[Any], str | None] = lambda model: None,
    ) -> None:
        self._run = run
        self._name = name
        self._in_advance = in_advance
        self._has_build = has_build
        self.may_catch = may_catch
        self._objection_to = objection_to
        self._known = MemoryOfReads()

    def find(self, values: Mapping[str, Any], space: Any) -> Found:
        """The data for these values, or that the model is needed to know it."""
        known = self._known.find(values)
        return known or self.follow(configuration(space, values, self._in_advance))

    def find_lazily(
        self, values: Mapping[str, Any], space: Any, defer: Callable[[Any], Any]
    ) -> Found:
        """As :meth:`find`; what is read and not chosen is demanded."""
        known = self._known.find(values)
        return known or self.follow(
            lazy_configuration(space, values, self._in_advance, lambda one: plain_value(defer(one)))
        )

    def follow(self, hp: Any) -> Found:
        """Run it with a probe, and this configuration, which then has what the code registers."""
        hp.values.names_read.clear()
        if not self._has_build:
            return self._known.keep(Found(None, whole=True))
        guard = Guarded()
        probe = Probe(guard)
        with check_environment(Check()):
            raised = self._up_to_fit(hp, guard, lambda own, hp: probe)
            read = hp.values.read()
            found: Found
            if guard.stopped is None and guard.call is not None:
                found = self._found(guard, guard.call, read)
            elif guard.stopped is None and guard.wanted is not None:
                found = Found(None, None, read, whole=True)
            else:
                found = self._without_data(guard, raised, read)
        return self._known.keep(found)

    def _found(self, guard: Guarded, call: FitCall, read: Mapping[str, Any]) -> Found:
        """The batches of what ``fit`` was called with; a generator of the user's runs for one."""
        try:
            with guard:
                return Found(_data_of(call), None, read)
        except KeyboardInterrupt:
            raise
        except (Exception, Stopped, Undecidable) as error:
            return self._without_data(guard, error, read)

    def reach(self, hp: Any, check: Check) -> Model:
        """Run it with the model that it builds, inside this check, which learns the data.

        Returns:
            The model that ``fit`` was called on, as it was left there.

        Raises:
            NotFollowed: it does not come to ``fit``.
            Exception: whatever it raises before.
        """
        guard = Guarded(takes_models=True)
        check.before_call = guard.before_call

        def build(own: Callable[[Any], Any], hp: Any) -> Any:
            with guard.paused():
                model = own(hp)
            why = self._objection_to(model)
            if why is not None:
                guard.stop(why)
            return model

        try:
            raised = self._up_to_fit(hp, guard, build)
        finally:
            check.before_call = None
        if guard.stopped is not None or guard.call is None:
            if guard.stopped is None and raised is not None and not _is_read_only(raised):
                raise raised
            why = self._without_data(guard, raised, {}).unjudged
            raise NotFollowed(why)
        check.fit_gets = _data_of(guard.call)
        return guard.call.model

    def lets_out(self, hp: Any, *, of_build: bool) -> bool:
        """Whether what a build, or ``fit``, raises leaves the user's code.

        Args:
            hp: the configuration.
            of_build: whether a build raises it.
        """
        error = RefusedByFit("refused")
        guard = Guarded(takes_models=True, raising=error)

        def build(own: Callable[[Any], Any], hp: Any) -> Any:
            if of_build:
                raise error
            with guard.paused():
                return own(hp)

        check = Check()
        with check_environment(check):
            check.before_call = guard.before_call
            raised = self._up_to_fit(hp, guard, build)
        return guard.stopped is None and raised is not None and _comes_of(raised, error)

    def _up_to_fit(self, hp: Any, guard: Guarded, build: Build) -> BaseException | None:
        """What it raised, other than the end at ``fit``."""
        try:
            with guard:
                self._run(hp, build)
        except (Reached, NeedsModel, Stopped):
            return None
        except (KeyboardInterrupt, NotFollowed):
            raise
        except (Exception, Undecidable) as error:
            return error
        return None

    def _without_data(
        self, guard: Guarded, raised: BaseException | None, read: Mapping[str, Any]
    ) -> Found:
        """What is known where ``fit`` was not reached."""
        why = "it returned without calling fit"
        failed: Attribution | None = None
        if guard.stopped is not None:
            why = f"it comes to {guard.stopped}"
        elif isinstance(raised, Undecidable):
            why = str(raised)
        elif raised is not None:
            failed = attribute(raised)
            why = f"it raises {type(raised).__name__}: {failed.message}"
            if _gives_twice(raised):
                failed = dataclasses.replace(failed, origin=Origin.FAULT)
            elif _is_read_only(raised):
                failed = None
        if failed is not None and failed.origin in (Origin.FAULT, Origin.DECLARED):
            problem = f"{self._name} fails before fit: {failed.message}"
            call = raised is not None and _gives_twice(raised)
            return Found(DataSpec(problem=problem, refuses_call=call), None, read)
        return Found(DataSpec(), f"{self._name} was not followed: {why}", read)


def _is_read_only(error: BaseException) -> bool:
    """Whether it comes of data that cannot be written to in a check, where a trial may."""
    return "read-only" in str(error)


def _gives_twice(error: BaseException) -> bool:
    """Whether Python itself refuses a call, where ``**kwargs`` holds an argument that is given.

    Told by the instruction that raised it, which puts keyword arguments together.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or not isinstance(error, TypeError):
        return False
    return dis.opname[trace.tb_frame.f_code.co_code[trace.tb_lasti]] == "DICT_MERGE"


def _comes_of(raised: BaseException | None, error: BaseException) -> bool:
    """Whether an error is this one, or one that was made of it."""
    while raised is not None and raised is not error:
        raised = raised.__cause__ or raised.__context__
    return raised is error


def _data_of(call: FitCall) -> DataSpec | None:
    """The batches that ``fit`` makes of its arguments."""
    try:
        bound = inspect.signature(keras.Model.fit).bind_partial(None, *call.args, **call.kwargs)
    except TypeError as error:
        return DataSpec(problem=f"fit does not take these arguments ({error})", refuses_call=True)
    wanted = inspect.signature(read_data).parameters
    given = {name: value for name, value in bound.arguments.items() if name in wanted}
    return read_data(**given, as_fit=True)
