"""``repair``: the feasible configuration nearest to one that may not be."""

from __future__ import annotations

from typing import Any, Literal

from shapesafe_tuner._compat.interruption import interruptible
from shapesafe_tuner._compat.types import Configuration, HyperParameters
from shapesafe_tuner.arguments import BatchSize, Constraints, Hypermodel, Values
from shapesafe_tuner.checker import Checker, prepare
from shapesafe_tuner.space.diagram.summary import nearest_in
from shapesafe_tuner.space.exploration import Exploration
from shapesafe_tuner.space.nearest import nearest_leaf
from shapesafe_tuner.validation import MOST_RUNS

__all__ = ["nearest_feasible", "repair"]


@interruptible
def repair(
    hypermodel: Hypermodel,
    values: Values,
    *,
    x: Any = None,
    y: Any = None,
    sample_weight: Any = None,
    validation_data: Any = None,
    batch_size: BatchSize | None = None,
    hyperparameters: Any = None,
    max_model_size: int | None = None,
    constraints: Constraints = (),
    check_training_step: bool | Literal["follow"] = True,
) -> dict[str, Any]:
    """The feasible configuration nearest to ``values``.

    Fewest hyperparameters changed, then smallest steps on their own scales.

    Args:
        hypermodel, values: as for :func:`shapesafe_tuner.check`.
        x, y, sample_weight, validation_data, batch_size: as there.
        hyperparameters, max_model_size, constraints, check_training_step: as there.

    Returns:
        ``values`` with what had to change. A feasible configuration comes back as it is.

    Raises:
        ValueError: nothing in the space is feasible, or too much of it decides about shapes.
        TypeError, UnknownHyperparameterError: as :func:`shapesafe_tuner.check`.
    """
    checker, chosen, space = prepare(
        "repair", hypermodel, values, x=x, y=y, sample_weight=sample_weight,
        validation_data=validation_data, batch_size=batch_size, hyperparameters=hyperparameters,
        max_model_size=max_model_size, constraints=constraints,
        check_training_step=check_training_step,
    )  # fmt: skip
    verdict = checker.judge(chosen, space)
    checker.refuse_unknown("repair", chosen, verdict, space)
    if verdict.feasible is not False:
        return chosen
    found, why = nearest_feasible(checker, chosen, space, MOST_RUNS, 1_000)
    if found is None:
        raise ValueError(
            "No configuration of this space is feasible"
            + (f" that was seen ({why})." if why else ".")
        )
    return found


def nearest_feasible(
    checker: Checker,
    chosen: Configuration,
    space: HyperParameters | None,
    budget: int,
    samples: int = 0,
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
    if known.diagram is not None:
        return nearest_in(known.diagram, chosen, known.declared), None
    known.draw(samples, 0)
    leaf = nearest_leaf(chosen, [*known.leaves, *known.drawn], known.declared)
    why = known.why_not_exact
    return (leaf or found.values) if why else leaf, why
