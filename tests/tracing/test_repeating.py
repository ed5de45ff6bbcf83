"""How often ``build`` runs again before a refusal counts, and what is left where it varies."""

from __future__ import annotations

import random
from typing import Any

import pytest

from shapesafe_tuner.tracing import repeating
from shapesafe_tuner.tracing.code_memory import facts_of
from shapesafe_tuner.tracing.repeating import Repeating
from shapesafe_tuner.verdict import ShapeFault, Verdict

REFUSED = Verdict(False, "analytic", ShapeFault("layer", "Dense", "does not fit.", None, {}))
FITS = Verdict(True, "analytic")
UNDECIDED = Verdict(None, "symbolic")
CALLS = 0


def plain(hp: Any) -> Any:
    return hp.Int("units", 1, 9)


def by_chance(hp: Any) -> Any:
    return random.choice([hp, None])


def keeps(hp: Any) -> Any:
    global CALLS
    CALLS += 1
    return hp


class Runs:
    """Gives verdicts one after the other, and counts."""

    def __init__(self, *verdicts: Verdict) -> None:
        self._verdicts = verdicts
        self.number = 0

    def __call__(self) -> Verdict:
        self.number += 1
        return self._verdicts[min(self.number, len(self._verdicts)) - 1]


@pytest.fixture(autouse=True)
def nothing_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeating, "drew_random_numbers", lambda: False)


@pytest.mark.parametrize(("build", "further"), [(plain, 1), (by_chance, 7), (keeps, 3)])
def test_the_code_says_how_often_a_refusal_is_tested(build: Any, further: int) -> None:
    test, again = Repeating(facts_of(build)), Runs(REFUSED)
    assert test.tested(REFUSED, again) is REFUSED
    assert again.number == further
    assert not test.varies


@pytest.mark.parametrize("build", [by_chance, keeps])
def test_later_refusals_are_tested_by_one_run(build: Any) -> None:
    test, again = Repeating(facts_of(build)), Runs(REFUSED)
    for _ in range(3):
        test.tested(REFUSED, again)
    before = again.number
    test.tested(REFUSED, again)
    assert again.number == before + 1


def test_one_other_verdict_is_enough() -> None:
    test = Repeating(facts_of(by_chance))
    left = test.tested(REFUSED, Runs(REFUSED, REFUSED, FITS))
    assert left.feasible is None
    assert left.fault is None
    assert [note.kind for note in left.warnings] == ["varying build"]  # type: ignore[attr-defined]
    # From then on no run of this build proves anything, and none is made.
    again = Runs(FITS)
    assert test.tested(REFUSED, again).feasible is None
    assert test.tested(FITS, again).feasible is None
    assert again.number == 0


def test_what_is_undecided_tells_nothing() -> None:
    test, again = Repeating(facts_of(by_chance)), Runs(UNDECIDED)
    assert test.tested(REFUSED, again) is REFUSED
    assert test.tested(UNDECIDED, again) is UNDECIDED
    assert again.number == 7


def test_what_is_feasible_is_tested_once_and_by_chance_only() -> None:
    test, again = Repeating(facts_of(by_chance)), Runs(FITS)
    for _ in range(3):
        assert test.tested(FITS, again) is FITS
    assert again.number == 7
    again = Runs(FITS)
    assert Repeating(facts_of(plain)).tested(FITS, again) is FITS
    assert again.number == 0


def test_where_nothing_hints_a_caller_may_leave_it() -> None:
    test, again = Repeating(facts_of(plain)), Runs(REFUSED)
    assert test.tested(REFUSED, again, suspects_all=False) is REFUSED
    assert again.number == 0
