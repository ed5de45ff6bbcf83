"""The frames of user code in one run: where each is, and when its state can be summarised."""

from __future__ import annotations

import contextlib
import gc
import inspect
import sys
import types
from collections.abc import Collection, Iterator
from typing import Any, Protocol

from shapesafe_tuner.tracing.states import owners
from shapesafe_tuner.tracing.states.canonical import Pin, Uncanonical, Walk
from shapesafe_tuner.tracing.states.stacks import Layout, called_code, is_clean, layout_of

__all__ = ["Frames", "Place"]

Place = tuple[types.CodeType, int]
"""A line of user code: code object and offset."""

_SUSPENDS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_LEAVES = frozenset(["RETURN_VALUE", "RETURN_CONST", "RERAISE", "RAISE_VARARGS"])


class Owner(Protocol):
    """What frames ask of the run they belong to."""

    memory: Any

    def step(self, where: Any) -> None:
        """The run went on."""

    def uses(self, what: str) -> None:
        """The run looked at what it should not see."""

    def user_key(self) -> int:
        """What ``build`` may know and where it is."""

    def summarise(self) -> bool:
        """Forget what was shown."""

    def pin(self) -> Pin | None:
        """What is shared with what is hidden from now on."""

    def hides(self, place: Place) -> None:
        """What was known at a place is hidden from now on, and the place was not summarised."""


class _OnStack:
    """An iterator or an exit: what was known when it came, and how often the iterator went on."""

    def __init__(self, key: int, pin: Pin | None) -> None:
        self.key = key
        self.pin = pin
        self.rounds = 0


class _Frame:
    """One frame.

    Attributes:
        hidden: the key of what its caller's stack hides; None where that hides nothing.
        clean: the last clean line.
        was_place: whether states were to be summarised there.
    """

    def __init__(self, frame: types.FrameType, hidden: int | None, pin: Pin | None) -> None:
        self.frame = frame
        self.code = frame.f_code
        self.hidden = hidden
        self.pin = pin
        self.layout = layout_of(self.code)
        self.on_stack: dict[int, _OnStack] = {}
        self.clean: int | None = None
        self.was_place = False


class Frames:
    """Follows user code, and none else.

    Args:
        owner: the run.

    Attributes:
        codes: the user code that ran, with its globals.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._stack: list[_Frame] = []
        self._entered: dict[types.CodeType, int] = {}
        self._suspended = 0
        self._irregular: str | None = None
        self.codes: dict[types.CodeType, dict[str, Any]] = {}

    # Following.

    @contextlib.contextmanager
    def followed(self) -> Iterator[None]:
        """Follow what runs inside."""
        before = sys.gettrace()
        self.resume()
        try:
            yield
        finally:
            sys.settrace(before)
            self._stack.clear()

    def pause(self) -> None:
        """A library runs."""
        sys.settrace(None)

    def resume(self) -> None:
        """User code runs again."""
        sys.settrace(self._enter)

    def note(self, code: types.CodeType, known: dict[str, Any]) -> None:
        """User code may run where it is not followed: what it names counts."""
        self.codes[code] = known

    def _enter(self, frame: types.FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        if not owners.is_users(code.co_filename):
            return None
        caller = self._stack[-1] if self._stack else None
        if gc.callbacks and _is_of_collector(frame, None if caller is None else caller.frame):
            return None
        if caller is not None and frame.f_back is not caller.frame:
            module = frame.f_globals.get("__name__", "")
            if owners.is_of_python(code.co_filename) or owners.is_generated(module):
                return None  # a library's own business; whom it calls back is noticed
        self._owner.step((code, frame.f_lasti))
        if caller is not None and caller.layout is not None:
            at = caller.layout.whole(caller.frame.f_lasti)
            self._notice_stack(caller, at)
            if caller.layout.instructions[at].opname == "FOR_ITER":
                self._hide_state(caller, caller.layout.tags[at][-1])
        if code.co_flags & _SUSPENDS and not _is_resumed(frame):
            self._suspended += 1
        hidden, pin = None, None
        if caller is not None and not self._is_direct(caller, frame):
            hidden, pin = self._owner.user_key(), self._owner.pin()
        self._entered[code] = self._entered.get(code, 0) + 1
        self.codes[code] = frame.f_globals
        ends = owners.ends_following(code)
        if ends is not None:
            self._set_irregular(f"{code.co_name} names {ends}")
        if owners.watches_lifetimes(code):
            self._owner.uses("lifetimes")
        self._stack.append(_Frame(frame, hidden, pin))
        return self._inside

    def _inside(self, frame: types.FrameType, event: str, arg: Any) -> Any:
        top = self._stack[-1] if self._stack else None
        if event == "return":
            self._owner.step(("return", frame.f_lasti))
            if top is not None and top.frame is frame:
                self._leave(self._stack.pop())
            return self._inside
        if event != "line":
            self._owner.step(event)
            return self._inside
        self._owner.step((frame.f_code, frame.f_lasti))
        if top is None or top.frame is not frame or top.layout is None:
            self._set_irregular("frames are out of order")
            return self._inside
        self._line(top, top.layout, frame.f_lasti)
        return self._inside

    def _line(self, top: _Frame, layout: Layout, at: int) -> None:
        tags = layout.tags.get(at)
        if tags is None:
            self._set_irregular(f"{top.code.co_name} is somewhere unknown")
            return
        if top.on_stack or tags:
            self._notice_stack(top, at)
            loop = layout.loops.get(at)
            if loop is not None and loop in top.on_stack:
                top.on_stack[loop].rounds += 1
        if is_clean(tags):
            top.clean = at
            top.was_place = (top.code, at) in self._owner.memory.places
            if top.was_place:
                self._owner.summarise()

    def _leave(self, top: _Frame) -> None:
        if top.code.co_flags & _SUSPENDS and top.layout is not None:
            at = top.layout.whole(top.frame.f_lasti)
            if top.layout.instructions[at].opname in _LEAVES:
                self._suspended -= 1

    def _is_direct(self, caller: _Frame, frame: types.FrameType) -> bool:
        """Whether user code calls user code, with nothing on the stack but iterators and exits."""
        if frame.f_back is not caller.frame:
            self._set_irregular(f"{frame.f_code.co_name} is called back")
            return False
        layout = caller.layout
        if layout is None:
            return False
        below = layout.below_call(layout.whole(caller.frame.f_lasti))
        if below is None or not is_clean(below):
            return False
        return called_code(caller.frame, layout) is frame.f_code

    def _notice_stack(self, info: _Frame, at: int) -> None:
        """Iterators and exits that are new on the stack, and those that are gone."""
        assert info.layout is not None
        tags = info.layout.tags.get(at, ())
        for gone in [each for each in info.on_stack if each not in tags]:
            del info.on_stack[gone]
        for tag in tags:
            if tag is not None and tag not in info.on_stack:
                info.on_stack[tag] = _OnStack(self._owner.user_key(), self._owner.pin())
                if info.clean is not None and not info.was_place:
                    self._owner.hides((info.code, info.clean))

    @staticmethod
    def _hide_state(info: _Frame, tag: int | None) -> None:
        """An iterator runs code of the user's, which may leave something in it that nobody sees."""
        if tag is not None and tag in info.on_stack:
            info.on_stack[tag].pin = None

    def _set_irregular(self, why: str) -> None:
        self._irregular = self._irregular or why

    # States.

    def here(self) -> Place | None:
        """Where the innermost frame is."""
        return (self._stack[-1].code, self._stack[-1].frame.f_lasti) if self._stack else None

    def place(self) -> Place | None:
        """The innermost clean line, unless states are summarised there already."""
        for info in reversed(self._stack):
            if info.clean is not None:
                return None if info.was_place else (info.code, info.clean)
        return None

    def pins(self) -> list[Pin]:
        """What is hidden in frames and on their stacks.

        Raises:
            Uncanonical: it cannot be compared.
        """
        if self._irregular is not None:
            raise Uncanonical(self._irregular)
        if self._suspended:
            raise Uncanonical("a generator is suspended")
        found: list[Pin | None] = []
        for info in self._stack:
            if info.hidden is not None:
                found.append(info.pin)
            found += [info.on_stack[tag].pin for tag in sorted(info.on_stack)]
        if None in found:
            raise Uncanonical("what is hidden cannot be compared")
        return [pin for pin in found if pin is not None]

    def states(self, walk: Walk) -> Any:
        """All frames, from the outermost.

        Raises:
            Uncanonical: one of them cannot be compared.
        """
        return tuple([self._state(info, walk) for info in self._stack])

    def _state(self, info: _Frame, walk: Walk) -> Any:
        if info.layout is None:
            raise Uncanonical("unknown instructions")
        at = info.layout.whole(info.frame.f_lasti)
        tags = info.layout.tags.get(at, ())
        known = info.on_stack
        if any(tag is not None and tag not in known for tag in tags):
            raise Uncanonical("a loop that was not seen")
        stack = tuple((tag, known[tag].key, known[tag].rounds) for tag in sorted(known))
        return info.code, at, info.hidden, stack, self._locals(info, walk, info.layout.live[at])

    def walk_locals(self, walk: Walk) -> None:
        """Meet what the frames hold, and what their last lines may have put on their stacks."""
        for info in self._stack:
            self._locals(info, walk, self._in_use(info))

    def walk_dead(self, walk: Walk) -> None:
        """Meet what lies in locals that are not read any more, as far as it can be compared."""
        for info in self._stack:
            for value in info.frame.f_locals.values():
                with contextlib.suppress(Uncanonical):
                    walk.of(value)

    def _locals(self, info: _Frame, walk: Walk, names: Collection[str] | None) -> Any:
        if info.code.co_cellvars and self._entered.get(info.code, 0) > 1:
            raise Uncanonical(f"{info.code.co_name} ran more than once and has cells")
        known = info.frame.f_locals
        if names is not None:
            known = {name: value for name, value in known.items() if name in names}
        return walk.names(known)

    @staticmethod
    def _in_use(info: _Frame) -> Collection[str] | None:
        """The locals that were read since the last clean line, or will be; None for all."""
        if info.layout is None or info.clean is None:
            return None
        live, now = info.layout.live, info.layout.whole(info.frame.f_lasti)
        return live[info.clean] | live[now]


def _is_of_collector(frame: types.FrameType | None, caller: types.FrameType | None) -> bool:
    """Whether the garbage collector called, as it may between any two lines and at no fixed time.

    Dask and Hypothesis measure in such a callback how long a collection takes.
    """
    codes = [getattr(each, "__code__", None) for each in gc.callbacks]
    while frame is not None and frame is not caller:
        if frame.f_code in codes:
            return True
        frame = frame.f_back
    return False


def _is_resumed(frame: types.FrameType) -> bool:
    layout = layout_of(frame.f_code)
    start = 2 if layout is None else max(2, layout.start)
    return frame.f_lasti > start
