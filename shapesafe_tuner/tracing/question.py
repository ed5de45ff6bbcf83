"""What is judged: a build, the data it is to be trained on, the limits it has to keep."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from shapesafe_tuner._compat.keras_tuner.hypermodels import as_hypermodel, overrides
from shapesafe_tuner._compat.types import HyperModel, HyperParameters
from shapesafe_tuner.tracing.data.reading import read_data
from shapesafe_tuner.tracing.data.spec import Data, DataSpec
from shapesafe_tuner.tracing.data.varying import (
    DataSource,
    GivenByValues,
    by_name,
    varies_with_values,
)

__all__ = ["Build", "Changes", "Constraint", "Given", "Question", "question_of"]

Build = Callable[[Any], Any]
"""``hp -> keras.Model``, as a trial builds."""
Constraint = Callable[[Any], bool]
"""``hp -> bool``; False refuses the configuration."""
Changes = Mapping[str, Mapping[str, Any]]
"""By the name of a layer's class, arguments to replace in every constructor call."""


class Given(TypedDict, total=False):
    """What the public functions take besides a hypermodel and values."""

    x: Data
    y: Data
    sample_weight: Data
    validation_data: Data
    batch_size: int | str | Callable[[Any], int] | None
    hyperparameters: HyperParameters | None
    max_model_size: int | None
    constraints: Sequence[Constraint]


@dataclasses.dataclass(frozen=True, eq=False)
class Question:
    """All that a verdict depends on besides the configuration.

    Attributes:
        build: as a trial builds.
        data: the batches to be trained on, or None to judge the build alone.
        unjudged: why training is not judged although there is data; None if it is.
        source: tells the data of each configuration, where it depends on hyperparameters.
        in_advance: names that the user registered before ``build``, with the range that holds.
        max_model_size: largest number of trainable parameters, or None.
        constraints: one that returns False refuses.
        changes: what to try instead; what rules cannot decide is then undecided.
        by_rules: ask rules first.
    """

    build: Build
    data: DataSpec | None = None
    unjudged: str | None = None
    source: DataSource | None = None
    in_advance: frozenset[str] = frozenset()
    max_model_size: int | None = None
    constraints: tuple[Constraint, ...] = ()
    changes: Changes = dataclasses.field(default_factory=dict)
    by_rules: bool = True

    @property
    def judges_training(self) -> bool:
        """Whether there are batches, and nothing keeps a check from tracing them."""
        data = self.data
        return bool(data and self.unjudged is None and data.problem is None and data.batches)


def question_of(
    hypermodel: HyperModel,
    x: Data = None,
    y: Data = None,
    sample_weight: Data = None,
    validation_data: Data = None,
    batch_size: int | str | Callable[[Any], int] | None = None,
    hyperparameters: HyperParameters | None = None,
    max_model_size: int | None = None,
    constraints: Sequence[Constraint] = (),
) -> Question:
    """The question that a public function is asked; arguments as of ``shapesafe_tuner.check``."""
    model = as_hypermodel(hypermodel)
    own_fit = overrides(model, "fit")
    known = () if hyperparameters is None else hyperparameters.space
    in_advance = frozenset(parameter.name for parameter in known)
    if isinstance(batch_size, str):
        batch_size = by_name(batch_size, model.build, hyperparameters)
    parts = {
        "x": x, "y": y, "sample_weight": sample_weight, "validation_data": validation_data,
        "batch_size": batch_size,
    }  # fmt: skip
    varies = varies_with_values(parts)
    return Question(
        model.build,
        data=None if varies else read_data(**parts),
        unjudged=f"{type(model).__name__}.fit may change the data"
        if own_fit and not varies
        else None,
        source=GivenByValues(parts, in_advance) if varies else None,
        in_advance=in_advance,
        max_model_size=max_model_size,
        constraints=tuple(constraints),
    )
