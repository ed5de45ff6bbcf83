"""What lies on the value stack, held against what the compiler reserved for it."""

from __future__ import annotations

import argparse
import ast
import asyncio.base_events
import dataclasses
import inspect
import pathlib
import tarfile
import types
import typing
from collections.abc import Iterator

import pytest

from shapesafe_tuner.tracing.states.stacks import READABLE, Layout

pytestmark = pytest.mark.skipif(not READABLE, reason="the instructions of this Python are unknown")

MODULES = [argparse, ast, asyncio.base_events, dataclasses, inspect, tarfile, typing]


def codes_in(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from codes_in(inner)


def codes_of(module: types.ModuleType) -> list[types.CodeType]:
    file = pathlib.Path(str(module.__file__))
    return [*codes_in(compile(file.read_bytes(), str(file), "exec"))]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_the_deepest_stack_is_the_compilers(module: types.ModuleType) -> None:
    codes = codes_of(module)
    deepest = [max(len(tags) for tags in Layout(code).tags.values()) for code in codes]
    reserved = [code.co_stacksize for code in codes]
    assert all(mine <= theirs for mine, theirs in zip(deepest, reserved, strict=True))
    # The compiler may reserve a place more, and counts what is never reached.
    near = sum(mine + 1 >= theirs for mine, theirs in zip(deepest, reserved, strict=True))
    assert near > 0.98 * len(codes) > 10


def test_iterators_and_exits_are_told() -> None:
    def function(names, open_one):  # type: ignore[no-untyped-def]
        for name in names:
            with open_one(name) as file:
                file.read()

    layout = Layout(function.__code__)
    operations = {at: item.opname for at, item in layout.instructions.items()}
    found = {tuple(operations[tag] for tag in tags if tag) for tags in layout.tags.values()}
    assert found >= {(), ("GET_ITER",), ("GET_ITER", "BEFORE_WITH")}
