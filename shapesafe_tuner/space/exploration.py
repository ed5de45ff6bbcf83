"""A whole space, settled part by part: here, or in the processes of an executor."""

from __future__ import annotations

import bisect
import dataclasses
import functools
import itertools
import math
import random
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from fractions import Fraction
from typing import Any

from shapesafe_tuner._compat.keras_tuner.domains import value_at
from shapesafe_tuner._compat.types import HyperParameter, HyperParameters, Value
from shapesafe_tuner.escaping import short
from shapesafe_tuner.space.diagram.diagram import Diagram
from shapesafe_tuner.space.diagram.merging import Merging
from shapesafe_tuner.space.diagram.walk import Unmergeable
from shapesafe_tuner.space.explorer import WIDEST, Explorer, Leaf, Part
from shapesafe_tuner.space.size import Size, estimated_runs
from shapesafe_tuner.space.work import Found, InExecutor, Task, work
from shapesafe_tuner.tracing.judge import Judge

__all__ = ["Exploration"]

_TASKS = 32
"""Tasks of one round, whatever the number of processes: no report may depend on that."""
_SHALLOW = 5_000
"""What a tree may cost before states are followed; what it settles, it settles alone."""
_ESTIMATED = 100
"""The same where an estimate says that the whole tree costs more than ``_SHALLOW``."""
_DESCENTS = 10
"""Of that estimate."""
_MOST_MERGED = 100_000
"""Runs after which states are not worth following."""
_AT_ONCE = 1_000
"""What one task may cost before the rest of it is dealt out again."""

Shares = dict[bool | None, Fraction]
"""Of a space, by outcome."""
Progress = Callable[[Shares, int], None]


class Exploration:
    """What is known of a space so far.

    Args:
        judge: judges configurations.
        space: the ``HyperParameters`` registered so far, or None.
        widest: how many values of one hyperparameter are listed one by one; None for any number.

    Attributes:
        items: leaves, and parts that are not settled, in the order of the domains.
        drawn: leaves that random configurations of these parts lie in.
        diagram: of the whole space, where states were merged; there are no items then.
        runs: how often ``build`` ran.
        cost: the same, with a run on the classes of Keras counted as 50.
        by_keras: how many runs were on these classes.
    """

    def __init__(
        self, judge: Judge, space: HyperParameters | None, *, widest: int | None = WIDEST
    ) -> None:
        self.judge = judge
        self.space = space
        self._task = Task(judge, space, widest)
        self.items: list[Leaf | Part] = [Part({}, Fraction(1))]
        self.drawn: list[Leaf] = []
        self.diagram: Diagram | None = None
        self.runs = 0
        self.cost = 0
        self.by_keras = 0
        self._may_merge = judge.may_follow
        self._declared: dict[Any, Any] = {}

    @property
    def declared(self) -> list[Any]:
        """Every hyperparameter that was met, in the order of their first reading."""
        return list(self._declared.values())

    @property
    def leaves(self) -> list[Leaf]:
        """What is settled."""
        return [item for item in self.items if isinstance(item, Leaf)]

    @property
    def parts(self) -> list[Part]:
        """What is not."""
        return [item for item in self.items if isinstance(item, Part)]

    @property
    def blocked(self) -> list[str]:
        """Hyperparameters that were looked at, or given to Keras, and have too many values."""
        return list(dict.fromkeys(part.blocked for part in self.parts if part.blocked))

    @property
    def why_not_exact(self) -> str | None:
        """Why some of the space is not settled; None where all of it is."""
        if not self.parts:
            return None
        if names := self.blocked:
            have = "has" if len(names) == 1 else "have"
            return f"{' and '.join(map(short, names))} may affect shapes and {have} too many values"
        return f"its shapes depend on more combinations than {self.runs:,} runs can cover"

    def explore(
        self, budget: float, executor: Executor | None = None, progress: Progress | None = None
    ) -> None:
        """Settle all parts, or as many as the budget allows.

        Each round deals out what is open; what was settled when the user interrupts stays.

        Args:
            budget: runs of ``build``, one that Keras decides counted as 50.
            executor: where to explore; None for this process.
            progress: told what a task settled of the space, and the runs so far.
        """
        self._divide()
        if progress is not None:
            progress(_settled(self.items), self.runs)
        in_executor = None if executor is None else InExecutor(executor, self._task)
        while self.cost < budget:
            open_parts = [part for part in self.parts if not part.blocked]
            if not open_parts:
                return
            if self._is_deep() and self.settle_by_states(budget - self.cost):
                return
            tasks = _shared_out(open_parts)
            ahead = [at for at in (_ESTIMATED, _SHALLOW) if at > self.cost and self._may_merge]
            limit = min([budget, *ahead])
            most = min(_AT_ONCE, (limit - self.cost) / len(tasks))
            pieces: dict[int, list[Leaf | Part]] = {}
            try:
                done = (
                    (work(self._task, parts, most) for parts in tasks)
                    if in_executor is None
                    else in_executor.work(tasks, most)
                )
                for parts, found in zip(tasks, done, strict=True):
                    pieces.update(zip(map(id, parts), found.pieces, strict=True))
                    self._count(found)
                    if progress is not None:
                        items = itertools.chain.from_iterable(found.pieces)
                        progress(_settled(items), self.runs)
            finally:
                new = (pieces.get(id(item), [item]) for item in self.items)
                self.items = list(itertools.chain.from_iterable(new))

    def _is_deep(self) -> bool:
        """Whether following states is likely to pay."""
        if self.cost < _ESTIMATED or not self._may_merge or self.blocked:
            return False
        if self.by_keras:
            return False  # states are followed by rules alone
        return self.cost >= _SHALLOW or self.size.cost > _SHALLOW

    @functools.cached_property
    def size(self) -> Size:
        """How large the tree is, by an estimate; its runs count."""
        size = estimated_runs(self.judge, self.space, descents=_DESCENTS)
        self.runs += size.spent
        self.cost += size.spent
        return size

    def settle_by_states(self, budget: float = math.inf) -> bool:
        """Settle the whole space by its states, which is tried once; whether it is settled.

        Args:
            budget: runs of ``build`` that it may take.
        """
        if not self._may_merge:
            return self.diagram is not None
        self._may_merge = False
        most, tree = min(budget, _MOST_MERGED), self.size.cost
        merging = Merging(self.judge, self.space, most=most, tree=tree)
        try:
            self.diagram = Diagram.of_vertices(merging.explore())
        except Unmergeable:
            return False
        finally:
            self.runs += merging.runs
            self.cost += merging.runs
            for place, hp in merging.declared.items():
                self._declared.setdefault(place, hp)
        self.items = []
        return True

    def _divide(self) -> None:
        """Split the largest part until there are enough for a round."""
        explorer = self._task.explorer()
        try:
            for _ in range(2 * _TASKS):
                open_parts = [part for part in self.parts if not part.blocked]
                if not open_parts or len(open_parts) >= _TASKS:
                    break
                largest = max(open_parts, key=lambda part: part.share)
                place = self.items.index(largest)
                self.items[place : place + 1] = explorer.split(largest)
        finally:
            self._count(explorer)

    def draw(self, samples: int, seed: int) -> None:
        """Draw configurations of the parts that are not settled, in proportion to their shares.

        The draws are stratified: the parts lie side by side, each draw falls into a stretch of its
        own, and where in a part it falls is the quantile of the first value demanded there. The
        stretches come in random order, so that the draws before an interruption are a sample too.

        Args:
            samples: how many.
            seed: of the draws.
        """
        parts = self.parts
        if not parts or not samples:
            return
        ends = list(itertools.accumulate(part.share for part in parts))
        generator = random.Random(seed)
        explorer = Explorer(self.judge, self.space, widest=None)
        share = ends[-1] / samples
        try:
            for number in generator.sample(range(samples), samples):
                at = share * (number + Fraction(generator.random()))
                place = min(bisect.bisect_right(ends, at), len(ends) - 1)
                inside = float((at - ends[place] + parts[place].share) / parts[place].share)
                quantiles = itertools.chain([inside], iter(generator.random, None))
                draw = functools.partial(_value, quantiles)
                self.drawn.append(explorer.descend(parts[place].values, draw, share))
        finally:
            self._count(explorer)
            each = ends[-1] / max(1, len(self.drawn))
            self.drawn = [dataclasses.replace(leaf, share=each) for leaf in self.drawn]

    def _count(self, found: Found | Explorer) -> None:
        self.runs += found.runs
        self.cost += found.cost
        self.by_keras += found.by_keras
        for place, hp in found.declared.items():
            self._declared.setdefault(place, hp)


def _shared_out(parts: list[Part]) -> list[list[Part]]:
    size = math.ceil(len(parts) / _TASKS)
    return [parts[start : start + size] for start in range(0, len(parts), size)]


def _settled(items: Iterable[Leaf | Part]) -> Shares:
    shares: Shares = {True: Fraction(0), False: Fraction(0), None: Fraction(0)}
    for item in items:
        if isinstance(item, Leaf):
            shares[item.feasible] += item.share
    return shares


def _value(quantiles: Any, hp: HyperParameter) -> Value:
    return value_at(hp, next(quantiles))
