"""Frozen records of what is found about a search space."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from shapesafe_tuner.escaping import card, listed, short, visible
from shapesafe_tuner.findings.words import words
from shapesafe_tuner.verdict import ShapeFault, Verdict

__all__ = [
    "About", "Axis", "Bound", "Cause", "Conflict", "Example", "PairShares", "Sample",
    "Suggestion", "Undecided",
]  # fmt: skip

_MOST_SHOWN = 8
"""Conflicts and suggestions of a cause that a notebook shows."""


@dataclasses.dataclass(frozen=True)
class About:
    """What a report is about.

    Attributes:
        hypermodel: its name, and the file it is in.
        data: the shapes that training was judged on; empty where the build alone was.
        versions: of the packages.
    """

    hypermodel: str
    data: str = ""
    versions: str = ""


@dataclasses.dataclass(frozen=True)
class Conflict:
    """Values that no completion can rescue.

    Attributes:
        values: for each hyperparameter of the conflict the values that take part; every
            combination of them is infeasible, and no hyperparameter can be left out.
        fraction: of the space it costs, not counting what a conflict before it costs already.
        fault: of one of its configurations, whose values are its ``hyperparameters``.
    """

    values: Mapping[str, tuple[Any, ...]]
    fraction: float
    fault: ShapeFault

    def __hash__(self) -> int:
        return hash((tuple(self.values), self.fraction))

    def __str__(self) -> str:
        members = (words(name, some) for name, some in self.values.items())
        return " and ".join(members) or "every configuration"

    def __repr__(self) -> str:
        return f"<Conflict {short(str(self))}: {self.fraction:.2%} of the space>"

    def _repr_html_(self) -> str:
        rows = {"Never fits": str(self), "Of the space": f"{self.fraction:.2%}"}
        return card("Conflict", {**rows, "Reason": self.fault.reason})


@dataclasses.dataclass(frozen=True)
class Undecided:
    """Why a part of a space is undecided: its trials run, and then one knows.

    Attributes:
        reason: what stopped the check: an error of ``build``, with its file and line.
        fraction: of the space.
        values: one such configuration; what is missing may have any value.
    """

    reason: str
    fraction: float
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.reason, self.fraction))


@dataclasses.dataclass(frozen=True)
class Bound:
    """A relation between two numbers of a configuration.

    Attributes:
        left, right: names of hyperparameters.
        relation: of the two values.
        limit: of the sum.
    """

    left: str
    right: str
    relation: Literal["at most", "equal", "multiple", "sum at most"]
    limit: float = 0.0

    def holds(self, left: Any, right: Any) -> bool:
        """Whether two values stand in this relation."""
        if self.relation == "at most":
            return bool(left <= right)
        if self.relation == "equal":
            return bool(left == right)
        if self.relation == "multiple":
            return bool(right and left % right == 0)
        return bool(left + right <= self.limit)

    def __str__(self) -> str:
        return self.formula(short(self.left), short(self.right))

    def formula(self, left: str, right: str) -> str:
        """The relation of two expressions, in Python; that of a multiple needs ``right`` not 0."""
        return {
            "at most": f"{left} <= {right}",
            "equal": f"{left} == {right}",
            "multiple": f"{left} % {right} == 0",
            "sum at most": f"{left} + {right} <= {self.limit:g}",
        }[self.relation]


@dataclasses.dataclass(frozen=True)
class Suggestion:
    """A change of the space that removes conflicts; it was checked.

    Called with a ``HyperParameters`` it says whether the change keeps a configuration, so that it
    can be one of the ``constraints`` of a tuner. (A change of a layer keeps all.)

    Attributes:
        text: what to do, in words.
        removes: places, in the report's conflicts, of those that it removes.
        lost: share of the feasible configurations that are given up; an estimate for layers.
        values: for each hyperparameter that is narrowed, what it keeps.
        bound: a relation to hold two hyperparameters to, or None.
        layer: for a change of a layer its class name and the new arguments, or None.
        removed: share of the space, infeasible, that goes; for a layer, that becomes feasible at
            least.
    """

    text: str
    removes: tuple[int, ...]
    lost: float
    values: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    bound: Bound | None = None
    layer: tuple[str, Mapping[str, Any]] | None = None
    removed: float = 0.0

    def __call__(self, hp: Any) -> bool:
        """Whether a configuration stays in the space; one that lacks the value does."""
        for name, kept in self.values.items():
            if name in hp.values and hp.values[name] not in kept:
                return False
        bound = self.bound
        if bound is None or bound.left not in hp.values or bound.right not in hp.values:
            return True
        return bound.holds(hp.values[bound.left], hp.values[bound.right])

    def __str__(self) -> str:
        return visible(self.text)

    def __repr__(self) -> str:
        return f"<Suggestion: {short(self.text)}>"

    def _repr_html_(self) -> str:
        rows = {"Change": self.text, "Removes": f"{self.removed:.2%} of the space"}
        return card("Suggestion", {**rows, "Gives up": f"{self.lost:.2%} of what is feasible"})

    @property
    def __name__(self) -> str:
        return f"'{self.text}'"

    def __hash__(self) -> int:
        return hash((self.text, self.removes))


@dataclasses.dataclass(frozen=True)
class Cause:
    """One place where configurations fail.

    The fractions of all causes of a report add up to the infeasible part.

    Attributes:
        layer: the name of the layer that refuses; None where several do, or none.
        layer_type: its class; None where a constraint or a limit refuses.
        reason: what it refuses, in the words of one of its configurations.
        fraction: of the space.
        decided_by: the hyperparameters that can change whether this happens.
        conflicts: those of the report's conflicts that end here, the costliest first.
        suggestions: those of the report's suggestions that remove some of it, the one that helps
            most first: by what it removes of this cause, less the feasible share it gives up.
    """

    layer: str | None
    layer_type: str | None
    reason: str
    fraction: float
    decided_by: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()

    def __hash__(self) -> int:
        return hash((self.layer, self.layer_type, self.reason, self.fraction))

    def __str__(self) -> str:
        return visible(self.reason)

    def __repr__(self) -> str:
        return f"<Cause {short(self.reason)}: {self.fraction:.2%} of the space>"

    def _repr_html_(self) -> str:
        rows = {"Reason": self.reason, "Of the space": f"{self.fraction:.2%}"}
        rows["Layer"] = " ".join(filter(None, [self.layer_type, self.layer and f"'{self.layer}'"]))
        rows["Depends on"] = listed(self.decided_by)
        rows["Never fits"] = "; ".join(map(str, self.conflicts[:_MOST_SHOWN]))
        rows["Would help"] = "; ".join(map(str, self.suggestions[:_MOST_SHOWN]))
        return card("Cause", rows)


@dataclasses.dataclass(frozen=True)
class Axis:
    """A hyperparameter of the maps, divided into bins.

    Attributes:
        name: of the hyperparameter.
        bins: first and last value of each, in the order of the domain; the two are equal where a
            bin has one value. Bins of a continuous hyperparameter share their borders.
    """

    name: str
    bins: tuple[tuple[Any, Any], ...]


@dataclasses.dataclass(frozen=True)
class PairShares:
    """The feasible share over the values of two hyperparameters.

    Attributes:
        down: name of the hyperparameter whose bins are the rows.
        across: name of the hyperparameter whose bins are the columns.
        shares: of the configurations that have both values, row by row; None where there are none,
            or none was seen.
    """

    down: str
    across: str
    shares: tuple[tuple[float | None, ...], ...]


@dataclasses.dataclass(frozen=True)
class Example:
    """One configuration of a conflict or a cause, with its shapes up to the layer that refuses.

    Attributes:
        conflict: place in the report's conflicts; None for one of a cause that no example of a
            conflict fails by.
        values: the configuration.
        verdict: on it.
    """

    conflict: int | None
    values: Mapping[str, Any]
    verdict: Verdict

    def __hash__(self) -> int:
        return hash((self.conflict, self.verdict))


@dataclasses.dataclass(frozen=True)
class Sample:
    """One random configuration and its verdict.

    Attributes:
        values: of the hyperparameters of the maps.
        feasible: None for one that is undecided, or was not looked at.
        cause: place in the report's causes of an infeasible one.
    """

    values: Mapping[str, Any]
    feasible: bool | None
    cause: int | None = None

    def __hash__(self) -> int:
        return hash((tuple(self.values), self.feasible, self.cause))
