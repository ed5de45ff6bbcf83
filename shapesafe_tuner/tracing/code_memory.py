"""What was read of a build's code, remembered for as long as the code stays what it was.

To read bytecode takes longer than to judge a configuration. What it says depends on code alone:
that of ``build``, of the functions and methods of the user's that it names, and of theirs in turn.
So that is what a memory is found again by. Each name and each closure cell that was looked up is
looked up again; where it now stands for other code, or for code where there was none, all is read
anew.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

from shapesafe_tuner._compat.types import Function
from shapesafe_tuner.memory import Memory
from shapesafe_tuner.tracing.code_reading import (
    cells_of,
    globals_of,
    is_library,
    keeps_values,
    methods_of,
    names_chance,
    names_of,
    sees_types,
    starts_of,
    unwrapped,
)

__all__ = ["CodeFacts", "facts_of"]


class CodeFacts:
    """What the code of one build says.

    Attributes:
        sees_types: it looks at types or at identity, and so can tell a value from its proxy.
        names_chance: it names what differs at every call.
        keeps_values: it stores what outlives its call.
        refusals_tested: how many of its refusals were put to the test although nothing hinted at
            a reason to doubt them.
        names: of hyperparameters, known to be read on some path.
        names_accepted: others that no check has to look for again.
    """

    def __init__(self, build: Function) -> None:
        self.sees_types = sees_types(build)
        self.names_chance = names_chance(build)
        self.keeps_values = keeps_values(build)
        self.refusals_tested = 0
        self.names: set[str] = set()
        self.names_accepted: set[str] = set()


def facts_of(build: Function) -> CodeFacts:
    """What the code of a build says, read once for the same code.

    Args:
        build: a function, a bound method, or any other callable.
    """
    functions = list(starts_of(build))
    if not functions or not all(map(inspect.isfunction, functions)):
        return CodeFacts(build)
    key = (getattr(build, "__func__", build), *functions)
    codes = tuple([getattr(unwrapped(function), "__code__", None) for function in key])
    known = _KNOWN.get(codes, ())
    for read, facts in known:
        if all(_same_function(*pair, set()) for pair in zip(read, functions, strict=True)):
            return facts
    facts = CodeFacts(build)
    seen: dict[Any, _Read] = {}
    entry = ([_read_function(function, seen) for function in functions], facts)
    # The newest comes first: a name that stands for other code rarely changes back.
    _KNOWN[codes] = (entry, *known[: _VARIANTS - 1])
    return facts


_VARIANTS = 4
_KNOWN: Memory[Any, tuple[tuple[list[_Read], CodeFacts], ...]] = Memory(512)
"""Builds whose code is remembered."""


class _Read:
    """What one function, class or module stood for: its code, and what it named.

    It holds code and no objects, so that a memory keeps none of the user's data.

    Attributes:
        kind: ``FunctionType``, ``type`` or ``ModuleType``.
        code: of the function.
        named: what each of its names stood for; None where that is no code of the user's.
        absent: its names that stood for nothing, as those of attributes mostly do.
        parts: the same of its closure cells, or of the methods of a class.
    """

    __slots__ = ("absent", "code", "kind", "named", "parts")

    def __init__(self, kind: type, code: CodeType | None = None) -> None:
        self.kind = kind
        self.code = code
        self.named: dict[str, _Read | None] = {}
        self.absent: tuple[str, ...] = ()
        self.parts: list[_Read | None] = []


def _kind(value: Any) -> type | None:
    """Whether a value is code of the user's, and of what kind."""
    kind = type(value)
    if kind is ModuleType:
        return None if is_library(value.__name__) else ModuleType
    if kind is FunctionType:
        return None if is_library(value.__module__ or "") else FunctionType
    if issubclass(kind, type):
        return None if is_library(value.__module__) else type
    return ModuleType if issubclass(kind, ModuleType) and not is_library(value.__name__) else None


def _read(value: Any, seen: dict[Any, _Read], names: tuple[str, ...] = ()) -> _Read | None:
    kind = _kind(value)
    if kind is None:
        return None
    if kind is FunctionType:
        return _read_function(value, seen)
    place = (id(value), names)
    if place in seen:
        return seen[place]
    node = seen[place] = _Read(kind)
    if kind is ModuleType:
        _look_up(node, names, vars(value), seen)
    else:
        node.parts = [_read(method, seen) for method in methods_of(value)]
    return node


def _read_function(value: Any, seen: dict[Any, _Read]) -> _Read:
    function = unwrapped(value)
    if id(function) in seen:
        return seen[id(function)]
    node = seen[id(function)] = _Read(FunctionType, function.__code__)
    names = names_of(function.__code__)
    _look_up(node, globals_of(function.__code__), function.__globals__, seen, names)
    node.parts = [_read(cell, seen) for cell in cells_of(function)]
    return node


def _look_up(
    node: _Read,
    names: tuple[str, ...],
    known: Mapping[str, Any],
    seen: dict[Any, _Read],
    inner: tuple[str, ...] = (),
) -> None:
    """Read what these names stand for; ``inner`` are those that are looked up in modules."""
    node.absent = tuple([name for name in names if name not in known])
    for name in names:
        if name in known:
            found = known[name]
            node.named[name] = _read(found, seen, inner if isinstance(found, ModuleType) else ())


def _same(node: _Read | None, value: Any, seen: set[tuple[int, int]]) -> bool:
    """Whether a value stands for the same code as when it was read."""
    kind = _kind(value)
    if node is None or kind is not node.kind:
        return node is None and kind is None
    if kind is FunctionType:
        return _same_function(node, value, seen)
    if (id(node), id(value)) in seen:
        return True
    seen.add((id(node), id(value)))
    if kind is ModuleType:
        return _all_same(node, vars(value), [], seen)
    return _all_same(node, {}, methods_of(value), seen)


def _same_function(node: _Read, value: Any, seen: set[tuple[int, int]]) -> bool:
    function = unwrapped(value)
    if function.__code__ is not node.code:
        return False
    if (id(node), id(function)) in seen:
        return True
    seen.add((id(node), id(function)))
    return _all_same(node, function.__globals__, cells_of(function), seen)


def _all_same(
    node: _Read, known: Mapping[str, Any], parts: list[Any], seen: set[tuple[int, int]]
) -> bool:
    if len(parts) != len(node.parts) or not known.keys().isdisjoint(node.absent):
        return False
    now = [*map(known.get, node.named), *parts]
    before = [*node.named.values(), *node.parts]
    return all(_same(child, value, seen) for child, value in zip(before, now, strict=True))
