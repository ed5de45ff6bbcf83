"""The second trace of a step: ``fit`` traces it anew, and that may come to something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shapesafe_tuner._compat.backends import StrayTensor, backend
from shapesafe_tuner._compat.types import Layer
from shapesafe_tuner.tracing.environment import Check

__all__ = ["KEEPS_TENSOR", "FailsAgain", "traced_twice"]


class FailsAgain(Exception):
    """The first trace of a step passes, and the second does not.

    Args:
        layer: the layer or model that is to blame.
        why: what it does, the end of a sentence that begins with it.
    """

    def __init__(self, layer: Layer, why: str) -> None:
        super().__init__(why)
        self.layer = layer
        self.why = why


_MAKES_ANEW = (
    "makes weights or random generators each time it is called, which TensorFlow takes in the "
    "first call only; make its layers in __init__ or build"
)
KEEPS_TENSOR = (
    "keeps a tensor that was computed while it was built or called in one trace, which is gone in "
    "the next; give the model an Input, so that it is built before fit, and keep no tensors"
)


def traced_twice(
    trace: Callable[[], Any], check: Check, *, eager: bool = False, built_late: bool = False
) -> Any:
    """Trace, and a second time where ``fit`` does so and that may come to something else.

    Args:
        trace: what to do.
        check: counts the variables that come into being.
        eager: the model is not traced by ``fit``.
        built_late: others make variables in the same trace.

    Raises:
        FailsAgain: the second trace fails where the first did not.
        Exception: whatever a trace raises.
    """
    recorder = check.recorder
    before, recorder.own_births = recorder.births, False
    traced = trace()
    made = recorder.births > before or built_late
    if not (backend.TRACES_AGAIN and made and recorder.own_births) or eager:
        return traced
    before = recorder.births
    try:
        traced = trace()
    except StrayTensor:
        raise FailsAgain(recorder.birthplace or recorder.last_called, KEEPS_TENSOR) from None
    if recorder.births > before:
        raise FailsAgain(recorder.birthplace, _MAKES_ANEW)
    return traced
