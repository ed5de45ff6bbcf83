"""Rounds of loops are counted: two rounds at one place are never one state."""

from __future__ import annotations

import random
import textwrap
import types
from typing import Any

import pytest

from shapesafe_tuner.tracing.states.frames import Frames
from shapesafe_tuner.tracing.states.stacks import READABLE, Layout

pytestmark = pytest.mark.skipif(not READABLE, reason="the instructions of this Python are unknown")


class Everywhere:
    """States are summarised wherever they can be."""

    def __contains__(self, place: object) -> bool:
        return True


class Owner:
    """A run that compares each state with the variables of the loops around it."""

    def __init__(self) -> None:
        self.memory = types.SimpleNamespace(places=Everywhere())
        self.frames = Frames(self)
        self.keys = 0
        self.seen: dict[object, object] = {}
        self.places: set[object] = set()

    def step(self, where: object) -> None:
        """Nothing is kept."""

    def uses(self, what: str) -> None:
        """Nothing is kept."""

    def pin(self) -> None:
        """Nothing is shared."""

    def hides(self, place: object) -> None:
        """Nothing is hidden."""

    def user_key(self) -> int:
        """Every iterator comes with a key of its own."""
        self.keys += 1
        return self.keys

    def summarise(self) -> bool:
        """The same state twice: the loops have the same variables."""
        states, variables = [], []
        for info in self.frames._stack:
            at, layout = info.frame.f_lasti, info.layout
            assert layout is not None
            if at in layout.loops:
                return False
            known = {tag: (one.key, one.rounds) for tag, one in info.on_stack.items()}
            states.append((info.code, at, info.hidden, *known.items()))
            names = variables_of(layout)
            variables += [info.frame.f_locals[names[tag]] for tag in known if tag in names]
            if info.on_stack:
                self.places.add((info.code, at))
        assert self.seen.setdefault(tuple(states), variables) == variables
        return True


def variables_of(layout: Layout) -> dict[int | None, str]:
    """By the tag of its iterator, the first variable of a loop."""
    found: dict[int | None, str] = {}
    tag = None
    for at, item in layout.instructions.items():
        if item.opname == "FOR_ITER" and at in layout.tags:
            tag = layout.tags[at][-1]
        elif item.opname.startswith("STORE_FAST") and tag is not None:
            found[tag] = item.argval if isinstance(item.argval, str) else item.argval[0]
            tag = None
    return found


def followed(source: str) -> Owner:
    """Follow the ``build`` of a program."""
    owner = Owner()
    known: dict[str, Any] = {"library": hash}
    exec(compile(source, "/home/users/build.py", "exec"), known)
    with owner.frames.followed():
        known["build"]()
    return owner


class Programs:
    """Random programs of loops."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.names = 0

    def source(self) -> str:
        manager = """
            class Manager:
                def __enter__(self): return 1
                def __exit__(self, *_): return False

            def helper(found):
                for each in (1, 2):
                    found += each
                return found
        """
        return textwrap.dedent(manager) + "def build():\n" + self.block(3)

    def block(self, deep: int) -> str:
        """Some statements, one level in."""
        lines = "".join(self.statement(deep) for _ in range(self.draw.randrange(1, 4)))
        return textwrap.indent(lines, "    ")

    def statement(self, deep: int) -> str:
        kind = self.draw.randrange(11) if deep else 0
        self.names += 1
        name = f"v{self.names}"
        loop = f"for {name} in {self.iterable()}:"
        if kind == 1:
            return f"{loop} library({name})\n"
        if kind == 2:
            return f"x = [library({name}) {loop[:-1]}]\n"
        if kind == 3:
            return f"x = list(library({name}) {loop[:-1]})\n"
        if kind == 4:
            return f"with Manager() as m:\n{self.block(deep - 1)}"
        if kind == 5:
            fails = f"    if {self.draw.randrange(2)}: raise ValueError\n"
            return f"try:\n{self.block(deep - 1)}{fails}except ValueError:\n    library(0)\n"
        if kind == 6:
            leave = self.draw.choice(["break", "continue", "pass"])
            body = f"{self.block(deep - 1)}    if {name} > {self.draw.randrange(3)}:\n"
            return f"{loop}\n{body}        {leave}\n{self.block(0)}"
        if kind == 7:
            return f"{name} = 0\nwhile {name} < 3:\n    {name} += 1\n{self.block(deep - 1)}"
        if kind == 8:
            long = "".join(f"    y = ({name}, {name}, {name}, {i})\n" for i in range(60))
            return f"{loop}\n{self.block(0)}{long}"
        if kind == 9:
            pairs = f"zip({self.iterable()},\n    {self.iterable()})"
            return f"for {name}, w in (\n    {pairs}):\n{self.block(deep - 1)}"
        if kind == 10:
            ends = f"    if {name}: continue\n" if self.draw.randrange(2) else ""
            return f"{loop}\n{ends}{self.block(deep - 1)}else:\n{self.block(0)}"
        return self.draw.choice(["library(0)\n", "x = helper(1)\n", "x = 1 if library(2) else 2\n"])

    def iterable(self) -> str:
        return self.draw.choice(["range(3)", "(0, 1, 2, 3)", "[1, 2]", "reversed([3, 2, 1])"])


@pytest.mark.parametrize("seed", range(80))
def test_no_two_rounds_are_one_state(seed: int) -> None:
    followed(Programs(seed).source())


def test_states_are_found_in_loops_and_in_with_blocks() -> None:
    source = """
def build():
    for i in range(3):
        with open("/dev/null") as file:
            for j in [1, 2]:
                library(j)
            library(i)
"""
    lines = {code.co_name: set() for code, _ in followed(source).places}
    for code, at in followed(source).places:
        lines[code.co_name].add(next(n for a, b, n in code.co_lines() if a <= at < b))
    assert lines["build"] >= {4, 5, 6, 7}
