"""What can be said of a whole search space: the record, its text and its JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from shapesafe_tuner.verdict import ShapeFault, plain

__all__ = ["InfeasibleSpaceError", "SearchSpaceReport"]

SCHEMA = 1
"""Version of the JSON."""


class InfeasibleSpaceError(ValueError):
    """More of a search space is infeasible than was allowed."""


@dataclasses.dataclass(frozen=True)
class SearchSpaceReport:
    """Which part of a search space is feasible; ``print`` shows it.

    Attributes:
        total: number of configurations of all registered domains; inf for endless ones.
        exact: the fractions are exact; otherwise they are estimated from a sample.
        feasible_fraction: of KerasTuner's random sampling; what is undecided counts as feasible.
        confidence_interval: of that fraction, 95 %; both ends are equal where it is exact.
        conflicts: combinations of values that never fit, the costliest first.
        sensitivity: for each value that decides about shapes, the share that is infeasible.
        undecided_fraction: of configurations that no check can decide.
        irrelevant: hyperparameters that cannot change any shape.
        runs: how often ``build`` ran.
        why_not_exact: what made it a sample; None where it is exact.
    """

    total: float
    exact: bool
    feasible_fraction: float
    confidence_interval: tuple[float, float]
    conflicts: tuple[Any, ...]
    sensitivity: Mapping[str, Mapping[Any, float]]
    undecided_fraction: float = 0.0
    irrelevant: tuple[str, ...] = ()
    runs: int = 0
    why_not_exact: str | None = None
    _draw: Callable[[int, int], list[dict[str, Any]]] | None = dataclasses.field(
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

    def raise_if_infeasible(self, threshold: float = 0.0) -> None:
        """Raise if more than this share of the space is infeasible.

        Args:
            threshold: between 0 and 1.

        Raises:
            InfeasibleSpaceError: with the report as its text.
        """
        if 1 - self.feasible_fraction > threshold:
            raise InfeasibleSpaceError(self.to_text())

    def to_text(self, conflicts: int = 10) -> str:
        """The report for terminals and logs.

        Args:
            conflicts: how many of them to list.
        """
        return "\n".join([*_heading(self), *_conflict_lines(self, conflicts)])

    __str__ = to_text

    def to_json(self) -> str:
        """The report as one JSON object; :meth:`from_json` reads it back.

        Fields are those of the class, with ``schema`` for the version, ``total`` null for
        endless spaces, and ``sensitivity`` as a list of ``[value, share]`` for each name.
        """
        content = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if not field.name.startswith("_")
        }
        content["total"] = None if math.isinf(self.total) else self.total
        content["conflicts"] = [
            {"values": dict(c.values), "fraction": c.fraction, "fault": dataclasses.asdict(c.fault)}
            for c in self.conflicts
        ]
        content["sensitivity"] = {
            name: [[value, share] for value, share in shares.items()]
            for name, shares in self.sensitivity.items()
        }
        return json.dumps({"schema": SCHEMA, **plain(content)}, indent=2)

    @classmethod
    def from_json(cls, text: str, conflict: Callable[..., Any]) -> SearchSpaceReport:
        """The report that :meth:`to_json` wrote.

        Args:
            text: the JSON.
            conflict: makes a conflict of ``values``, ``fraction`` and ``fault``.
        """
        fields = json.loads(text)
        fields.pop("schema")
        fields["total"] = math.inf if fields["total"] is None else fields["total"]
        fields["confidence_interval"] = tuple(fields["confidence_interval"])
        fields["irrelevant"] = tuple(fields["irrelevant"])
        fields["conflicts"] = tuple(
            conflict(
                {name: tuple(values) for name, values in item["values"].items()},
                item["fraction"],
                ShapeFault(**item["fault"]),
            )
            for item in fields["conflicts"]
        )
        fields["sensitivity"] = {
            name: dict(shares) for name, shares in fields["sensitivity"].items()
        }
        return cls(**fields)


def _heading(report: SearchSpaceReport) -> list[str]:
    total = "endless" if math.isinf(report.total) else f"{report.total:,}"
    low, high = report.confidence_interval
    share = f"{report.feasible_fraction:.2%} feasible"
    share += " (exact)" if report.exact else f" (95 % interval {low:.2%} to {high:.2%})"
    lines = [f"Search space: {total} configurations, {share}; build ran {report.runs:,} times."]
    if report.why_not_exact:
        lines.append(f"Sampled, because {report.why_not_exact}.")
    if report.undecided_fraction:
        lines.append(f"Undecided: {report.undecided_fraction:.2%}; their trials will run.")
    if report.irrelevant:
        lines.append("Cannot change a shape: " + ", ".join(report.irrelevant))
    return lines


def _conflict_lines(report: SearchSpaceReport, most: int) -> list[str]:
    dead = [c for c in report.conflicts if len(c.values) == 1]
    lines = [
        f"Always infeasible, {c.fraction:.2%}: {_words(c.values)}\n    {c.fault.reason}"
        for c in dead
    ]
    others = [c for c in report.conflicts if len(c.values) != 1]
    if others:
        lines.append("Conflicts, with the share of the space each costs:")
    for conflict in others[:most]:
        lines.append(
            f"  {conflict.fraction:7.2%}  {_words(conflict.values) or 'every configuration'}"
        )
        lines.append(f"           {conflict.fault.reason}")
    if len(others) > most:
        rest = sum(conflict.fraction for conflict in others[most:])
        lines.append(f"  {rest:7.2%}  in {len(others) - most} smaller conflicts")
    return lines


def _words(values: Mapping[str, tuple[Any, ...]]) -> str:
    return " and ".join(_one(name, found) for name, found in values.items())


def _one(name: str, values: tuple[Any, ...]) -> str:
    if len(values) == 1:
        return f"{name}={values[0]!r}"
    whole = all(type(value) is int for value in values)
    if whole and list(values) == list(range(values[0], values[-1] + 1)):
        return f"{name} in {values[0]}..{values[-1]}"
    return f"{name} in {list(values)}"
