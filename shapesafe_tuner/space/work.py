"""Units of work of an exploration, in this process or in those of an executor."""

from __future__ import annotations

import collections
import dataclasses
import importlib
import pickle
import threading
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Any

from shapesafe_tuner._compat.types import HyperParameters
from shapesafe_tuner.space.explorer import Explorer, Leaf, Part
from shapesafe_tuner.tracing.judge import Judge

__all__ = ["Found", "InExecutor", "Task", "work"]


@dataclasses.dataclass(frozen=True)
class Task:
    """What all units of work have in common; arguments as of :class:`Explorer`."""

    judge: Judge
    space: HyperParameters | None
    widest: int | None

    def explorer(self) -> Explorer:
        """A new explorer of the space."""
        return Explorer(self.judge, self.space, widest=self.widest)


@dataclasses.dataclass(frozen=True)
class Found:
    """What one unit of work found.

    Attributes:
        pieces: for each of its parts the leaves and parts it consists of.
        declared: the hyperparameters that were met.
        runs, cost, by_keras: as of the explorer.
    """

    pieces: list[list[Leaf | Part]]
    declared: dict[Any, Any]
    runs: int
    cost: int
    by_keras: int


def work(task: Task, parts: Iterable[Part], most: float) -> Found:
    """Explore parts of a space.

    Args:
        task: the space.
        parts: of it.
        most: what it may cost; what is then left over comes back as parts.
    """
    explorer = task.explorer()
    pieces = [explorer.explore([part], most - explorer.cost) for part in parts]
    return Found(pieces, explorer.declared, explorer.runs, explorer.cost, explorer.by_keras)


class InExecutor:
    """Explores in the processes of an executor.

    A unit of work whose process dies is done again: by the executor if it still works, else here.

    Args:
        executor: any of ``concurrent.futures``.
        task: what all units have in common; it is sent along.

    Raises:
        TypeError: the hypermodel cannot be sent to another process.
    """

    def __init__(self, executor: Executor, task: Task) -> None:
        self._executor = executor
        self._task = task
        self._sent = _pickled(task)

    def work(self, units: Iterable[list[Part]], most: float) -> Iterator[Found]:
        """What each unit finds, in their order."""
        given = list(units)
        waiting: collections.deque[Future[Found] | BaseException] = collections.deque(
            self._submitted(parts, most) for parts in given
        )
        try:
            for parts in given:
                yield self._result(waiting.popleft(), parts, most)
        finally:
            for future in waiting:
                if isinstance(future, Future):
                    future.cancel()

    def _submitted(self, parts: list[Part], most: float) -> Future[Found] | BaseException:
        try:
            return self._executor.submit(_work_in_executor, self._sent, parts, most)
        except Exception as error:
            return error

    def _result(self, first: Any, parts: list[Part], most: float) -> Found:
        future, error = first, None
        for _ in range(2):
            if isinstance(future, BaseException):
                error = future
                break
            try:
                return future.result()  # type: ignore[no-any-return]
            except Exception as raised:
                error = raised
            future = self._submitted(parts, most)
        warnings.warn(
            f"The executor failed ({type(error).__name__}: {error}); this process explores the "
            "part of the search space that it was given.",
            RuntimeWarning,
            stacklevel=2,
        )
        return work(self._task, parts, most)


_LOCAL = threading.local()


def _work_in_executor(sent: bytes, parts: list[Part], most: float) -> Found:
    """In another process, or thread: what was sent is unpacked once."""
    if getattr(_LOCAL, "sent", None) != sent:
        _LOCAL.task = pickle.loads(sent)
        _LOCAL.sent = sent
    return work(_LOCAL.task, parts, most)


def _pickled(task: Task) -> bytes:
    """The task as bytes; cloudpickle, where there is one, also takes functions of a script."""
    try:
        dumps = importlib.import_module("cloudpickle").dumps
    except ModuleNotFoundError:
        dumps = pickle.dumps
    try:
        return dumps(task)  # type: ignore[no-any-return]
    except Exception as error:
        raise TypeError(
            f"executor: this hypermodel cannot be sent to another process ({error}). Define "
            "build as a function of a module, or install cloudpickle."
        ) from error
