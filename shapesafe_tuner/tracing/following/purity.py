"""Whether code may run in a check: it does nothing, before it calls ``fit``, that outlives it.

Read off the syntax tree, with what is known to be harmless rather than what is known to be not: a
statement, a call or a loop that is not on these lists is an objection. What comes after the first
call of ``fit`` is not looked at, since it is not run. Prints and random numbers are harmless: a
check drops the ones and puts the state of the others back.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from shapesafe_tuner.tracing.following.context import Context, Objection, Reading, tree_of
from shapesafe_tuner.tracing.following.statements import Statements

__all__ = ["Objection", "Reading", "model_given_to", "not_followed", "read_code"]


def read_code(
    function: Callable[..., Any],
    owner: type | None = None,
    *,
    models: tuple[str, ...] = (),
    holds_arrays: bool = False,
) -> Reading:
    """Read what the code does up to ``fit``.

    Args:
        function: of the user's.
        owner: the class whose methods ``self`` has in it.
        models: the parameters that stand for a model made in the same run.
        holds_arrays: whether its data are arrays.
    """
    reading = Reading(holds_arrays)
    context = Context(reading, _objections)
    reading.objections += _objections(function, owner, context, frozenset(models))
    return reading


def model_given_to(fit: Callable[..., Any]) -> tuple[str, ...]:
    """The parameter of a ``HyperModel.fit`` that stands for the model: the one after ``hp``."""
    return tuple(inspect.signature(fit).parameters)[1:2]


def not_followed(name: str, why: str) -> str:
    """What is said of code that is not run in a check.

    Args:
        name: of the user's method.
        why: the objection.
    """
    return f"{name} may change the data, and was not followed: {why}"


def _objections(
    function: Any, owner: type | None, context: Context, models: frozenset[str]
) -> Iterator[Objection]:
    function = inspect.unwrap(getattr(function, "__func__", function))
    if (function, models) in context.seen:
        return
    context.seen.add((function, models))
    code = getattr(function, "__code__", None)
    tree = tree_of(function)
    if tree is None or code is None or context.is_deep:
        name = getattr(function, "__name__", "it")
        yield Objection("its source is not at hand" if tree is None else f"{name} goes too deep")
        return
    yield from Statements(function, tree, owner, context, models).objections()
