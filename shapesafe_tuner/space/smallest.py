"""The fewest values that already decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shapesafe_tuner._compat.keras_tuner.domains import domain
from shapesafe_tuner.space.explorer import WIDEST, Conclusion, Explorer

__all__ = ["Narrowing", "smallest"]

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

    def smallest(self, values: Mapping[str, Any]) -> Values:
        """The fewest of these values that no completion can rescue, as far as it is affordable.

        Args:
            values: a combination without a feasible completion.
        """
        self._limit = min(self.explorer.cost + self._each, self._altogether)
        return smallest(values, self._has_no_completion)

    def _has_no_completion(self, fixed: Values) -> bool:
        """Whether it is proved, within the allowance, that nothing with these values fits."""
        stack: list[Values] = [{}]
        while stack:
            if self.explorer.cost >= self._limit:
                return False
            chosen = stack.pop()
            node = self.explorer.recall(chosen)
            if isinstance(node, Conclusion):
                if node.verdict.feasible is not False:
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
