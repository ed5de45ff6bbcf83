"""The domain of a hyperparameter: its values, how often KerasTuner draws each, its scale."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import keras_tuner

from shapesafe_tuner._compat.keras_tuner.modules import keras_tuner_module
from shapesafe_tuner.memory import Memory

__all__ = [
    "domain", "hp_types", "is_ordered", "narrowed", "outside_domain", "place_of", "position",
    "random_value", "range_of", "size_of", "value_at", "weighted_domain",
]  # fmt: skip

hp_types = keras_tuner_module("engine.hyperparameters.hp_types")


def weighted_domain(hp: Any, widest: int | None = None) -> list[tuple[Any, Fraction]] | None:
    """The values a hyperparameter takes, and how often KerasTuner's random sampling draws each.

    Args:
        hp: the hyperparameter.
        widest: how many values it may have; None for any number.

    Returns:
        Pairs whose second parts add up to 1, or None where there are too many values.
    """
    values = domain(hp)
    if values is None or (widest is not None and len(values) > widest):
        return None
    if isinstance(hp, hp_types.Choice):
        # By the keys of a dict, of which nan is one: it equals nothing, itself included.
        times = Counter(hp.values)
        return [(value, Fraction(times[value], len(hp.values))) for value in values]
    if not isinstance(hp, hp_types.Int) or hp.step is not None or hp.sampling == "linear":
        return [(value, Fraction(1, len(values))) for value in values]
    # Log sampling: value v has weight log((v + 1) / v); reversed log is its mirror image.
    low, high = hp.min_value, hp.max_value
    mirrored = hp.sampling == "reverse_log"
    shares = [math.log1p(1 / (low + high - v if mirrored else v)) for v in values]
    exact = [Fraction(share) for share in shares]
    total = sum(exact)
    return [(value, share / total) for value, share in zip(values, exact, strict=True)]


def position(hp: Any, value: Any) -> float | None:
    """Where a value stands in its domain, from 0 to 1; None for one that is outside or unordered.

    Numbers stand where KerasTuner's own scale (linear, log, reverse log) puts them; the values of
    an ordered ``Choice`` by their place.
    """
    if isinstance(hp, hp_types.Choice):
        values = list(hp.values)
        if not hp.ordered or value not in values or len(values) < 2:
            return None
        return values.index(value) / (len(values) - 1)
    if isinstance(hp, (hp_types.Boolean, hp_types.Fixed)) or outside_domain(hp, value):
        return None
    return float(hp.value_to_prob(value))


def is_ordered(hp: Any) -> bool:
    """Whether its values have an order."""
    if isinstance(hp, hp_types.Choice):
        return bool(hp.ordered)
    return not isinstance(hp, (hp_types.Boolean, hp_types.Fixed))


def narrowed(space: Sequence[Any], kept: Mapping[str, tuple[Any, ...]]) -> Any:
    """A ``HyperParameters`` with these hyperparameters, some of them with fewer values.

    Args:
        space: the hyperparameters, parents before what depends on them.
        kept: by name, the values that stay.
    """
    found = keras_tuner.HyperParameters()
    for hp in space:
        values = kept.get(hp.name)
        found._register(hp if values is None else _with_fewer(hp, values), overwrite=True)
    return found


def _with_fewer(hp: Any, kept: tuple[Any, ...]) -> Any:
    values = list(domain(hp) or ())
    first = values.index(kept[0]) if kept[0] in values else 0
    config = hp.get_config()
    if isinstance(hp, hp_types.Boolean):
        config = {"name": hp.name, "value": kept[0], "conditions": config["conditions"]}
        return hp_types.Fixed.from_config(config)
    if isinstance(hp, hp_types.Choice):
        # One value may be listed more than once, to be drawn more often.
        config["values"] = [value for value in hp.values if value in kept]
    elif values[first : first + len(kept)] == list(kept):
        config["min_value"], config["max_value"] = kept[0], kept[-1]
    else:
        common = {name: config[name] for name in ("name", "default", "conditions")}
        config = {**common, "values": list(kept)}
    if config["default"] not in kept:
        config["default"] = kept[0]
    return (hp_types.Choice if "values" in config else type(hp)).from_config(config)


def random_value(hp: Any, seed: int) -> Any:
    """A value that KerasTuner's random sampling draws."""
    return hp.random_sample(seed)


def value_at(hp: Any, quantile: float) -> Any:
    """The value at a quantile, from 0 to 1, of KerasTuner's random sampling."""
    return hp.prob_to_value(quantile)


def place_of(hp: Any) -> tuple[str, str]:
    """What tells a hyperparameter from others: its name and the conditions of its scope."""
    return hp.name, repr([c.get_config() for c in hp.conditions]) if hp.conditions else ""


def size_of(space: Sequence[Any]) -> float:
    """How many configurations these hyperparameters have; those with conditions count where active.

    Args:
        space: the hyperparameters, parents before what depends on them.

    Returns:
        A whole number, or inf where it has no end, or more digits than Python prints.
    """
    parents = {condition.name for hp in space for condition in hp.conditions}
    total: float = 1
    for place, first in enumerate(space):
        values = domain(first)
        if values is None:
            return math.inf
        if first.name not in parents:
            total *= len(values)
            continue
        rest = space[place + 1 :]
        depend = [hp for hp in rest if any(c.name == first.name for c in hp.conditions)]
        branches: float = 0
        for value in values:
            active = [hp for hp in rest if hp not in depend or _active(hp, first.name, value)]
            branches += size_of(active)
        total *= branches
        break
    return total if total < _COUNTLESS else math.inf


_COUNTLESS = 10**4000


def _active(hp: Any, name: str, value: Any) -> bool:
    return all(value in c.values for c in hp.conditions if c.name == name)


def range_of(hp: Any) -> str:
    """The range of a hyperparameter in words."""
    if isinstance(hp, hp_types.Choice):
        return f"one of {list(hp.values)}"
    if isinstance(hp, (hp_types.Fixed, hp_types.Boolean)):
        return "fixed" if isinstance(hp, hp_types.Fixed) else "True or False"
    step = f", step {hp.step}" if hp.step not in (None, 1) else ""
    return f"{hp.min_value} to {hp.max_value}{step}"


def domain(hp: Any) -> Sequence[Any] | None:
    """The values KerasTuner's random sampling can give a hyperparameter.

    Returns:
        A sequence, or None where there are infinitely many (a ``Float`` without a step), or more
        than a sequence of Python's can have.
    """
    if isinstance(hp, hp_types.Fixed):
        return [hp.value]
    if isinstance(hp, hp_types.Boolean):
        return [True, False]
    if isinstance(hp, hp_types.Choice):
        return _different(hp)
    if isinstance(hp, hp_types.Int) and hp.max_value - hp.min_value >= sys.maxsize:
        return None
    if hp.step is not None:
        values = (hp._get_value_by_index(index) for index in range(hp._get_n_values()))
        cast = int if isinstance(hp, hp_types.Int) else float
        return _Stepped(hp, cast) if hp.sampling == "linear" else [cast(v) for v in values]
    if isinstance(hp, hp_types.Int):
        return range(hp.min_value, hp.max_value + 1)
    return None


def _different(hp: Any) -> list[Any]:
    """The values of a ``Choice``, each once; worked out once where there are many."""
    if len(hp.values) <= _MANY:
        return list(dict.fromkeys(hp.values))
    known = _WIDE.get(id(hp))
    if known is None or known[0] is not hp:
        known = _WIDE[id(hp)] = (hp, list(dict.fromkeys(hp.values)))
    return known[1]


_MANY = 10_000
_WIDE: Memory[int, tuple[Any, list[Any]]] = Memory(8)


class _Stepped(Sequence[Any]):
    """The values of a linear step, computed when asked for: there may be a million."""

    def __init__(self, hp: Any, cast: Callable[[Any], Any]) -> None:
        self._hp = hp
        self._cast = cast

    def __len__(self) -> int:
        return int(self._hp._get_n_values())

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._cast(self._hp._get_value_by_index(index))


def outside_domain(hp: Any, value: Any) -> bool:
    """Whether ``value`` is none that the hyperparameter was declared to take."""
    if isinstance(hp, (hp_types.Fixed, hp_types.Boolean, hp_types.Choice)):
        return value not in hp.values
    if isinstance(value, (bool, str)) or (isinstance(value, float) and not math.isfinite(value)):
        return True
    return not hp.min_value <= value <= hp.max_value
