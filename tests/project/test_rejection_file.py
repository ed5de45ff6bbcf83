"""The file of rejections: what is added is read back, and lines that do not count are cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from shapesafe_tuner.errors import ProjectError
from shapesafe_tuner.project.rejection_file import RejectionFile
from shapesafe_tuner.verdict import Rejection, ShapeFault, Verdict


def rejection(units: int) -> Rejection:
    fault = ShapeFault(None, None, "It does not fit.", hyperparameters={"units": units})
    return Rejection({"units": units}, Verdict(False, "analytic", fault), time=float(units))


def test_what_is_added_is_read_back(tmp_path: Path) -> None:
    path = str(tmp_path / "rejections.jsonl")
    file = RejectionFile(path)
    assert file.read(None) == []
    file.append([rejection(1)])
    file.append([rejection(1), rejection(2)])
    assert file.saved == 2
    assert RejectionFile(path).read(2) == [rejection(1), rejection(2)]


def test_lines_beyond_the_state_do_not_count_and_are_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "rejections.jsonl")
    RejectionFile(path).append([rejection(1), rejection(2), rejection(3)])
    resumed = RejectionFile(path)
    kept = resumed.read(1)
    assert kept == [rejection(1)]
    assert len(RejectionFile(path).read(None)) == 3  # to read changes nothing
    resumed.append([*kept, rejection(9)])
    assert RejectionFile(path).read(None) == [rejection(1), rejection(9)]


def test_a_line_cut_off_by_a_crash_does_not_count_where_stock_wrote_the_state(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rejections.jsonl"
    RejectionFile(str(path)).append([rejection(1), rejection(2)])
    path.write_bytes(path.read_bytes()[:-5])
    assert RejectionFile(str(path)).read(None) == [rejection(1)]
    with pytest.raises(ProjectError, match="line 2: this is not a saved rejection"):
        RejectionFile(str(path)).read(2)


def test_fewer_lines_than_the_state_counts_are_said(tmp_path: Path) -> None:
    path = str(tmp_path / "rejections.jsonl")
    RejectionFile(path).append([rejection(1)])
    with pytest.raises(ProjectError, match="has 1 rejections, but the saved search counts 2"):
        RejectionFile(path).read(2)
