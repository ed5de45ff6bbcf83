"""The rejections of a search as a list that shows itself as a table."""

from __future__ import annotations

from shapesafe_tuner.escaping import grid, named, short
from shapesafe_tuner.verdict import Rejection

__all__ = ["Rejections"]

_MOST = 20
"""Rows that are shown."""


class Rejections(list[Rejection]):
    """A list of rejections; printed, one line each."""

    def __repr__(self) -> str:
        count = "1 rejection" if len(self) == 1 else f"{len(self):,} rejections"
        lines = [f"{count}{':' if self else ''}", *(f"  {row}" for row in map(_line, self[:_MOST]))]
        if len(self) > _MOST:
            lines.append(f"  and {len(self) - _MOST:,} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [
            (item.trial_id or "", named(item.values), item.verdict.reason, _became(item))
            for item in self[:_MOST]
        ]
        if len(self) > _MOST:
            rows.append(("", f"and {len(self) - _MOST:,} more", "", ""))
        title = "1 rejection" if len(self) == 1 else f"{len(self):,} rejections"
        return grid(title, ("Before trial", "Values", "Reason", "Repaired to"), rows)


def _line(rejection: Rejection) -> str:
    became = _became(rejection)
    return short(str(rejection)) + (f" -> {became}" if became else "")


def _became(rejection: Rejection) -> str:
    return "" if rejection.repaired_to is None else named(rejection.repaired_to)
