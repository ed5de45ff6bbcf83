"""A chief and three workers, as processes over gRPC on loopback; some of them are killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shapesafe_tuner.project import rejection_file
from shapesafe_tuner.project.search_state import KEY
from tests import toys
from tests.parallel.searching import TRIALS

# A process that the kernel ends in another test would be taken for one of these.
pytestmark = pytest.mark.xdist_group("processes")

ROOT = Path(__file__).parents[2]
PATIENCE = 6


class Search:
    """The processes of one parallel search, and what they wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tuner, self.space = "RandomSearch", "square"
        self.processes: dict[str, subprocess.Popen[str]] = {}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]

    def start(self, *names: str) -> None:
        """Start, or start again, processes under these names."""
        for name in names:
            with (self.folder / f"{name}.out").open("a") as out:
                self.processes[name] = subprocess.Popen(
                    [sys.executable, "-W", "ignore", "-m", "tests.parallel.searching",
                     str(self.folder), self.tuner, self.space],
                    cwd=ROOT,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    text=True,
                    env={
                        **os.environ,
                        "PYTHONPATH": str(ROOT),
                        "KERASTUNER_TUNER_ID": name,
                        "KERASTUNER_ORACLE_IP": "127.0.0.1",
                        "KERASTUNER_ORACLE_PORT": str(self._port),
                        "SHAPESAFE_WORKER_TIMEOUT": str(PATIENCE),
                    },
                )  # fmt: skip

    def kill(self, name: str) -> None:
        """End a process without a word (SIGKILL where there is such a thing)."""
        self.processes[name].kill()
        self.processes[name].wait()

    def kill_in_trial(self, name: str) -> str:
        """End a process that has just begun a trial, and has not ended it; the trial."""
        while True:
            begun = len(self._begun_by(name))
            self.wait_for(lambda begun=begun: len(self._begun_by(name)) > begun)  # type: ignore[misc]
            trial = self._begun_by(name)[-1]
            # Stopped it cannot end the trial between a look and the signal.
            self.processes[name].send_signal(signal.SIGSTOP)
            if self.runs(name) == trial and self.trials()[trial]["status"] == "RUNNING":
                self.kill(name)
                return trial
            self.processes[name].send_signal(signal.SIGCONT)

    def _begun_by(self, name: str) -> list[str]:
        return [entry[0] for entry in self.log("begin") if entry[1] == name]

    def wait_for(self, is_so: Callable[[], bool], seconds: float = 120) -> None:
        """Until it is so."""
        end = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < end, self.said()
            time.sleep(0.02)

    def end(self) -> dict[str, int]:
        """Wait until all processes have ended by themselves; their exit codes."""
        self.wait_for(lambda: all(p.poll() is not None for p in self.processes.values()))
        return {name: process.returncode for name, process in self.processes.items()}

    def log(self, what: str) -> list[list[Any]]:
        """Trial, worker, process and values of each begin or end so far."""
        path = self.folder / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [entry[1:] for entry in map(json.loads, lines) if entry[0] == what]

    def runs(self, name: str) -> str | None:
        """The trial that a worker has begun and not ended."""
        ended = {tuple(entry[:3]) for entry in self.log("end")}
        running = [e for e in self.log("begin") if e[1] == name and tuple(e[:3]) not in ended]
        return running[-1][0] if running else None

    def said(self) -> str:
        """The end of what each process printed."""
        return "\n".join(
            f"--- {p.name}\n{p.read_text()[-1500:]}" for p in self.folder.glob("*.out")
        )

    def saved(self) -> dict[str, Any]:
        """The state of the oracle on disk."""
        return dict(json.loads((self.folder / "untitled_project" / "oracle.json").read_text()))

    def trials(self) -> dict[str, dict[str, Any]]:
        """The trials on disk."""
        paths = (self.folder / "untitled_project").glob("trial_*/trial.json")
        loaded = map(json.loads, (path.read_text() for path in paths))
        return {trial["trial_id"]: trial for trial in loaded}


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Search]:
    made = Search(tmp_path)
    yield made
    for process in made.processes.values():
        process.kill()


def assert_all_is_there(search: Search) -> None:
    """All trials completed, no values twice, nothing infeasible, every rejection kept once."""
    trials, saved = search.trials(), search.saved()
    assert len(trials) == TRIALS
    assert {trial["status"] for trial in trials.values()} == {"COMPLETED"}, search.said()
    values = [trial["hyperparameters"]["values"] for trial in trials.values()]
    assert all(map(toys.fits, values))
    assert all(toys.fits(entry[-1]) for entry in search.log("begin"))
    assert len({(v["a"], v["b"]) for v in values}) == TRIALS
    assert sorted(saved["end_order"]) == sorted(trials)
    assert saved["ongoing_trials"] == {}
    path = search.folder / "untitled_project" / rejection_file.FILE
    rejections = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rejections) == saved[KEY]["rejections"] > TRIALS
    assert not any(toys.fits(rejection["values"]) for rejection in rejections)


@pytest.mark.deep
def test_three_workers_run_every_trial_once(search: Search) -> None:
    search.start("chief", "worker0", "worker1", "worker2")
    assert set(search.end().values()) == {0}, search.said()
    assert_all_is_there(search)
    assert sorted(entry[0] for entry in search.log("end")) == sorted(search.trials())
    assert {entry[1] for entry in search.log("end")} == {"worker0", "worker1", "worker2"}


@pytest.mark.deep
@pytest.mark.parametrize("name", ["BayesianOptimization", "Hyperband", "GridSearch"])
def test_the_other_tuners_run_every_trial_once_too(name: str, search: Search) -> None:
    search.tuner = name
    search.start("chief", "worker0", "worker1", "worker2")
    assert set(search.end().values()) == {0}, search.said()
    trials = search.trials()
    assert {trial["status"] for trial in trials.values()} == {"COMPLETED"}
    assert all(toys.fits(trial["hyperparameters"]["values"]) for trial in trials.values())
    assert sorted(entry[0] for entry in search.log("end")) == sorted(trials)
    assert len(trials) >= TRIALS


def test_where_nothing_is_feasible_the_chief_says_so_and_all_end(search: Search) -> None:
    search.space = "never"
    search.start("chief", "worker0")
    codes = search.end()
    assert codes == {"chief": 1, "worker0": 0}
    assert "NoFeasibleConfigurationError: No feasible configuration was found" in search.said()


def test_the_trial_of_a_worker_that_is_killed_goes_to_another(search: Search) -> None:
    search.start("chief", "worker0", "worker1", "worker2")
    search.wait_for(lambda: len(search.log("end")) > 5)
    lost = search.kill_in_trial("worker1")
    codes = search.end()
    assert [codes[name] for name in ("chief", "worker0", "worker2")] == [0, 0, 0], search.said()
    assert_all_is_there(search)
    again = [entry for entry in search.log("begin") if entry[0] == lost]
    assert again[0][1] == "worker1"
    assert len(again) == 2
    assert len(search.log("begin")) == TRIALS + 1


def test_a_chief_that_is_killed_and_started_again_goes_on(search: Search) -> None:
    search.start("chief", "worker0", "worker1", "worker2")
    search.wait_for(lambda: len(search.log("end")) > 5 and search.runs("worker1") is not None)
    search.kill("chief")
    search.start("chief")
    assert set(search.end().values()) == {0}, search.said()
    assert_all_is_there(search)
    # The workers went on with what they had: nothing was run twice.
    assert sorted(entry[0] for entry in search.log("begin")) == sorted(search.trials())
