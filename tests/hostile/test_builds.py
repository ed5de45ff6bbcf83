"""Builds that print, exit, draw random numbers, read files: what a check, a report, a search do."""

from __future__ import annotations

import json
import random
import time
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import shapesafe_tuner as sst
from shapesafe_tuner.checker import Checker
from shapesafe_tuner.tracing.question import Question
from shapesafe_tuner.verdict import kind_of
from tests import toys
from tests.hostile import builds

pytestmark = [pytest.mark.filterwarnings(each) for each in toys.IGNORED_WARNINGS]

DATA: dict[str, Any] = {"x": toys.X, "y": toys.Y}


@pytest.mark.parametrize("name", builds.HARMLESS)
def test_what_is_harmless_changes_nothing(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    build = builds.HARMLESS[name]()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        verdicts = [sst.check(build, {"a": a}, **DATA).feasible for a in range(10)]
        explained = sst.explain(build, {"a": 9}, **DATA)
        report = sst.validate_search_space(build, **DATA)
    assert verdicts == [a < toys.LENGTH for a in range(10)]
    assert explained.nearest == {"a": 7}
    assert (report.feasible_fraction, report.exact) == (0.8, True)
    assert "out of build" not in "".join(capfd.readouterr())
    assert [str(each.message) for each in caught] == []


@pytest.mark.parametrize("name", builds.BREAKING)
def test_what_breaks_off_is_undecided(name: str) -> None:
    build, said = builds.BREAKING[name]
    checker = Checker(Question(build))
    verdicts = [checker.judge({"a": a}).feasible for a in range(10)]
    assert verdicts == [None if a == 3 else a < toys.LENGTH for a in range(10)]
    explained = sst.explain(build, {"a": 3})
    assert f"Undecided: {said}" in explained.to_text()
    assert json.loads(explained.to_json())["verdict"]["feasible"] is None
    report = sst.validate_search_space(build)
    shares = report.feasible_fraction, report.infeasible_fraction, report.undecided_fraction
    assert shares == pytest.approx((0.7, 0.2, 0.1))
    assert not report.exact
    assert f"Undecided, 10.00%: {said}" in report.to_text()


def test_an_interrupt_goes_through() -> None:
    build = builds.raising(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        sst.check(build, {"a": 3})
    assert sst.check(build, {"a": 2}).feasible
    report = sst.validate_search_space(build)
    assert not report.exact
    assert report.why_not_exact == "it was interrupted"


@pytest.mark.parametrize("name", builds.VARYING)
def test_a_build_that_varies_refuses_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # A clock cannot be seeded, and a coin deceives one time in 128: this one always tells the same.
    ticks = random.Random(11)
    monkeypatch.setattr(time, "time_ns", lambda: ticks.getrandbits(60))
    checker = Checker(Question(builds.VARYING[name]()))
    random.seed(11)
    np.random.seed(11)
    drawn = [{"a": a} for a in range(8)] * 3
    verdicts = [checker.judge(values) for values in drawn]
    assert {verdict.feasible for verdict in verdicts} <= {None, True}
    noted = [verdict for verdict in verdicts if verdict.warnings]
    assert noted
    assert all(kind_of(verdict.warnings[0]) == "varying build" for verdict in noted)
    assert not any(checker.is_known_infeasible(values) for values in drawn)
    assert checker.always_fails is None


@pytest.mark.parametrize("name", ["random", "counted_by_a_closure"])
def test_reports_say_that_a_build_varies(name: str) -> None:
    build = builds.VARYING[name]()
    explained = sst.explain(build, {"a": 1})
    assert explained.verdict.feasible is None
    assert "Varying build:" in explained.to_text()
    report = sst.validate_search_space(builds.VARYING[name]())
    assert (report.feasible_fraction, report.undecided_fraction) == (0, 1)
    assert report.conflicts == ()
    assert "Varying build:" in report.to_text()


def test_a_search_of_a_build_that_varies_goes_on_and_says_so(tmp_path: Path) -> None:
    random.seed(3)

    def build(hp: Any) -> keras.Model:
        a = hp.Int("a", 0, 7)
        # Half of the trials would fail; the draw is the one before the trial's own.
        return toys.crop(toys.LENGTH if random.random() < 0.02 else a, 0)

    tuner = toys.make("RandomSearch", toys.Scored(build), tmp_path, trials=6)
    oracle_build = builds.VARYING["random"]()
    tuner.oracle.judge_with(Checker(Question(oracle_build)))
    tuner._judge_on = lambda *data: None
    with pytest.warns(UserWarning, match="Varying build:"):
        tuner.search()
    assert tuner.rejections == []
    assert len(toys.trials_of(tuner)) == 6


def test_what_outlives_a_varying_build_is_forgotten() -> None:
    """Refusals that stood until the build was seen to vary are judged again."""
    state = {"broken": True}

    def build(hp: Any) -> keras.Model:
        a = hp.Int("a", 0, 7)
        if state["broken"] or (a == 5 and random.random() < 0.5):
            a = toys.LENGTH
        return toys.crop(a, 0)

    checker = Checker(Question(build))
    assert checker.judge({"a": 1}).feasible is False
    assert checker.is_known_infeasible({"a": 1})
    state["broken"] = False
    random.seed(5)
    while not checker.passes.varies:
        checker._forget()
        checker.judge({"a": 5})
    assert not checker.is_known_infeasible({"a": 1})
    assert checker.judge({"a": 1}).feasible is None


def test_a_file_is_read_when_the_build_runs(tmp_path: Path) -> None:
    path = tmp_path / "right.txt"
    path.write_text("4")
    build = builds.reads_a_file(str(path))
    assert [sst.check(build, {"a": a}).feasible for a in (3, 4)] == [True, False]
    path.unlink()
    missing = sst.check(build, {"a": 3})
    assert missing.feasible is None
    assert "FileNotFoundError" in missing.warnings[0]


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_weights_are_read_and_decide_nothing_wrong(tmp_path: Path) -> None:
    inputs = keras.Input((toys.LENGTH, 1))
    path = str(tmp_path / "two.weights.h5")
    toys.finish(inputs, inputs, 2).save_weights(path)
    build = builds.loads_weights(path)
    assert sst.check(build, {"units": 2}).feasible is not False
    with pytest.raises(ValueError, match="shape"):
        builds.loads_weights(path)(toys.keras_tuner.HyperParameters())
    assert sst.check(build, {"units": 1}).feasible is not True


def test_weights_that_a_build_writes(tmp_path: Path) -> None:
    build = builds.saves_weights(str(tmp_path))
    assert sst.check(build, {"a": 3}).feasible is not False
    assert sst.check(build, {"a": 9}).feasible is False


class Counted:
    """Counts the calls of a build, where no reading of its code sees it."""

    def __init__(self, build: Any) -> None:
        self._build = build
        self.calls: list[dict[str, Any]] = []

    def __call__(self, hp: Any) -> Any:
        model = self._build(hp)
        self.calls.append(dict(hp.values))
        return model


@pytest.mark.parametrize("build", [toys.feasible, builds.in_mixed_precision])
def test_one_check_calls_build_once(build: Any) -> None:
    counted = Counted(build)
    assert sst.check(counted, {}).feasible
    assert len(counted.calls) == 1


def test_a_verdict_is_not_asked_for_twice() -> None:
    counted = Counted(toys.few)
    checker = Checker(Question(counted))
    for _ in range(5):
        assert checker.judge({"a": 4}).feasible
        checker.judge({"a": 9})
    after = len(counted.calls)
    checker.judge({"a": 9, "unread": 1})
    assert len(counted.calls) == after


def test_a_search_calls_build_once_more_for_each_trial(tmp_path: Path) -> None:
    counted = Counted(toys.Rectangle((0, 3), (0, 3)))
    tuner = toys.make("RandomSearch", toys.Scored(counted), tmp_path, trials=5)
    of_constructor = len(counted.calls)
    tuner.search()
    assert len(toys.trials_of(tuner)) == 5
    assert len(counted.calls) - of_constructor == 2 * 5
