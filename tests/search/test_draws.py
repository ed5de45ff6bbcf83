"""What a search keeps of its draws: rejections, notes, what is saved and read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from shapesafe_tuner.project.search_state import SearchState
from shapesafe_tuner.search.draws import Draws
from shapesafe_tuner.verdict import ShapeFault, Verdict

REFUSED = Verdict(False, "analytic", ShapeFault(None, None, "It does not fit."))


def test_a_repair_is_written_into_the_last_rejection() -> None:
    draws = Draws()
    draws.refused({"units": 1}, REFUSED, 0.5)
    draws.refused({"units": 2}, REFUSED, 0.5)
    draws.repaired({"units": 3}, "its score", 0.25)
    first, last = draws.rejections
    assert first.repaired_to is None
    assert (last.repaired_to, last.told, last.seconds) == ({"units": 3}, "its score", 0.75)


def test_draws_go_on_from_a_saved_state(tmp_path: Path) -> None:
    path = str(tmp_path / "rejections.jsonl")
    draws = Draws()
    draws.judged(Verdict(True, "analytic"))
    draws.judged(REFUSED)
    draws.refused({"units": 1}, REFUSED, 0.5)
    with draws.timed():
        pass
    assert not draws.are_saved_in(path, None)
    draws.save(path, None)
    assert draws.are_saved_in(path, None)
    state = draws.keep(SearchState(stopped=("0001",)))
    assert (state.rejections, state.drawn, state.stopped) == (1, 2, ("0001",))
    again = Draws()
    again.restore(state)
    again.read(path, None, state.rejections)
    assert (again.number, again.seconds) == (2, draws.seconds)
    assert again.rejections == draws.rejections


def test_it_says_once_what_was_rejected_since(capsys: pytest.CaptureFixture[str]) -> None:
    draws = Draws()
    draws.refused({"units": 1}, REFUSED, 0.5)
    draws.say(1, True)
    assert "1" in capsys.readouterr().out
    draws.say(1, True)
    assert capsys.readouterr().out == ""
