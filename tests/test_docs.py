"""The pages: code and commands run as printed, what they show is what is printed, the site builds."""

from __future__ import annotations

import pathlib
import runpy
import sys
from typing import Any

import pytest

from shapesafe_tuner.shapes import registry
from tests.pages import PAGES, run_page
from tests.running import ROOT


def given(page: pathlib.Path) -> dict[str, Any]:
    """What a page takes for granted: the README speaks of the quickstart's space and data."""
    if page.name != "README.md":
        return {}
    space = runpy.run_path(str(ROOT / "examples" / "quickstart.py"))
    digits = space["load_digits"]()
    x, y = digits.images[:64, ..., None] / 16.0, digits.target[:64]
    return {"build_model": space["build_model"], "x": x, "y": y}


@pytest.mark.xdist_group("pages")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_runs_as_printed(
    page: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_OWN", dict(registry._OWN))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    run_page(page, {"__name__": page.stem, **given(page)})
