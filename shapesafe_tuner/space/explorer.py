"""The lazy tree of a search space: ``build`` runs, and branches where it demands a value.

A leaf is a run that ended without a further demand: its verdict holds for every value of the
hyperparameters that were not demanded (Runciman, Naylor and Lindblad, *SmallCheck and Lazy
SmallCheck*, Haskell Symposium 2008).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from shapesafe_tuner._compat.hyperparameters import place_of, weighted_domain
from shapesafe_tuner.shapes.deferred import Demand, demanded, forget_demands
from shapesafe_tuner.tracing.deferring import asked, deferred
from shapesafe_tuner.tracing.stages import Stages
from shapesafe_tuner.verdict import ShapeFault, Verdict

__all__ = ["WIDEST", "Explorer", "Leaf", "Part", "Settled"]

WIDEST = 1000
"""Values of one demanded hyperparameter that are told apart one by one."""

_COST_OF_KERAS = 50


@dataclasses.dataclass(frozen=True, eq=False)
class Leaf:
    """A part of the space with one verdict.

    Attributes:
        values: what was demanded; everything else may have any value.
        share: of the space, under KerasTuner's own random sampling.
        feasible: of all its configurations; None where it cannot be decided.
        fault: why they are infeasible.
        notes: what else the user should know of them.
    """

    values: Mapping[str, Any]
    share: Fraction
    feasible: bool | None
    fault: ShapeFault | None = None
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """A part of the space that is not settled: all that agrees with these values.

    Attributes:
        values: what was demanded so far.
        share: of the space.
        blocked: the hyperparameter that has too many values to go on; None if nobody tried.
    """

    values: Mapping[str, Any]
    share: Fraction
    blocked: str | None = None


class Settled(NamedTuple):
    """What a run with some values chosen came to: the next demand, or a verdict."""

    hp: Any
    verdict: Verdict | None


class Explorer:
    """Explores the space of one hypermodel.

    Args:
        stages: judges configurations.
        space: the ``HyperParameters`` registered so far, or None.
        widest: how many values of one hyperparameter are told apart; None for any number.

    Attributes:
        declared: every hyperparameter that was met, in the order of their first reading; those
            with one name and different conditions are different ones.
        runs: how often ``build`` ran.
        cost: the same, with a run on the classes of Keras counted as so many on rules as it takes.
    """

    def __init__(self, stages: Stages, space: Any, *, widest: int | None = WIDEST) -> None:
        self._stages = stages
        self._space = space
        self._give = deferred if stages.may_defer else asked
        self._widest = widest
        self._known: dict[Any, Settled] = {}
        self.declared: dict[Any, Any] = {}
        self.runs = 0
        self.cost = 0
        for hp in () if space is None else space.space:
            self.declared[place_of(hp)] = hp

    def leaves(self) -> Iterable[Leaf]:
        """All leaves, depth first, in the order of each domain."""
        items = self.explore([Part({}, Fraction(1))])
        return [item for item in items if isinstance(item, Leaf)]

    def explore(self, parts: Iterable[Part], most: float = float("inf")) -> list[Leaf | Part]:
        """What these parts consist of, depth first, in the order of each domain.

        Args:
            parts: of the space.
            most: what it may cost; parts that are left then come last.
        """
        found: list[Leaf | Part] = []
        stack = list(parts)[::-1]
        spent = self.cost
        while stack and self.cost - spent < most:
            pieces = self.split(stack.pop())
            if len(pieces) == 1 and (isinstance(pieces[0], Leaf) or pieces[0].blocked):
                found += pieces
            else:
                stack += pieces[::-1]  # type: ignore[arg-type]
        return [*found, *stack[::-1]]

    def split(self, part: Part) -> list[Leaf | Part]:
        """The leaf that a part is, or one part for each value of what it demands."""
        hp, verdict = self.settle(part.values)
        if verdict is not None:
            return [_leaf(part, verdict)]
        domain = weighted_domain(hp)
        if domain is None or (self._widest is not None and len(domain) > self._widest):
            return [dataclasses.replace(part, blocked=hp.name)]
        return [Part({**part.values, hp.name: v}, part.share * weight) for v, weight in domain]

    def descend(
        self, values: Mapping[str, Any], draw: Callable[[Any], Any], share: Fraction = Fraction(0)
    ) -> Leaf:
        """The leaf that values lead to; what was run on the way is remembered.

        Args:
            values: those that are chosen.
            draw: gives a value for a hyperparameter that is demanded beyond them.
            share: what the leaf stands for.
        """
        hp, verdict = self.recall(values)
        while verdict is None:
            values = {**values, hp.name: draw(hp)}
            hp, verdict = self.recall(values)
        return _leaf(Part(values, share), verdict)

    def recall(self, values: Mapping[str, Any]) -> Settled:
        """As :meth:`settle`; runs once for the same values, in whatever order."""
        key = frozenset((name, type(value), repr(value)) for name, value in values.items())
        if key not in self._known:
            self._known[key] = self.settle(values)
        return self._known[key]

    def settle(self, values: Mapping[str, Any]) -> Settled:
        """Run ``build`` with these values chosen."""
        met: dict[str, Any] = {}

        def defer(hp: Any) -> Any:
            met[hp.name] = hp
            return self._give(hp)

        def ask(hp: Any) -> Any:
            met[hp.name] = hp
            return asked(hp)

        verdict = None
        for judge, give, cost in (
            (self._stages.judge_lazily, defer, 1),
            (self._stages.judge_with_keras, ask, _COST_OF_KERAS),
        ):
            forget_demands()
            self.runs += 1
            self.cost += cost
            try:
                verdict = judge(self._space, values, give)
            except Demand:
                verdict = None
            name = demanded()
            if name is not None or verdict is not None:
                break
        forget_demands()
        for hp in met.values():
            self.declared.setdefault(place_of(hp), hp)
        if name is not None:
            return Settled(met[name], None)
        assert verdict is not None
        return Settled(None, verdict)


def _leaf(part: Part, verdict: Verdict) -> Leaf:
    fault = verdict.fault
    if fault is not None:
        # What went in may be sizes that are not chosen; a leaf is of many configurations.
        fault = dataclasses.replace(fault, input_shapes=None, hyperparameters=part.values)
    return Leaf(part.values, part.share, verdict.feasible, fault, verdict.warnings)
