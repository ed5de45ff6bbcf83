"""The findings of a whole search space in one record, and its JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Self

from shapesafe_tuner.findings.records import (
    Axis,
    Bound,
    Conflict,
    Example,
    PairShares,
    Suggestion,
)
from shapesafe_tuner.plain import restored, to_json
from shapesafe_tuner.verdict import ShapeFault, Verdict

__all__ = ["SpaceFindings"]

SCHEMA = 1
"""Version of the JSON."""


@dataclasses.dataclass(frozen=True)
class SpaceFindings:
    """Which part of a search space is feasible.

    Attributes:
        total: number of configurations of all registered domains; inf for endless ones, and for
            those of more than 4,000 digits.
        exact: the fractions are exact; otherwise they are estimated from a sample.
        feasible_fraction: of KerasTuner's random sampling; what is undecided counts as feasible.
        confidence_interval: of that fraction, 95 %; both ends are equal where it is exact.
        conflicts: combinations of values that never fit, the costliest first.
        sensitivity: for each value that decides about shapes, the share that is infeasible.
        suggestions: changes of the space that remove conflicts, where it is known exactly.
        undecided_fraction: of configurations that no check can decide.
        irrelevant: hyperparameters that cannot change any shape.
        domains: the values of each hyperparameter that decides and has not too many of them.
        notes: what else was noticed: losses that broadcast in silence, frozen bounds.
        runs: how often ``build`` ran.
        why_not_exact: what made it a sample; None where it is exact.
        axes: the hyperparameters of the maps, at most 8, and how their domains are divided.
        pairs: the feasible share over the values of any two of them.
        examples: for the costliest conflicts a configuration that fails, with its shapes.
    """

    total: float
    exact: bool
    feasible_fraction: float
    confidence_interval: tuple[float, float]
    conflicts: tuple[Conflict, ...]
    sensitivity: Mapping[str, Mapping[Any, float]]
    suggestions: tuple[Suggestion, ...] = ()
    undecided_fraction: float = 0.0
    irrelevant: tuple[str, ...] = ()
    domains: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    runs: int = 0
    why_not_exact: str | None = None
    axes: tuple[Axis, ...] = ()
    pairs: tuple[PairShares, ...] = dataclasses.field(default=(), repr=False)
    examples: tuple[Example, ...] = dataclasses.field(default=(), repr=False)
    _draw: Callable[[int, int], list[dict[str, Any]]] | None = dataclasses.field(
        default=None, repr=False, compare=False
    )
    _narrow: Callable[[Mapping[str, tuple[Any, ...]]], Any] | None = dataclasses.field(
        default=None, repr=False, compare=False
    )

    def __hash__(self) -> int:
        return hash((self.total, self.exact, self.feasible_fraction))

    def sample(self, n: int, seed: int = 0) -> list[dict[str, Any]]:
        """Feasible configurations, from the space's own distribution.

        Args:
            n: how many.
            seed: of the draws.

        Raises:
            ValueError: nothing is feasible, or the report was read from JSON.
        """
        if self._draw is None:
            raise ValueError("A report that was read from JSON has no space to sample from.")
        return self._draw(n, seed)

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
        if self._narrow is None:
            raise ValueError("A report that was read from JSON has no space to narrow.")
        return {"hyperparameters": self._narrow(suggestion.values)}

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
        content["suggestions"] = [dataclasses.asdict(one) for one in self.suggestions]
        content["axes"] = [dataclasses.asdict(axis) for axis in self.axes]
        content["pairs"] = [dataclasses.asdict(pair) for pair in self.pairs]
        content["examples"] = [dataclasses.asdict(example) for example in self.examples]
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
            raise ValueError(f"This is no report of version {SCHEMA}; its schema is {version!r}.")
        fields = restored(fields)
        fields["total"] = math.inf if fields["total"] is None else fields["total"]
        for name in ("confidence_interval", "irrelevant", "notes"):
            fields[name] = tuple(fields[name])
        fields["domains"] = _tuples(fields["domains"])
        fields["conflicts"] = tuple(
            Conflict(_tuples(item["values"]), item["fraction"], ShapeFault(**item["fault"]))
            for item in fields["conflicts"]
        )
        fields["suggestions"] = tuple(_suggestion(item) for item in fields["suggestions"])
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
        return cls(**fields)


def _tuples(values: Mapping[str, list[Any]]) -> dict[str, tuple[Any, ...]]:
    return {name: tuple(items) for name, items in values.items()}


def _suggestion(fields: dict[str, Any]) -> Suggestion:
    bound, layer = fields["bound"], fields["layer"]
    return Suggestion(
        fields["text"],
        tuple(fields["removes"]),
        fields["lost"],
        _tuples(fields["values"]),
        None if bound is None else Bound(**bound),
        None if layer is None else (layer[0], layer[1]),
    )
