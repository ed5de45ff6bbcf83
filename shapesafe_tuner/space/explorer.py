"""The lazy tree of a search space: ``build`` runs, and branches where it demands a value.

A leaf is a run that ended without a further demand: its verdict holds for every value of the
hyperparameters that were not demanded (Runciman, Naylor and Lindblad, *SmallCheck and Lazy
SmallCheck*, Haskell Symposium 2008).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

from shapesafe_tuner._compat.keras_tuner.domains import domain, place_of, weighted_domain
from shapesafe_tuner._compat.types import HyperParameter, HyperParameters, Value, Values
from shapesafe_tuner.memory import ConfigurationKey, Memory, configuration_key
from shapesafe_tuner.shapes.deferred import Demand, demand, demanded, forget_demands
from shapesafe_tuner.tracing.judge import Judge
from shapesafe_tuner.tracing.lazy import can_be_deferred, deferred
from shapesafe_tuner.verdict import ShapeFault, Verdict

__all__ = [
    "MANY_READ", "WIDEST", "Branch", "Conclusion", "Explorer", "Leaf", "Node", "Part", "of_many",
]  # fmt: skip

WIDEST = 1000
"""Values of one demanded hyperparameter that are listed one by one."""

_COST_OF_KERAS = 50
MANY_READ = 10
"""Hyperparameters that a run may read at its own price; every so many cost another one."""

_REMEMBERED = 50_000
"""Runs that are not made again."""

_DEEPEST = 100
"""Values chosen in a row up to which a run is remembered; memory grows as their square."""


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

    values: Values
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
        known: what a run with these values came to, if there was one.
    """

    values: Values
    share: Fraction
    blocked: str | None = None
    known: Node | None = None


class Branch(NamedTuple):
    """A run demanded a value: the tree branches here.

    Attributes:
        parameter: what was demanded.
        taken: the value that the run took to go on, where ``build`` needs one as it reads it.
        below: what it then came to; None where the run ended with its demand.
    """

    parameter: HyperParameter
    taken: Value = None
    below: Node | None = None


class Conclusion(NamedTuple):
    """A run came to its end: its verdict holds for every value of what it did not demand."""

    verdict: Verdict


Node: TypeAlias = Branch | Conclusion
"""What a run with some values chosen came to."""


class Explorer:
    """Explores the space of one hypermodel.

    Args:
        judge: judges configurations.
        space: the ``HyperParameters`` registered so far, or None.
        widest: how many values of one hyperparameter are listed one by one; None for any number.

    Attributes:
        declared: every hyperparameter that was met, in the order of their first reading; those
            with one name and different conditions are different ones.
        runs: how often ``build`` ran.
        cost: the same, with a run on the classes of Keras, or one that reads many hyperparameters,
            counted as so many short ones on rules as it takes.
        by_keras: how many of the runs were on the classes of Keras.
    """

    def __init__(
        self, judge: Judge, space: HyperParameters | None, *, widest: int | None = WIDEST
    ) -> None:
        self._judge = judge
        self._space = space
        self._widest = widest
        self._known: Memory[ConfigurationKey, Node] = Memory(_REMEMBERED)
        self.declared: dict[Any, HyperParameter] = {}
        self.runs = 0
        self.cost = 0
        self.by_keras = 0
        for parameter in () if space is None else space.space:
            self.declared[place_of(parameter)] = parameter

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
        node = part.known or self.settle(part.values)
        if isinstance(node, Conclusion):
            return [_leaf(part, node.verdict)]
        name, pairs = node.parameter.name, weighted_domain(node.parameter, self._widest)
        if pairs is None:
            return [dataclasses.replace(part, blocked=name, known=None)]
        return [
            Part(
                {**part.values, name: value},
                part.share * weight,
                known=node.below if _same(value, node.taken) else None,
            )
            for value, weight in pairs
        ]

    def descend(
        self, values: Values, draw: Callable[[HyperParameter], Value], share: Fraction = Fraction(0)
    ) -> Leaf:
        """The leaf that values lead to; what was run on the way is remembered.

        Args:
            values: those that are chosen.
            draw: gives a value for a hyperparameter that is demanded beyond them.
            share: what the leaf stands for.
        """
        node = self.recall(values)
        while isinstance(node, Branch):
            parameter = node.parameter
            if node.below is not None and len(values) > _DEEPEST:
                values = {**values, parameter.name: node.taken}
                node = node.below
                continue
            values = {**values, parameter.name: draw(parameter)}
            # So far down one run a value would take too long: the rest is drawn when it is read.
            deep = len(values) > _DEEPEST
            node = self.settle(values, draw) if deep else self.recall(values)
        return _leaf(Part(values, share), node.verdict)

    def recall(self, values: Values) -> Node:
        """As :meth:`settle`; runs once for the same values, in whatever order."""
        if len(values) > _DEEPEST:
            return self.settle(values)
        found = self._known.get(configuration_key(values))
        if found is not None:
            return found
        first = node = self.settle(values)
        while len(values) <= _DEEPEST:
            self._known[configuration_key(values)] = node
            if isinstance(node, Conclusion) or node.below is None:
                return first
            values = {**values, node.parameter.name: node.taken}
            node = node.below
        return first

    def settle(self, values: Values, draw: Callable[[HyperParameter], Value] | None = None) -> Node:
        """Run ``build`` with these values chosen; others are deferred, or drawn when read."""
        met: dict[str, HyperParameter] = {}
        taken: list[tuple[HyperParameter, Value]] = []

        def take(parameter: HyperParameter) -> Value:
            met[parameter.name] = parameter
            if parameter.name in self._judge.learning_rates:
                return parameter.default
            if draw is not None:
                taken.append((parameter, draw(parameter)))
                return taken[-1][1]
            among = domain(parameter)
            if among is None or (self._widest is not None and len(among) > self._widest):
                return demand(parameter.name)
            if len(among) == 1:
                return among[0]
            default = parameter.default
            chosen = next((value for value in among if value == default), among[0])
            taken.append((parameter, chosen))
            return chosen

        def defer(parameter: HyperParameter) -> Value:
            if draw is not None or not can_be_deferred(parameter):
                return take(parameter)
            met[parameter.name] = parameter
            return deferred(parameter)

        verdict = None
        for judge, give, cost in (
            (self._judge.judge_lazily, defer if self._judge.may_defer else take, 1),
            (self._judge.judge_with_keras, take, _COST_OF_KERAS),
        ):
            forget_demands()
            taken.clear()
            self.runs += 1
            try:
                verdict = judge(self._space, values, give)
            except Demand:
                verdict = None
            self.by_keras += cost == _COST_OF_KERAS
            self.cost += cost + (len(met) + len(values)) // MANY_READ
            name = demanded()
            if name is not None or verdict is not None:
                break
        forget_demands()
        for parameter in (*met.values(), *self._judge.met_besides.values()):
            self.declared.setdefault(place_of(parameter), parameter)
        end: Node
        if name is not None and (name not in met or name in values):
            end = Conclusion(_BUILD_KEEPS_VALUES)
        elif name is not None:
            end = Branch(met[name])
        else:
            assert verdict is not None
            end = Conclusion(of_many(verdict))
        for parameter, chosen in reversed(taken):
            end = Branch(parameter, chosen, end)
        return end


_BUILD_KEEPS_VALUES = Verdict(
    None, "analytic", warnings=("Undecided: build keeps values from one call to the next.",)
)


def _same(one: Value, other: Value) -> bool:
    return type(one) is type(other) and bool(one == other)


def of_many(verdict: Verdict) -> Verdict:
    """What of a verdict holds for many configurations: no sizes, which may not be chosen."""
    fault = verdict.fault
    if fault is not None:
        fault = dataclasses.replace(fault, input_shapes=None, hyperparameters={})
    return Verdict(verdict.feasible, verdict.stage, fault, verdict.warnings)


def _leaf(part: Part, verdict: Verdict) -> Leaf:
    fault = verdict.fault
    if fault is not None:
        fault = dataclasses.replace(fault, hyperparameters=part.values)
    return Leaf(part.values, part.share, verdict.feasible, fault, verdict.warnings)
