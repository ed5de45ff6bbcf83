"""The findings of a whole search space in one record, and its JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any, Protocol, Self

from shapesafe_tuner.findings.records import (
    About,
    Axis,
    Bound,
    Cause,
    Conflict,
    Example,
    PairShares,
    Sample,
    Suggestion,
    Undecided,
)
from shapesafe_tuner.plain import restored, to_json
from shapesafe_tuner.verdict import ShapeFault, Verdict

__all__ = ["SpaceFindings"]

SCHEMA = 2
"""Version of the JSON."""


class Space(Protocol):
    """What a report needs of its space."""

    def sample(self, n: int, seed: int) -> list[dict[str, Any]]:
        """Feasible configurations."""

    def narrowed(self, values: Mapping[str, tuple[Any, ...]]) -> Any:
        """The ``HyperParameters`` with fewer values."""


@dataclasses.dataclass(frozen=True)
class SpaceFindings:
    """Which part of a search space is feasible.

    Attributes:
        total: number of configurations of all registered domains; inf for infinitely many, and for
            those of more than 4,000 digits.
        exact: nothing was sampled, interrupted or undecided.
        feasible_fraction: share that is proved feasible, under KerasTuner's random sampling.
        confidence_interval: of that fraction, 95 %; both ends are equal where nothing was sampled
            and everything looked at.
        causes: where configurations fail, the costliest first; their fractions add up to what is
            infeasible.
        conflicts: combinations of values that never fit, the costliest first.
        sensitivity: for each value that decides about shapes, the share that is infeasible.
        suggestions: changes of the space that remove conflicts, where it is known exactly.
        infeasible_fraction: share that is proved infeasible; nan takes what the others leave.
        undecided_fraction: the rest: configurations that no check can decide, or that were not
            looked at.
        unseen_fraction: the part of it that was not looked at, because Ctrl-C came before.
        undecided: why configurations are undecided, the most frequent reason first.
        interrupted: Ctrl-C ended it.
        irrelevant: hyperparameters on which no verdict depends.
        domains: the values of each hyperparameter that decides and has not too many of them.
        notes: what else was noticed: losses that silently broadcast, frozen bounds.
        runs: how often ``build`` ran.
        why_not_exact: what made it a sample; None where it is exact.
        axes: the hyperparameters of the maps, at most 8, and how their domains are divided.
        pairs: the feasible share over the values of any two of them.
        examples: of the costliest conflicts and causes a configuration that fails, with shapes.
        importance: for each hyperparameter that decides, how likely the verdict on a random
            configuration changes when it alone is drawn again; an estimate. Empty where part of
            the space was sampled.
        samples: random configurations with their verdicts; values of :attr:`axes` only.
        about: the hypermodel, the data and the versions; None where that is not known.
    """

    total: float
    exact: bool
    feasible_fraction: float
    confidence_interval: tuple[float, float]
    conflicts: tuple[Conflict, ...]
    sensitivity: Mapping[str, Mapping[Any, float]]
    suggestions: tuple[Suggestion, ...] = ()
    infeasible_fraction: float = math.nan
    causes: tuple[Cause, ...] = ()
    undecided_fraction: float = 0.0
    unseen_fraction: float = 0.0
    undecided: tuple[Undecided, ...] = ()
    interrupted: bool = False
    irrelevant: tuple[str, ...] = ()
    domains: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    runs: int = 0
    why_not_exact: str | None = None
    axes: tuple[Axis, ...] = ()
    pairs: tuple[PairShares, ...] = dataclasses.field(default=(), repr=False)
    examples: tuple[Example, ...] = dataclasses.field(default=(), repr=False)
    importance: Mapping[str, float] = dataclasses.field(default_factory=dict, repr=False)
    samples: tuple[Sample, ...] = dataclasses.field(default=(), repr=False)
    about: About | None = None
    _space: Space | None = dataclasses.field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if math.isnan(self.infeasible_fraction):
            rest = max(0.0, 1 - self.feasible_fraction - self.undecided_fraction)
            object.__setattr__(self, "infeasible_fraction", rest)

    def __hash__(self) -> int:
        return hash((self.total, self.exact, self.feasible_fraction))

    def sample(self, n: int, seed: int = 0) -> list[dict[str, Any]]:
        """Feasible configurations, from the space's own distribution.

        Args:
            n: how many.
            seed: of the draws.

        Raises:
            ValueError: ``n`` is negative, nothing is feasible, or the report was read from JSON.
        """
        if n < 0:
            raise ValueError(f"sample(): n must be a number of configurations from 0 on, not {n}.")
        if self._space is None:
            raise ValueError("A report that was read from JSON has no space to sample from.")
        return self._space.sample(n, seed)

    def apply(self, suggestion: Suggestion) -> dict[str, Any]:
        """The arguments with which a tuner, or ``validate_search_space``, follows a suggestion.

        Args:
            suggestion: one of :attr:`suggestions`.

        Returns:
            ``{"hyperparameters": HyperParameters}`` for narrower domains, ``{"constraints":
            [suggestion]}`` for a relation between two.

        Raises:
            ValueError: it changes a layer, which only ``build`` can do; or the report was read
                from JSON.
        """
        if suggestion.layer is not None:
            raise ValueError(f"Only the code of build can {suggestion.text}.")
        if suggestion.bound is not None:
            return {"constraints": [suggestion]}
        if self._space is None:
            raise ValueError("A report that was read from JSON has no space to narrow.")
        return {"hyperparameters": self._space.narrowed(suggestion.values)}

    def to_json(self) -> str:
        """The findings as one JSON object; :meth:`from_json` reads it back.

        ``docs/report_json.md`` has the schema.
        """
        content = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if not field.name.startswith("_")
        }
        content["total"] = None if self.total == math.inf else self.total
        content["conflicts"] = [dataclasses.asdict(conflict) for conflict in self.conflicts]
        content["undecided"] = [dataclasses.asdict(part) for part in self.undecided]
        content["causes"] = [_cause_fields(self, cause) for cause in self.causes]
        content["suggestions"] = [dataclasses.asdict(one) for one in self.suggestions]
        content["axes"] = [dataclasses.asdict(axis) for axis in self.axes]
        content["pairs"] = [dataclasses.asdict(pair) for pair in self.pairs]
        content["samples"] = [dataclasses.asdict(sample) for sample in self.samples]
        content["examples"] = [dataclasses.asdict(example) for example in self.examples]
        content["about"] = None if self.about is None else dataclasses.asdict(self.about)
        content["sensitivity"] = {
            name: [[value, share] for value, share in shares.items()]
            for name, shares in self.sensitivity.items()
        }
        return to_json({"schema": SCHEMA, **content}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The findings that :meth:`to_json` wrote.

        Args:
            text: the JSON.

        Raises:
            ValueError: it is not JSON, or of another version.
        """
        fields = json.loads(text)
        version = fields.pop("schema", None) if isinstance(fields, dict) else None
        if version != SCHEMA:
            raise ValueError(
                f"This is not a report of version {SCHEMA}; its schema is {version!r}."
            )
        fields = restored(fields)
        fields["total"] = math.inf if fields["total"] is None else fields["total"]
        for name in ("confidence_interval", "irrelevant", "notes"):
            fields[name] = tuple(fields[name])
        fields["domains"] = _tuples(fields["domains"])
        fields["conflicts"] = tuple(
            Conflict(_tuples(item["values"]), item["fraction"], ShapeFault(**item["fault"]))
            for item in fields["conflicts"]
        )
        fields["undecided"] = tuple(Undecided(**part) for part in fields["undecided"])
        fields["suggestions"] = tuple(_suggestion(item) for item in fields["suggestions"])
        fields["causes"] = tuple(_cause(item, fields) for item in fields.get("causes", ()))
        fields["sensitivity"] = {
            name: dict(shares) for name, shares in fields["sensitivity"].items()
        }
        fields["axes"] = tuple(
            Axis(item["name"], tuple((first, last) for first, last in item["bins"]))
            for item in fields.get("axes", ())
        )
        fields["pairs"] = tuple(
            PairShares(item["down"], item["across"], tuple(map(tuple, item["shares"])))
            for item in fields.get("pairs", ())
        )
        fields["examples"] = tuple(
            Example(item["conflict"], item["values"], Verdict.from_dict(item["verdict"]))
            for item in fields.get("examples", ())
        )
        fields["samples"] = tuple(Sample(**item) for item in fields.get("samples", ()))
        about = fields.get("about")
        fields["about"] = None if about is None else About(**about)
        return cls(**fields)


def _tuples(values: Mapping[str, list[Any]]) -> dict[str, tuple[Any, ...]]:
    return {name: tuple(items) for name, items in values.items()}


def _cause_fields(findings: SpaceFindings, cause: Cause) -> dict[str, Any]:
    """A cause; its conflicts and suggestions by their places in the report."""
    return {
        "layer": cause.layer,
        "layer_type": cause.layer_type,
        "reason": cause.reason,
        "fraction": cause.fraction,
        "decided_by": list(cause.decided_by),
        "conflicts": [findings.conflicts.index(one) for one in cause.conflicts],
        "suggestions": [findings.suggestions.index(one) for one in cause.suggestions],
    }


def _cause(fields: dict[str, Any], report: Mapping[str, Any]) -> Cause:
    return Cause(
        fields["layer"],
        fields["layer_type"],
        fields["reason"],
        fields["fraction"],
        tuple(fields["decided_by"]),
        tuple(report["conflicts"][place] for place in fields["conflicts"]),
        tuple(report["suggestions"][place] for place in fields["suggestions"]),
    )


def _suggestion(fields: dict[str, Any]) -> Suggestion:
    bound, layer = fields["bound"], fields["layer"]
    return Suggestion(
        fields["text"],
        tuple(fields["removes"]),
        fields["lost"],
        _tuples(fields["values"]),
        None if bound is None else Bound(**bound),
        None if layer is None else (layer[0], layer[1]),
        fields.get("removed", 0.0),
    )
