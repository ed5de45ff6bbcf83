"""The fewest values that already decide."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import keras

from shapesafe_tuner._compat.keras.constructors import snake_case
from shapesafe_tuner._compat.keras_tuner.domains import domain
from shapesafe_tuner.escaping import short
from shapesafe_tuner.space.explorer import WIDEST, Conclusion, Explorer
from shapesafe_tuner.verdict import ShapeFault, Verdict

__all__ = ["Narrowing", "fault_key", "smallest"]

Values = dict[str, Any]


def smallest(values: Mapping[str, Any], refused: Callable[[Values], bool]) -> Values:
    """A smallest part of an infeasible combination that is infeasible already.

    QuickXplain (Junker, *Preferred explanations and relaxations for over-constrained problems*,
    AAAI 2004); values read first are kept rather than later ones.

    Args:
        values: a combination without a feasible completion.
        refused: whether some of the values have no feasible completion.
    """
    if refused({}):
        return {}
    items = list(values.items())

    def explain(background: list[Any], added: bool, rest: list[Any]) -> list[Any]:
        if added and refused(dict(background)):
            return []
        if len(rest) == 1:
            return rest
        half = len(rest) // 2
        first, second = rest[:half], rest[half:]
        late = explain([*background, *first], True, second)
        early = explain([*background, *late], bool(late), first)
        return [*early, *late]

    found = dict(explain([], False, items)) if items else {}
    return {name: value for name, value in values.items() if name in found}


class Narrowing:
    """Finds the few values that cause a refusal, within an allowance.

    Args:
        explorer: of the space; it remembers what it ran.
        each: what one refusal may cost, in runs of ``build`` on rules.
        altogether: what all of them may cost; later ones name what was demanded.
    """

    def __init__(self, explorer: Explorer, *, each: int = 1_000, altogether: int = 5_000) -> None:
        self.explorer = explorer
        self._each = each
        self._altogether = altogether
        self._limit = 0.0

    def demanded(self, values: Mapping[str, Any]) -> Values | None:
        """The values that a refusal demanded, in the order of the demands.

        Args:
            values: a configuration; what it lacks has its default.

        Returns:
            None where the demands do not end in a refusal, or the allowance is spent.
        """
        chosen: Values = {}
        while self.explorer.cost < self._altogether:
            node = self.explorer.recall(chosen)
            if isinstance(node, Conclusion):
                return chosen if node.verdict.feasible is False else None
            parameter = node.parameter
            if parameter.name in chosen:
                return None
            chosen[parameter.name] = values.get(parameter.name, parameter.default)
        return None

    def smallest(self, values: Mapping[str, Any], verdict: Verdict) -> Values:
        """The fewest of these values that cause a refusal, as far as it is affordable.

        No completion of them is feasible, and none that comes as far is refused by another layer.

        Args:
            values: a combination without a feasible completion.
            verdict: on it.
        """
        self._limit = min(self.explorer.cost + self._each, self._altogether)
        return smallest(values, lambda fixed: self._all_refused(fixed, verdict))

    def _all_refused(self, fixed: Values, like: Verdict) -> bool:
        """Whether it is proved, within the allowance, that all with these values fail alike."""
        stack: list[Values] = [{}]
        while stack:
            if self.explorer.cost >= self._limit:
                return False
            chosen = stack.pop()
            node = self.explorer.recall(chosen)
            if isinstance(node, Conclusion):
                if node.verdict.feasible is not False or not _alike(node.verdict, like):
                    return False
                continue
            name, default = node.parameter.name, node.parameter.default
            if name in fixed:
                stack.append({**chosen, name: fixed[name]})
                continue
            among = domain(node.parameter)
            if among is None or len(among) > WIDEST:
                return False
            # The default, which somebody thought feasible, comes first.
            order = sorted(among, key=lambda value: value == default)
            stack.extend({**chosen, name: value} for value in order)
        return True


def _alike(one: Verdict, like: Verdict) -> bool:
    """Whether two refusals are of the same fault, as far as the first of them shows."""
    fault, other = one.fault, like.fault
    if fault is None or other is None or one.stage == "declared":
        return fault is not None or other is None
    if fault.refused_by != other.refused_by:
        return fault.refused_by == "build"
    if fault_key(one) == fault_key(like) or _is_renamed(fault, other):
        return True
    if fault.layer is None or other.layer is None:  # a constructor refuses
        passed = {row.layer_type for row in like.layers[:-1]}
        return fault.layer_type is not None and fault.layer_type in {*passed, other.layer_type}
    return any(row.name == fault.layer for row in like.layers[:-1])


def _is_renamed(one: ShapeFault, other: ShapeFault) -> bool:
    """Whether the same is refused in a layer that has another name, which ``build`` gave it."""
    names = one.layer or "", other.layer or ""
    if not all(names) or one.layer_type != other.layer_type:
        return False
    automatic = re.compile(rf"{snake_case(one.layer_type or '')}(_\d+)?")
    if all(map(automatic.fullmatch, names)):
        return False
    said = [
        _NUMBER.sub("#", fault.reason.replace(short(name), ""))
        for fault, name in zip((one, other), names, strict=True)
    ]
    return said[0] == said[1]


_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def fault_key(verdict: Verdict) -> tuple[str | None, ...]:
    """What is equal for refusals of the same fault with other numbers in it.

    Losses and metrics compare the same outputs with the same targets: they are one.
    """
    fault = verdict.fault
    if fault is None:
        return ()
    if fault.refused_by == "train" and _compares(fault.layer_type or ""):
        return ("train",)
    about = fault.reason if fault.layer is fault.layer_type is None else None
    return fault.refused_by, fault.layer, fault.layer_type, about


def _compares(kind: str) -> bool:
    """Whether a loss or a metric of Keras goes by this name."""
    return hasattr(keras.losses, kind) or hasattr(keras.metrics, kind)
