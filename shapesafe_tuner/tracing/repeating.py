"""Whether ``build`` comes to the same verdict when it runs again.

A verdict takes ``build`` for a function of its hyperparameters. Where it draws random numbers, or
keeps values from one call to the next, a refusal proves nothing about the trial, so refusals are
put to the test before anything is learned from them.

How often is a matter of what the code says. One that names ``random`` is run seven times more, each
with another seed: a fair coin deceives one time in 128. One that stores values in an object or a
global three times, since the second call sees what the first one left. One that does neither once,
for the first few refusals, because code can hide what it does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import keras

from shapesafe_tuner.tracing.code_memory import CodeFacts
from shapesafe_tuner.tracing.environment import Check, check_environment, drew_random_numbers
from shapesafe_tuner.verdict import Note, Verdict

__all__ = ["Repeating"]

_RUNS_BY_CHANCE = 7
"""Further runs where ``build`` draws random numbers: a fair coin deceives one time in 128."""
_RUNS = 3
"""Further runs where it stores what the next call may see."""
_THOROUGH = 3
"""Refusals that are tested by so many runs; later ones by one."""
_UNSUSPECTED = 20
"""Refusals by a ``build`` that does neither that are tested, by one more run each."""

_SAID = Note(
    "Varying build: with the same values one run is refused and another is not, because it draws "
    "random numbers or keeps values from one call to the next. Nothing is refused then; make "
    "what it draws a hyperparameter, or seed it.",
    "varying build",
)


class Repeating:
    """Tests verdicts by running ``build`` again.

    Args:
        facts: what the code of ``build`` says; how many refusals that nothing hints against were
            tested is counted there, for all checks of the same code.

    Attributes:
        varies: two runs with the same values came to different verdicts.
    """

    def __init__(self, facts: CodeFacts) -> None:
        self._facts = facts
        self._accepted_one = False
        self._suspected = 0
        self.varies = False

    def tested(
        self, verdict: Verdict, again: Callable[[], Verdict], *, suspects_all: bool = True
    ) -> Verdict:
        """The verdict if it stands, else that it is undecided.

        Args:
            verdict: of a run that has just ended in this thread.
            again: runs ``build`` once more with the same values.
            suspects_all: test refusals also where nothing hints at a reason.
        """
        if verdict.feasible is None:
            return verdict
        if not self.varies:
            drew = drew_random_numbers()
            for number in range(self._further_runs(verdict, drew, suspects_all)):
                with check_environment(Check()):
                    if drew:
                        keras.utils.set_random_seed(number)
                    other = again()
                if other.feasible is not None and other.feasible is not verdict.feasible:
                    self.varies = True
                    break
        return self.undecided(verdict) if self.varies else verdict

    @staticmethod
    def undecided(verdict: Verdict) -> Verdict:
        """The verdict that is left when further runs disagree with the first."""
        by_rules = verdict.stage == "analytic"
        return dataclasses.replace(
            verdict,
            feasible=None,
            stage="analytic" if by_rules else "symbolic",
            fault=None,
            warnings=(*verdict.warnings, _SAID),
        )

    def _further_runs(self, verdict: Verdict, drew: bool, suspects_all: bool) -> int:
        by_chance = drew or self._facts.names_chance
        if verdict.feasible:
            first, self._accepted_one = not self._accepted_one, True
            return _RUNS_BY_CHANCE if by_chance and first else 0
        if by_chance or self._facts.keeps_values:
            self._suspected += 1
            if self._suspected > _THOROUGH:
                return 1
            return _RUNS_BY_CHANCE if by_chance else _RUNS
        self._facts.refusals_tested += suspects_all
        return int(suspects_all and self._facts.refusals_tested <= _UNSUSPECTED)
