"""Searches that stop, or are killed, and go on: nothing is lost and nothing counted twice."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shapesafe_tuner.project import rejection_file
from shapesafe_tuner.project.search_state import KEY
from tests import toys
from tests.toys import Scored

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]

ROOT = Path(__file__).parents[2]
SPACE = toys.Rectangle((5, 9), (0, 2))
"""15 configurations, 6 feasible: (5, 0), (5, 1), (5, 2), (6, 0), (6, 1), (7, 0)."""
LATE = toys.Rectangle((5, 9), (0, 2), default=(9, None))
"""The same, but grid search starts with three infeasible combinations."""


SEED = 6
"""With which random search refuses its first draw."""


def whole(name: str, space: Any, folder: Path, trials: int, seed: int = 1) -> Any:
    """The search that was never interrupted."""
    tuner = toys.make(name, Scored(space), folder / "whole", trials=trials, seed=seed)
    tuner.search(verbose=0)
    return tuner


def file_of(tuner: Any) -> Path:
    return Path(tuner.project_dir) / rejection_file.FILE


def assert_same(resumed: Any, reference: Any) -> None:
    """The trials and rejections of a search are those of the uninterrupted one."""
    assert toys.values_of(resumed) == toys.values_of(reference)
    assert toys.statuses(resumed) == {"COMPLETED"}
    assert toys.rejected(resumed) == toys.rejected(reference)
    path = file_of(resumed)
    lines = path.read_text().splitlines() if path.exists() else []
    assert len(lines) == len(resumed.rejections)


# ---------------------------------------------------------------- killed

KILLED = """
import os, sys
from pathlib import Path

import keras

from tests import toys
from tests.project.test_resume import LATE, SEED


class Kill(keras.callbacks.Callback):
    fits = 0

    def on_train_batch_end(self, batch, logs=None):
        Kill.fits += 1
        if Kill.fits == int(sys.argv[2]):
            os.kill(os.getpid(), toys.KILL)


tuner = toys.make(sys.argv[1], LATE, Path(sys.argv[3]), trials=4, seed=SEED)
tuner.search(toys.X, toys.Y, epochs=1, verbose=0, callbacks=[Kill()])
"""


@pytest.mark.parametrize("name", ["RandomSearch", "GridSearch"])
@pytest.mark.parametrize("trial", [1, 3], ids=["in the first trial", "in the third trial"])
def test_a_process_killed_in_a_trial(name: str, trial: int, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, name, str(trial), str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert ended.returncode in (-toys.KILL, toys.KILL), ended.stderr[-2000:]

    resumed = toys.make(name, LATE, tmp_path, trials=4, seed=SEED)
    assert len(resumed.oracle.trials) == trial
    before = toys.rejected(resumed)
    assert before
    resumed.search(toys.X, toys.Y, epochs=1, verbose=0)
    assert toys.rejected(resumed)[: len(before)] == before
    assert_same(resumed, whole(name, LATE, tmp_path, 4, SEED))


# ---------------------------------------------------------------- interrupted


@pytest.mark.parametrize("stop_at", [1, 2, 4])
@pytest.mark.parametrize("name", toys.TUNERS)
def test_a_search_interrupted_in_a_trial(name: str, stop_at: int, tmp_path: Path) -> None:
    tuner = toys.make(name, Scored(SPACE, stop_at=stop_at), tmp_path)
    with pytest.raises(KeyboardInterrupt):
        tuner.search(verbose=0)
    assert len(tuner.oracle.trials) == stop_at

    resumed = toys.make(name, Scored(SPACE), tmp_path)
    assert resumed.rejections == tuner.rejections
    resumed.search(verbose=0)
    reference = whole(name, SPACE, tmp_path, 4)
    if name == "BayesianOptimization":  # stock does not save its random state
        assert len(resumed.oracle.trials) == 4
        assert toys.statuses(resumed) == {"COMPLETED"}
        assert toys.values_of(resumed)[:2] == toys.values_of(reference)[:2]
        assert toys.rejected(resumed)[: len(tuner.rejections)] == toys.rejected(tuner)
    else:
        assert_same(resumed, reference)


@pytest.mark.parametrize("space", [SPACE, LATE], ids=["feasible first", "infeasible first"])
def test_grid_search_interrupted_again_and_again_visits_each_combination_once(
    space: Any, tmp_path: Path
) -> None:
    fits = 0
    for _ in range(20):
        hypermodel = Scored(space, stop_at=2)
        tuner = toys.make("GridSearch", hypermodel, tmp_path, trials=100)
        try:
            tuner.search(verbose=0)
        except KeyboardInterrupt:
            fits += hypermodel.fits
            continue
        break
    assert fits > 4
    assert_same(tuner, whole("GridSearch", space, tmp_path, 100))
    assert len(tuner.oracle.trials) == 6
    assert len(tuner.rejections) == 9


@pytest.mark.parametrize("name", ["RandomSearch", "Hyperband", "GridSearch"])
def test_an_interruption_does_not_change_what_was_counted(name: str, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        toys.make(name, Scored(SPACE, stop_at=2), tmp_path).search(verbose=0)
    resumed = toys.make(name, Scored(SPACE), tmp_path)
    resumed.search(verbose=0)
    assert resumed.oracle.drawn == whole(name, SPACE, tmp_path, 4).oracle.drawn


def test_a_search_interrupted_while_it_draws(tmp_path: Path) -> None:
    left: list[int] = []

    def build(hp: Any) -> Any:
        if left and not left.pop():
            raise KeyboardInterrupt
        return LATE(hp)

    tuner = toys.make("GridSearch", Scored(build), tmp_path)
    left += [0, 1, 1, 1]  # the fourth check is interrupted
    with pytest.raises(KeyboardInterrupt):
        tuner.search(verbose=0)
    resumed = toys.make("GridSearch", Scored(LATE), tmp_path)
    resumed.search(verbose=0)
    assert_same(resumed, whole("GridSearch", LATE, tmp_path, 4))


# ---------------------------------------------------------------- finished, and gone on with


@pytest.mark.parametrize("name", toys.TUNERS)
def test_rejections_are_read_back_as_they_were(name: str, tmp_path: Path) -> None:
    tuner = toys.make(name, Scored(LATE), tmp_path, seed=SEED)
    tuner.search(verbose=0)
    assert tuner.rejections
    again = toys.make(name, Scored(LATE), tmp_path, seed=SEED)
    assert again.rejections == tuner.rejections
    assert [dataclasses.asdict(item) for item in again.rejections] == [
        dataclasses.asdict(item) for item in tuner.rejections
    ]
    assert again.oracle.drawn == tuner.oracle.drawn
    assert again.oracle.draws.seconds == tuner.oracle.draws.seconds


def test_a_finished_search_does_nothing_more(tmp_path: Path) -> None:
    tuner = whole("RandomSearch", SPACE, tmp_path, 3)
    hypermodel = Scored(SPACE)
    again = toys.make("RandomSearch", hypermodel, tmp_path / "whole", trials=3)
    again.search(verbose=0)
    assert hypermodel.fits == 0
    assert_same(again, tuner)


def test_a_finished_search_goes_on_with_more_trials(tmp_path: Path) -> None:
    toys.make("RandomSearch", Scored(SPACE), tmp_path, trials=2).search(verbose=0)
    longer = toys.make("RandomSearch", Scored(SPACE), tmp_path, trials=5)
    longer.search(verbose=0)
    assert_same(longer, whole("RandomSearch", SPACE, tmp_path, 5))


def test_an_exhausted_search_says_so_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        capsys.readouterr()
        tuner = toys.make("GridSearch", Scored(SPACE), tmp_path, trials=100)
        tuner.search(verbose=1)
        assert "All 6 feasible configurations have been tried." in capsys.readouterr().out
        assert len(tuner.rejections) == 9


def test_a_search_without_feasible_configurations_says_the_same_again(tmp_path: Path) -> None:
    said = []
    for _ in range(2):
        tuner = toys.make("GridSearch", toys.never, tmp_path)
        with pytest.raises(Exception, match="all 4 that were checked") as raised:
            tuner.search(toys.X, toys.Y, verbose=0)
        said.append(str(raised.value))
    assert said[0] == said[1]
    assert len(tuner.rejections) == 4


# ---------------------------------------------------------------- together with stock


@pytest.mark.parametrize("name", toys.TUNERS)
def test_a_project_of_stock_goes_on_with_ours(name: str, tmp_path: Path) -> None:
    feasible = toys.Rectangle((0, 2), (0, 4))
    stock = toys.make(name, Scored(feasible, stop_at=3), tmp_path, stock=True, trials=6)
    with pytest.raises(KeyboardInterrupt):
        stock.search(verbose=0)
    ours = toys.make(name, Scored(feasible), tmp_path, trials=6)
    ours.search(verbose=0)
    assert toys.values_of(ours)[:3] == toys.values_of(stock)
    assert toys.statuses(ours) == {"COMPLETED"}
    assert len(ours.oracle.trials) == 6
    if name != "BayesianOptimization":
        assert toys.values_of(ours) == toys.values_of(whole(name, feasible, tmp_path, 6))


@pytest.mark.parametrize("name", toys.TUNERS)
def test_a_project_of_ours_goes_on_with_stock_and_back(name: str, tmp_path: Path) -> None:
    ours = toys.make(name, Scored(LATE, stop_at=3), tmp_path, trials=5, seed=SEED)
    with pytest.raises(KeyboardInterrupt):
        ours.search(verbose=0)
    assert ours.rejections

    stock = toys.make(
        name,
        Scored(LATE, stop_at=2),
        tmp_path,
        stock=True,
        trials=5,
        seed=SEED,
        max_consecutive_failed_trials=100,
    )
    assert toys.values_of(stock) == toys.values_of(ours)
    # Stock's grid search does not save its order: not even its own projects go on with it.
    expected = KeyError if name == "GridSearch" else KeyboardInterrupt
    with contextlib.suppress(expected):
        stock.search(verbose=0)

    back = toys.make(name, Scored(LATE), tmp_path, trials=5, seed=SEED)
    assert toys.rejected(back) == toys.rejected(ours)
    back.search(verbose=0)
    assert toys.values_of(back)[:3] == toys.values_of(ours)
    done = [trial for trial in toys.trials_of(back) if trial.status == "COMPLETED"]
    failed = [trial for trial in toys.trials_of(back) if trial.status == "FAILED"]
    assert len(done) + len(failed) == len(back.oracle.trials)
    assert len(back.oracle.trials) == (6 if name == "Hyperband" else 5)
    assert not any(toys.fits(trial.hyperparameters.values) for trial in failed)


# ---------------------------------------------------------------- the file


@pytest.fixture
def project(tmp_path: Path) -> Any:
    """A finished search with rejections."""
    tuner = toys.make("GridSearch", Scored(LATE), tmp_path, trials=2)
    tuner.search(verbose=0)
    assert len(tuner.rejections) == 3
    return tuner


def again(project: Any) -> Any:
    folder = Path(project.project_dir).parent
    return toys.make("GridSearch", Scored(LATE), folder, trials=2)


@pytest.mark.parametrize(
    "surplus",
    ["whole", "whole twice", "torn", "whole and torn", "not JSON\n"],
)
def test_lines_of_a_process_that_died_are_cut_off(surplus: str, project: Any) -> None:
    path = file_of(project)
    text = path.read_text()
    line = text.splitlines()[0]
    added = {
        "whole": line + "\n",
        "whole twice": 2 * (line + "\n"),
        "torn": line[: len(line) // 2],
        "whole and torn": line + "\n" + line[:20],
    }.get(surplus, surplus)
    path.write_text(text + added)
    resumed = again(project)
    assert resumed.rejections == project.rejections
    assert path.read_text() == text + added  # another process may be searching
    resumed.search(verbose=0)
    assert path.read_text() == text


def test_whole_lines_count_where_stock_wrote_the_state(project: Any) -> None:
    saved = Path(project.project_dir) / "oracle.json"
    content = json.loads(saved.read_text())
    del content[KEY]
    saved.write_text(json.dumps(content))
    path = file_of(project)
    text = path.read_text()
    path.write_text(text + text[:40])
    resumed = again(project)
    assert resumed.rejections == project.rejections
    resumed.search(verbose=0)
    assert path.read_text() == text


def test_a_lost_file_is_said_and_not_passed_over(project: Any) -> None:
    path = file_of(project)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-2]))
    with pytest.raises(RuntimeError, match=r"counts \d+: restore the file, or start anew"):
        again(project)
    path.unlink()
    with pytest.raises(RuntimeError, match="has 0 rejections"):
        again(project)


def test_a_damaged_line_is_said_with_its_place(project: Any) -> None:
    path = file_of(project)
    lines = path.read_text().splitlines(keepends=True)
    lines[2] = '{"values": {}}\n'
    path.write_text("".join(lines))
    with pytest.raises(RuntimeError, match="line 3: "):
        again(project)


def test_values_of_every_kind_are_read_back_with_their_types(tmp_path: Path) -> None:
    def build(hp: Any) -> Any:
        steps = hp.Int("steps", 7, 12)
        hp.Float("rate", 0.0, 1.0)
        hp.Choice("text", ["1", "one"])
        hp.Choice("number", [1, 2])
        hp.Boolean("flag")
        return toys.crop(steps, 0)

    tuner = toys.make("RandomSearch", Scored(build), tmp_path, trials=3)
    tuner.search(verbose=0)
    reread = toys.make("RandomSearch", Scored(build), tmp_path, trials=3)
    assert len(reread.rejections) > 1
    assert repr(toys.rejected(reread)) == repr(toys.rejected(tuner))
    assert repr([item.verdict for item in reread.rejections]) == repr(
        [item.verdict for item in tuner.rejections]
    )
