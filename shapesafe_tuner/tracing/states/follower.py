"""One run of ``build``, followed: what it was shown, what it holds, and the key of its state.

Two runs whose states have equal keys have the same future. The key says what ``build`` was shown
since its visible state was last *summarised*, the exact way it took since then, and what our own
objects that it may still hold are.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from shapesafe_tuner._compat.keras import global_state
from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor
from shapesafe_tuner.structures import leaves
from shapesafe_tuner.tracing.lazy import Proxy
from shapesafe_tuner.tracing.states.ages import Ages
from shapesafe_tuner.tracing.states.canonical import Pin, Uncanonical, Walk
from shapesafe_tuner.tracing.states.frames import Frames, Place
from shapesafe_tuner.tracing.states.live import State, everything, state_of
from shapesafe_tuner.tracing.states.memory import HISTORY, Memory
from shapesafe_tuner.tracing.states.opaque import Opaque

__all__ = ["Follower"]


class LibraryCall:
    """While our own code runs.

    Args:
        follower: of the run.
        what: runs.
        given: what ``build`` gave it.
    """

    __slots__ = ("_follower", "_given", "_what")

    def __init__(self, follower: Follower, what: str, given: Any) -> None:
        self._follower = follower
        self._what = what
        self._given = given

    def __enter__(self) -> None:
        self._follower.enter(self._what, self._given)

    def __exit__(self, *error: object) -> None:
        self._follower.leave()


class Follower:
    """Follows one run.

    Args:
        memory: shared with the other runs of the space.

    Attributes:
        asked: the names that were read, each as often as it was.
        used: which of :data:`HISTORY` this run looked at.
        wanted: the hyperparameter whose value has to be shown; None in most runs.
        named: explicit names of layers, as often as they were given.
        looked: hyperparameters whose chosen values decided whether a scope is active.
        counted: prefixes of names that Keras gave, with how many there are.
        has_own_code: an object of a class of the user's runs on stand-ins.
        final: what ``build`` returned, while its training step is judged.
        place: where a state should be summarised, so that it merges; None where it was.
        ages: of tensors and values.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.asked: list[str] = []
        self.looked: list[str] = []
        self.used: set[str] = set()
        self.wanted: str | None = None
        self.named: list[str] = []
        self.counted: dict[str, int] = {}
        self.ranges: dict[str, Any] = {}
        self.final: Any = None
        self.has_own_code = False
        self.place: Place | None = None
        self.ages = Ages(memory.counting)
        self._base = -1
        self._crossed = False
        self._hidden: Place | None = None
        self._asked_at: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._way = 0
        self._steps: list[Any] = []
        self._made = itertools.count(1)
        self._held: dict[int, tuple[weakref.ref[Any], Any]] = {}
        self._busy: list[Any] = []
        self._running = False
        self._escapes = False
        self._frames = Frames(self) if memory.reads_frames else None

    # What happens.

    def born(self, found: Any) -> None:
        """Something of ours was made that ``build`` may hold."""
        held, key = self._held, id(found)

        def gone(reference: Any) -> None:
            if key in held and held[key][0] is reference:
                del held[key]
                self.ages.gone(key)
                self._names.pop(key, None)

        place = None if self._frames is None else self._frames.here()
        if type(found) is SymbolicTensor:
            self.ages.born(found, place)
        elif issubclass(type(found), Opaque):
            self.ages.given(found, place)
        held[key] = (weakref.ref(found, gone), ("made", self._base, next(self._made)))

    def cross(self, what: Any) -> None:
        """Something became known to ``build``."""
        self._steps.append(("crossed", what))
        self._crossed = True

    def step(self, where: Any) -> None:
        """The run went on; a count would not do, since caches make the first run longer."""
        self._steps.append(where)

    def asks(self, name: str, value: Any) -> None:
        """A hyperparameter is read, and this is what ``build`` gets."""
        self.asked.append(name)
        self._asked_at.setdefault(name, self.ages.made)
        if issubclass(type(value), Opaque):
            self._names[id(value)] = name

    def looks_at(self, name: str) -> None:
        """The chosen value of a hyperparameter decides whether a scope is active."""
        self.looked.append(name)

    def serves(self, *values: Any) -> None:
        """Something was done with these."""
        self.ages.used(values)
        for each in values:
            if issubclass(type(each), Opaque):
                self.used_first(self._names.get(id(each), ""))
            elif issubclass(type(each), Proxy):
                expression = each._expression
                for name in getattr(expression, "names", None) or (expression.name,):
                    self.used_first(name)

    def used_first(self, name: str) -> None:
        """The value of a hyperparameter served for something, perhaps not for the first time."""
        if name in self._asked_at:
            self.memory.early.used(name, self.ages.made - self._asked_at.pop(name))

    def uses(self, what: str) -> None:
        """The run looked at what lies behind."""
        self.used.add(what)

    def shows(self, name: str) -> None:
        """The value of a hyperparameter has to be shown to ``build``."""
        self.wanted = name

    @property
    def in_user_code(self) -> bool:
        """Whether ``build`` runs, and no call of a library in it."""
        return self._running and not self._busy

    def library_call(self, what: str, *given: Any) -> LibraryCall:
        """Our own code runs inside: it is not followed."""
        return LibraryCall(self, what, given)

    def enter(self, what: str, given: Any) -> None:
        """A library call begins."""
        self.ages.read(leaves(given))
        if self._running and not self._busy:
            self.step(what)
            if self._frames is not None:
                self._frames.pause()
        self._busy.append((what, given))

    def leave(self) -> None:
        """It ends."""
        what, given = self._busy.pop()
        if what != "construct":
            self.serves(*leaves(given))
        else:
            self.ages.used(leaves(given))
        if self._running and not self._busy and self._frames is not None:
            self._frames.resume()

    def note(self, functions: Iterable[Any]) -> None:
        """User code that runs inside of library calls: what it names counts."""
        if self._frames is not None:
            for function in functions:
                self._frames.note(function.__code__, function.__globals__)

    def run(self, build: Callable[[Any], Any], hp: Any) -> Any:
        """Run ``build``."""
        self._running = True
        try:
            if self._frames is None:
                return build(hp)
            with self._frames.followed():
                return build(hp)
        finally:
            self._running = False

    def close(self) -> None:
        """The run is over."""
        self.final = None
        self._busy.clear()

    # Keys.

    def user_key(self) -> int:
        """What ``build`` may know and where it is."""
        self._way = self.memory.number((self._base, self._way, tuple(self._steps)))
        self._steps.clear()
        return self._way

    def key(self, hp: Any, values: Mapping[str, Any]) -> int:
        """The state in which a value is demanded.

        Args:
            hp: the hyperparameter.
            values: what is chosen.
        """
        relevant = self.memory.relevant
        asked = set(self.asked)
        if self._frames is not None:
            self.place = self._frames.place()
        chosen = tuple(
            (other, repr(values[other]) if other in values and other in asked else "open")
            for other in sorted(relevant - HISTORY)
        )
        busy = None
        if self._busy:
            what, given = self._busy[0]
            busy = (what, everything(given, self.state))
        final = None if self.final is None else state_of(self.final, self.state)
        counted = tuple(sorted(self.counted.items())) if "counters" in relevant else None
        policies = global_state.policies()
        declared = self.memory.declared(hp)
        parts = (chosen, busy, final, counted, policies, declared, self.has_own_code)
        user = (self._base, self._way, tuple(self._steps))
        return self.memory.number((user, self._living(), hp.name, parts))

    @property
    def wanted_place(self) -> Place | None:
        """Where this state should have been summarised, so that it merges; None if it was."""
        if self._hidden is not None:
            return self._hidden
        return self.place if self._crossed and self.place not in self.memory.places else None

    @property
    def state(self) -> State:
        """What decides which part of our objects counts."""
        return State(frozenset(self.memory.relevant), self.ranges)

    def _living(self) -> Any:
        """What the future may read of our objects that are alive."""
        found = []
        walked, state = "models" in self.memory.relevant, self.state
        for key, (reference, name) in list(self._held.items()):
            it = reference()
            if it is not None:
                is_old = not walked and self.ages.is_old(key)
                found.append((name, "old" if is_old else state_of(it, state)))
        assert len({name for name, _ in found}) == len(found)
        return frozenset(found)

    # Summaries.

    def summarise(self) -> bool:
        """Forget what was shown: what ``build`` holds says it all. False where that fails."""
        frames = self._frames
        if frames is None or not self._crossed:
            return False
        try:
            pins = frames.pins()
            walk = self._walk(pins)
            parts = (frames.states(walk), walk.pins(), walk.globals())
        except Uncanonical as why:
            self.memory.why[str(why)] = self.memory.why.get(str(why), 0) + 1
            return False
        gone = self._forgotten(walk, pins)
        before = self._base
        self._base = self.memory.number(("summary", parts))
        self._way = 0
        self._steps.clear()
        for key, (reference, name) in list(self._held.items()):
            if key in gone:
                del self._held[key]
                self.ages.gone(key)
            elif key in walk.ours:
                self._held[key] = (reference, ("seen", walk.ours[key]))
            elif name[0] == "seen":
                self._held[key] = (reference, ("hidden", before, name[1]))
        self._made = itertools.count(1)
        return True

    def _forgotten(self, walk: Walk, pins: list[Pin]) -> set[int]:
        """Our objects that lie only in locals which are not read any more."""
        if self._escapes:
            return set()
        frames, seen = self._frames, set(walk.ours)
        assert frames is not None
        frames.walk_dead(walk)
        return walk.ours.keys() - seen.union(*[pin.ours for pin in pins])

    def escaped(self) -> None:
        """Something of the user's lies in an object of a library, and what it holds with it."""
        self._escapes = True

    def pin(self) -> Pin | None:
        """What something that is hidden from now on may share with the rest."""
        walk = self._walk([])
        frames = self._frames
        assert frames is not None
        try:
            frames.walk_locals(walk)
            walk.globals()
        except Uncanonical:
            return None
        return walk.pin()

    def hides(self, place: Place) -> None:
        """What ``build`` had been shown at a place is hidden from now on."""
        if self._crossed and self._hidden is None and place not in self.memory.places:
            self._hidden = place

    def _walk(self, pins: list[Pin]) -> Walk:
        assert self._frames is not None
        memory = self.memory
        return Walk(self._held, self._frames.codes, pins, self.ranges, memory.arrays)
