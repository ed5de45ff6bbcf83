"""The surroundings of a check: those of a fresh trial, and no trace of them afterwards."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from shapesafe_tuner._compat.active import StrayLookup
from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner._compat.backends.random_states import random_states_kept
from shapesafe_tuner._compat.interruption import raise_if_interrupted, undivided
from shapesafe_tuner._compat.keras.global_state import isolated_state
from shapesafe_tuner._compat.keras.hooks import use
from shapesafe_tuner._compat.keras.rollback import Snapshot
from shapesafe_tuner._compat.types import Layer, Loss, Nested, Variable
from shapesafe_tuner.tracing.quiet import QUIET_THREADS
from shapesafe_tuner.tracing.shape_table import LayerRecorder, shapes_of
from shapesafe_tuner.tracing.signals import Undecidable

__all__ = [
    "Check",
    "asking_keras",
    "call_unseen",
    "check_environment",
    "discovery_environment",
    "drew_random_numbers",
    "random_states_kept",
]

CONCRETE_BYTES = 16 * 2**20
"""Memory that variables read concretely in ``build`` may take before a check gives up."""


class Check:
    """What one check knows and allows; the hooks in Keras ask it.

    Attributes:
        keep_random_trace: let Keras draw seeds from Python's generator, as a real build does.
        variables_as_handles: give variables a handle, so that gradients can be traced.
        analytic: the run that gives stand-ins in place of layers, while one is active.
        recorder: collects the layer calls of this check.
        undecided: why nothing can be said of the configuration, once something came up.
        warnings: what to tell the user besides the verdict.
        comparisons: what each loss compared: the loss, shape of targets, shape of outputs.
        before_call: called before each call of a layer, with its arguments.
        fit_gets: the data of ``fit``, where the user's own code was followed to it.
    """

    def __init__(self, *, keep_random_trace: bool = False) -> None:
        self.keep_random_trace = keep_random_trace
        self.variables_as_handles = False
        self.analytic: Any = None
        self.handles: list[Any] = []
        self.born_here = object()
        self.grown: dict[int, Any] = {}
        self._touched: dict[int, Snapshot] = {}
        self._undo: list[Callable[[], Any]] = []
        self._kept: set[int] = set()
        self.recorder = LayerRecorder()
        self.undecided: str | None = None
        self.warnings: list[str] = []
        self.comparisons: list[tuple[Any, Any, Any]] = []
        self.before_call: Callable[[Layer, Nested], None] | None = None
        self.fit_gets: Any = None
        self._concrete_bytes = 0

    def touch(self, layer: Layer) -> None:
        """Remember how a layer was that existed before this check."""
        if id(layer) not in self._touched:
            self._touched[id(layer)] = Snapshot(layer)

    def keep_value(self, variable: Variable, assign: Callable[[Variable, Any], None]) -> None:
        """Give a variable that existed before its value back at the end."""
        if id(variable) not in self._kept:
            self._kept.add(id(variable))
            value = np.copy(keras.ops.convert_to_numpy(variable.value))
            self._undo.append(lambda: assign(variable, value))

    def put_back(self) -> None:
        """Leave layers that existed before as they were."""
        for undo in reversed(self._undo):
            undo()
        for snapshot in self._touched.values():
            snapshot.restore()
        self._undo.clear()
        self._touched.clear()

    def at_end(self, undo: Callable[[], Any]) -> None:
        """Call this when the check is over."""
        self._undo.append(undo)

    def around_call(
        self,
        layer: Layer,
        call: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Nested:
        """Record a layer call while it runs."""
        if self.analytic is not None:
            given = self.analytic.real_layers.call(layer, args, kwargs)
            if given is not NotImplemented:
                return given
        if self.before_call is not None:
            self.before_call(layer, [args, kwargs])
        return self.recorder.around_call(layer, call, args, kwargs)

    def note_birth(self, layer: Layer = None) -> None:
        """Count what comes into being in the call of a layer."""
        self.recorder.note_birth(layer)

    def note_build(self, layer: Layer) -> None:
        """A layer is built."""
        self.recorder.note_build(layer)

    def compared(self, loss: Loss, y_true: Nested, y_pred: Nested) -> None:
        """Keep what a loss compares: the loss and two shapes."""
        if hasattr(y_true, "shape") and hasattr(y_pred, "shape"):
            self.comparisons.append((loss, *shapes_of([y_true, y_pred])))

    def strayed(self, lookup: StrayLookup) -> None:
        """Keep what looks up rows that a table does not have."""
        self.recorder.strays.append(lookup)

    def account_for(self, shape: tuple[int, ...], dtype: str) -> None:
        """Account for a variable that user code reads concretely."""
        self._concrete_bytes += math.prod(shape) * np.dtype(_numpy_name(dtype)).itemsize
        if self._concrete_bytes > CONCRETE_BYTES:
            self.give_up(
                "build computes with weights of more than "
                f"{CONCRETE_BYTES // 2**20} MiB, which a check does not allocate"
            )

    def download(self, name: str) -> None:
        """Weights that a trial would fetch: shapes go on, but the loading is not judged."""
        self.undecided = f"build loads {name}, which a check does not fetch"

    def give_up(self, why: str) -> None:
        """Leave the check; the configuration stays undecided even if this is swallowed."""
        self.undecided = why
        raise Undecidable(why)


def _numpy_name(dtype: str) -> str:
    return {"bfloat16": "float16", "string": "int64"}.get(dtype, dtype.split("_", maxsplit=1)[0])


class check_environment:  # noqa: N801
    """A fresh trial's environment in which ``build`` leaves no trace.

    Keras's names and policies are those after ``clear_session()``; variables get no storage;
    prints and warnings of this thread are dropped; random states are put back if they changed.

    Args:
        check: that runs inside.
        by_rules: Keras computes nothing inside but in :class:`asking_keras`.
    """

    __slots__ = ("_by_rules", "_check", "_outer")

    def __init__(self, check: Check, *, by_rules: bool = False) -> None:
        self._check = check
        self._by_rules = by_rules

    @undivided
    def __enter__(self) -> Check:
        self._outer = (
            random_states_kept(),
            QUIET_THREADS,
            isolated_state(),
            *(() if self._by_rules else (asking_keras(),)),
            use(self._check),
        )
        entered = 0
        try:
            for surroundings in self._outer:
                surroundings.__enter__()
                entered += 1
            raise_if_interrupted()
        except BaseException:
            for surroundings in reversed(self._outer[:entered]):
                surroundings.__exit__()
            raise
        return self._check

    @undivided
    def __exit__(self, *error: object) -> None:
        try:
            self._check.put_back()
        finally:
            for surroundings in reversed(self._outer):
                surroundings.__exit__()
            _LOCAL.drew = self._outer[0].changed
        raise_if_interrupted()


class asking_keras:  # noqa: N801
    """Where Keras itself runs.

    What it computes all the same, such as the counter of an optimizer, it computes on the host: no
    accelerator is touched, unless the backend has nothing else. Its errors have whole tracebacks.
    """

    __slots__ = ("_scope", "_tracebacks")

    def __enter__(self) -> None:
        self._scope: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        if not _accelerators_are_hidden() and _has_host():
            self._scope = keras.device("cpu:0")
        self._tracebacks = backend.full_tracebacks()
        self._scope.__enter__()
        self._tracebacks.__enter__()

    def __exit__(self, *error: object) -> None:
        self._tracebacks.__exit__(None, None, None)
        self._scope.__exit__(None, None, None)


def _accelerators_are_hidden() -> bool:
    """Then nothing has to be said to the backend, which would start for it."""
    return os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")


@functools.cache
def _has_host() -> bool:
    try:
        with keras.device("cpu:0"):
            return True
    except RuntimeError:
        return False


_LOCAL = threading.local()


def drew_random_numbers() -> bool:
    """Whether ``build`` drew random numbers, or seeded them, in this thread's last check."""
    return bool(getattr(_LOCAL, "drew", False))


def call_unseen(function: Callable[..., Any], *args: Any) -> Any:
    """Call code of the user's other than ``build``, such as a constraint, without a trace of it."""
    drew = drew_random_numbers()
    with check_environment(Check()):
        answer = function(*args)
    # What is said of the last check is said of ``build``.
    _LOCAL.drew = drew
    return answer


@contextlib.contextmanager
def discovery_environment() -> Iterator[Check]:
    """Where a tuner's constructor builds: weightless, but with a real build's random trace."""
    check = Check(keep_random_trace=True)
    with isolated_state(), asking_keras(), use(check):
        try:
            yield check
        finally:
            check.put_back()
