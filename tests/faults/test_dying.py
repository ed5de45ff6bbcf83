"""Processes that die at any moment: the search that is resumed is the whole one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shapesafe_tuner.oracles.resumable import FREE_RUNS
from shapesafe_tuner.project import rejection_file
from shapesafe_tuner.project.search_state import KEY
from tests import toys
from tests.faults import dying

pytestmark = [
    # What one test makes the kernel do, another would take for its own: one after the other.
    pytest.mark.xdist_group("processes"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the searches run in forked children"),
    *(pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS),
]

ROOT = Path(__file__).parents[2]


def carry_out(plan: str, folder: Path, *arguments: Any, seconds: int = 600) -> list[dict[str, Any]]:
    """What came of each search of a plan."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.faults.dying", plan, str(folder),
         *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    found: list[dict[str, Any]] = json.loads(ended.stdout.splitlines()[-1])
    assert found
    return found


def project(folder: str | Path) -> tuple[list[dict[str, Any]], dict[str, Any], list[Any]]:
    """Trials in their order, state and rejections of a project, as they are on disk."""
    path = Path(folder) / "untitled_project"
    saved = json.loads((path / "oracle.json").read_text())
    trials = [
        json.loads((path / f"trial_{t}/trial.json").read_text()) for t in saved["start_order"]
    ]
    lines = path / rejection_file.FILE
    rejections = lines.read_text().splitlines() if lines.exists() else []
    return trials, saved, [json.loads(line)["values"] for line in rejections]


def values(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [toys.plain(trial["hyperparameters"]["values"]) for trial in trials]


def assert_same(folder: str, whole: Path, name: str) -> None:
    """A search that died adds up, and is the one that did not die."""
    trials, saved, rejections = project(folder)
    expected, _, refused = project(whole)
    assert {trial["status"] for trial in trials} == {"COMPLETED"}, folder
    assert sorted(saved["end_order"]) == sorted(saved["start_order"])
    assert len(set(saved["start_order"])) == len(trials) == len(expected)
    assert saved["ongoing_trials"] == {}
    assert saved["retry_queue"] == []
    assert saved[KEY]["rejections"] == len(rejections)
    if name != "Hyperband":  # which may promote another trial when one ends earlier
        assert values(trials) == values(expected), folder
        assert rejections == refused, folder


@pytest.mark.parametrize("name", ["RandomSearch", "Hyperband"])
def test_killed_between_any_two_changes_of_files(name: str, tmp_path: Path) -> None:
    hold_steps(name, tmp_path, every=19)


@pytest.mark.deep
@pytest.mark.parametrize("name", toys.TUNERS)
def test_killed_between_all_two_changes_of_files(name: str, tmp_path: Path) -> None:
    hold_steps(name, tmp_path, every=1)


def hold_steps(name: str, folder: Path, every: int) -> None:
    found = carry_out("steps", folder, name, every)
    assert [item["died"] for item in found] == [*[-signal.SIGKILL] * (len(found) - 1), 0]
    assert len(found) > 40 / every
    assert {item["resumed"] for item in found} == {0}
    for item in found:
        assert_same(item["folder"], Path(found[-1]["folder"]), name)


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.deep)])
def test_killed_at_random_moments(kills: int, tmp_path: Path) -> None:
    found = carry_out("moments", tmp_path, "RandomSearch", kills, seconds=3000)
    codes = [code for item in found for code in item["codes"]]
    assert codes.count(-signal.SIGKILL) == kills
    for item in found:
        assert_same(item["folder"], tmp_path / "whole", "RandomSearch")


@pytest.mark.parametrize(
    ("how", "retries", "runs"),
    [
        ("abort", 0, 1),
        ("abort", 2, 3),
        ("kill", 0, FREE_RUNS + 1),
        ("kill", 1, 2),
        ("memory", 0, 1),
    ],
)
def test_a_trial_that_takes_its_process_is_not_run_for_ever(
    how: str, retries: int, runs: int, tmp_path: Path
) -> None:
    if how == "memory" and not dying.can_limit_memory():
        pytest.skip("limiting the memory of a process needs Linux and root")
    (found,) = carry_out("crash", tmp_path, how, retries)
    died = -signal.SIGABRT if how == "abort" else -signal.SIGKILL
    assert found["codes"] == [*[died] * runs, 0]
    assert len((tmp_path / "runs").read_text().splitlines()) == runs
    trials, saved, rejections = project(tmp_path)
    (failed,) = [trial for trial in trials if trial["status"] != "COMPLETED"]
    assert toys.plain(failed["hyperparameters"]["values"]) == {"a": 6, "b": 0}
    assert failed["status"] == "FAILED"
    times = "once" if runs == 1 else f"{runs} times"
    cause = {
        "abort": "Fatal Python error: Aborted",
        "kill": "it was killed, by whom is unknown",
        "memory": "the out-of-memory killer was at work",
    }[how]
    assert f"ended {times} while this trial ran ({cause})" in failed["message"]
    assert len(trials) == len(saved["end_order"]) == 6
    assert len(rejections) == 9
