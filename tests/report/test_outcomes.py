"""Shares by outcome: they add up, say no more than is known, and survive pickling."""

from __future__ import annotations

import copy
import functools
import html
import pickle
from collections.abc import Callable
from typing import Any

import keras
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner.report.space_text import headline
from tests.report import reports


def mixed(hp: Any) -> Any:
    width = hp.Int("width", 1, 4)
    if width == 4:
        raise KeyError("width")
    if width == 3:
        return keras.Sequential([keras.Input((4, 1)), layers.Conv1D(1, 5)])
    return keras.Sequential([keras.Input((4,)), layers.Dense(width)])


def raises(hp: Any) -> Any:
    hp.Int("width", 1, 4)
    raise RuntimeError("out of\nluck")


def interrupting(after: int) -> Callable[[Any], Any]:
    runs = 0

    @functools.wraps(mixed)
    def build(hp: Any) -> Any:
        nonlocal runs
        runs += 1
        if runs > after:
            raise KeyboardInterrupt
        return mixed(hp)

    return build


def shares(report: sst.SearchSpaceReport) -> tuple[float, float, float]:
    return report.feasible_fraction, report.infeasible_fraction, report.undecided_fraction


def test_the_three_add_up_and_each_is_said() -> None:
    report = sst.validate_search_space(mixed)
    assert shares(report) == (0.5, 0.25, 0.25)
    assert (report.exact, report.interrupted, report.unseen_fraction) == (False, False, 0)
    assert report.confidence_interval == (0.5, 0.5)
    (part,) = report.undecided
    assert part.reason.startswith("KeyError: 'width' (")
    assert part.reason.endswith("line 24).")
    assert (part.fraction, part.values) == (0.25, {"width": 4})
    text = report.to_text()
    assert "4 configurations, 50.00% feasible, 25.00% infeasible, 25.00% undecided;" in text
    assert f"Undecided, 25.00%: {part.reason}" in text
    assert all(word in report._repr_html_() for word in ("undecided", "KeyError", "25.00%"))
    assert repr(report).startswith("<SearchSpaceReport: 50.00% feasible, 25.00% infeasible")


def test_a_build_that_always_raises_says_so_first() -> None:
    report = sst.validate_search_space(raises)
    assert shares(report) == (0, 0, 1)
    first = report.to_text().splitlines()[0]
    assert first.startswith("Every configuration is undecided: RuntimeError: out of luck (")
    assert "test_outcomes.py, line 32)" in first


def test_what_is_undecided_is_not_let_through() -> None:
    with pytest.raises(sst.InfeasibleSpaceError) as caught:
        sst.validate_search_space(mixed).raise_if_infeasible()
    assert type(caught.value) is sst.InfeasibleSpaceError
    with pytest.raises(sst.UndecidedSpaceError, match=r"25\.00% undecided"):
        sst.validate_search_space(mixed).raise_if_infeasible(0.25)
    sst.validate_search_space(mixed).raise_if_infeasible(0.25, max_undecided=0.25)
    with pytest.raises(sst.InfeasibleSpaceError):
        sst.validate_search_space(raises).raise_if_infeasible(1.0)
    for given in ({"threshold": 30}, {"max_undecided": -0.1}):
        with pytest.raises(ValueError, match=r"must be a share between 0 and 1, not"):
            sst.validate_search_space(mixed).raise_if_infeasible(**given)


@pytest.mark.parametrize("after", range(0, 12, 2))
def test_an_interruption_claims_no_more_than_was_seen(after: int) -> None:
    whole = sst.validate_search_space(mixed)
    report = sst.validate_search_space(interrupting(after))
    if not report.interrupted:
        return
    assert not report.exact
    assert sum(shares(report)) == pytest.approx(1)
    low, high = report.confidence_interval
    assert low == report.feasible_fraction <= whole.feasible_fraction <= high
    assert report.infeasible_fraction <= whole.infeasible_fraction
    if report.unseen_fraction:
        assert report.irrelevant == ()
        said = headline(report)
        assert said == "nothing was looked at" or said.endswith("the rest was not looked at")
        assert "feasible" not in said.replace("infeasible", "") or "at least" in said


def test_draws_before_an_interruption_are_a_sample() -> None:
    runs = 0

    def wide(hp: Any) -> Any:
        nonlocal runs
        runs += 1
        if runs > 400:
            raise KeyboardInterrupt
        return keras.Sequential(
            [keras.Input((4_000, 1)), layers.Conv1D(1, hp.Int("kernel", 1, 8_000))]
        )

    report = sst.validate_search_space(wide, samples=100_000)
    assert report.interrupted
    assert report.unseen_fraction == 0
    low, high = report.confidence_interval
    assert 0.3 < low < 0.5 < high < 0.7


def test_little_is_not_nothing_and_nearly_all_is_not_all() -> None:
    assert "100.00%" not in headline(reports.hostile)
    assert headline(reports.hostile).startswith("<0.01% feasible")
    assert headline(reports.small) == "62.50% feasible (exact)"
    assert headline(reports.calm) == "100% feasible (exact)"


@pytest.mark.parametrize("build", [mixed, raises])
def test_reports_pickle_copy_and_compare(build: Any) -> None:
    report = sst.validate_search_space(build)
    for again in (pickle.loads(pickle.dumps(report)), copy.deepcopy(report)):
        assert again == report
        assert hash(again) == hash(report)
        if report.feasible_fraction:
            assert again.sample(5, seed=1) == report.sample(5, seed=1)


def test_samples_are_proved_feasible() -> None:
    drawn = sst.validate_search_space(mixed).sample(50)
    assert {values["width"] for values in drawn} == {1, 2}


def test_records_of_a_space_show_themselves() -> None:
    report = sst.validate_search_space(mixed)
    (cause,) = report.causes
    assert repr(cause).startswith(
        "<Cause Conv1D 'conv1d' slides a kernel of 5 over a map of only 4"
    )
    assert repr(cause).endswith(": 25.00% of the space>")
    assert str(cause) == cause.reason
    page = cause._repr_html_()
    for words in ("25.00%", "Conv1D 'conv1d'", "width", "width=3", "leave 3 out of width"):
        assert html.escape(words) in page
    for record in (report, cause, *cause.conflicts, *cause.suggestions):
        assert len(repr(record)) < 300
        assert pickle.loads(pickle.dumps(record)) == copy.deepcopy(record) == record


def test_the_text_is_the_same_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    explanation = sst.explain(mixed, {"width": 3})
    wanted = explanation.to_text()
    assert "Layer" in wanted
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert explanation.to_text() == wanted
