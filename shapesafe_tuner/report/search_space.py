"""The report of a whole search space: its findings, shown as text, page or figure."""

from __future__ import annotations

import os
from typing import Any

from shapesafe_tuner.findings.space_findings import SpaceFindings
from shapesafe_tuner.report.html import in_notebook, write_page
from shapesafe_tuner.report.space_text import headline, space_text

__all__ = ["InfeasibleSpaceError", "SearchSpaceReport", "UndecidedSpaceError"]


class InfeasibleSpaceError(ValueError):
    """More of a search space is infeasible than was allowed."""


class UndecidedSpaceError(InfeasibleSpaceError):
    """More of a search space is undecided than was allowed, and no more infeasible than that."""


class SearchSpaceReport(SpaceFindings):
    """Which part of a search space is feasible; ``print`` shows it.

    Its fields are those of :class:`shapesafe_tuner.findings.SpaceFindings`.
    """

    def raise_if_infeasible(self, threshold: float = 0.0, max_undecided: float = 0.0) -> None:
        """Raise if more than this share of the space is infeasible, or undecided.

        Args:
            threshold: share that may be infeasible, between 0 and 1.
            max_undecided: share that may be undecided, or was not looked at.

        Raises:
            InfeasibleSpaceError: with the report as its text; an :class:`UndecidedSpaceError` where
                only the undecided share is too large.
            ValueError: a share is not between 0 and 1.
        """
        for name, share in (("threshold", threshold), ("max_undecided", max_undecided)):
            if not 0 <= share <= 1:
                raise ValueError(
                    f"raise_if_infeasible(): {name} must be a share between 0 and 1, not {share}."
                )
        if self.infeasible_fraction > threshold:
            raise InfeasibleSpaceError(self.to_text())
        if self.undecided_fraction > max_undecided:
            raise UndecidedSpaceError(self.to_text())

    def __repr__(self) -> str:
        return f"<SearchSpaceReport: {headline(self)}>"

    def to_text(self, conflicts: int = 10) -> str:
        """The report for terminals and logs.

        Args:
            conflicts: how many of them to list.
        """
        return space_text(self, conflicts)

    __str__ = to_text

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the report as one page that needs nothing else, and no network.

        Args:
            path: of the file; it is replaced.

        Raises:
            OSError: the file cannot be written.
        """
        write_page(path, "space", self)

    def _repr_html_(self) -> str:
        return in_notebook("space", self)

    def plot(self, down: str | None = None, across: str | None = None) -> Any:
        """The share, the conflicts and one map of feasibility as a figure.

        Args:
            down: a hyperparameter of :attr:`axes`, for the rows of the map; None for the one in
                the costliest conflicts.
            across: another one, for the columns.

        Returns:
            A ``matplotlib.figure.Figure``; ``figure.savefig(path)`` writes it.

        Raises:
            ImportError: matplotlib is missing.
            ValueError: there is no map of these two.
        """
        from shapesafe_tuner.report.plot import space_figure

        return space_figure(self, down, across)
