"""The code in the pages runs as printed, and they name what they should."""

from __future__ import annotations

import pathlib
import re

import pytest

from shapesafe_tuner.shapes import registry
from tests.labelled import kept

PAGES = sorted((pathlib.Path(__file__).parents[1] / "docs").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_of_a_page_runs(page: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_OWN", dict(registry._OWN))
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    assert blocks
    exec(compile("\n".join(blocks), str(page), "exec"), {"__name__": page.stem})


@pytest.mark.parametrize("backend", kept.OTHERS)
def test_every_space_that_a_backend_judges_differently_is_named(backend: str) -> None:
    page = next(page for page in PAGES if page.stem == "backends").read_text()
    found = kept.differing(backend)
    assert found
    assert [name for name in found if f"`{name}`" not in page] == []
