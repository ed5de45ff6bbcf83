"""The feasible configuration nearest to a given one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shapesafe_tuner._compat.hyperparameters import position
from shapesafe_tuner.space.explorer import Leaf

__all__ = ["nearest"]


def nearest(
    values: Mapping[str, Any], leaves: Iterable[Leaf], declared: Sequence[Any]
) -> dict[str, Any] | None:
    """The values with the fewest changes that make them feasible, then with the smallest steps.

    Args:
        values: the configuration; missing ones stand for their defaults.
        leaves: of the tree.
        declared: the hyperparameters.

    Returns:
        ``values`` with some of them changed, or None where no leaf is feasible.
    """
    by_name = {hp.name: hp for hp in reversed(declared)}
    chosen = {**{name: hp.default for name, hp in by_name.items()}, **values}
    best: tuple[Any, dict[str, Any]] | None = None
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


def _step(hp: Any, before: Any, after: Any) -> float:
    """How far apart two values are on the hyperparameter's own scale, at most 1."""
    first, second = position(hp, before), position(hp, after)
    return 1.0 if first is None or second is None else abs(first - second)
