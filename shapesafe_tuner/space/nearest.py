"""The feasible configuration nearest to a given one."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from shapesafe_tuner._compat.keras_tuner.domains import domain, position, value_at
from shapesafe_tuner._compat.types import HyperParameter, Value
from shapesafe_tuner.memory import ConfigurationKey, configuration_key
from shapesafe_tuner.space.explorer import MANY_READ, WIDEST, Leaf
from shapesafe_tuner.verdict import Verdict

__all__ = ["Nearest", "nearest_by_conflicts", "nearest_leaf"]

_QUANTILES = 20
"""Values of an infinite or very wide domain that are tried."""

Values = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Nearest:
    """What was found.

    Attributes:
        values: the configuration, or None.
        proved: that no feasible one is nearer; without values, that there is none.
    """

    values: Values | None
    proved: bool


def nearest_by_conflicts(
    values: Mapping[str, Any],
    judge: Callable[[Values], Verdict],
    declared: Callable[[], Iterable[Any]],
    *,
    may_be: Callable[[Values], bool] = lambda values: True,
    most: int = 2_000,
) -> Nearest:
    """The values with the fewest changes that make them feasible, then with the smallest steps.

    What is feasible differs from a refused configuration in one of the values that cause the
    refusal, so only these are changed, the cheapest change first (as in the hitting-set trees of
    Reiter, *A theory of diagnosis from first principles*, Artificial Intelligence 1987).

    Args:
        values: the configuration; missing ones stand for their defaults.
        judge: the verdict on a configuration; its fault names values that no completion rescues.
        declared: the hyperparameters that are known by now.
        may_be: whether a feasible configuration is wanted.
        most: how many configurations to judge; those of many hyperparameters count more than once.
    """
    order = itertools.count()
    heap: list[tuple[int, float, int, Values]] = [(0, 0.0, next(order), {})]
    seen: set[ConfigurationKey] = set()
    proved = True
    spent = 0
    while spent < most:
        if not heap:
            return Nearest(None, proved)
        count, step, _, changes = heapq.heappop(heap)
        chosen = {**values, **changes}
        verdict = judge(chosen)
        by_name = {parameter.name: parameter for parameter in reversed(list(declared()))}
        spent += 1 + len(by_name) // MANY_READ
        if verdict:
            if may_be(chosen):
                return Nearest(chosen, proved)
            names: Iterable[str] = [name for name in by_name if name in chosen]
        else:
            assert verdict.fault is not None
            names = verdict.fault.hyperparameters
        for name in names:
            if name in changes:
                continue
            if name not in by_name:
                proved = False
                continue
            parameter = by_name[name]
            others, whole = _others(parameter, chosen.get(name, parameter.default))
            proved = proved and whole
            for other, distance in others:
                more = {**changes, name: other}
                key = configuration_key(more)
                if key not in seen:
                    seen.add(key)
                    heapq.heappush(heap, (count + 1, step + distance, next(order), more))
    return Nearest(None, False)


def _others(parameter: HyperParameter, value: Value) -> tuple[Iterator[tuple[Value, float]], bool]:
    """The other values of a hyperparameter with their distances, and whether these are all."""
    known = domain(parameter)
    whole = known is not None and len(known) <= WIDEST
    if not whole:
        known = [value_at(parameter, (place + 0.5) / _QUANTILES) for place in range(_QUANTILES)]
    assert known is not None
    return ((v, _step(parameter, value, v)) for v in known if not _same(v, value)), whole


def nearest_leaf(
    values: Mapping[str, Any], leaves: Iterable[Leaf], declared: Sequence[Any]
) -> Values | None:
    """The same, of leaves that are known.

    Args:
        values: the configuration; missing ones stand for their defaults.
        leaves: of the tree.
        declared: the hyperparameters.

    Returns:
        ``values`` with some of them changed, or None where no leaf is feasible.
    """
    by_name = {parameter.name: parameter for parameter in reversed(declared)}
    chosen = {**{name: parameter.default for name, parameter in by_name.items()}, **values}
    best: tuple[Any, Values] | None = None
    for leaf in leaves:
        if leaf.feasible is False:
            continue
        changes = {n: v for n, v in leaf.values.items() if not _same(v, chosen.get(n))}
        cost = (len(changes), sum(_step(by_name[n], chosen.get(n), v) for n, v in changes.items()))
        if best is None or cost < best[0]:
            best = (cost, changes)
    return None if best is None else {**values, **best[1]}


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, str) == isinstance(other, str)


def _step(parameter: HyperParameter, before: Any, after: Any) -> float:
    """How far apart two values are on the hyperparameter's own scale, at most 1."""
    first, second = position(parameter, before), position(parameter, after)
    return 1.0 if first is None or second is None else abs(first - second)
