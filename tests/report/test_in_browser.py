"""The pages in a headless Chromium: opened, resized, used by keyboard, on a phone and a desktop."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.report import reports
from tests.report.browser import INSTALLED, SIZES, browser, emulate

if not INSTALLED and os.environ.get("CI", "").lower() not in ("1", "true"):
    pytest.skip(
        "no chromium and chromedriver here: apt-get install chromium chromium-driver",
        allow_module_level=True,
    )

# One browser, in one process.
pytestmark = [
    pytest.mark.xdist_group("browser"),
    # Selenium leaves its socket and its driver's pipe to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

SUBJECTS = {
    "small": reports.small,
    "calm": reports.calm,
    "hostile": reports.hostile,
    "refused": reports.refused,
}


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    assert INSTALLED, "apt-get install chromium chromium-driver"
    with browser() as driver:
        yield driver


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder: pathlib.Path = tmp_path_factory.mktemp("pages")
    for name, subject in SUBJECTS.items():
        subject.to_html(folder / f"{name}.html")
    cells = "".join(subject._repr_html_() for subject in SUBJECTS.values())
    (folder / "cells.html").write_text(f"<!doctype html><body>{cells}", encoding="utf-8")
    return {path.stem: path.as_uri() for path in folder.iterdir()}


def opened(driver: Any, address: str) -> None:
    driver.get(address)
    driver.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", sorted(SIZES))
@pytest.mark.parametrize("name", [*sorted(SUBJECTS), "cells"])
def test_it_fits_the_screen_and_nothing_is_refused_or_run(
    driver: Any, addresses: dict[str, str], name: str, size: str, scheme: str
) -> None:
    driver.get_log("browser")
    emulate(driver, size, scheme)
    opened(driver, addresses[name])
    width, _ = SIZES[size]
    assert driver.execute_script("return innerWidth") == width
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    # Neither may anything reach over the edge of what cannot be scrolled.
    outside = driver.execute_script(
        """return [...document.querySelectorAll('body *')].filter(
          one => !one.closest('.scroll, .skip, .hidden, svg') &&
                 one.getBoundingClientRect().right > innerWidth + 1
        ).map(one => one.outerHTML.slice(0, 80))"""
    )
    assert outside == []
    assert driver.get_log("browser") == []
    assert driver.execute_script("return window.ran === undefined")
    loaded = driver.execute_script(
        "return performance.getEntriesByType('resource').map(one => one.name)"
    )
    assert loaded == []
    background = driver.execute_script(
        "return getComputedStyle(document.querySelector('.shapesafe')).backgroundColor"
    )
    assert background == {"light": "rgb(251, 250, 248)", "dark": "rgb(21, 24, 27)"}[scheme]


def table(driver: Any) -> list[list[str]]:
    return driver.execute_script(  # type: ignore[no-any-return]
        "return [...document.querySelectorAll('#map-here tr')].map("
        "row => [...row.cells].map(cell => cell.textContent))"
    )


SMALL = [["", "kernel"], ["blocks", "3", "5..7"],
         ["1", "100", "100"], ["2", "100", "<1"], ["3", ">99", "0"]]  # fmt: skip


@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_the_map_changes_by_keyboard(driver: Any, addresses: dict[str, str], size: str) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    emulate(driver, size)
    driver.get(addresses["small"])
    down, across = (driver.find_element(By.ID, name) for name in ("down", "across"))
    said = driver.find_element(By.ID, "said")
    assert down.is_displayed()
    assert table(driver) == SMALL
    across.send_keys(Keys.ARROW_DOWN)
    assert table(driver)[0] == ["", "pool"]
    assert table(driver)[2:] == [["1", "100", "0"], ["2", "50", "0"], ["3", "·", "0"]]
    assert said.text == "blocks and pool: of 5 combinations, 3 never fit and 1 always does."
    down.send_keys("k")
    assert table(driver)[1:] == [["kernel", "False", "True"], ["3", "75", "0"], ["5..7", "50", "0"]]
    # The same on both sides: the two change places.
    across.send_keys("k")
    assert (down.get_property("value"), across.get_property("value")) == ("2", "1")
    assert table(driver)[1:] == [["pool", "3", "5..7"], ["False", "75", "50"], ["True", "0", "0"]]
    across.send_keys(Keys.HOME)
    down.send_keys(Keys.ARROW_UP)
    turned = [["", "blocks"], ["kernel", "1", "2", "3"], ["3", "100", "100", ">99"],
              ["5..7", "100", "<1", "0"]]  # fmt: skip
    assert table(driver) == turned
    down.send_keys(Keys.HOME)
    assert table(driver) == SMALL
    assert driver.execute_script(
        "return [...document.querySelectorAll('#map-here tbody td')].map(one => one.className)"
    ) == ["shade10", "shade10", "shade10", "shade1", "shade9", "shade0"]


def shown(driver: Any) -> list[str]:
    return driver.execute_script(  # type: ignore[no-any-return]
        "return [...document.querySelectorAll('li[data-causes]')].filter(one => !one.hidden)"
        ".map(one => one.querySelector('.fails, .members').textContent)"
    )


def bright(driver: Any) -> int:
    query = "return document.querySelectorAll('#parallel polyline:not(.dimmed)').length"
    return driver.execute_script(query)  # type: ignore[no-any-return]


def test_causes_conflicts_and_lines_are_filtered(driver: Any, addresses: dict[str, str]) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.select import Select

    emulate(driver, "desktop")
    driver.get(addresses["small"])
    by_cause, by_name, by_value = (
        Select(driver.find_element(By.ID, name)) for name in ("by-cause", "by-name", "by-value")
    )
    everything = shown(driver)
    assert (len(everything), bright(driver)) == (4, 4)
    by_cause.select_by_value("1")
    assert shown(driver) == ["No map is left.", "pool=True"]
    assert bright(driver) == 1
    assert driver.find_element(By.ID, "filtered").text == "2 of 4 causes and conflicts shown"
    by_name.select_by_visible_text("kernel")
    assert shown(driver) == []
    by_cause.select_by_value("")
    assert len(shown(driver)) == 2
    by_name.select_by_value("")
    by_value.select_by_visible_text("blocks 3")
    assert bright(driver) == 2
    assert driver.find_element(By.ID, "lines").text == "2 of 4 configurations shown"
    by_value.select_by_index(0)
    assert (shown(driver), bright(driver)) == (everything, 4)


def test_every_control_is_reached_and_seen_to_have_the_focus(
    driver: Any, addresses: dict[str, str]
) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    emulate(driver, "phone")
    driver.get(addresses["small"])
    reached = []
    for _ in range(40):
        driver.switch_to.active_element.send_keys(Keys.TAB)
        one = driver.switch_to.active_element
        if one.tag_name == "body":
            break
        outline = (
            one.value_of_css_property("outline-style"),
            one.value_of_css_property("outline-width"),
        )
        assert outline == ("solid", "3px"), one.get_attribute("outerHTML")
        assert 0 <= one.rect["x"] < 360
        reached.append(one.get_attribute("id") or one.get_attribute("href") or one.tag_name)
    expected = driver.execute_script(
        "return document.querySelectorAll('a[href], select, summary, [tabindex=\"0\"]').length"
    )
    assert len(reached) >= expected
    assert reached[0].endswith("#content")
    assert [name for name in reached if name in ("down", "across", "map-here")] == [
        "down", "across", "map-here",
    ]  # fmt: skip
    driver.get(addresses["small"])
    driver.switch_to.active_element.send_keys(Keys.TAB, Keys.ENTER)
    assert driver.switch_to.active_element.get_attribute("id") == "content"
    driver.find_element(By.CSS_SELECTOR, "summary").send_keys(Keys.ENTER)
    assert not driver.execute_script("return document.querySelector('details').open")


def names_by_role(driver: Any) -> dict[str, list[str]]:
    """What a screen reader gets to know."""
    driver.execute_cdp_cmd("Accessibility.enable", {})
    found: dict[str, list[str]] = {}
    for node in driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]:
        if not node["ignored"]:
            role, name = (node.get(part, {}).get("value", "") for part in ("role", "name"))
            found.setdefault(role, []).append(name)
    return found


def test_what_a_screen_reader_says(driver: Any, addresses: dict[str, str]) -> None:
    emulate(driver, "desktop")
    opened(driver, addresses["small"])
    names = names_by_role(driver)
    assert names["combobox"] == ["Cause", "Hyperparameter", "Through", "Down", "Across"]
    assert names["navigation"] == ["Sections"]
    assert len(names["main"]) == len(names["contentinfo"]) == 1
    assert names["image"] == [
        "62.50% feasible, 37.50% infeasible",
        "4 random configurations: 2 feasible, 2 infeasible",
    ]
    assert names["heading"] == [
        "62.50% feasible", "Why configurations fail", "What never fits", "What would help",
        "Importance for feasibility", "Parallel coordinates", "Any two hyperparameters",
        "Value by value", "Worth knowing",
    ]  # fmt: skip
    regions = {*names["heading"][1:], "Map of feasibility", "Parallel coordinates"}
    assert set(names["region"]) == regions
    assert all(names["table"])
    assert "Feasible share in per cent: blocks down, kernel across" in names["table"]
    assert {"kernel", "blocks", "3", "5..7"} <= {*names["columnheader"], *names["rowheader"]}


def test_without_scripts_the_first_map_and_all_else_can_be_read(
    driver: Any, addresses: dict[str, str]
) -> None:
    from selenium.webdriver.common.by import By

    emulate(driver, "phone")
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.get(addresses["small"])
        assert not driver.find_element(By.ID, "choose").is_displayed()
        text = driver.find_element(By.TAG_NAME, "main").text
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert "Other pairs can be chosen where scripts may run" in text
    assert "of 6 combinations, 1 never fits" in text
    assert "keep blocks <= 2" in text
    assert "refused" in text
