"""Explain one configuration: its shapes layer by layer, what refuses it and why."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, Literal

from shapesafe_tuner._compat.interruption import interruptible
from shapesafe_tuner.arguments import BatchSize, Constraints, Hypermodel, Values
from shapesafe_tuner.checker import prepare
from shapesafe_tuner.escaping import named
from shapesafe_tuner.plain import to_json
from shapesafe_tuner.repairing import nearest_feasible
from shapesafe_tuner.report.html import in_notebook, write_page
from shapesafe_tuner.report.text import explanation_text
from shapesafe_tuner.verdict import Verdict

__all__ = ["Explanation", "explain"]


@dataclasses.dataclass(frozen=True)
class Explanation:
    """A verdict with what a person needs to act on it; ``print`` shows it as a table.

    Attributes:
        values: the configuration that was asked about.
        verdict: what the check said.
        nearest: the nearest feasible configuration, where one is known.
    """

    values: Mapping[str, Any]
    verdict: Verdict
    nearest: Mapping[str, Any] | None = None

    @property
    def conflict(self) -> Mapping[str, Any] | None:
        """The hyperparameters that cause the fault; None for a feasible configuration."""
        return None if self.verdict.fault is None else self.verdict.fault.hyperparameters

    def to_text(self, width: int = 100) -> str:
        """The table of layers and shapes, the failing one marked, and the reason.

        Args:
            width: of the lines, in characters.
        """
        return explanation_text(self.values, self.verdict, self.nearest, width=width)

    def to_json(self) -> str:
        """One JSON object: ``values``, ``verdict``, ``conflict`` and ``nearest``."""
        content = {
            "values": self.values,
            "verdict": self.verdict.to_dict(),
            "conflict": self.conflict,
            "nearest": self.nearest,
        }
        return to_json(content, indent=2)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the explanation as one page that needs nothing else, and no network.

        Args:
            path: of the file; it is replaced.

        Raises:
            OSError: the file cannot be written.
        """
        write_page(path, "explanation", self)

    def _repr_html_(self) -> str:
        return in_notebook("explanation", self)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"<Explanation of {named(self.values) or 'the defaults'}: {self.verdict!r}>"


@interruptible
def explain(
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
) -> Explanation:
    """Check a configuration and explain the outcome.

    Args:
        hypermodel, values: as for :func:`shapesafe_tuner.check`.
        x, y, sample_weight, validation_data, batch_size: as there.
        hyperparameters, max_model_size, constraints, check_training_step: as there.

    Raises:
        TypeError, UnknownHyperparameterError: as :func:`shapesafe_tuner.check`.
    """
    checker, chosen, space = prepare(
        "explain", hypermodel, values, x=x, y=y, sample_weight=sample_weight,
        validation_data=validation_data, batch_size=batch_size, hyperparameters=hyperparameters,
        max_model_size=max_model_size, constraints=constraints,
        check_training_step=check_training_step,
    )  # fmt: skip
    verdict = checker.said_by_keras(chosen, checker.judge(chosen, space), space)
    checker.refuse_unknown("explain", chosen, verdict, space)
    if verdict.feasible is not False:
        return Explanation(chosen, verdict)
    found, why = nearest_feasible(checker, chosen, space, _RUNS)
    return Explanation(chosen, verdict, found if why is None else None)


_RUNS = 20_000
"""Runs of ``build`` that the nearest feasible configuration is worth: a few seconds."""
