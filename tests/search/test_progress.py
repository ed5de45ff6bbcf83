"""What a search says while it runs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from shapesafe_tuner.search.progress import progress_line
from shapesafe_tuner.verdict import Rejection, ShapeFault, Verdict
from tests import toys
from tests.toys import Scored

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]


def rejection(reason: str | None) -> Rejection:
    fault = None if reason is None else ShapeFault("layer", "Conv2D", reason, (), {}, None)
    return Rejection({"a": 1}, Verdict(False, "analytic", fault))


@pytest.mark.parametrize(
    ("reasons", "since", "line"),
    [
        ([], 0, None),
        (["wide"], 1, None),
        (["wide"], 0, "1 configuration was rejected without a trial: wide"),
        (["wide"] * 2, 0, "2 configurations were rejected without a trial: wide"),
        (
            ["wide", "deep", "deep"],
            0,
            "3 configurations were rejected without a trial; "
            "the most frequent reason (2 of 3): deep",
        ),
        (
            ["wide", "deep"],
            1,
            "1 configuration was rejected without a trial (2 in all): deep",
        ),
        ([None], 0, "1 configuration was rejected without a trial: infeasible"),
    ],
)
def test_the_line_of_progress(reasons: list[str | None], since: int, line: str | None) -> None:
    assert progress_line([rejection(reason) for reason in reasons], since) == line


def search(folder: Path, verbose: int) -> Any:
    tuner = toys.make("RandomSearch", Scored(toys.square), folder, trials=4, seed=6)
    tuner.search(verbose=verbose)
    assert tuner.rejections
    return tuner


def test_lines_stand_between_those_of_kerastuner(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tuner = search(tmp_path, 1)
    lines = capsys.readouterr().out.splitlines()
    ours = [line for line in lines if "rejected without a trial" in line]
    assert sum(int(line.split()[0]) for line in ours) == len(tuner.rejections)
    assert ours[0].endswith(tuner.rejections[0].verdict.fault.reason)
    begun = [line for line in lines if line.startswith("Search: Running Trial #")]
    assert begun == [f"Search: Running Trial #{number}" for number in range(1, 5)]
    assert [line for line in lines if line.startswith("Best score So Far")]


def test_silence_where_it_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search(tmp_path, 0)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == ""


def test_each_rejection_is_a_log_record(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="shapesafe_tuner"):
        tuner = search(tmp_path, 0)
    records = [record for record in caplog.records if record.name == "shapesafe_tuner"]
    assert [record.rejection for record in records] == tuner.rejections  # type: ignore[attr-defined]
    first = records[0].getMessage()
    assert first.startswith("Rejected {'a': ")
    assert tuner.rejections[0].verdict.fault.reason in first


def test_nothing_is_logged_by_default(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert not logging.getLogger("shapesafe_tuner").handlers
    search(tmp_path, 0)
    assert capfd.readouterr().err == ""
