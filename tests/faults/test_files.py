"""Files that are damaged, disks that are full, and two searches in one project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shapesafe_tuner.errors import ProjectError
from shapesafe_tuner.project import lock as project_lock
from shapesafe_tuner.project import rejection_file
from tests import toys
from tests.toys import Scored

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]

SPACE = toys.Rectangle((5, 9), (0, 2), default=(9, None))


class Reported(Scored):
    """Scores without saving weights: on a full disk HDF5 takes the process with it."""

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        return {"score": toys.score_of(hp.values)}


def make(folder: Path, trials: int = 7, hypermodel: Any = None) -> Any:
    return toys.make("GridSearch", hypermodel or Reported(SPACE), folder, trials=trials)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder of a search that ran three trials of six, and refused three."""
    tuner = make(tmp_path, trials=3)
    tuner.search(verbose=0)
    assert len(tuner.oracle.trials) == len(tuner.rejections) == 3
    return Path(tuner.project_dir)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---------------------------------------------------------------- damaged


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"\xff\xfe\x00", b'"words"'])
def test_a_damaged_state_of_a_tuner_is_said_and_kept(content: bytes, project: Path) -> None:
    path = project / "tuner0.json"
    path.write_bytes(content)
    before = contents(project)
    with pytest.raises(ProjectError, match=r"tuner0.json cannot be read as the state of a tuner"):
        make(project.parent)
    assert contents(project) == before


@pytest.mark.parametrize("values", [3, None, "a=1", [1]])
def test_a_rejection_without_values_is_said_and_kept(values: Any, project: Path) -> None:
    path = project / rejection_file.FILE
    lines = path.read_text().splitlines()
    lines[1] = json.dumps({**json.loads(lines[1]), "values": values})
    path.write_text("\n".join(lines) + "\n")
    before = contents(project)
    with pytest.raises(ProjectError, match=r"line 2: this is not a saved rejection"):
        make(project.parent)
    assert contents(project) == before


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ProjectError, match=r"folder .*file.* cannot be made .*`directory`"):
        make(tmp_path / "file" / "below")


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("BayesianOptimization", {"beta": 2.6}, {"beta": 10.0}),
        ("BayesianOptimization", {"alpha": 1e-4}, {"alpha": 1e-2}),
        ("Hyperband", {"hyperband_iterations": 1}, {"hyperband_iterations": 2}),
        ("Hyperband", {"factor": 3}, {"factor": 2}),
    ],
)
def test_settings_that_a_saved_project_overrules_are_named(
    name: str,
    first: dict[str, Any],
    second: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def made(**settings: Any) -> Any:
        return toys.make(name, Reported(toys.few), tmp_path, trials=2, **settings)

    made(**first).search(verbose=0)
    made(**first)  # without a word, as warnings are errors
    ((setting, given),) = second.items()
    said = rf"goes on with {setting}=.*{setting}={given} is ignored"
    with pytest.warns(UserWarning, match=said):
        resumed = made(**second)
    assert getattr(resumed.oracle, setting) == first[setting]
    resumed.feasibility_summary()
    assert f"{setting}={given} is ignored" in capsys.readouterr().out


# ---------------------------------------------------------------- files of the search


def damaged(text: str, how: str) -> str:
    if how == "cut":
        return text[: len(text) // 2]
    if how == "empty":
        return ""
    content = json.loads(text)
    if how == "without a key":
        content.pop(sorted(content)[-1])
    elif how == "with another type":
        content = dict.fromkeys(content, 7)
    else:
        content = [content]
    return json.dumps(content)


@pytest.mark.parametrize("how", ["cut", "empty", "without a key", "with another type", "a list"])
@pytest.mark.parametrize("name", ["oracle.json", "trial_1/trial.json"])
def test_a_damaged_file_is_named_and_left_as_it_is(name: str, how: str, project: Path) -> None:
    path = project / name
    path.write_text(damaged(path.read_text(), how))
    before = contents(project)
    with pytest.raises(ProjectError) as raised:
        make(project.parent)
    assert str(raised.value).startswith(str(path))
    assert "It was left as it is: restore it" in str(raised.value)
    assert contents(project) == before


@pytest.mark.parametrize("name", ["oracle.json", "trial_1/trial.json"])
def test_a_lost_file_is_named(name: str, project: Path) -> None:
    (project / name).unlink()
    before = contents(project)
    with pytest.raises(ProjectError, match=f"{name} is missing"):
        make(project.parent)
    assert contents(project) == before


def test_what_is_read_and_saved_again_is_the_same(project: Path) -> None:
    before = contents(project)
    make(project.parent)
    assert contents(project) == before


def test_without_the_file_of_the_tuner_nothing_is_lost(project: Path) -> None:
    # As after a parallel search, whose chief has a file of its own.
    (project / "tuner0.json").unlink()
    tuner = make(project.parent)
    tuner.search(verbose=0)
    assert len(tuner.oracle.trials) == 6
    assert len(tuner.rejections) == 9


# ---------------------------------------------------------------- full


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(mounting, check=False).returncode:
        pytest.skip("mounting a small file system needs Linux and root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path, spare: int) -> Path:
    """Leave so many blocks of 4 KiB free."""
    filler = disk / "filler"
    free = os.statvfs(disk)
    filler.write_bytes(b"x" * ((free.f_bavail - spare) * free.f_bsize))
    return filler


@pytest.mark.parametrize("spare", [0, 1, 2, 3, 4, 6])
def test_a_full_disk_is_said_and_loses_nothing(spare: int, small_disk: Path) -> None:
    make(small_disk, trials=2).search(verbose=0)
    before = contents(small_disk)
    tuner = make(small_disk)
    filler = fill(small_disk, spare)
    said = r"could not be saved \(No space left on device\)|left on device: Trial . was stopped"
    with pytest.raises(ProjectError, match=said):
        tuner.search(verbose=0)
    after = contents(small_disk)
    assert set(before) <= set(after)
    state_files = ("oracle.json", "trial.json", "tuner0.json")
    assert [path for path, text in after.items() if path.name in state_files and not text] == []
    filler.unlink()

    resumed = make(small_disk)
    resumed.search(verbose=0)
    assert toys.statuses(resumed) == {"COMPLETED"}
    assert len(resumed.oracle.trials) == 6
    assert len(resumed.rejections) == 9
    lines = (Path(resumed.project_dir) / rejection_file.FILE).read_text().splitlines()
    assert len(lines) == 9


def test_a_disk_that_has_room_again_goes_on_in_the_same_process(small_disk: Path) -> None:
    tuner = make(small_disk)
    tuner.save()
    filler = fill(small_disk, 2)
    with pytest.raises(ProjectError):
        tuner.search(verbose=0)
    filler.unlink()
    tuner.search(verbose=0)
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert len(tuner.oracle.trials) == 6
    assert len(make(small_disk).rejections) == len(tuner.rejections) == 9


def test_a_disk_that_fills_in_training_fails_no_trial(small_disk: Path) -> None:
    class Writing(Scored):
        def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
            (small_disk / "weights").write_bytes(b"x" * 2**20)

    tuner = make(small_disk, hypermodel=Writing(SPACE))
    with pytest.raises(ProjectError, match=r"No space left on device.*was stopped"):
        tuner.search(verbose=0)
    (small_disk / "weights").unlink()
    resumed = make(small_disk)
    resumed.search(verbose=0)
    assert toys.statuses(resumed) == {"COMPLETED"}


# ---------------------------------------------------------------- two at once


def test_a_second_search_in_the_same_project_is_refused(project: Path) -> None:
    hold = (
        "import filelock, sys; lock = filelock.FileLock(sys.argv[1]); lock.acquire(); "
        "print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", hold, str(project / project_lock.FILE)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        before = contents(project)
        tuner = make(project.parent)
        with pytest.raises(ProjectError, match=r"is being searched by another process"):
            tuner.search(verbose=0)
        assert contents(project) == before
        other.kill()
        other.wait()
        tuner.search(verbose=0)  # the system frees what a dead process held
    assert len(tuner.oracle.trials) == 6


def test_a_search_that_another_went_on_with_is_not_taken_up_again(project: Path) -> None:
    first, second = make(project.parent, 4), make(project.parent, 5)
    second.search(verbose=0)
    with pytest.raises(ProjectError, match=r"make the tuner again to go on from there"):
        first.search(verbose=0)
    assert len(make(project.parent).oracle.trials) == 5


def test_looking_at_a_project_does_not_disturb_its_search(project: Path) -> None:
    searching = make(project.parent, 5)
    path = project / rejection_file.FILE
    path.write_text(path.read_text() + "what a search writes before it saves its state\n")
    before = contents(project)
    looking = make(project.parent, 5)
    assert len(looking.rejections) == 3
    assert contents(project) == before
    searching.search(verbose=0)
    assert len(make(project.parent).oracle.trials) == 5


def test_a_project_may_lie_where_only_the_backend_can_write(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="other backends know local files only")
    folder: Any = f"file://{tmp_path}"  # by the same code as gs:// and s3://
    toys.make("GridSearch", Scored(SPACE), folder, trials=3).search(verbose=0)
    resumed = toys.make("GridSearch", Scored(SPACE), folder, trials=7)
    assert len(resumed.oracle.trials) == len(resumed.rejections) == 3
    resumed.search(verbose=0)
    assert len(resumed.oracle.trials) == 6
    assert len(resumed.rejections) == 9
