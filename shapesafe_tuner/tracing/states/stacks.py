"""What lies on the value stack before each instruction of a code object.

The value stack of a frame cannot be read from Python. What an instruction leaves on it can be told
from the code alone (``dis.stack_effect``): at a *clean* place nothing lies there but the iterators
of the loops around it, and the exits of the ``with`` blocks.
"""

from __future__ import annotations

import dis
import functools
import inspect
import itertools
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any

from shapesafe_tuner.tracing.states.liveness import live_names

__all__ = ["READABLE", "Layout", "Unknown", "called_code", "is_clean", "layout_of"]

READABLE = (3, 11) <= sys.version_info[:2] <= (3, 13)
"""Whether the instructions of this Python are known here."""

Tags = tuple[int | None, ...]
"""What lies on the stack, from the bottom: for an iterator the offset of its ``GET_ITER``, for the
exit of a ``with`` block that of its ``BEFORE_WITH``; None for all else."""

_UNTOUCHED = frozenset(
    "NOP RESUME CACHE EXTENDED_ARG KW_NAMES JUMP_FORWARD JUMP_BACKWARD JUMP_BACKWARD_NO_INTERRUPT "
    "MAKE_CELL COPY_FREE_VARS DELETE_FAST DELETE_GLOBAL DELETE_NAME DELETE_DEREF "
    "SETUP_ANNOTATIONS".split()
)
_ONE_LESS = frozenset("POP_TOP STORE_FAST STORE_NAME STORE_GLOBAL STORE_DEREF POP_EXCEPT".split())
_PUSHES_NOTHING = frozenset(
    "STORE_ATTR STORE_SUBSCR STORE_SLICE STORE_FAST_STORE_FAST DELETE_SUBSCR DELETE_ATTR "
    "LIST_APPEND SET_ADD MAP_ADD END_FOR".split()
)
_ENDS = frozenset(["RETURN_VALUE", "RETURN_CONST", "RERAISE", "RAISE_VARARGS"])
_ALWAYS_JUMPS = frozenset(["JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"])
_COUNTS_ARGUMENTS = "PRECALL" in dis.opmap
"""Python 3.11 takes the arguments of a call off the stack before ``CALL``."""
_ENDS_LOOPS = "END_FOR" in dis.opmap
"""From Python 3.12 on the iterator is still there where a loop jumps to at its end."""


class Unknown(Exception):
    """The instructions of a code object do not say what lies on its stack."""


def is_clean(tags: Tags) -> bool:
    """Whether nothing but iterators and exits lies on the stack."""
    return None not in tags


class Layout:
    """The stack of one code object.

    Args:
        code: the code object.

    Attributes:
        tags: by offset, the stack before that instruction; unreachable ones are missing.
        loops: by the offset that a round of a loop begins at, the tag of its iterator.

    Raises:
        Unknown: the stack cannot be worked out.
    """

    def __init__(self, code: types.CodeType) -> None:
        if not READABLE:
            raise Unknown("the instructions of this Python are not known")
        found = list(dis.get_instructions(code))
        self.instructions = {item.offset: item for item in found}
        self._next = {one.offset: other.offset for one, other in itertools.pairwise(found)}
        self._handlers = getattr(dis, "_parse_exception_table")(code)  # noqa: B009
        self._shared = (*code.co_cellvars, *code.co_freevars)
        self._uncounted = frozenset(_loops_of_one_line(found)) if _ENDS_LOOPS else frozenset()
        self.tags = self._worked_out()
        self.loops = dict(self._rounds())
        self.start = next(item.offset for item in found if item.opname == "RESUME")

    def whole(self, at: int) -> int:
        """The instruction that an offset within its inline caches belongs to."""
        while at > 0 and at not in self.instructions:
            at -= 2
        return at

    def below_call(self, at: int) -> Tags | None:
        """The stack beneath the callable of a pending call; None where it is not known."""
        item, tags = self.instructions.get(at), self.tags.get(at)
        if item is None or tags is None or item.opname not in ("CALL", "CALL_KW"):
            return None
        given = 0 if _COUNTS_ARGUMENTS else (item.arg or 0) + (item.opname == "CALL_KW")
        # Beneath the arguments: the callable, and NULL or self.
        return tags[: len(tags) - given - 2]

    def depth_at_load(self, at: int) -> int | None:
        """How much lies on the stack when an instruction loads something; None where it is dead."""
        tags = self.tags.get(at)
        if tags is None:
            return None
        return len(tags) - (self.instructions[at].opname == "STORE_FAST_LOAD_FAST")

    @functools.cached_property
    def live(self) -> Mapping[int, frozenset[str]]:
        """By offset, the locals that an instruction or a later one may read."""
        after = {
            at: [entry.target for entry in self._handlers_at(at)]
            + [place for place, _ in self._ways(item)]
            for at, item in self.instructions.items()
        }
        return live_names(self.instructions.values(), after, self._shared)

    def _rounds(self) -> Iterator[tuple[int, int | None]]:
        """Where loops come back to: ``FOR_ITER``, or what makes its argument long."""
        start = None
        for offset, item in self.instructions.items():
            if item.opname == "FOR_ITER" and offset in self.tags:
                yield offset if start is None else start, self.tags[offset][-1]
            if item.opname != "EXTENDED_ARG":
                start = None
            elif start is None:
                start = offset

    def _handlers_at(self, at: int) -> list[Any]:
        return [entry for entry in self._handlers if entry.start <= at < entry.end]

    def _ways(self, item: dis.Instruction) -> Iterator[tuple[int, bool]]:
        """Where an instruction goes on, and whether it jumps there."""
        if item.opname in _ENDS:
            return
        if item.opcode in dis.hasjrel or item.opcode in dis.hasjabs:
            yield item.argval, True
        if item.opname not in _ALWAYS_JUMPS and item.offset in self._next:
            yield self._next[item.offset], False

    def _worked_out(self) -> dict[int, Tags]:
        found: dict[int, Tags] = {}
        waiting: list[tuple[int, Tags]] = [(0, ())]
        while waiting:
            at, tags = waiting.pop(0)
            if at in found:
                merged = _merged(found[at], tags)
                if merged == found[at]:
                    continue
                tags = merged
            found[at] = tags
            for entry in self._handlers_at(at):
                # What a handler finds on top of the stack is never clean.
                rest = (None,) * (int(entry.lasti) + 1)
                waiting.append((entry.target, (*tags[: entry.depth], *rest)))
            item = self.instructions[at]
            if at in self._uncounted:
                tags = (*tags[:-1], None)
            for place, jump in self._ways(item):
                waiting.append((place, _after(item, tags, jump=jump)))
        return found


def _loops_of_one_line(instructions: list[dis.Instruction]) -> Iterator[int]:
    """Loops with their body on the same line, whose rounds are not all traced at ``FOR_ITER``.

    From Python 3.12 on that depends on the release (``Python/legacy_tracing.c``,
    ``sys_trace_jump_func``).
    """
    lines = {item.offset: item.positions.lineno for item in instructions if item.positions}
    loops = {item.offset for item in instructions if item.opname == "FOR_ITER"}
    for item in instructions:
        jumps_back = item.opname.startswith("JUMP_BACKWARD")
        if jumps_back and item.argval in loops and lines[item.argval] == lines[item.offset]:
            yield item.argval


def _merged(one: Tags, other: Tags) -> Tags:
    if len(one) != len(other):
        raise Unknown("two ways to one instruction leave stacks of different depth")
    return tuple(a if a == b else None for a, b in zip(one, other, strict=True))


def _after(item: dis.Instruction, tags: Tags, *, jump: bool) -> Tags:
    """The stack after an instruction."""
    name = item.opname
    if name in _UNTOUCHED:
        return tags
    if name == "GET_ITER":
        return (*tags[:-1], item.offset)
    if name == "BEFORE_WITH":
        return (*tags[:-1], item.offset, None)
    if name == "FOR_ITER":
        return tags[:-1] if jump and not _ENDS_LOOPS else (*tags, None)
    if name == "SWAP":
        assert item.arg is not None
        swapped = list(tags)
        swapped[-1], swapped[-item.arg] = swapped[-item.arg], swapped[-1]
        return tuple(swapped)
    if name in _ONE_LESS or name.startswith("POP_JUMP"):
        return tags[:-1]
    effect = dis.stack_effect(item.opcode, item.arg, jump=jump)
    if name.startswith("LOAD_") and effect >= 1 and name not in ("LOAD_METHOD", "LOAD_ATTR"):
        return (*tags, *(None,) * effect)
    if name in ("PUSH_NULL", "COPY"):
        return (*tags, None)
    if name == "PRECALL":
        # CALL pops the arguments; together they have the right effect.
        return tags[: len(tags) + effect] if effect else tags
    if effect > 0:
        return (*tags[:-1], None, *(None,) * effect) if tags else (None,) * effect
    rest = tags[: len(tags) + effect]
    # What it pushed lies on top of what it left.
    return (*rest[:-1], None) if rest and name not in _PUSHES_NOTHING else rest


@functools.lru_cache(maxsize=4096)
def layout_of(code: types.CodeType) -> Layout | None:
    """The layout of a code object, or None where its stack is not known."""
    try:
        return Layout(code)
    except (Unknown, KeyError, IndexError, ValueError, StopIteration):
        return None


def called_code(frame: types.FrameType, layout: Layout) -> Any:
    """The code of the function that a pending call of this frame goes straight to, or None."""
    at = layout.whole(frame.f_lasti)
    below = layout.below_call(at)
    if below is None:
        return None
    known = layout.instructions
    # The load that pushed the callable: the last one that begins with the depth beneath the call.
    loads = [o for o in known if o < at and layout.depth_at_load(o) == len(below)]
    if not loads:
        return None
    steps = [known[o] for o in sorted(known) if max(loads) <= o < at]
    steps = [item for item in steps if item.opname not in ("CACHE", "PUSH_NULL")]
    target = _loaded(frame, steps[0]) if steps else None
    for item in steps[1:]:
        if item.opname not in ("LOAD_ATTR", "LOAD_METHOD"):
            break
        target = _attribute(target, item.argval)
        if item.opname == "LOAD_METHOD":
            break
    return target.__code__ if isinstance(target, types.FunctionType) else None


def _loaded(frame: types.FrameType, item: dis.Instruction) -> Any:
    names: Mapping[str, Any] = {}
    name = item.argval
    if item.opname == "LOAD_GLOBAL":
        names = frame.f_globals
    elif item.opname in ("LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_DEREF"):
        names = frame.f_locals
    elif item.opname == "STORE_FAST_LOAD_FAST":
        names, name = frame.f_locals, name[1]
    return names.get(name)


def _attribute(target: Any, name: str) -> Any:
    if isinstance(target, types.ModuleType):
        return vars(target).get(name)
    try:
        found = inspect.getattr_static(target, name)
    except AttributeError:
        return None
    return getattr(found, "__func__", found)
