"""Which hyperparameters decide about what is suspicious."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shapesafe_tuner._compat.keras_tuner.domains import domain
from shapesafe_tuner._compat.types import HyperParameter, HyperParameters, Value, Values
from shapesafe_tuner.escaping import short
from shapesafe_tuner.memory import Memory
from shapesafe_tuner.shapes.sentences import joined
from shapesafe_tuner.space.explorer import Explorer
from shapesafe_tuner.tracing.judge import Judge
from shapesafe_tuner.verdict import Note, kind_of

__all__ = ["Named"]

_MOST, _MOST_SLOW = 60, 8
"""Configurations that are judged to name what decides; fewer where each takes Keras's classes."""


class Named:
    """Adds to suspicious notes the hyperparameters of which another value makes them go.

    Args:
        judge: judges configurations.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._known: Memory[str, str] = Memory(1024)

    def notes(
        self, notes: Iterable[str], values: Values, space: HyperParameters | None
    ) -> tuple[str, ...]:
        """The notes on a configuration, with names.

        Args:
            notes: as a pass gave them.
            values: the configuration.
            space: the ``HyperParameters`` registered so far, or None.
        """
        given = tuple(notes)
        odd = [note for note in given if kind_of(note) == "suspicious"]
        return tuple(
            self._named(note, odd, values, space) if note in odd else note for note in given
        )

    def _named(
        self, note: str, odd: list[str], values: Values, space: HyperParameters | None
    ) -> str:
        known = self._known.get(note)
        if known is None:
            names = list(self._deciding(note, len(odd), values, space))
            said = f"{note} This depends on {joined(map(short, names))}." if names else note
            known = Note(said, "suspicious") if names else note
            self._known[note] = known
        return known

    def _deciding(
        self, note: str, count: int, values: Values, space: HyperParameters | None
    ) -> Iterator[str]:
        explorer = Explorer(self._judge, space)
        explorer.descend({}, lambda parameter: values.get(parameter.name, parameter.default))
        judged = 0
        subject = _subject(note)
        for parameter in list(explorer.declared.values()):
            for other in _others(parameter, values):
                again = self._judge.judge({**values, parameter.name: other}, space).verdict
                judged += 1
                left = [_subject(one) for one in again.warnings if kind_of(one) == "suspicious"]
                if again.feasible and len(left) < count and subject not in left:
                    yield parameter.name
                    break
                if judged >= (_MOST if again.slow_because is None else _MOST_SLOW):
                    return


def _subject(note: str) -> str:
    """The note without its numbers."""
    return "".join(letter for letter in note if not letter.isdigit())


def _others(parameter: HyperParameter, values: Values) -> list[Value]:
    """A few other values of a hyperparameter, the ends of its domain among them."""
    among = domain(parameter) or []
    now = values.get(parameter.name, parameter.default)
    few = among if len(among) <= 4 else [among[0], among[len(among) - 1]]
    return [value for value in few if value != now]
