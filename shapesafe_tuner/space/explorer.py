"""The lazy tree of a search space: ``build`` runs, and branches where it demands a value.

A leaf is a run that ended without a further demand: its verdict holds for every value of the
hyperparameters that were not demanded (Runciman, Naylor and Lindblad, *SmallCheck and Lazy
SmallCheck*, Haskell Symposium 2008).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from shapesafe_tuner._compat.hyperparameters import weighted_domain
from shapesafe_tuner.shapes.deferred import Demand, demanded, forget_demands
from shapesafe_tuner.tracing.deferring import asked, deferred
from shapesafe_tuner.tracing.stages import Stages
from shapesafe_tuner.verdict import Verdict

__all__ = ["Explorer", "Leaf", "TooWide"]

WIDEST = 1000
"""Values of one demanded hyperparameter that are told apart one by one."""


_COST_OF_KERAS = 50


class TooWide(Exception):
    """A hyperparameter with too many values, or infinitely many, decides about shapes.

    Args:
        name: of the hyperparameter.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclasses.dataclass(frozen=True, eq=False)
class Leaf:
    """A part of the space with one verdict.

    Attributes:
        values: what was demanded; everything else may have any value.
        share: of the space, under KerasTuner's own random sampling.
        verdict: of all its configurations.
    """

    values: Mapping[str, Any]
    share: Fraction
    verdict: Verdict


class _Node:
    """A run: its verdict, or the hyperparameter it demanded and what lies below each value."""

    __slots__ = ("below", "hp", "verdict")

    def __init__(self, hp: Any, verdict: Verdict | None) -> None:
        self.hp = hp
        self.verdict = verdict
        self.below: dict[Any, _Node] = {}


class Explorer:
    """Explores the space of one hypermodel.

    Args:
        stages: judges configurations.
        space: the ``HyperParameters`` registered so far, or None.
        lazy: defer values; False demands each as it is read.

    Attributes:
        declared: every hyperparameter that was met, by name, in the order of their first reading.
        runs: how often ``build`` ran.
        cost: the same, with a run on the classes of Keras counted as so many on rules as it takes.
    """

    def __init__(self, stages: Stages, space: Any, *, lazy: bool = True) -> None:
        self._stages = stages
        self._space = space
        self._lazy = lazy
        self._root: _Node | None = None
        self.declared: dict[str, Any] = {} if space is None else {h.name: h for h in space.space}
        self.runs = 0
        self.cost = 0

    def leaves(self) -> Iterator[Leaf]:
        """All leaves, depth first, in the order of each domain.

        Raises:
            TooWide: a demanded hyperparameter has too many values.
        """
        stack: list[tuple[dict[str, Any], Fraction]] = [({}, Fraction(1))]
        while stack:
            values, share = stack.pop()
            node = self._settle(values)
            if node.verdict is not None:
                yield Leaf(values, share, node.verdict)
                continue
            domain = weighted_domain(node.hp)
            if domain is None or len(domain) > WIDEST:
                raise TooWide(node.hp.name)
            stack.extend(
                ({**values, node.hp.name: value}, share * weight)
                for value, weight in reversed(domain)
            )

    def descend(self, draw: Callable[[Any], Any]) -> Leaf:
        """The leaf that drawn values lead to; what was run on the way is remembered.

        Args:
            draw: gives a value for a hyperparameter.
        """
        values: dict[str, Any] = {}
        node = self._root = self._root or self._settle(values)
        while node.verdict is None:
            value = draw(node.hp)
            values = {**values, node.hp.name: value}
            key = (type(value), value)
            if key not in node.below:
                node.below[key] = self._settle(values)
            node = node.below[key]
        return Leaf(values, Fraction(0), node.verdict)

    def _settle(self, values: dict[str, Any]) -> _Node:
        """Run ``build`` with these values chosen."""
        met: dict[str, Any] = {}

        def defer(hp: Any) -> Any:
            met[hp.name] = hp
            return deferred(hp)

        def ask(hp: Any) -> Any:
            met[hp.name] = hp
            return asked(hp)

        verdict = None
        for judge, give, cost in (
            (self._stages.judge_lazily, defer if self._lazy else ask, 1),
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
        for known, hp in met.items():
            self.declared.setdefault(known, hp)
        if name is not None:
            return _Node(met[name], None)
        assert verdict is not None
        return _Node(None, verdict)
