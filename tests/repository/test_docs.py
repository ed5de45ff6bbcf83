"""The pages: their code and commands run, and print what is shown; the site builds."""

from __future__ import annotations

import pathlib
import re
import runpy
import subprocess
import sys
from typing import Any

import keras
import pytest

from shapesafe_tuner.shapes import registry
from tests.backends import only_on
from tests.labelled import kept
from tests.report.browser import INSTALLED, browser, emulate
from tests.repository.pages import PAGES, run_page
from tests.repository.running import ROOT


def given(page: pathlib.Path) -> dict[str, Any]:
    """What a page takes for granted: the README speaks of the quickstart's space and data."""
    if page.name != "README.md":
        return {}
    space = runpy.run_path(str(ROOT / "examples" / "quickstart.py"))
    digits = space["load_digits"]()
    x, y = digits.images[:64, ..., None] / 16.0, digits.target[:64]
    return {"build_model": space["build_model"], "x": x, "y": y}


@only_on("tensorflow", "the pages show its messages")
@pytest.mark.skipif(
    tuple(map(int, keras.__version__.split(".")[:2])) < (3, 15),
    reason="the pages show what Keras says since 3.15",
)
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


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n", "shows\n3\n"),
        ("```python\n1 / 0\n```\n", "division by zero"),
        ("```sh\nshapesafe --help   # exit status 1\n```\n", "shapesafe --help"),
        ("```sh\nshapesafe check nowhere.py:build\n```\n", "there is no such file"),
        ("```yaml\n- run: shapesafe check nowhere.py:build\n```\n", "there is no such file"),
    ],
)
def test_what_is_wrong_on_a_page_is_found(page: str, said: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(page)
    with pytest.raises((AssertionError, ZeroDivisionError), match=re.escape(said)):
        run_page(path, {})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Warnings are errors: pages that are not in the menu, links and names that lead nowhere."""
    pytest.importorskip("mkdocs", reason='the site needs python -m pip install -e ".[docs]"')
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.xdist_group("site")
def test_the_site_is_built_and_fetches_nothing(site: pathlib.Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) >= len(PAGES) - 1  # the README is no page of the site
    fetched = re.compile(
        r"""<(?:script|img|iframe|link(?! rel="canonical"))\b[^>]*(?:src|href)="?(?:https?:)?//"""
    )
    for page in pages:
        assert not fetched.search(page.read_text()), page
    styles = [path.read_text() for path in site.rglob("*.css")]
    assert not any(re.search(r"(?:url\(|@import )[\"']?(?:https?:)?//", style) for style in styles)


@pytest.mark.xdist_group("site")
@pytest.mark.skipif(not INSTALLED, reason="no chromium and chromedriver here")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_search_of_the_site_works_in_a_folder(site: pathlib.Path) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

    with browser() as driver:
        emulate(driver, "desktop")
        for page in ("index.html", "reference/api.html"):
            driver.get((site / page).as_uri())
            box = driver.find_element(By.CSS_SELECTOR, "input.md-search__input")
            box.click()
            box.send_keys("QuickXplain")
            found = WebDriverWait(driver, 20).until(
                lambda it: it.find_elements(By.CSS_SELECTOR, ".md-search-result__link")
            )
            assert found[0].get_attribute("href") == (site / "lazy_hyperparameters.html").as_uri()


@pytest.mark.parametrize("backend", kept.OTHERS)
def test_every_space_that_a_backend_judges_differently_is_named(backend: str) -> None:
    page = next(page for page in PAGES if page.stem == "backends").read_text()
    found = kept.differing(backend)
    assert found
    assert [name for name in found if f"`{name}`" not in page] == []
