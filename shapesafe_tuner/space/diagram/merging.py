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

from shapesafe_tuner._compat.keras_tuner.domains import place_of, weighted_domain
from shapesafe_tuner._compat.types import HyperParameter, HyperParameters, Value, Values
from shapesafe_tuner.shapes.deferred import Demand, demanded, forget_demands, watched
from shapesafe_tuner.space.diagram.soundness import twice_in, what_counts
from shapesafe_tuner.space.diagram.vertices import Passed, Vertex
from shapesafe_tuner.space.diagram.walk import Again, Position, Reached, Unmergeable, Walk
from shapesafe_tuner.space.explorer import WIDEST, of_many
from shapesafe_tuner.tracing.judge import Judge
from shapesafe_tuner.tracing.states.early import stem
from shapesafe_tuner.tracing.states.follower import Follower
from shapesafe_tuner.tracing.states.memory import HISTORY, Memory

__all__ = ["Merging"]

_LOOKS = (32, 256, 2_048)
"""Runs of one exploration after which it may start again because a better way is known."""
_SMALL = 20_000
"""A tree that is explored sooner than states of which all layers are a part."""
_START = (0, 0, 0)
"""How far a run is at first."""
_SCATTERED = 256
"""Runs of one exploration whose places are drawn."""


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
        space: HyperParameters | None,
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
        self.declared: dict[tuple[str, str], HyperParameter] = {}
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
            self._count(what_counts(root, self._first))
        except Again as why:
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
                    raise Again("some values are better chosen early")
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
        way: list[Reached],
        parent: tuple[Vertex, Value] | None,
        values: Values,
        position: Position,
    ) -> list[tuple[Vertex, Values, Position]]:
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

    def _run(self, values: Values) -> list[Reached]:
        """The vertices that a run comes through, the last of which ends it."""
        if self.runs >= self._most:
            raise Unmergeable(f"it takes more than {self.runs:,} runs of build")
        self.runs += 1
        run = Walk(self.memory, values, self.learning_rates, self._vertex)
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
            way.append(Reached(end, run.passed.length, True, None))
        elif name not in run.met or name in values:
            raise Unmergeable("build keeps values from one call to the next")
        self._passed = run.passed
        return way

    def _vertex(
        self, hp: HyperParameter, follower: Follower, chosen: Values
    ) -> tuple[Vertex, bool] | Again | Unmergeable:
        """The vertex of a state, and whether it is new; or why there is none."""
        key = follower.key(hp, chosen)
        known = self._vertices.get(key)
        if known is not None:
            known.meet(follower.counted)
            return known, False
        place = follower.wanted_place
        if place is not None:
            self.memory.places.add(place)
            return Again(f"states are summarised in {place[0].co_name}")
        pairs = weighted_domain(hp, WIDEST)
        if pairs is None:
            return Unmergeable(f"{hp.name} has too many values")
        made = self._vertices[key] = Vertex(hp, pairs, counted=dict(follower.counted))
        return made, True

    def _look_at(self, run: Walk) -> None:
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
            raise Again("a class of the user's is asked itself")
        if follower.wanted is not None:
            self.memory.shown.add(stem(follower.wanted))
            raise Again(f"{follower.wanted} is handed to C code")
        if "lifetimes" in follower.used and self.memory.reads_frames:
            self.memory.reads_frames = False
            self.memory.places.clear()
            raise Again("some code may notice when an object dies")
        if follower.ages.learn():
            raise Again("older tensors are read")
        self._count((follower.used & HISTORY) | (twice_in(follower.asked) & run.chosen.keys()))

    def _count(self, more: set[str]) -> None:
        more = more - self.memory.relevant
        if "models" in more and self._tree < _SMALL:
            raise Unmergeable("the finished model counts, and the tree is small")
        if more:
            self.memory.relevant |= more
            raise Again(f"{', '.join(sorted(more))} count")
