"""What people write by hand to count a space: its shape rules, and three ways to count with them.

Nothing here imports Keras: a solver runs in a process of its own, since the libraries of OR-Tools
and TensorFlow cannot always be loaded into one.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from typing import Any

__all__ = ["Chain", "Count", "Step", "by_cp_sat", "by_python_constraint", "by_recursion"]

Rule = Callable[..., int | None]


@dataclasses.dataclass(frozen=True)
class Step:
    """What one part of a model does to the size that comes in.

    Attributes:
        rule: ``rule(size, *values)`` is the size that goes out, or None where it does not fit.
        domains: the values of each hyperparameter of the part.
    """

    rule: Rule
    domains: tuple[tuple[int, ...], ...]


@dataclasses.dataclass(frozen=True)
class Chain:
    """A model whose parts follow each other.

    Attributes:
        start: the size of the input.
        steps: its parts.
    """

    start: int
    steps: tuple[Step, ...]

    @property
    def configurations(self) -> int:
        """How many there are."""
        return math.prod(len(domain) for step in self.steps for domain in step.domains)


@dataclasses.dataclass(frozen=True)
class Count:
    """What a way of counting found.

    Attributes:
        share: the feasible share, chains weighing the same; None where a limit came first.
        found: feasible configurations counted.
        work: what it did: states computed, calls of a constraint, branches.
        seconds: CPU time of its thread.
    """

    share: Fraction | None
    found: int
    work: int
    seconds: float


def by_recursion(chains: Sequence[Chain]) -> Count:
    """Memoised recursion over the size: ``functools.lru_cache``."""
    start, shares, found, work = time.thread_time(), [], 0, 0
    for chain in chains:
        feasible = _recursion(chain.steps)
        count = feasible(0, chain.start)
        shares.append(Fraction(count, chain.configurations))
        found, work = found + count, work + feasible.cache_info().misses
    return Count(_mean(shares), found, work, time.thread_time() - start)


def _recursion(steps: Sequence[Step]) -> Any:
    @functools.cache
    def feasible(place: int, size: int) -> int:
        if place == len(steps):
            return 1
        step = steps[place]
        sizes = (step.rule(size, *values) for values in itertools.product(*step.domains))
        return sum(feasible(place + 1, after) for after in sizes if after is not None)

    return feasible


def _mean(shares: Sequence[Fraction]) -> Fraction:
    return sum(shares, Fraction()) / len(shares)


class _LimitReached(Exception):
    """The limit came before the end."""


class _Limit:
    """A limit of CPU time for all chains together, and what was counted within it."""

    def __init__(self, seconds: float) -> None:
        self._start = time.thread_time()
        self._end = self._start + seconds
        self.found = self.work = 0

    def left(self) -> float:
        """Seconds of CPU time that are left."""
        return self._end - time.thread_time()

    def check(self) -> None:
        """Raise where the limit is reached."""
        if self.left() <= 0:
            raise _LimitReached

    def count(self, chains: Sequence[Chain], of_chain: Callable[[Chain, _Limit], None]) -> Count:
        """Count each chain, as far as the limit allows."""
        shares: list[Fraction] = []
        try:
            for chain in chains:
                before = self.found
                of_chain(chain, self)
                shares.append(Fraction(self.found - before, chain.configurations))
        except _LimitReached:
            pass
        share = _mean(shares) if len(shares) == len(chains) else None
        return Count(share, self.found, self.work, time.thread_time() - self._start)


def by_python_constraint(chains: Sequence[Chain], seconds: float) -> Count:
    """Solutions of python-constraint2, one by one: a constraint for each beginning of the model.

    Args:
        chains: the space.
        seconds: of CPU time, at most.

    Raises:
        ImportError: python-constraint2 is not installed.
    """
    import constraint

    def solve(chain: Chain, limit: _Limit) -> None:
        problem, names = constraint.Problem(), []
        for place, step in enumerate(chain.steps):
            for number, domain in enumerate(step.domains):
                names.append(f"{place}_{number}")
                problem.addVariable(names[-1], list(domain))
            problem.addConstraint(_beginning(chain, place, limit), list(names))
        for _ in problem.getSolutionIter():
            limit.found += 1
            limit.check()

    return _Limit(seconds).count(chains, solve)


def _beginning(chain: Chain, place: int, limit: _Limit) -> Callable[..., bool]:
    """Whether the values of the first parts fit."""
    steps = chain.steps[: place + 1]

    def fits(*values: int) -> bool:
        limit.work += 1
        limit.check()
        size, given = chain.start, iter(values)
        for step in steps:
            after = step.rule(size, *itertools.islice(given, len(step.domains)))
            if after is None:
                return False
            size = after
        return True

    return fits


def by_cp_sat(chains: Sequence[Chain], seconds: float) -> Count:
    """Solutions of OR-Tools CP-SAT, all enumerated: a table of sizes for each part of the model.

    Args:
        chains: the space.
        seconds: of CPU time, at most.

    Raises:
        ImportError: OR-Tools is not installed.
    """
    return _solver_process().submit(_cp_sat, chains, seconds).result()


@functools.cache
def _solver_process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


def _cp_sat(chains: Sequence[Chain], seconds: float) -> Count:
    from ortools.sat.python import cp_model

    class Counter(cp_model.CpSolverSolutionCallback):  # type: ignore[misc]
        def __init__(self, limit: _Limit) -> None:
            super().__init__()
            self._limit = limit

        def on_solution_callback(self) -> None:
            self._limit.found += 1
            if self._limit.left() <= 0:
                self.stop_search()

    def solve(chain: Chain, limit: _Limit) -> None:
        model = cp_model.CpModel()
        sizes = {chain.start}
        size = model.new_constant(chain.start)
        for rows, step in zip(_tables(chain), chain.steps, strict=True):
            limit.check()
            sizes = {row[-1] for row in rows}
            chosen = [_variable(model, cp_model, domain) for domain in step.domains]
            after = _variable(model, cp_model, sizes)
            model.add_allowed_assignments([size, *chosen, after], rows)
            size = after
        solver = cp_model.CpSolver()
        solver.parameters.enumerate_all_solutions = True
        solver.parameters.num_workers = 1
        # The solver knows wall time alone: this is for spaces in which solutions are rare.
        solver.parameters.max_time_in_seconds = 5 * max(0.0, limit.left())
        status = solver.solve(model, Counter(limit))
        limit.work += solver.num_branches
        if status not in (cp_model.OPTIMAL, cp_model.INFEASIBLE):
            raise _LimitReached

    return _Limit(seconds).count(chains, solve)


def _variable(model: Any, cp_model: Any, values: Any) -> Any:
    return model.new_int_var_from_domain(cp_model.Domain.from_values(sorted(values)), "")


def _tables(chain: Chain) -> Iterator[list[tuple[int, ...]]]:
    """For each part, what can come in, the values, and what goes out, as far as any size comes."""
    sizes = {chain.start}
    for step in chain.steps:
        rows = [
            (size, *values, after)
            for size in sorted(sizes)
            for values in itertools.product(*step.domains)
            if (after := step.rule(size, *values)) is not None
        ]
        sizes = {row[-1] for row in rows}
        yield rows
