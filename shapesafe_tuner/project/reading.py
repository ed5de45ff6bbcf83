"""Read a project back without a tuner: what its files say of its trials and rejections."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from shapesafe_tuner.findings.search import SearchFindings, TrialFindings
from shapesafe_tuner.project.problems import project_error
from shapesafe_tuner.project.rejection_file import FILE, RejectionFile
from shapesafe_tuner.project.search_state import SearchState

__all__ = ["no_project", "read_search"]

_ORACLE = "oracle.json"
_RUNNING = "RUNNING"


def no_project(folder: str | pathlib.Path) -> str:
    """Why a folder is not that of a project; "" where it is."""
    if pathlib.Path(folder, _ORACLE).is_file():
        return ""
    return (
        f"{folder} is not the folder of a KerasTuner project: it has no {_ORACLE}. Name the "
        "folder directory/project_name of the tuner."
    )


def read_search(folder: str | pathlib.Path) -> SearchFindings:
    """The trials and rejections of a project.

    A search may write into the folder meanwhile: each of its files is replaced as a whole.

    Args:
        folder: of the project, ``directory/project_name`` of its tuner.

    Raises:
        ProjectError: this is no project, or a file of it is damaged.
    """
    project = pathlib.Path(folder)
    missing = no_project(project)
    if missing:
        raise project_error(missing)
    state = _object(project / _ORACLE)
    own = SearchState.of(state)
    started = [str(trial) for trial in state.get("start_order") or []]
    running = [str(trial) for trial in (state.get("ongoing_trials") or {}).values()]
    trials = [_trial(project, trial) for trial in dict.fromkeys([*started, *running])]
    return SearchFindings(
        project=str(project),
        trials=tuple(trial for trial in trials if trial is not None),
        rejections=tuple(RejectionFile(str(project / FILE)).read(own.rejections)),
        drawn=own.drawn,
        seconds=own.seconds,
    )


def _trial(project: pathlib.Path, trial_id: str) -> TrialFindings | None:
    """One trial; None where a process died before it saved it."""
    path = project / f"trial_{trial_id}" / "trial.json"
    if not path.is_file():
        return None
    saved = _object(path)
    status = str(saved.get("status"))
    score = saved.get("score")
    try:
        return TrialFindings(
            trial_id=trial_id,
            status=status,
            values=saved["hyperparameters"]["values"],
            score=score,
            direction=_direction(saved, score),
            message=saved.get("message"),
            ended=None if status == _RUNNING else path.stat().st_mtime,
        )
    except (KeyError, TypeError) as error:
        raise _damaged(path) from error


def _direction(saved: Mapping[str, Any], score: float | None) -> str | None:
    """Whether the score is to be small or large: as the metric is whose best value it is."""
    if score is None:
        return None
    for history in ((saved.get("metrics") or {}).get("metrics") or {}).values():
        means = [sum(seen["value"]) / len(seen["value"]) for seen in history["observations"]]
        if score in means:
            return str(history["direction"])
    return None


def _object(path: pathlib.Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise _damaged(path) from error
    if not isinstance(content, dict):
        raise _damaged(path)
    return content


def _damaged(path: pathlib.Path) -> Exception:
    return project_error(f"{path} is damaged: it is not what KerasTuner saves there. Restore it.")
