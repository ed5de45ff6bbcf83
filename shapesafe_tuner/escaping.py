"""What is safe to show: names and values come from anywhere."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = [
    "card", "grid", "is_printable", "listed", "message_of", "named", "said", "short", "visible",
]  # fmt: skip

_LONGEST = 200
"""Characters of one name or value that are shown."""


def visible(text: str) -> str:
    r"""``text`` with everything that does not print as its escape sequence.

    Terminals obey control characters (colours, titles, moves of the cursor) and turn text round
    at marks of direction; in a report they are letters: ``\x1b[31m``.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def short(text: str) -> str:
    """``text`` visible, and cut where it is long."""
    if len(text) <= _LONGEST:
        return visible(text)
    return f"{visible(text[:_LONGEST])}… ({len(text):,} characters)"


def said(error: BaseException) -> str:
    """What an exception says, with its type; one of the user's may fail as it is printed."""
    try:
        text = str(error)
    except Exception as worse:  # whatever its __str__ raises
        text = f"its message cannot be printed, which raises {type(worse).__name__}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def is_printable(error: BaseException) -> bool:
    """Whether an exception can say what it is."""
    try:
        str(error)
    except Exception:  # whatever its __str__ raises
        return False
    return True


def message_of(error: BaseException) -> str:
    """What an exception says, without its type; the type alone where it says nothing."""
    return said(error).removeprefix(f"{type(error).__name__}: ").strip()


def listed(names: Iterable[str], most: int = 50) -> str:
    """Some names, and how many more there are."""
    shown = [short(name) for name in names]
    left = len(shown) - most
    rest = f" and {left:,} other{'s' if left > 1 else ''}" if left > 0 else ""
    return ", ".join(shown[:most]) + rest


def named(values: Mapping[str, Any]) -> str:
    """Names and values as ``kernel=3, units=8``."""
    return ", ".join(f"{short(str(name))}={short(repr(value))}" for name, value in values.items())


_LONGEST_CELL = 2_000
"""Characters of one part of a record in a notebook."""


def card(title: str, rows: Mapping[str, str]) -> str:
    """A record: a title, and a row for each of its parts that is not empty."""
    lines = (
        f'<tr><th scope="row" style="text-align:left;vertical-align:top">{_safe(name)}</th>'
        f'<td style="text-align:left">{_safe(text)}</td></tr>'
        for name, text in rows.items()
        if text
    )
    return f"<table><caption>{_safe(title)}</caption><tbody>{''.join(lines)}</tbody></table>"


def grid(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Several records with the same parts."""
    head = "".join(f'<th scope="col" style="text-align:left">{_safe(one)}</th>' for one in headings)
    lines = "".join(
        "<tr>"
        + "".join(f'<td style="text-align:left">{_safe(cell)}</td>' for cell in row)
        + "</tr>"
        for row in rows
    )
    return (
        f"<table><caption>{_safe(title)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{lines}</tbody></table>"
    )


def _safe(text: str) -> str:
    return html.escape(visible(text[:_LONGEST_CELL]))
