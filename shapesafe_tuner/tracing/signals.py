"""What ends a run, or a part of it, early: who raises it, who catches it, what it means.

================== ======================== ===================== =================================
signal             raised by                caught by             means
================== ======================== ===================== =================================
``Refused``        a rule (public)          ``Run``, ``bind``     Keras raises here
``Unknown``        a rule (public)          ``Answers``, ``bind``  the layer itself is asked
``RefusalInBuild`` ``Run.refuse``           ``AnalyticPass``      a rule refused, inside ``build``
``Escalation``     ``Run.escalate``         ``AnalyticPass``      rules cannot decide: Keras does
``NoSpec``         ``specs_of`` and its kin ``Run``               no call on tensors; an escalation
``NoKey``          ``key_of`` and its kin   who would remember it nothing is remembered
``Undecidable``    ``Check.give_up``        the passes by Keras   nothing can be said of it
``Demand``         ``shapes.deferred``      ``space.explorer``    choose this value, run again
``StockNeeded``    ``QuickHyperParameters`` ``AnalyticPass``      run again, with KerasTuner's own
``RefusedData``    ``tracing.data``         ``read_data``         ``fit`` refuses the data
``SizesMatter``    the training step        ``JudgeByData``       not for all of these batch sizes
================== ======================== ===================== =================================

User code may swallow any of them: ``except Exception: pass`` around a layer, ``finally: return``,
a thread. So a signal also leaves a mark that nobody takes back (``Run.escalated``,
``Run.refusal``, ``Check.undecided``, :func:`~shapesafe_tuner.shapes.deferred.demanded`), and a run
with a mark whose signal did not arrive proves nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from types import FrameType, TracebackType
from typing import Any, TypeVar

from shapesafe_tuner.shapes.spec import Refused
from shapesafe_tuner.tracing.code_reading import is_library

__all__ = [
    "Escalation", "NoKey", "NoSpec", "RefusalInBuild", "SizesMatter", "Undecidable", "users_line",
    "without_frames",
]  # fmt: skip


class Escalation(BaseException):
    """Ends an analytic run that met something it does not know; never a proof."""


class RefusalInBuild(
    ValueError, TypeError, ArithmeticError, LookupError, RuntimeError, AssertionError
):
    """A rule's refusal on its way through the user's code.

    It is of every type that Keras may raise there, so that any handler of the user's which would
    have caught the real exception catches this one; a refusal that does not arrive proves nothing.

    Args:
        record: the layer that refuses.
        inputs: what it was given, or None for a constructor.
        refused: what its rule says.
        given: the tensors it was called on, in their structure, where they are known.
    """

    def __init__(self, record: Any, inputs: Any, refused: Refused, given: Any = None) -> None:
        super().__init__(refused.why)
        self.record = record
        self.inputs = inputs
        self.refused = refused
        self.given = given


class Undecidable(BaseException):
    """Ends a check that cannot go on; never a proof.

    Not an ``Exception``: handlers in Keras and in user code must not take it for a refusal.
    """


class SizesMatter(BaseException):
    """A batch that stands for batches of many sizes cannot stand for all of them.

    Args:
        sizes: those that it cannot stand for; none of them if they are not known.
    """

    def __init__(self, sizes: Iterable[int] = ()) -> None:
        super().__init__("the size of a batch may matter")
        self.sizes = frozenset(sizes)


class NoKey(Exception):
    """There is no key that is equal for what a layer cannot tell apart, and only for that."""


class NoSpec(Exception):
    """A layer is called on something that no rule can look at."""


_Error = TypeVar("_Error", bound=BaseException)


def without_frames(error: _Error) -> _Error:
    """The error without the frames it came through: they keep a run alive."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        earlier = link.__cause__ or link.__context__
        link.__cause__ = link.__context__ = None
        link = earlier
    return error


def users_line(trace: TracebackType | None = None) -> str:
    """The line of the user's code that is running: ``models.py:12``; "" where there is none.

    A pass that runs ``build`` is the end of the search: who called ``check`` has no part in it.

    Args:
        trace: of an error that went through it; None for the call in progress.
    """
    found: tuple[FrameType, int] | None = None
    if trace is None:
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and found is None and not _runs_build(frame):
            if _is_users(frame):
                found = (frame, frame.f_lineno)
            frame = frame.f_back
    while trace is not None:
        if _is_users(trace.tb_frame):
            found = (trace.tb_frame, trace.tb_lineno)
        trace = trace.tb_next
    return "" if found is None else f"{os.path.basename(found[0].f_code.co_filename)}:{found[1]}"


def _runs_build(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__") == f"{__package__}.analytic"


def _is_users(frame: FrameType) -> bool:
    return not is_library(frame.f_globals.get("__name__") or "")
