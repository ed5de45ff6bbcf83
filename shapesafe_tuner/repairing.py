"""``repair``: the feasible configuration nearest to one that may not be."""

from __future__ import annotations

from typing import Any, Unpack

from shapesafe_tuner.checker import Checker, prepare
from shapesafe_tuner.space.exploration import Exploration
from shapesafe_tuner.space.nearest import nearest_leaf
from shapesafe_tuner.tracing.question import Given
from shapesafe_tuner.validation import MOST_RUNS

__all__ = ["nearest_feasible", "repair"]


def repair(hypermodel: Any, values: Any, **data: Unpack[Given]) -> dict[str, Any]:
    """The feasible configuration nearest to ``values``.

    Fewest hyperparameters changed, then smallest steps on their own scales.

    Args:
        hypermodel, values, **data: as for :func:`shapesafe_tuner.check`.

    Returns:
        A dict: ``values`` with what had to change. A feasible configuration comes back as it is.

    Raises:
        ValueError: nothing in the space is feasible, or too much of it decides about shapes.
    """
    checker, chosen, space = prepare(hypermodel, values, **data)
    if checker.judge(chosen, space).feasible is not False:
        return chosen
    found, why = nearest_feasible(checker, chosen, space, MOST_RUNS, 1_000)
    if found is None:
        raise ValueError(
            "No configuration of this space is feasible"
            + (f" that was seen ({why})." if why else ".")
        )
    return found


def nearest_feasible(
    checker: Checker, chosen: dict[str, Any], space: Any, budget: int, samples: int = 0
) -> tuple[dict[str, Any] | None, str | None]:
    """The nearest feasible configuration, and why it may not be the nearest; None if it is.

    Args:
        checker: judges configurations.
        chosen: the configuration.
        space: the ``HyperParameters`` registered in advance, or None.
        budget: how many runs of ``build`` it may cost to look at the whole space, where the
            conflicts do not lead there.
        samples: how many configurations to draw where that is not enough.
    """
    found = checker.nearest(chosen, space)
    if found.proved:
        return found.values, None
    known = Exploration(checker.passes, space)
    known.explore(budget)
    known.draw(samples, 0)
    leaf = nearest_leaf(chosen, [*known.leaves, *known.drawn], known.declared)
    why = known.why_not_exact
    return (leaf or found.values) if why else leaf, why
