"""Files are written whole or not at all, and errors are one sentence."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from shapesafe_tuner.errors import ProjectError
from shapesafe_tuner.project import writing
from shapesafe_tuner.project.writing import Disk, is_local, stopping_at_a_full_disk, write_whole


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "oracle.json"
    write_whole(str(path), "old")
    write_whole(str(path), "new")
    assert path.read_text() == "new"
    assert [item.name for item in tmp_path.iterdir()] == ["oracle.json"]


def test_a_write_that_fails_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "oracle.json"
    write_whole(str(path), "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writing, "DISK", Disk())
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ProjectError, match=r"could not be saved .No space left on device"):
        write_whole(str(path), "new")
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["oracle.json"]


def test_what_waits_is_forced_to_the_disk_together_and_at_most_once_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 10.0
    forced: list[int] = []
    monkeypatch.setattr(writing, "DISK", Disk(1.0, lambda: now))
    monkeypatch.setattr(os, "fsync", lambda number: forced.append(os.fstat(number).st_ino))

    def write(name: str) -> int:
        write_whole(str(tmp_path / name), name)
        return (tmp_path / name).stat().st_ino

    expected = [write("a")]
    assert forced == expected
    waiting = [write(name) for name in "abbc"]
    assert forced == expected
    (tmp_path / "c").unlink()
    now = 11.0
    expected += [waiting[0], write("b")]
    assert forced == expected
    now = 12.0
    expected.append(write("c"))
    assert forced == expected


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "full"), OSError(errno.EDQUOT, "quota"),
     RuntimeError(f"write failed: {os.strerror(errno.ENOSPC)}")],
    ids=["disk", "quota", "a backend's words"],
)  # fmt: skip
def test_a_full_disk_stops_the_search(error: Exception) -> None:
    with (
        pytest.raises(ProjectError, match="Trial 3 was stopped"),
        stopping_at_a_full_disk("Trial 3"),
    ):
        raise error


def test_other_errors_are_the_trials_own() -> None:
    with pytest.raises(ValueError, match="of the model"), stopping_at_a_full_disk("Trial 3"):
        raise ValueError("of the model")


def test_buckets_are_not_local() -> None:
    assert is_local("/tmp/project")
    assert not is_local("gs://bucket/project")
