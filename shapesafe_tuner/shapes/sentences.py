"""What several refusals say alike, whether a rule or Keras's own message is the source.

Each is the end of a sentence that begins with a layer: *LSTM 'lstm_1'* needs input of rank 3 ...
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = [
    "AFTER_RECURRENT", "counted", "first_sentence", "joined", "rank_needed", "width_needed",
    "with_article",
]  # fmt: skip

_AXES = {
    3: " (batch, steps, features)",
    4: " (batch, height, width, channels)",
    5: " (batch, depth, height, width, channels)",
}
AFTER_RECURRENT = "; a recurrent layer before it needs return_sequences=True"
"""The advice where a recurrent layer gets what is no sequence."""


def counted(number: object, noun: str) -> str:
    """So many things: "1 channel", "3 channels"; a number that is not chosen yet is many."""
    return f"{number} {noun}" if type(number) is int and number == 1 else f"{number} {noun}s"


def joined(parts: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def with_article(words: str) -> str:
    """``a 5 x 5 kernel``, ``an 8 x 8 kernel``, ``an Embedding``."""
    return f"an {words}" if _VOWEL.match(words) else f"a {words}"


_VOWEL = re.compile(r"(?:8|11\b|18\b)|(?!U[A-Z]|[Uu]ni|[Uu]s)[aeiouAEIOU]")
"""How words begin that are spoken with a vowel: eight, eleven, eighteen, eighty-eight."""


def rank_needed(wanted: int, found: int, given: str, least: str = "") -> str:
    """A layer is given too few axes, or too many.

    Args:
        wanted: the rank it needs.
        found: the rank it gets.
        given: what it gets, in words.
        least: "at least " or "at most " where it is a bound.
    """
    axes = "" if least else _AXES.get(wanted, "")
    return f"needs input of rank {least}{wanted}{axes}, but gets rank {found}: {given}"


def width_needed(wanted: object, axis: int, found: object, given: str) -> str:
    """A layer was built on another size.

    Args:
        wanted: the size it was built on.
        axis: where.
        found: the size it gets.
        given: what it gets, in words.
    """
    return f"was built for inputs of size {wanted} on axis {axis} and gets {found}: {given}"


def first_sentence(message: str, limit: int = 300) -> str:
    """Keras's message without the lines that repeat arguments, graph nodes and addresses."""
    text = re.split(r"\n\s*(?:Arguments received|Call arguments received|Stack trace)", message)[0]
    text = re.sub(r" for '\{\{.*?' with input shapes", " for shapes", text, flags=re.DOTALL)
    text = re.sub(r" for '= .*", "", re.sub(r"\{\{\w*node [^}]*\}\}\s*", "", text), flags=re.DOTALL)
    text = re.sub(r" \[Op:\w+\] name:\s*", " ", text)
    text = " ".join(re.sub(r" object at 0x[0-9a-f]+", "", text).split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
