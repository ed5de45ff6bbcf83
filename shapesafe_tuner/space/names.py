"""Names of hyperparameters that nobody reads: misspelt ones, most of them."""

from __future__ import annotations

import difflib
import inspect
import random
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from shapesafe_tuner._compat.keras_tuner.domains import random_value
from shapesafe_tuner._compat.types import HyperParameter, HyperParameters, Value
from shapesafe_tuner.errors import UnknownHyperparameterError
from shapesafe_tuner.escaping import listed, short
from shapesafe_tuner.space.explorer import Explorer, Part
from shapesafe_tuner.tracing.code_reading import cells_of, functions_of, named_by
from shapesafe_tuner.tracing.judge import Judge
from shapesafe_tuner.verdict import Verdict

__all__ = ["refuse_unknown"]

_DRAWS = 20
"""Random configurations that are run before the space is explored in order."""
_MOST = 1_000
"""What it may cost to look at every path of ``build``."""
_OWN = "tuner/"
"""What KerasTuner's own entries in a configuration begin with."""
_MOST_NAMES = 10_000
"""Names that are remembered for one build."""


def refuse_unknown(
    function: str,
    judge: Judge,
    values: Mapping[str, Any],
    space: HyperParameters | None,
    verdict: Verdict,
) -> None:
    """Nothing happens if each of these names is read on some path of ``build``.

    A name that this path does not read is looked for on others. Where they are too many to look at
    all of them, or some break off before their end, a name is accepted that the code could spell;
    so it is at once where Keras itself broke this path off, as each other one would take a build.

    Args:
        function: the public one that was called.
        judge: of these values.
        values: what it was given.
        space: the ``HyperParameters`` registered so far, or None.
        verdict: on these values; where it is none, nobody knows what ``build`` would read.

    Raises:
        UnknownHyperparameterError: a name is on no path.
    """
    facts = judge.facts
    known = facts.names
    known.update(judge.names_read.difference(values))
    if space is not None:
        known.update([parameter.name for parameter in space.space])
    read = known.union(judge.names_read, facts.names_accepted)
    asked = [name for name in values if name not in read and not name.startswith(_OWN)]
    if not asked:
        return
    build, ended = judge.question.build, verdict.feasible is not None
    unknown: list[str] = []
    by_keras = verdict.feasible is False and verdict.slow_because is not None
    if not by_keras or not all(_can_spell(build, name) for name in asked):
        is_whole = _explored(Explorer(judge, space), known, asked)
        unknown = [name for name in asked if name not in known]
        if not is_whole:
            unknown = [name for name in unknown if ended and not _can_spell(build, name)]
    if unknown:
        raise UnknownHyperparameterError(_said(function, unknown[0], sorted(known)))
    if ended and len(facts.names_accepted) < _MOST_NAMES:
        facts.names_accepted.update(asked)


def _registered(explorer: Explorer) -> list[str]:
    return [parameter.name for parameter in explorer.declared.values()]


def _explored(explorer: Explorer, known: set[str], asked: list[str]) -> bool:
    """Look at paths until all names are known; whether every path was seen to its end."""
    generator = random.Random(0)

    def draw(parameter: HyperParameter) -> Value:
        return random_value(parameter, generator.randrange(2**31))

    start = explorer.cost
    for _ in range(_DRAWS):
        if known.issuperset(asked) or explorer.cost - start > _MOST:
            return False
        explorer.descend({}, draw)
        known.update(_registered(explorer))
    items = explorer.explore([Part({}, Fraction(1))], _MOST - (explorer.cost - start))
    known.update(_registered(explorer))
    return all(not isinstance(item, Part) and item.feasible for item in items)


def _said(function: str, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {short(near[0])}?" if near else f"it reads {listed(known, 10)}."
    if not known:
        hint = "it reads none."
    return f"{function}(): build reads no hyperparameter {short(name)}; {hint}"


_DEEPEST = 4
_NUMBER = re.compile(r"[-+.\w]*\d[-+.\w]*")


def _can_spell(build: Any, name: str) -> bool:
    """Whether a text in the code, or in what it reads, is this name or begins or ends it.

    Args:
        build: a function or a bound method.
        name: of a hyperparameter.
    """
    return any(_makes(text, name) for text in _texts(build))


def _makes(text: str, name: str) -> bool:
    if text == name:
        return True
    if len(text) > 1:
        return name.startswith(text) or name.endswith(text)
    return bool(text) and name.startswith(text) and bool(_NUMBER.fullmatch(name[1:]))


def _texts(build: Any) -> Iterator[str]:
    owner = getattr(build, "__self__", None)
    yield from _within(getattr(owner, "__dict__", {}), _DEEPEST)
    for function in functions_of(build):
        yield from _constants(function.__code__)
        yield from _within([*cells_of(function), *named_by(function)], _DEEPEST)
        yield from _within([function.__defaults__, function.__kwdefaults__], _DEEPEST)


def _constants(code: Any) -> Iterator[str]:
    yield from _within(code.co_consts, _DEEPEST)
    for const in code.co_consts:
        if inspect.iscode(const):
            yield from _constants(const)


def _within(value: Any, deepest: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif deepest and isinstance(value, Mapping):
        yield from _within([*value.keys(), *value.values()], deepest - 1)
    elif deepest and isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _within(item, deepest - 1)
