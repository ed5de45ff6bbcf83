"""The domain of a hyperparameter: its values, how often KerasTuner draws each, its scale."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, cast

import keras_tuner

from shapesafe_tuner._compat.keras_tuner.modules import keras_tuner_module
from shapesafe_tuner._compat.types import (
    Choice,
    HyperParameter,
    HyperParameters,
    Number,
    Value,
    Values,
)
from shapesafe_tuner.memory import Memory

__all__ = [
    "domain", "hp_types", "is_active", "is_ordered", "narrowed", "outside_domain", "place_of",
    "position", "random_value", "range_of", "size_of", "value_at", "weighted_domain",
]  # fmt: skip

hp_types = keras_tuner_module("engine.hyperparameters.hp_types")


def weighted_domain(
    parameter: HyperParameter, widest: int | None = None
) -> list[tuple[Value, Fraction]] | None:
    """The values a hyperparameter takes, and how often KerasTuner's random sampling draws each.

    Args:
        parameter: the hyperparameter.
        widest: how many values it may have; None for any number.

    Returns:
        Pairs whose second parts add up to 1, or None where there are too many values.
    """
    values = domain(parameter)
    if values is None or (widest is not None and len(values) > widest):
        return None
    if isinstance(parameter, hp_types.Choice):
        # By the keys of a dict, of which nan is one: it equals nothing, itself included.
        times = Counter(parameter.values)
        return [(value, Fraction(times[value], len(parameter.values))) for value in values]
    if (
        not isinstance(parameter, hp_types.Int)
        or parameter.step is not None
        or parameter.sampling == "linear"
    ):
        return [(value, Fraction(1, len(values))) for value in values]
    # Log sampling: value v has weight log((v + 1) / v); reversed log is its mirror image.
    low, high = parameter.min_value, parameter.max_value
    mirrored = parameter.sampling == "reverse_log"
    shares = [math.log1p(1 / (low + high - v if mirrored else v)) for v in values]
    exact = [Fraction(share) for share in shares]
    total = sum(exact)
    return [(value, share / total) for value, share in zip(values, exact, strict=True)]


def position(parameter: HyperParameter, value: Value) -> float | None:
    """Where a value stands in its domain, from 0 to 1; None for one that is outside or unordered.

    Numbers stand where KerasTuner's own scale (linear, log, reverse log) puts them; the values of
    an ordered ``Choice`` by their place.
    """
    if isinstance(parameter, hp_types.Choice):
        values = list(parameter.values)
        if not parameter.ordered or value not in values or len(values) < 2:
            return None
        return values.index(value) / (len(values) - 1)
    if not is_ordered(parameter) or outside_domain(parameter, value):
        return None
    return float(parameter.value_to_prob(value))


def is_ordered(parameter: HyperParameter) -> bool:
    """Whether its values have an order."""
    if isinstance(parameter, hp_types.Choice):
        return bool(parameter.ordered)
    return not isinstance(parameter, (hp_types.Boolean, hp_types.Fixed))


def narrowed(
    parameters: Sequence[HyperParameter], kept: Mapping[str, tuple[Any, ...]]
) -> HyperParameters:
    """A ``HyperParameters`` with these hyperparameters, some of them with fewer values.

    Args:
        parameters: the hyperparameters, parents before what depends on them.
        kept: by name, the values that stay.
    """
    found = keras_tuner.HyperParameters()
    for parameter in parameters:
        values = kept.get(parameter.name)
        fewer = parameter if values is None else _with_fewer(parameter, values)
        found._register(fewer, overwrite=True)
    return found  # type: ignore[no-any-return]


def _with_fewer(parameter: HyperParameter, kept: tuple[Value, ...]) -> HyperParameter:
    values = list(domain(parameter) or ())
    first = values.index(kept[0]) if kept[0] in values else 0
    config = parameter.get_config()
    if isinstance(parameter, hp_types.Boolean):
        config = {"name": parameter.name, "value": kept[0], "conditions": config["conditions"]}
        return hp_types.Fixed.from_config(config)  # type: ignore[no-any-return]
    if isinstance(parameter, hp_types.Choice):
        # One value may be listed more than once, to be drawn more often.
        config["values"] = [value for value in parameter.values if value in kept]
    elif values[first : first + len(kept)] == list(kept):
        config["min_value"], config["max_value"] = kept[0], kept[-1]
    else:
        common = {name: config[name] for name in ("name", "default", "conditions")}
        config = {**common, "values": list(kept)}
    if config["default"] not in kept:
        config["default"] = kept[0]
    kind = hp_types.Choice if "values" in config else type(parameter)
    return kind.from_config(config)


def random_value(parameter: HyperParameter, seed: int) -> Value:
    """A value that KerasTuner's random sampling draws."""
    return parameter.random_sample(seed)


def value_at(parameter: HyperParameter, quantile: float) -> Value:
    """The value at a quantile, from 0 to 1, of KerasTuner's random sampling."""
    return parameter.prob_to_value(quantile)


def is_active(parameter: HyperParameter, values: Values) -> bool:
    """Whether a hyperparameter is in use, by the values that it depends on."""
    return all(condition.is_active(values) for condition in parameter.conditions)


def place_of(parameter: HyperParameter) -> tuple[str, str]:
    """The key of a hyperparameter in its space: its name and the conditions of its scope."""
    met = parameter.conditions
    return parameter.name, repr([condition.get_config() for condition in met]) if met else ""


def size_of(parameters: Sequence[HyperParameter]) -> float:
    """How many configurations these hyperparameters have; those with conditions count where active.

    Args:
        parameters: the hyperparameters, parents before what depends on them.

    Returns:
        A whole number, or inf where it has no end, or more digits than Python prints.
    """
    parents = {condition.name for parameter in parameters for condition in parameter.conditions}
    total: float = 1
    for place, first in enumerate(parameters):
        values = domain(first)
        if values is None:
            return math.inf
        if first.name not in parents:
            total *= len(values)
            continue
        rest = parameters[place + 1 :]
        depend = [item for item in rest if any(c.name == first.name for c in item.conditions)]
        branches: float = 0
        for value in values:
            active = [
                item for item in rest if item not in depend or _active(item, first.name, value)
            ]
            branches += size_of(active)
        total *= branches
        break
    return total if total < _COUNTLESS else math.inf


_COUNTLESS = 10**4000


def _active(parameter: HyperParameter, name: str, value: Value) -> bool:
    return all(value in c.values for c in parameter.conditions if c.name == name)


def range_of(parameter: HyperParameter) -> str:
    """The range of a hyperparameter in words."""
    if isinstance(parameter, hp_types.Choice):
        return f"one of {list(parameter.values)}"
    if isinstance(parameter, (hp_types.Fixed, hp_types.Boolean)):
        return "fixed" if isinstance(parameter, hp_types.Fixed) else "True or False"
    number = cast(Number, parameter)
    step = f", step {number.step}" if number.step not in (None, 1) else ""
    return f"{number.min_value} to {number.max_value}{step}"


def domain(parameter: HyperParameter) -> Sequence[Value] | None:
    """The values KerasTuner's random sampling can give a hyperparameter.

    Returns:
        A sequence, or None where there are infinitely many (a ``Float`` without a step), or more
        than a sequence of Python's can have.
    """
    if isinstance(parameter, hp_types.Fixed):
        return [parameter.value]
    if isinstance(parameter, hp_types.Boolean):
        return [True, False]
    if isinstance(parameter, hp_types.Choice):
        return _different(parameter)
    number = cast(Number, parameter)
    whole = isinstance(parameter, hp_types.Int)
    if whole and number.max_value - number.min_value >= sys.maxsize:
        return None
    if number.step is None:
        return range(int(number.min_value), int(number.max_value) + 1) if whole else None
    stepped = _Stepped(number, int if whole else float)
    return stepped if number.sampling == "linear" else list(stepped)


def _different(parameter: Choice) -> list[Value]:
    """The values of a ``Choice``, each once; worked out once where there are many."""
    if len(parameter.values) <= _MANY:
        return list(dict.fromkeys(parameter.values))
    known = _WIDE.get(id(parameter))
    if known is None or known[0] is not parameter:
        known = _WIDE[id(parameter)] = (parameter, list(dict.fromkeys(parameter.values)))
    return known[1]


_MANY = 10_000
_WIDE: Memory[int, tuple[Choice, list[Value]]] = Memory(8)


class _Stepped(Sequence[Value]):
    """The values of a linear step, computed when asked for: there may be a million."""

    def __init__(self, parameter: Number, kind: type[int] | type[float]) -> None:
        self._parameter = parameter
        self._kind = kind

    def __len__(self) -> int:
        return int(self._parameter._get_n_values())

    def __getitem__(self, index: Any) -> Value:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._kind(self._parameter._get_value_by_index(index))


def outside_domain(parameter: HyperParameter, value: Value) -> bool:
    """Whether ``value`` is none that the hyperparameter was declared to take."""
    if isinstance(parameter, (hp_types.Fixed, hp_types.Boolean, hp_types.Choice)):
        return value not in parameter.values
    if isinstance(value, (bool, str)) or (isinstance(value, float) and not math.isfinite(value)):
        return True
    number = cast(Number, parameter)
    return not number.min_value <= value <= number.max_value
