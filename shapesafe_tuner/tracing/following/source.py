"""The data that a user's own ``fit`` or ``run_trial`` gives to Keras's ``fit``, by following it."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

import keras

from shapesafe_tuner._compat.keras_tuner.configurations import configuration, lazy_configuration
from shapesafe_tuner.tracing.attribution import Attribution, Origin, attribute
from shapesafe_tuner.tracing.data.reading import read_data
from shapesafe_tuner.tracing.data.spec import DataSpec
from shapesafe_tuner.tracing.data.varying import Found, MemoryOfReads, plain_value
from shapesafe_tuner.tracing.environment import Check, check_environment
from shapesafe_tuner.tracing.following.probe import Guarded, NeedsModel, Probe, Reached, Stopped
from shapesafe_tuner.tracing.signals import Undecidable

__all__ = ["Followed"]


class Followed:
    """Runs what the user wrote, up to its first ``fit``, once for the values that it reads.

    Args:
        run: does what a trial does, with this ``hp`` and in place of the model this probe.
        name: of the user's method.
        in_advance: names that the user registered before ``build``.
    """

    def __init__(
        self, run: Callable[[Any, Probe], Any], name: str, in_advance: Collection[str] = ()
    ) -> None:
        self._run = run
        self._name = name
        self._in_advance = in_advance
        self._known = MemoryOfReads()

    def find(self, values: Mapping[str, Any], space: Any) -> Found:
        """The data for these values."""
        known = self._known.find(values)
        return known or self.follow(configuration(space, values, self._in_advance))

    def find_lazily(
        self, values: Mapping[str, Any], space: Any, defer: Callable[[Any], Any]
    ) -> Found:
        """As :meth:`find`; what is read and not chosen is demanded."""
        known = self._known.find(values)
        return known or self.follow(
            lazy_configuration(space, values, self._in_advance, lambda hp: plain_value(defer(hp)))
        )

    def follow(self, hp: Any) -> Found:
        """Run it with this configuration, which then has what the user's code registers."""
        hp.values.names_read.clear()
        probe, guard = Probe(), Guarded()
        why: str | None = "it returned without calling the fit of its model"
        failed: Attribution | None = None
        with check_environment(Check()):
            try:
                with guard:
                    self._run(hp, probe)
            except KeyboardInterrupt:
                raise
            except (Reached, NeedsModel, Stopped):
                pass
            except Undecidable as stopped:
                why = str(stopped)
            except Exception as error:
                failed = attribute(error)
                why = f"it raises {type(error).__name__}: {failed.message}"
                if "got multiple values" in failed.message:
                    failed = dataclasses.replace(failed, origin=Origin.FAULT)
                elif "read-only" in failed.message:
                    failed = None  # a trial may write there
            read = hp.values.read()
            if guard.stopped is not None:
                return self._unjudged(f"it is about to call {guard.stopped}", read)
            if probe.call is not None:
                return self._known.keep(Found(_data_of(*probe.call), None, read))
        if probe.wanted is not None:
            why = f"it asks for {probe.wanted} of the model before fit"
        elif failed is not None and failed.origin in (Origin.FAULT, Origin.DECLARED):
            problem = f"{self._name} fails before fit: {failed.message}"
            return self._known.keep(Found(DataSpec(problem=problem), None, read))
        return self._unjudged(str(why), read)

    def _unjudged(self, why: str, read: Mapping[str, Any]) -> Found:
        return self._known.keep(Found(DataSpec(), f"{self._name} was not followed: {why}", read))


def _data_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> DataSpec | None:
    """The batches that ``fit`` makes of its arguments."""
    try:
        bound = inspect.signature(keras.Model.fit).bind_partial(None, *args, **kwargs)
    except TypeError as error:
        return DataSpec(problem=f"fit does not take these arguments ({error})")
    wanted = inspect.signature(read_data).parameters
    given = {name: value for name, value in bound.arguments.items() if name in wanted}
    return read_data(**given, as_fit=True)
