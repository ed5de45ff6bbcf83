"""Who is there and who is gone, and what a chief does about it, without processes."""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Any

import pytest

import shapesafe_tuner as sst
from shapesafe_tuner._compat.keras_tuner.rpc import Worker
from shapesafe_tuner.errors import NoFeasibleConfigurationError, ProjectError
from shapesafe_tuner.search import chief
from shapesafe_tuner.search.chief import Attendance, Chief
from tests import toys
from tests.oracles.test_oracles import register

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]

A, B = Worker("a", "1"), Worker("b", "2")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attendance(clock: Clock) -> Attendance:
    return Attendance(10, clock)


def chief_of(folder: Path, attendance: Attendance, build: Any = toys.few, **settings: Any) -> Any:
    settings = {"max_trials": 9, **settings}
    oracle = sst.oracles.RandomSearchOracle(
        toys.SCORE, seed=5, hyperparameters=register(build), **settings
    )
    oracle.bind(build)
    chief = Chief(toys.put_in_folder(oracle, folder), attendance)
    chief.oracle = oracle  # type: ignore[attr-defined]
    return chief


def finish(chief: Any, worker: Worker, trial: Any, status: str = "COMPLETED") -> None:
    chief.update_trial(worker, trial.trial_id, {"score": 1.0}, 0)
    ended = copy.copy(trial)
    ended.status = status
    chief.end_trial(worker, ended)


# ---------------------------------------------------------------- attendance


def test_who_is_heard_is_there_and_who_is_silent_is_gone_once(
    attendance: Attendance, clock: Clock
) -> None:
    assert not attendance
    assert not attendance.had_anybody
    attendance.come(A)
    clock.now = 6
    attendance.come(B)
    clock.now = 11
    assert attendance.silent() == ["a"]
    assert attendance.silent() == []
    assert attendance
    attendance.leave("b")
    assert not attendance
    clock.now = 20
    assert attendance.quiet_for() == 14


def test_another_process_of_the_same_name_is_told_apart(attendance: Attendance) -> None:
    assert not attendance.come(A)
    assert not attendance.come(A)
    assert attendance.come(A._replace(process="3"))
    assert not attendance.come(A._replace(process="3"))


def test_the_old_process_does_not_speak_for_the_new_one(
    attendance: Attendance, clock: Clock
) -> None:
    attendance.come(A._replace(process="3"))
    clock.now = 11
    attendance.hear(A)
    assert attendance.silent() == ["a"]


def test_the_silence_of_stocks_workers_means_nothing(attendance: Attendance, clock: Clock) -> None:
    attendance.come(A._replace(process=None))
    clock.now = 1e9
    assert attendance.silent() == []


@pytest.mark.parametrize("given", ["soon", "0", "-1", "nan", "inf"])
def test_a_wrong_time_is_said(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(chief.PATIENCE, given)
    with pytest.raises(ValueError, match=f"positive number of seconds, not '{given}'"):
        chief.patience()


# ---------------------------------------------------------------- the chief


def test_the_trial_of_a_silent_worker_goes_to_another(
    tmp_path: Path, attendance: Attendance, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    chief = chief_of(tmp_path, attendance)
    lost = chief.create_trial(A)
    clock.now = 6
    chief.alive(A)
    clock.now = 15
    kept = chief.create_trial(B)
    assert not chief.is_over()
    clock.now = 17
    with caplog.at_level(logging.WARNING):
        assert not chief.is_over()
    assert f"Worker a has not answered while it ran trial {lost.trial_id}." in caplog.text
    finish(chief, B, kept)
    assert chief.create_trial(B).trial_id == lost.trial_id


def test_a_worker_that_comes_back_too_late_changes_nothing(
    tmp_path: Path, attendance: Attendance, clock: Clock
) -> None:
    chief = chief_of(tmp_path, attendance)
    trial = chief.create_trial(A)
    clock.now = 11
    chief.is_over()
    again = chief.create_trial(B)
    assert again.trial_id == trial.trial_id
    finish(chief, A, trial)
    known = chief.oracle.trials[trial.trial_id]
    assert known.status == "RUNNING"
    assert not known.metrics.exists("score")
    finish(chief, B, again)
    assert known.status == "COMPLETED"
    finish(chief, B, again)  # its answer was lost, so it is asked again
    assert chief.oracle.end_order == [trial.trial_id]


def test_a_worker_started_again_under_its_name_lost_its_trial(
    tmp_path: Path, attendance: Attendance
) -> None:
    chief = chief_of(tmp_path, attendance, max_retries_per_trial=1)
    trial = chief.create_trial(A)
    assert chief.create_trial(A).trial_id == trial.trial_id  # its answer was lost
    assert chief.create_trial(A._replace(process="2")).trial_id == trial.trial_id
    following = chief.create_trial(A._replace(process="3"))
    assert following.trial_id != trial.trial_id
    known = chief.oracle.trials[trial.trial_id]
    assert known.status == "FAILED"
    assert known.message.startswith("The process ended 2 times while this trial ran")


def test_a_worker_waits_while_others_may_lose_a_trial(
    tmp_path: Path, attendance: Attendance
) -> None:
    chief = chief_of(tmp_path, attendance, max_trials=1)
    trial = chief.create_trial(A)
    assert chief.create_trial(B).status == "IDLE"
    finish(chief, A, trial)
    assert chief.create_trial(A).status == "STOPPED"
    assert not chief.is_over()
    assert chief.create_trial(B).status == "STOPPED"
    assert chief.is_over()


def test_what_ends_the_search_is_raised_by_the_chief_when_all_have_left(
    tmp_path: Path, attendance: Attendance
) -> None:
    chief = chief_of(tmp_path, attendance, max_consecutive_failed_trials=1)
    trial, other = chief.create_trial(A), chief.create_trial(B)
    finish(chief, A, trial, "FAILED")
    assert "consecutive failures" in str(chief.failure)
    assert chief.create_trial(A).status == "STOPPED"
    assert not chief.is_over()
    finish(chief, B, other)
    assert chief.create_trial(B).status == "STOPPED"
    assert chief.is_over()
    assert chief.oracle.trials[other.trial_id].status == "COMPLETED"


def test_nothing_feasible_ends_workers_and_then_the_chief(
    tmp_path: Path, attendance: Attendance
) -> None:
    chief = chief_of(tmp_path, attendance, lambda hp: toys.crop(8 + hp.Int("a", 0, 9), 0))
    assert chief.create_trial(A).status == "STOPPED"
    assert chief.is_over()
    assert isinstance(chief.failure, NoFeasibleConfigurationError)


def test_a_chief_started_again_after_the_end_waits_a_moment_and_ends(
    tmp_path: Path, attendance: Attendance, clock: Clock
) -> None:
    chief = chief_of(tmp_path, attendance, max_trials=1)
    finish(chief, A, chief.create_trial(A))
    again = Chief(chief.oracle, Attendance(10, clock))
    assert not again.is_over()
    clock.now = 11
    assert again.is_over()


def test_a_chief_whose_workers_are_all_gone_does_not_wait_for_ever(
    tmp_path: Path, attendance: Attendance, clock: Clock
) -> None:
    chief = chief_of(tmp_path, attendance)
    clock.now = 10_000
    assert not chief.is_over()  # before the first worker it waits, as stock does
    chief.create_trial(A)
    clock.now += 11
    assert not chief.is_over()
    clock.now += 100
    with pytest.raises(ProjectError, match="All workers are gone, and no other came"):
        chief.is_over()
