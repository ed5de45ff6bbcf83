"""A project's files, read back without a tuner and shown as text, JSON and a page."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import shapesafe_tuner as sst
from shapesafe_tuner.cli import main
from shapesafe_tuner.errors import ProjectError
from shapesafe_tuner.project.reading import read_search
from shapesafe_tuner.report.html import page
from tests import toys

X, Y = np.zeros((16, toys.LENGTH, 1)), np.zeros((16, 1))
pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]


@pytest.fixture(scope="module")
def searches(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One search that resamples and one that repairs, each with its tuner."""
    found = {}
    for way in ("resample", "repair"):
        tuner = sst.RandomSearch(
            toys.square,
            objective="val_loss",
            max_trials=4,
            seed=3,
            on_infeasible=way,
            directory=tmp_path_factory.mktemp("searches"),
        )
        tuner.search(X, Y, validation_data=(X, Y), verbose=0)
        assert tuner.rejections
        found[way] = tuner
    return found


@pytest.mark.parametrize("way", ["resample", "repair"])
def test_what_a_tuner_knows_is_read_back(searches: dict[str, Any], way: str) -> None:
    tuner = searches[way]
    search = read_search(tuner.project_dir)
    assert [trial.trial_id for trial in search.trials] == list(tuner.oracle.trials)
    for trial in search.trials:
        own = tuner.oracle.trials[trial.trial_id]
        assert (trial.status, trial.score) == (own.status, own.score)
        assert trial.values == own.hyperparameters.values
        assert trial.direction == "min"
        assert trial.ended is not None
    assert list(search.rejections) == tuner.rejections
    assert search.best is not None
    assert search.best.trial_id == tuner.oracle.get_best_trials(1)[0].trial_id
    repaired = [item for item in tuner.rejections if item.repaired_to is not None]
    assert (way == "repair") == bool(repaired)
    assert list(search.repaired().values()) == repaired
    for trial_id, rejection in search.repaired().items():
        values = tuner.oracle.trials[trial_id].hyperparameters.values
        assert {**values, **(rejection.repaired_to or {})} == values


def test_the_page_shows_trials_rejections_and_repairs(searches: dict[str, Any]) -> None:
    search = read_search(searches["repair"].project_dir)
    shown = page("search", search)
    for trial in search.trials:
        assert f'<th scope="row">{trial.trial_id}</th>' in shown
    for reason, _, _ in search.reasons():
        assert reason.split("'")[0] in shown
    assert shown.count("a repair: ") == len(search.repaired())
    assert shown.count("<polyline") == 2
    assert 'http-equiv="refresh"' not in shown
    assert '<meta http-equiv="refresh" content="5">' in page("search", search, refresh=5)


def test_the_command(searches: dict[str, Any], tmp_path: pathlib.Path) -> None:
    tuner, written = searches["resample"], tmp_path / "search.html"
    runner = CliRunner()
    shown = runner.invoke(main, ["report", tuner.project_dir, "--html", str(written)])
    assert shown.exit_code == 0, shown.output
    count = len(tuner.rejections)
    assert f"4 trials, 4 completed; {count} rejection" in shown.output
    assert written.read_text().startswith("<!doctype html>")
    content = json.loads(runner.invoke(main, ["report", tuner.project_dir, "--json"]).output)
    assert len(content["rejections"]) == count
    assert [trial["trial_id"] for trial in content["trials"]] == list(tuner.oracle.trials)


def test_it_starts_no_keras(searches: dict[str, Any]) -> None:
    code = (
        "import sys; from shapesafe_tuner.cli import main; "
        f"main(['report', {searches['resample'].project_dir!r}], standalone_mode=False); "
        "assert not {'keras', 'keras_tuner', 'tensorflow', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_what_is_no_project_or_damaged_is_one_sentence(
    searches: dict[str, Any], tmp_path: pathlib.Path
) -> None:
    with pytest.raises(ProjectError, match=r"is not the folder of a KerasTuner project"):
        read_search(tmp_path)
    result = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert result.exit_code == 2
    (tmp_path / "oracle.json").write_text("[]")
    with pytest.raises(ProjectError, match=r"oracle.json is damaged"):
        read_search(tmp_path)
    (tmp_path / "oracle.json").write_text('{"start_order": ["0"]}')
    (tmp_path / "trial_0").mkdir()
    assert read_search(tmp_path).trials == ()
    (tmp_path / "trial_0" / "trial.json").write_text('{"status": "COMPLETED"}')
    with pytest.raises(ProjectError, match=r"trial.json is damaged"):
        read_search(tmp_path)


def test_every_needs_a_page(tmp_path: pathlib.Path) -> None:
    result = CliRunner().invoke(main, ["report", str(tmp_path), "--every", "2"])
    assert result.exit_code == 2
    assert "--html FILE" in result.output


def test_beside_a_running_search_the_page_is_written_again_and_again(
    searches: dict[str, Any], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, seen = tmp_path / "search.html", []

    def sleep(seconds: float) -> None:
        seen.append((seconds, written.read_text()))
        written.write_text("as the browser had it")
        if len(seen) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", sleep)
    given = ["report", searches["repair"].project_dir, "--html", str(written), "--every", "7"]
    assert CliRunner().invoke(main, given).exit_code == 130
    assert [seconds for seconds, _ in seen] == [7, 7]
    for _, shown in seen:
        assert '<meta http-equiv="refresh" content="7">' in shown
        assert "this page is read again every 7 s" in shown
    assert [path.name for path in tmp_path.iterdir()] == ["search.html"]
