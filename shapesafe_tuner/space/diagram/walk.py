"""One run of ``build`` on its way through the vertices."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from shapesafe_tuner._compat.keras_tuner.domains import domain
from shapesafe_tuner._compat.types import Configuration, HyperParameter, Value, Values
from shapesafe_tuner.shapes.deferred import demand
from shapesafe_tuner.space.diagram.vertices import Passed, Vertex
from shapesafe_tuner.space.explorer import WIDEST
from shapesafe_tuner.tracing.lazy import can_be_deferred, deferred
from shapesafe_tuner.tracing.states.early import stem
from shapesafe_tuner.tracing.states.follower import Follower
from shapesafe_tuner.tracing.states.memory import Memory

__all__ = ["Again", "Position", "Reached", "Unmergeable", "Walk"]


class Unmergeable(Exception):
    """The space cannot be explored this way; the sentence says why."""


class Again(Exception):
    """What counts has grown: the exploration starts again."""


Position: TypeAlias = tuple[int, ...]
"""How far a run is."""


class Reached(NamedTuple):
    """A vertex on the way of a run.

    Attributes:
        vertex: reached.
        position: where the run is.
        is_new: no run has been here.
        taken: the value with which the run goes on; None where it does not.
    """

    vertex: Vertex
    position: Position
    is_new: bool
    taken: Value


VertexOf: TypeAlias = Callable[
    [HyperParameter, Follower, Values], "tuple[Vertex, bool] | Again | Unmergeable"
]
"""Finds the vertex of a state, and whether it is new; or says why there is none."""


class Walk:
    """One run of ``build``: what it reads, and the vertices that it comes through.

    Args:
        memory: what the followed runs share.
        values: what is chosen.
        learning_rates: hyperparameters that can change no verdict, and keep their default.
        vertex_of: finds the vertices.

    Attributes:
        stopped: why it counts for nothing; None if it does.
    """

    def __init__(
        self, memory: Memory, values: Values, learning_rates: frozenset[str], vertex_of: VertexOf
    ) -> None:
        self._memory = memory
        self._learning_rates = learning_rates
        self._vertex_of = vertex_of
        self.follower = Follower(memory)
        self.chosen: Configuration = dict(values)
        self.met: dict[str, HyperParameter] = {}
        self.way: list[Reached] = []
        self.stopped: Again | Unmergeable | None = None

    @property
    def passed(self) -> Passed:
        """What it did so far."""
        follower = self.follower
        return Passed(follower.asked, follower.named, follower.looked)

    def give(self, hp: HyperParameter) -> Value:
        """The value of a hyperparameter that is not chosen: deferred, or its default."""
        self.met[hp.name] = hp
        memory = self._memory
        early = stem(hp.name) in memory.early.at_readings | memory.shown
        if memory.hides and can_be_deferred(hp) and not early:
            return deferred(hp)
        if hp.name in self._learning_rates:
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
            self._memory.early.demanded(name)
            if self.follower.in_user_code:
                self.follower.used_first(name)
        is_there = self.way and self.way[-1].vertex.hp.name == name
        if name in self.met and not is_there and self.stopped is None:
            self._reach(self.met[name], None)

    def _reach(self, hp: HyperParameter, taken: Value) -> bool:
        """Come to a vertex; whether the run goes on."""
        found = self._vertex_of(hp, self.follower, self.chosen)
        if isinstance(found, Exception):
            # Raised inside of build somebody might catch it, and it would keep the run alive.
            self.stopped = found
            return False
        vertex, is_new = found
        self.way.append(Reached(vertex, self.passed.length, is_new, taken if is_new else None))
        return is_new
