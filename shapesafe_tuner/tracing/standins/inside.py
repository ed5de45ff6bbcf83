"""Where in the code of the user's own classes an analytic run is, and what ends it there."""

from __future__ import annotations

import contextlib
import dis
import weakref
from collections.abc import Iterator
from typing import Any, NoReturn

from shapesafe_tuner.shapes.deferred import Demand
from shapesafe_tuner.shapes.spec import Refused, Specs, Step, text
from shapesafe_tuner.tracing.signals import Escalation, RefusalInBuild, users_line
from shapesafe_tuner.tracing.standins.graph import FromUser, OperationRecord, Record

__all__ = ["Inside"]

_TRAINING: dict[str, bool | None] = {"": None, "training": True, "evaluation": False}
_RAISE = dis.opmap["RAISE_VARARGS"]
_RAISED = (ValueError, TypeError, RuntimeError, AssertionError, NotImplementedError)


class Inside:
    """The posed objects whose code is running, innermost last.

    Attributes:
        escalated: why the run cannot decide; once set it stays, whoever swallows the exception.
        refusal: the refusal that was raised, or None.
        inside: the records of these objects.
        inside_call: the innermost one runs its ``call``.
        step: of what is called there; layers compute for real in a ``call``, also in a build.
        training: what a ``call`` hands on to the layers it calls.
        hidden: what is called there has no row in the table of shapes.
        blamed: the class that is not to be posed again; None where nobody is to blame.
        facades: references to all posed objects of the run.
    """

    def __init__(self) -> None:
        self.escalated: str | None = None
        self.refusal: RefusalInBuild | None = None
        self.inside: list[Any] = []
        self.inside_call = False
        self.step: Step = ""
        self.training: bool | None = None
        self.hidden = False
        self.blamed: type | None = None
        self.facades: list[weakref.ref[Any]] = []

    def escalate(self, why: str) -> NoReturn:
        """Leave the run; the configuration is judged by Keras itself."""
        if self.inside and self.blamed is None:
            self.blamed = self.inside[-1].layer_class
        line = users_line()
        self.escalated = f"{why} ({line})" if line else why
        raise Escalation(why)

    def refuse(
        self, record: Record, inputs: Specs, refused: Refused, given: FromUser = None
    ) -> NoReturn:
        """Raise what a rule proved, where Keras would raise."""
        if self.inside_call and isinstance(record, OperationRecord):
            # The user wrote no operation of this name: it is their layer that refuses.
            layer, what = self.inside[-1], record.layer_class.__name__
            record, inputs, given = layer, layer.called_on, None
            refused = Refused(f"refuses {text(inputs)}: its {what} {refused.why}")
        self.refusal = RefusalInBuild(record, inputs, refused, given)
        raise self.refusal

    @contextlib.contextmanager
    def entered(self, record: Any, step: Step) -> Iterator[None]:
        """The constructor, ``build`` or ``call`` of a posed object runs inside.

        An exception that leaves it, whoever handles it, voids the run; a rule's refusal does not.
        """
        outer = self.inside_call, self.step, self.training, self.hidden
        if not self.inside_call:
            self.training = _TRAINING[step]
        self.inside_call, self.step = False, step
        self.inside.append(record)
        try:
            yield
        except BaseException as error:
            self._left(record, error)
            raise
        finally:
            self.inside.pop()
            self.inside_call, self.step, self.training, self.hidden = outer

    @contextlib.contextmanager
    def calling(self, record: Any, told: bool | None) -> Iterator[None]:
        """The ``call`` of the innermost object, which was told this of training."""
        self.inside_call = True
        self.step = self.step or "training"
        self.training = told
        self.hidden = self.hidden or record.has_row
        yield

    @contextlib.contextmanager
    def told(self, training: bool | None) -> Iterator[None]:
        """A layer is called and told this of training; None leaves it as it is."""
        outer = self.training
        if training is not None:
            self.training = training
        try:
            yield
        finally:
            self.training = outer

    def _left(self, record: Any, error: BaseException) -> None:
        # A refusal is the answer; what is not chosen is demanded; a Ctrl-C is the user's.
        if getattr(error, "refused", None) is not None:
            return
        if isinstance(error, (Demand, KeyboardInterrupt, GeneratorExit)):
            return
        known = self.escalated
        self.escalated = known or f"{type(error).__name__} in {record.layer_class.__name__}"
        if self.blamed is None and not (known is None and _was_raised_on_purpose(error)):
            self.blamed = record.layer_class


def _was_raised_on_purpose(error: BaseException) -> bool:
    """Whether the user's code itself refuses these values, which says nothing of its class."""
    if not isinstance(error, _RAISED) or error.__traceback__ is None:
        return False
    frame = error.__traceback__
    while frame.tb_next is not None:
        frame = frame.tb_next
    code, place = frame.tb_frame.f_code, frame.tb_lasti
    return code.co_code[place] == _RAISE
