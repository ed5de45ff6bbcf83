"""Changes of a space that remove its conflicts, and what each would cost."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Protocol

import keras

from shapesafe_tuner._compat.types import HyperParameter, Value, Values
from shapesafe_tuner.escaping import short
from shapesafe_tuner.findings import Bound, Conflict, Suggestion, in_order
from shapesafe_tuner.findings.words import brief_words
from shapesafe_tuner.shapes.sentences import joined
from shapesafe_tuner.space.explorer import Leaf
from shapesafe_tuner.space.shares import Domains, completed

__all__ = ["Tables", "suggestions_of"]

_MOST_CONFLICTS = 10
_MOST_PADDED = 3
_MOST_POINTS = 64
_COMPLETIONS = 20
"""Configurations of a conflict that a change of a layer must make feasible, all of them."""
_DRAWS = 200
"""Feasible configurations that tell how many such a change breaks."""

Fits = Callable[[Values], bool]
Changed = Callable[[Mapping[str, Mapping[str, Any]]], Fits]


def suggestions_of(
    conflicts: Sequence[Conflict],
    leaves: Sequence[Leaf],
    declared: Sequence[HyperParameter],
    domains: Domains,
    changed: Changed,
    tables: Tables | None = None,
) -> list[Suggestion]:
    """For the costliest conflicts, the change of the space that gives up least.

    Args:
        conflicts: of an exact tree, the costliest first.
        leaves: all its leaves.
        declared: the hyperparameters.
        domains: of those that decide.
        changed: gives a function that tells whether a configuration is feasible once the layers of
            some classes get other arguments.
        tables: what narrowing removes and gives up; worked out from the leaves where there is
            none.
    """
    feasible = [leaf for leaf in leaves if leaf.feasible]
    tables = tables or _Tables(leaves, domains)
    found: list[Suggestion] = []
    for number, conflict in enumerate(conflicts[:_MOST_CONFLICTS]):
        if any(number in known.removes for known in found):
            continue
        candidates = [
            *_narrowed(conflict, conflicts, tables),
            *_bounded(conflict, conflicts, tables),
        ]
        useful = [one for one in candidates if one.lost < 1 and number in one.removes]
        if useful:
            found.append(min(useful, key=_worth))
    return [*found, *_padded(conflicts, feasible, declared, changed)]


def _worth(one: Suggestion) -> tuple[float, float, bool]:
    """What gives up least comes first; then what removes most; then what leaves most values."""
    return round(one.lost, 9), -round(one.removed, 9), one.bound is None


def _removed(conflicts: Sequence[Conflict], clears: Callable[[Conflict], bool]) -> tuple[int, ...]:
    return tuple(number for number, conflict in enumerate(conflicts) if clears(conflict))


class Tables(Protocol):
    """How much of what is feasible has which values."""

    @property
    def weights(self) -> Mapping[str, Mapping[Any, Fraction]]:
        """How often each value of what decides is drawn."""

    def lost(self, names: tuple[str, ...], keeps: Callable[..., bool]) -> float:
        """The share of what is feasible that a condition on some values gives up."""

    def removed(self, names: tuple[str, ...], keeps: Callable[..., bool]) -> float:
        """The share of the space that is infeasible and does not meet the condition."""


class _Tables:
    """The same, from the leaves of a tree."""

    def __init__(self, leaves: Sequence[Leaf], domains: Domains) -> None:
        self.weights = domains.weights
        self._feasible = _Table([leaf for leaf in leaves if leaf.feasible], domains)
        self._infeasible = _Table([leaf for leaf in leaves if leaf.feasible is False], domains)

    def lost(self, names: tuple[str, ...], keeps: Callable[..., bool]) -> float:
        """The share of what is feasible that a condition on some values gives up."""
        total = self._feasible.total
        return self._feasible.share(names, keeps) / total if total else 0.0

    def removed(self, names: tuple[str, ...], keeps: Callable[..., bool]) -> float:
        """The share of the space that is infeasible and does not meet the condition."""
        return self._infeasible.share(names, keeps)


class _Table:
    """How much of some leaves has which values."""

    def __init__(self, leaves: Sequence[Leaf], domains: Domains) -> None:
        self._domains = domains
        self._leaves = leaves
        self.total = math.fsum(float(leaf.share) for leaf in leaves)
        self._known: dict[tuple[str, ...], dict[tuple[Any, ...], float]] = {}

    def share(self, names: tuple[str, ...], keeps: Callable[..., bool]) -> float:
        """What a condition on some values does not keep."""
        table = self._table(names).items()
        return math.fsum(w for key, w in table if _ABSENT not in key and not keeps(*key))

    def _table(self, names: tuple[str, ...]) -> dict[tuple[Any, ...], float]:
        """The share of each combination of values."""
        if names in self._known:
            return self._known[names]
        seen: dict[tuple[Any, ...], list[float]] = {}
        for leaf in self._leaves:
            key = tuple(self._of(name, leaf) for name in names)
            seen.setdefault(key, []).append(float(leaf.share))
        table: dict[tuple[Any, ...], list[float]] = {}
        for key, shares in seen.items():
            share = math.fsum(shares)
            choices = [self._choices(*pair) for pair in zip(names, key, strict=True)]
            for combination in itertools.product(*choices):
                weight = math.prod((w for _, w in combination), start=share)
                table.setdefault(tuple(v for v, _ in combination), []).append(weight)
        self._known[names] = {key: math.fsum(weights) for key, weights in table.items()}
        return self._known[names]

    def _of(self, name: str, leaf: Leaf) -> Value | _NotDemanded:
        """A value, or how likely a hyperparameter that was not demanded is in use."""
        if name in leaf.values:
            return leaf.values[name]
        return _NotDemanded(self._domains.active(name, leaf.values))

    def _choices(self, name: str, value: Value | _NotDemanded) -> list[tuple[Value, float]]:
        if not isinstance(value, _NotDemanded):
            return [(value, 1.0)]
        weights = self._domains.weights[name].items()
        choices = [(known, float(weight) * value.active) for known, weight in weights]
        return [*choices, (_ABSENT, 1 - value.active)] if value.active < 1 else choices


@dataclasses.dataclass(frozen=True)
class _NotDemanded:
    """Some value, if any."""

    active: float


_ABSENT = object()


def _narrowed(
    conflict: Conflict, conflicts: Sequence[Conflict], tables: Tables
) -> Iterator[Suggestion]:
    """Leave the values of the conflict out of one hyperparameter."""
    for name, values in conflict.values.items():
        if name not in tables.weights:
            continue
        domain = tuple(tables.weights[name])
        kept = tuple(value for value in domain if value not in values)
        if not kept:
            continue
        said = brief_words(name, in_order(kept), domain)
        left_out = joined(map(repr, values))
        yield Suggestion(
            f"leave {left_out} out of {short(name)}" if said is None else f"keep {said}",
            _removed(conflicts, lambda c, n=name, k=kept: n in c.values  # type: ignore[misc]
                     and not set(c.values[n]) & set(k)),
            tables.lost((name,), lambda value, k=kept: value in k),
            values={name: kept},
            removed=tables.removed((name,), lambda value, k=kept: value in k),
        )  # fmt: skip


def _numeric(values: Iterable[Value]) -> bool:
    return all(type(value) in (int, float) for value in values)


def _bounded(
    conflict: Conflict, conflicts: Sequence[Conflict], tables: Tables
) -> Iterator[Suggestion]:
    """Bound one hyperparameter by another, where that removes more than this one conflict."""
    numbers = [n for n in conflict.values if n in tables.weights and _numeric(tables.weights[n])]
    for left, right in itertools.permutations(numbers, 2):
        for bound in _bounds(left, right, conflict):
            if bound.relation == "sum at most" and not _is_of_both(bound, tables):
                continue
            removes = _removed(conflicts, lambda c, b=bound: _violates(c, b))  # type: ignore[misc]
            # That one number exceeds another may be chance; twice it is a rule.
            if len(removes) > 1 or (removes and bound.relation == "multiple"):
                lost = tables.lost((left, right), bound.holds)
                removed = tables.removed((left, right), bound.holds)
                yield Suggestion(f"keep {bound}", removes, lost, bound=bound, removed=removed)


def _bounds(left: str, right: str, conflict: Conflict) -> Iterator[Bound]:
    yield Bound(left, right, "at most")
    if "divide" in conflict.fault.reason:
        yield Bound(left, right, "multiple")
    if left < right:
        yield Bound(left, right, "equal")
        limit = min(conflict.values[left]) + min(conflict.values[right])
        yield Bound(left, right, "sum at most", limit - 1)


def _is_of_both(bound: Bound, tables: Tables) -> bool:
    """Whether a sum leaves out several values of either; else it is a corner, and no relation."""
    pairs = itertools.product(tables.weights[bound.left], tables.weights[bound.right])
    out = [pair for pair in pairs if not bound.holds(*pair)]
    return all(len({pair[side] for pair in out}) > 1 for side in (0, 1))


def _violates(conflict: Conflict, bound: Bound) -> bool:
    values = conflict.values
    if bound.left not in values or bound.right not in values:
        return False
    pairs = itertools.product(values[bound.left], values[bound.right])
    return _numeric((*values[bound.left], *values[bound.right])) and not any(
        bound.holds(*pair) for pair in pairs
    )


def _padded(
    conflicts: Sequence[Conflict],
    feasible: Sequence[Leaf],
    declared: Sequence[HyperParameter],
    changed: Changed,
) -> Iterator[Suggestion]:
    """Give all layers of a class ``padding="same"``; random configurations are built with that."""
    kinds = dict.fromkeys(conflict.fault.layer_type for conflict in conflicts)
    padded = [kind for kind in kinds if kind is not None and _may_be_padded(kind)]
    for kind in padded[:_MOST_PADDED]:
        change = {kind: {"padding": "same"}}
        fits = changed(change)

        def share(leaves: Sequence[Leaf], count: int, fits: Fits = fits) -> float:
            drawn = completed(leaves, declared, count, 0) if leaves else []
            return [fits(values) for values in drawn].count(True) / count if drawn else 1.0

        removes = tuple(
            number
            for number, conflict in enumerate(conflicts[:_MOST_CONFLICTS])
            if conflict.fault.layer_type == kind and share(_points(conflict), _COMPLETIONS) == 1
        )
        if removes:
            text = f'give every {kind} padding="same"'
            lost = 1 - share(feasible, _DRAWS)
            removed = math.fsum(conflicts[number].fraction for number in removes)
            yield Suggestion(text, removes, lost, layer=(kind, change[kind]), removed=removed)


def _may_be_padded(kind: str) -> bool:
    cls = getattr(keras.layers, kind, None)
    parameter = cls and inspect.signature(cls.__init__).parameters.get("padding")
    return parameter is not None and parameter.default == "valid" and "Transpose" not in kind


def _points(conflict: Conflict) -> list[Leaf]:
    points = itertools.islice(itertools.product(*conflict.values.values()), _MOST_POINTS)
    names = list(conflict.values)
    return [Leaf(dict(zip(names, point, strict=True)), Fraction(1), None) for point in points]
