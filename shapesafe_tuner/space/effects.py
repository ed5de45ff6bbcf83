"""What hyperparameters do to the verdict: random configurations, and how much each matters."""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from shapesafe_tuner._compat.keras_tuner.domains import random_value
from shapesafe_tuner._compat.types import Value
from shapesafe_tuner.findings import Sample
from shapesafe_tuner.plain import plain
from shapesafe_tuner.space.diagram.diagram import Diagram, Edge, End
from shapesafe_tuner.space.diagram.questions import Draws

__all__ = ["importance_of", "samples_of"]

_SAMPLES = 120
_MOST_CHANGES, _MOST_DRAWS = 20_000, 1_000
"""Verdicts that are looked up for the importances, and configurations that are drawn for them."""


def samples_of(
    diagram: Diagram,
    declared: Sequence[Any],
    names: Sequence[str],
    causes: Mapping[int, int],
    seed: int = 0,
) -> tuple[Sample, ...]:
    """Random configurations with their verdicts, from the space's own distribution.

    Args:
        diagram: of the space.
        declared: the hyperparameters.
        names: those whose values are wanted; what did not decide has any value of its domain.
        causes: the place of the cause in the report, by the identity of an end.
        seed: of the draws.
    """
    by_name = {parameter.name: parameter for parameter in reversed(declared)}
    draws = Draws(diagram, [Fraction(1)] * len(diagram))
    generator = random.Random(seed)
    found = []
    for _ in range(_SAMPLES if names else 0):
        values, end = draws.draw(generator)
        shown = {
            name: values[name]
            if name in values
            else random_value(by_name[name], generator.randrange(2**31))
            for name in names
        }
        cause = causes.get(id(end)) if end.feasible is False else None
        found.append(Sample(plain(shown), end.feasible, cause))
    return tuple(found)


def importance_of(diagram: Diagram, names: Iterable[str], seed: int = 0) -> dict[str, float]:
    """For each hyperparameter how likely the verdict changes when it alone is drawn again.

    An estimate, from at most 1,000 random configurations. It is twice the variance of the verdict
    that is left where all others are fixed: what Sobol's total index compares (Saltelli et al.,
    *Variance based sensitivity analysis of model output*, Computer Physics Communications 2010).

    Args:
        diagram: of the whole space.
        names: of the hyperparameters that decide.
        seed: of the draws.

    Returns:
        Shares, the largest first; nothing where not all of the space is known.
    """
    changed = dict.fromkeys(names, 0)
    if not diagram.whole or not changed:
        return {}
    draws: dict[str, _Draw] = {}
    for name, edges in zip(diagram.names, diagram.edges, strict=True):
        if name is not None and name not in draws:
            draws[name] = _Draw(edges)
    lookup = _Lookup(diagram)
    generator = random.Random(seed)
    number = max(1, min(_MOST_DRAWS, _MOST_CHANGES // len(changed)))
    for _ in range(number):
        values = {name: draw(generator) for name, draw in draws.items()}
        verdict, met = lookup.of(values)
        for name in changed:
            other = draws[name](generator)
            if name in met and other is not values[name]:
                changed[name] += lookup.of({**values, name: other})[0] is not verdict
    ranked = sorted(changed, key=lambda name: -changed[name])
    return {name: changed[name] / number for name in ranked}


class _Draw:
    """Draws values of one hyperparameter."""

    def __init__(self, edges: Sequence[Edge]) -> None:
        self._values = [edge.value for edge in edges]
        self._sums = list(itertools.accumulate(float(edge.weight) for edge in edges))

    def __call__(self, generator: random.Random) -> Value:
        at = bisect.bisect_right(self._sums, generator.random() * self._sums[-1])
        return self._values[min(at, len(self._values) - 1)]


class _Lookup:
    """Verdicts of whole configurations."""

    def __init__(self, diagram: Diagram) -> None:
        self._names = diagram.names
        self._ends: Sequence[End | None] = diagram.ends
        self._children = [
            {(type(edge.value), edge.value): edge.child for edge in edges}
            for edges in diagram.edges
        ]

    def of(self, values: Mapping[str, Any]) -> tuple[bool | None, Iterable[str]]:
        """A verdict, and what decided on the way to it; None for what is not known."""
        place, met = 0, set()
        while (end := self._ends[place]) is None:
            name = self._names[place] or ""
            met.add(name)
            value = values.get(name)
            child = self._children[place].get((type(value), value))
            if child is None:
                return None, met
            place = child
        return end.feasible, met
