"""Walk a search space systematically, leaving out what is known to be infeasible."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from shapesafe_tuner._compat.keras_tuner.domains import (
    domain,
    is_active,
    is_ordered,
    position,
    value_at,
)
from shapesafe_tuner._compat.types import Configuration, HyperParameter, HyperParameters, Values

__all__ = ["Walk", "in_space", "neighbours", "sample"]

WIDEST = 1000
"""Values of one hyperparameter that are walked; of a wider domain only some are drawn."""


class Walk:
    """Every configuration of a space once, in a random order of values, depth first.

    Args:
        space: a ``HyperParameters``.
        seed: of the order.
        pruned: tells of a partial configuration whether all its completions are infeasible.

    Attributes:
        complete: False once a domain was too wide, or infinite, to be walked.
    """

    def __init__(self, space: HyperParameters, seed: int, pruned: Callable[[Values], bool]) -> None:
        self._parameters = list(space.space)
        self._random = random.Random(seed)
        self._pruned = pruned
        self.complete = True

    def __iter__(self) -> Iterator[Configuration]:
        # One iterator a level rather than one call: there may be thousands of hyperparameters.
        levels: list[Iterator[tuple[Configuration, int]]] = [iter([({}, 0)])]
        while levels:
            values, place = next(levels[-1], (None, 0))
            if values is None:
                levels.pop()
            elif not self._pruned(values):
                place = self._next(values, place)
                if place == len(self._parameters):
                    yield values
                else:
                    levels.append(self._with_each(values, place))

    def _next(self, values: Values, place: int) -> int:
        """The place of the first hyperparameter that needs a value."""
        while place < len(self._parameters) and (
            self._parameters[place].name in values or not is_active(self._parameters[place], values)
        ):
            place += 1
        return place

    def _with_each(self, values: Configuration, place: int) -> Iterator[tuple[Configuration, int]]:
        parameter = self._parameters[place]
        order = self._order(parameter)
        return (({**values, parameter.name: value}, place + 1) for value in order)

    def _order(self, parameter: HyperParameter) -> list[Any]:
        known = domain(parameter)
        if known is not None and len(known) <= WIDEST:
            return self._random.sample(list(known), len(known))
        self.complete = False
        drawn = [parameter.random_sample(self._random.randrange(2**31)) for _ in range(10)]
        return list(dict.fromkeys(drawn))


def sample(space: HyperParameters, seed: int, fixed: Values | None = None) -> Configuration:
    """A random configuration of a space, each active hyperparameter drawn as KerasTuner draws it.

    Args:
        space: a ``HyperParameters``.
        seed: of the draw.
        fixed: values that are not drawn.
    """
    generator = random.Random(seed)
    values: Configuration = dict(fixed or {})
    for parameter in space.space:
        draw = parameter.random_sample(generator.randrange(2**31))
        if parameter.name not in values and is_active(parameter, values):
            values[parameter.name] = draw
    return values


def in_space(space: HyperParameters, values: Values) -> Configuration:
    """A configuration as a trial has it: what is active, with defaults for what it lacks.

    Args:
        space: a ``HyperParameters``.
        values: some values; names that the space does not know stay.
    """
    known = {parameter.name for parameter in space.space}
    found = {name: value for name, value in values.items() if name not in known}
    for parameter in space.space:
        if parameter.name not in found and is_active(parameter, found):
            found[parameter.name] = values.get(parameter.name, parameter.default)
    return found


def neighbours(space: HyperParameters, values: Values) -> Iterator[Configuration]:
    """Configurations that differ in one value: the next ones on its scale, or any that has none.

    Args:
        space: a ``HyperParameters``.
        values: a configuration.
    """
    for parameter in space.space:
        if parameter.name not in values:
            continue
        known, value = domain(parameter), values[parameter.name]
        if known is None or len(known) > WIDEST:
            at = position(parameter, value)
            steps = () if at is None else (at - 0.1, at - 0.01, at + 0.01, at + 0.1)
            others = [value_at(parameter, step) for step in steps if 0 <= step <= 1]
        elif is_ordered(parameter) and value in known:
            at = list(known).index(value)
            others = [known[place] for place in (at - 1, at + 1) if 0 <= place < len(known)]
        else:
            others = [other for other in known if other != value]
        for other in others:
            if other != value:
                yield in_space(space, {**values, parameter.name: other})
