"""One search in a project at a time."""

from __future__ import annotations

from pathlib import Path

import filelock
import pytest

from shapesafe_tuner.errors import ProjectError
from shapesafe_tuner.project.lock import sole_searcher


def test_a_second_search_is_refused_and_may_come_after_the_first(tmp_path: Path) -> None:
    with sole_searcher(str(tmp_path)):
        second = sole_searcher(str(tmp_path))
        with pytest.raises(ProjectError, match="is being searched by another process"):
            second.__enter__()
    with sole_searcher(str(tmp_path)):
        pass


def test_a_search_that_fails_frees_the_project(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), sole_searcher(str(tmp_path)):
        raise KeyboardInterrupt
    with sole_searcher(str(tmp_path)):
        pass


def test_without_locks_the_search_goes_on_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(self: filelock.FileLock) -> None:
        raise NotImplementedError("FileLock is not supported on this file system")

    monkeypatch.setattr(filelock.FileLock, "acquire", no_locks)
    entered = False
    with pytest.warns(UserWarning, match="has no locks"), sole_searcher(str(tmp_path)):
        entered = True
    assert entered
