"""What a search keeps of its draws: rejections, notes, what is saved and read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from shapesafe_tuner.findings.rejections import Rejections
from shapesafe_tuner.project.search_state import SearchState
from shapesafe_tuner.report.text import feasibility_summary
from shapesafe_tuner.search.draws import Draws
from shapesafe_tuner.verdict import Rejection, ShapeFault, Verdict

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


def test_what_is_drawn_again_is_counted_apart() -> None:
    draws = Draws()
    for units in (1, 2, 1, 1):
        draws.judged(REFUSED)
        draws.refused({"units": units}, REFUSED, 0.5)
    assert [item.values["units"] for item in draws.rejections] == [1, 2]
    assert (draws.number, draws.repeated) == (2, 2)
    draws.repaired({"units": 3}, None, 0.25)
    assert [item.repaired_to for item in draws.rejections] == [None, None, {"units": 3}]
    assert (draws.number, draws.repeated) == (3, 1)
    state = draws.keep(SearchState())
    again = Draws()
    again.restore(state)
    assert (again.number, again.repeated) == (3, 1)
    said = feasibility_summary(draws)
    assert "3 configurations drawn, 3 rejected (100%)" in said
    assert "Rejected configurations were drawn again once." in said


def test_a_rejection_names_the_trial_it_led_to(capsys: pytest.CaptureFixture[str]) -> None:
    draws = Draws()
    draws.trial_id = "0003"
    draws.refused({"units": 1, "rate": 0.5}, REFUSED, 0.5)
    draws.repaired({"units": 3, "rate": 0.5}, None, 0.25)
    assert draws.rejections[0].trial_id == "0003"
    draws.say(4, True, runs=True)
    assert "Trial #4 is a repair: units=3 in place of units=1." in capsys.readouterr().out
    draws.refused({"units": 2}, REFUSED, 0.5)
    draws.say(5, True, runs=True)
    assert "Trial #5 runs instead." in capsys.readouterr().out


def test_rejections_are_a_list_that_is_shown_as_a_table() -> None:
    found = [
        Rejection({"units": units}, REFUSED, {"units": 0} if units == 2 else None, trial_id="07")
        for units in range(30)
    ]
    shown = Rejections(found)
    assert shown == found
    assert isinstance(shown, list)
    assert repr(shown).splitlines()[:2] == ["30 rejections:", "  units=0: It does not fit."]
    assert "  units=2: It does not fit. -> units=0" in repr(shown)
    assert repr(shown).endswith("  and 10 more")
    page = shown._repr_html_()
    assert page.count("<tr>") == 1 + 20 + 1
    assert '<td style="text-align:left">07</td>' in page
    assert repr(Rejections()) == "0 rejections"
