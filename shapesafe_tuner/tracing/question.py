"""What is judged: a build, the data it is to be trained on, the limits it has to keep."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypedDict

from shapesafe_tuner._compat.keras.versions import versions
from shapesafe_tuner._compat.keras_tuner.hypermodels import as_hypermodel, overrides
from shapesafe_tuner._compat.types import HyperModel, HyperParameters, Nested
from shapesafe_tuner.escaping import short
from shapesafe_tuner.findings import About
from shapesafe_tuner.tracing.data.reading import read_data
from shapesafe_tuner.tracing.data.spec import Data, DataSpec
from shapesafe_tuner.tracing.data.varying import (
    DataSource,
    GivenByValues,
    by_name,
    varies_with_values,
)
from shapesafe_tuner.tracing.following.given import GivenData
from shapesafe_tuner.tracing.following.hypermodel import follow_fit, given_by

__all__ = ["Build", "Changes", "Constraint", "Given", "Question", "about_of", "question_of"]

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
    check_training_step: bool | Literal["follow"]


@dataclasses.dataclass(frozen=True, eq=False)
class Question:
    """All that a verdict depends on besides the configuration.

    Attributes:
        build: as a trial builds.
        data: the batches to be trained on, or None to judge the build alone.
        unjudged: why training is not judged although there is data; None if it is.
        given: the same data as it was given, for a ``fit`` of the model's own; None if not kept.
        source: tells the data of each configuration, where it depends on hyperparameters.
        in_advance: names that the user registered before ``build``, with the range that holds.
        max_model_size: largest number of trainable parameters, or None.
        constraints: one that returns False refuses.
        changes: what to try instead; what rules cannot decide is then undecided.
        by_rules: ask rules first.
        saves: each model is saved after it was trained, as by a search.
        reads_unseen: code that is not followed may read further hyperparameters.
    """

    build: Build
    data: DataSpec | None = None
    unjudged: str | None = None
    given: GivenData | None = None
    source: DataSource | None = None
    in_advance: frozenset[str] = frozenset()
    max_model_size: int | None = None
    constraints: tuple[Constraint, ...] = ()
    changes: Changes = dataclasses.field(default_factory=dict)
    by_rules: bool = True
    saves: bool = False
    reads_unseen: bool = False

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
    check_training_step: bool | Literal["follow"] = True,
) -> Question:
    """The question that a public function is asked; arguments as of ``shapesafe_tuner.check``.

    Raises:
        ValueError: ``check_training_step`` is something else.
    """
    if check_training_step not in (True, False, "follow"):
        raise ValueError(
            f'check_training_step must be True, False or "follow", not {check_training_step!r}.'
        )
    model = as_hypermodel(hypermodel)
    own_fit = model is hypermodel and overrides(model, "fit")
    known = () if hyperparameters is None else hyperparameters.space
    in_advance = frozenset(parameter.name for parameter in known)
    if isinstance(batch_size, str):
        batch_size = by_name(batch_size, model.build, hyperparameters)
    parts = {
        "x": x, "y": y, "sample_weight": sample_weight, "validation_data": validation_data,
        "batch_size": batch_size,
    }  # fmt: skip
    varies = varies_with_values(parts)
    source: DataSource | None = GivenByValues(parts, in_advance) if varies else None
    given = unjudged = None
    if not check_training_step:
        source, unjudged = None, "check_training_step is False"
    elif x is not None:
        given = given_by(parts, check_training_step, hyperparameters)
        if own_fit:
            unjudged = f"{type(model).__name__}.fit may change the data, which is not at hand"
            followed = unjudged if given is None else follow_fit(model, given, in_advance)
            unjudged = followed if isinstance(followed, str) else None
            source = None if isinstance(followed, str) else followed
    fixed = None if varies or source is not None else read_data(**parts)
    return Question(
        model.build,
        data=DataSpec() if varies and source is None else fixed,
        unjudged=unjudged,
        given=None if own_fit else given,
        source=source,
        in_advance=in_advance,
        max_model_size=max_model_size,
        constraints=tuple(constraints),
        reads_unseen=own_fit and source is None,
    )


def about_of(hypermodel: HyperModel, question: Question) -> About:
    """What a report on a hypermodel is about.

    Args:
        hypermodel: as the user gave it.
        question: about it.
    """
    name = getattr(hypermodel, "__qualname__", None) or type(hypermodel).__qualname__
    build = getattr(hypermodel, "build", hypermodel)
    path = getattr(getattr(build, "__code__", None), "co_filename", "")
    where = f" in {os.path.basename(path)}" if os.path.isfile(path) else ""
    if question.source is not None:
        data = "data that depends on hyperparameters"
    elif question.data is None or not question.data.batches:
        data = ""
    else:
        first = question.data.batches[0]
        parts = [*_shapes("x", first.x), *_shapes("y", first.y)]
        data = ", ".join([*parts, *([f"batches of {first.size:,}"] if first.size else [])])
    return About(short(f"{name}{where}"), short(data), versions())


def _shapes(name: str, structure: Nested) -> Iterator[str]:
    """The shapes of a structure in words, without the batch."""
    if isinstance(structure, dict):
        for key, item in structure.items():
            yield from _shapes(f"{name}[{key!r}]", item)
    elif isinstance(structure, tuple):
        for number, item in enumerate(structure):
            yield from _shapes(f"{name}[{number}]", item)
    elif structure is not None:
        sizes = ", ".join("?" if size is None else str(size) for size in structure.shape[1:])
        yield f"{name} ({sizes}) {structure.dtype}"
