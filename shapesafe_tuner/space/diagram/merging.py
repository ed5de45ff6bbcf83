"""Explores a space by runs of ``build``, and goes on from each *state* only once.

The future of a run depends on its past only through the state it is in, mostly the size of a map.
So the tree of demands is explored as a diagram (Bryant, *Graph-based algorithms for Boolean
function manipulation*, IEEE Transactions on Computers 1986): what is demanded in equal states is
one vertex. Which parts of the past count is taken optimistically; a run that looks at more makes
that a part of every state, and the exploration starts again.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from shapesafe_tuner._compat.keras_tuner.domains import domain, place_of, weighted_domain
from shapesafe_tuner.shapes.deferred import Demand, demand, demanded, forget_demands, watched
from shapesafe_tuner.space.diagram.vertices import Passed, Vertex, in_order
from shapesafe_tuner.space.explorer import WIDEST, of_many
from shapesafe_tuner.tracing.judge import Judge
from shapesafe_tuner.tracing.lazy import can_be_deferred, deferred
from shapesafe_tuner.tracing.states.early import stem
from shapesafe_tuner.tracing.states.follower import Follower
from shapesafe_tuner.tracing.states.memory import HISTORY, Memory

__all__ = ["Merging", "Unmergeable"]

_LOOKS = (32, 256, 2_048)
"""Runs of one exploration after which it may start again because a better way is known."""
_SMALL = 20_000
"""A tree that is explored sooner than states of which all layers are a part."""
_SCATTERED = 256
"""Runs of one exploration whose places are drawn."""


class Unmergeable(Exception):
    """The space cannot be explored this way; the sentence says why."""


class _Again(Exception):
    """What counts has grown: the exploration starts again."""


_Position = tuple[int, ...]
"""How far a run is."""
_START = (0, 0, 0)
_OPEN = object()
"""In place of the value of what is not chosen."""


class _Reached(NamedTuple):
    """A vertex on the way of a run."""

    vertex: Vertex
    position: _Position
    is_new: bool
    taken: Any


class _Run:
    """One run of ``build``: what it reads, and the vertices that it comes through.

    Args:
        merging: the exploration.
        values: what is chosen.

    Attributes:
        stopped: why it counts for nothing; None if it does.
    """

    def __init__(self, merging: Merging, values: Mapping[str, Any]) -> None:
        self._merging = merging
        self.follower = Follower(merging.memory)
        self.chosen = dict(values)
        self.met: dict[str, Any] = {}
        self.way: list[_Reached] = []
        self.stopped: _Again | Unmergeable | None = None

    @property
    def passed(self) -> Passed:
        """What it did so far."""
        follower = self.follower
        return Passed(follower.asked, follower.named, follower.looked)

    def give(self, hp: Any) -> Any:
        """The value of a hyperparameter that is not chosen: deferred, or its default."""
        self.met[hp.name] = hp
        memory = self._merging.memory
        early = stem(hp.name) in memory.early.at_readings | memory.shown
        if memory.hides and can_be_deferred(hp) and not early:
            return deferred(hp)
        if hp.name in self._merging.learning_rates:
            return hp.default
        known = domain(hp)
        if known is None or len(known) > WIDEST:
            return demand(hp.name)
        if len(known) == 1:
            return known[0]
        value = next((value for value in known if value == hp.default), known[0])
        if not self._reach(hp, value):
            return demand(hp.name)
        self.chosen[hp.name] = value
        return value

    def noticed(self, name: str) -> None:
        """A value is demanded, and the run is about to end."""
        if name in self.met:
            self._merging.memory.early.demanded(name)
            if self.follower.in_user_code:
                self.follower.used_first(name)
        is_there = self.way and self.way[-1].vertex.hp.name == name
        if name in self.met and not is_there and self.stopped is None:
            self._reach(self.met[name], None)

    def _reach(self, hp: Any, taken: Any) -> bool:
        """Come to a vertex; whether the run goes on."""
        found = self._merging.vertex(hp, self.follower, self.chosen)
        if isinstance(found, Exception):
            # Raised inside of build somebody might catch it, and it would keep the run alive.
            self.stopped = found
            return False
        vertex, is_new = found
        self.way.append(_Reached(vertex, self.passed.length, is_new, taken if is_new else None))
        return is_new


class Merging:
    """Explores one space.

    Args:
        judge: judges configurations.
        space: the ``HyperParameters`` registered so far, or None.
        most: runs of ``build`` that it may take.
        tree: what the tree of demands costs, by an estimate.

    Attributes:
        memory: what the followed runs share.
        learning_rates: hyperparameters that can change no verdict.
        runs: how many it took.
        declared: every hyperparameter that was met, in the order of their first reading.
        restarts: why the exploration started again.
    """

    def __init__(
        self,
        judge: Judge,
        space: Any,
        *,
        most: float = float("inf"),
        tree: float = float("inf"),
    ) -> None:
        self._judge = judge
        self._space = space
        self._most = most
        self._tree = tree
        self.learning_rates = judge.learning_rates
        self.memory = Memory(hides=judge.may_defer, reads_frames=sys.gettrace() is None)
        self._vertices: dict[int, Vertex] = {}
        self._first = self._passed = Passed([], [], [])
        self.runs = 0
        self.declared: dict[Any, Any] = {}
        self.restarts: list[str] = []

    def explore(self) -> Vertex:
        """The diagram of the whole space.

        Raises:
            Unmergeable: there is none.
        """
        if not self._judge.may_follow:
            raise Unmergeable("constraints and limits look at the whole configuration")
        root = None
        while root is None:
            root = self._explored()
        return root

    def _explored(self) -> Vertex | None:
        """The diagram; None where what counts has grown."""
        try:
            root = self._explore()
            self._check(root)
        except _Again as why:
            self.restarts.append(str(why))
            return None
        return root

    def _explore(self) -> Vertex:
        self._vertices = {}
        self.memory.keys.clear()
        self.memory.early.learn()
        looks = [self.runs + each for each in _LOOKS]
        generator, scattered = random.Random(0), self.runs + _SCATTERED
        way = self._run({})
        root = way[0].vertex
        follow = self._linked(way, None, {}, _START)
        waiting = follow[::-1]
        while waiting:
            if looks and self.runs >= looks[0]:
                del looks[0]
                if self.memory.early.learn():
                    raise _Again("some values are better chosen early")
            if self.runs < scattered:
                # What makes the exploration start again is found sooner here and there.
                place = generator.randrange(len(waiting))
                waiting[place], waiting[-1] = waiting[-1], waiting[place]
            vertex, values, position = waiting.pop()
            for value, _ in vertex.pairs:
                if value not in vertex.edges:
                    chosen = {**values, vertex.hp.name: value}
                    way = self._run(chosen)
                    waiting += self._linked(way, (vertex, value), chosen, position)[::-1]
        return root

    def _linked(
        self,
        way: list[_Reached],
        parent: tuple[Vertex, Any] | None,
        values: Mapping[str, Any],
        position: _Position,
    ) -> list[tuple[Vertex, Mapping[str, Any], _Position]]:
        """Link what a run came through; the new vertices, with what leads to them."""
        new = []
        for vertex, here, is_new, taken in way:
            passed = self._passed.part(position, here)
            if parent is None:
                self._first = passed
            else:
                parent[0].edges[parent[1]] = vertex
                parent[0].passed[parent[1]] = passed
            if is_new and vertex.hp is not None:
                vertex.first = values
                new.append((vertex, values, here))
            if vertex.hp is not None:
                parent = (vertex, taken)
                values = {**values, vertex.hp.name: taken}
                position = here
        return new

    def _run(self, values: Mapping[str, Any]) -> list[_Reached]:
        """The vertices that a run comes through, the last of which ends it."""
        if self.runs >= self._most:
            raise Unmergeable(f"it takes more than {self.runs:,} runs of build")
        self.runs += 1
        run = _Run(self, values)
        verdict = None
        forget_demands()
        try:
            with watched(run.noticed):
                verdict = self._judge.judge_lazily(self._space, values, run.give, run.follower)
        except Demand:
            pass
        name = demanded()
        forget_demands()
        for hp in run.met.values():
            self.declared.setdefault(place_of(hp), hp)
        if run.stopped is not None:
            raise run.stopped
        self._look_at(run)
        way = run.way
        if name is None:
            for open_name in run.met.keys() - run.chosen.keys():
                self.memory.early.left_open(open_name)
            if verdict is None or verdict.feasible is None:
                raise Unmergeable("rules cannot decide all of it")
            counted = dict(run.follower.counted)
            end = Vertex(verdict=of_many(verdict), first=run.chosen, counted=counted)
            way.append(_Reached(end, run.passed.length, True, None))
        elif name not in run.met or name in values:
            raise Unmergeable("build keeps values from one call to the next")
        self._passed = run.passed
        return way

    def vertex(
        self, hp: Any, follower: Follower, chosen: Mapping[str, Any]
    ) -> tuple[Vertex, bool] | _Again | Unmergeable:
        """The vertex of a state, and whether it is new; or why there is none."""
        key = follower.key(hp, chosen)
        known = self._vertices.get(key)
        if known is not None:
            known.meet(follower.counted)
            return known, False
        place = follower.wanted_place
        if place is not None:
            self.memory.places.add(place)
            return _Again(f"states are summarised in {place[0].co_name}")
        pairs = weighted_domain(hp, WIDEST)
        if pairs is None:
            return Unmergeable(f"{hp.name} has too many values")
        made = self._vertices[key] = Vertex(hp, pairs, counted=dict(follower.counted))
        return made, True

    def _look_at(self, run: _Run) -> None:
        """What a run looked at counts from now on."""
        follower = run.follower
        for what, why in (
            ("values", "build reads the values of others"),
            ("changes", "build changes layers that it made"),
            ("stock", "it needs KerasTuner's own class"),
        ):
            if what in follower.used:
                raise Unmergeable(why)
        if "blamed" in follower.used:
            raise _Again("a class of the user's is asked itself")
        if follower.wanted is not None:
            self.memory.shown.add(stem(follower.wanted))
            raise _Again(f"{follower.wanted} is handed to C code")
        if "lifetimes" in follower.used and self.memory.reads_frames:
            self.memory.reads_frames = False
            self.memory.places.clear()
            raise _Again("some code may notice when an object dies")
        if follower.ages.learn():
            raise _Again("older tensors are read")
        self._count((follower.used & HISTORY) | (_twice(follower.asked) & run.chosen.keys()))

    def _count(self, more: set[str]) -> None:
        more = more - self.memory.relevant
        if "models" in more and self._tree < _SMALL:
            raise Unmergeable("the finished model counts, and the tree is small")
        if more:
            self.memory.relevant |= more
            raise _Again(f"{', '.join(sorted(more))} count")

    def _check(self, root: Vertex) -> None:
        """What one path may meet twice has been part of the states.

        A name that is read twice matters only if it is demanded somewhere: as long as it is not,
        it has no value that a second reading could repeat.
        """
        order = in_order(root)
        chosen = {vertex.hp.name for vertex in order if vertex.hp is not None}
        before: dict[int, tuple[set[str], set[str]]] = {id(v): (set(), set()) for v in order}
        before[id(root)] = (set(self._first.asked), set(self._first.named))
        prefixes: set[str] = set()
        given: set[str] = set(self._first.named)
        twice = _twice(self._first.asked)
        more: set[str] = set()
        for vertex in order:
            asked, named = before[id(vertex)]
            prefixes.update(vertex.counted, vertex.unsure)
            for value, child in vertex.edges.items():
                reads, names, _ = vertex.passed[value]
                given.update(names)
                twice |= _twice(reads) | asked.intersection(reads)
                if named.intersection(names) or len(set(names)) < len(names):
                    more |= {"models", "counters"}
                before[id(child)][0].update(asked, reads)
                before[id(child)][1].update(named, names)
        if any(_is_like(name, prefixes) for name in given):
            more |= {"models", "counters"}
        self._count(more | (twice & chosen) | _undecided(order))


def _undecided(order: list[Vertex]) -> set[str]:
    """What a scope looks at where runs with different values of it have been merged."""
    edges = [(v, value, child) for v in order for value, child in v.edges.items()]
    looked = {name for v, value, _ in edges for name in v.passed[value].looked}
    found = set()
    for name in looked:
        known: dict[int, set[Any]] = {id(vertex): set() for vertex in order}
        known[id(order[0])].add(_OPEN)
        for vertex, value, child in edges:
            decides = vertex.hp.name == name
            if not decides and len(known[id(vertex)]) > 1 and name in vertex.passed[value].looked:
                found.add(name)
            known[id(child)] |= {repr(value)} if decides else known[id(vertex)]
    return found


def _twice(names: list[str]) -> set[str]:
    return {name for name, times in Counter(names).items() if times > 1}


def _is_like(name: str, prefixes: set[str]) -> bool:
    """Whether Keras may give this name itself."""
    stem, _, number = name.rpartition("_")
    return name in prefixes or (number.isdigit() and stem in prefixes)
