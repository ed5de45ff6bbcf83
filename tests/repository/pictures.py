"""Draw the pictures of pages that the docs show, in a headless Chromium.

python -m tests.repository.pictures
"""

from __future__ import annotations

import base64
import dataclasses
import io
import pathlib
import runpy
import tempfile
from typing import Any

import keras
from keras import layers
from PIL import Image

import shapesafe_tuner as sst
from shapesafe_tuner.project.reading import read_search
from shapesafe_tuner.report.html import write_page
from tests.report.browser import browser, emulate
from tests.repository.running import ROOT

IMAGES = ROOT / "docs" / "images"
_MARGIN = 12


def unet(hp: Any) -> Any:
    """That of the recipes."""
    side = hp.Choice("side", [32, 40, 48])
    inputs = x = keras.Input((side, side, 1))
    skips = []
    for _ in range(hp.Int("depth", 1, 4)):
        x = layers.Conv2D(8, 3, padding="same")(x)
        skips.append(x)
        x = layers.MaxPooling2D(2)(x)
    for skip in reversed(skips):
        x = layers.Concatenate()([layers.UpSampling2D(2)(x), skip])
    return keras.Model(inputs, layers.Conv2D(1, 1)(x))


def pages(folder: pathlib.Path) -> None:
    """Write the pages."""
    quickstart = runpy.run_path(str(ROOT / "examples" / "quickstart.py"))
    build, digits = quickstart["build_model"], quickstart["load_digits"]()
    x, y = digits.images[:300, ..., None] / 16.0, digits.target[:300]
    tuner = sst.RandomSearch(
        build, "val_accuracy", max_trials=8, seed=1, directory=folder, project_name="digits",
        on_infeasible="repair",
    )  # fmt: skip
    tuner.search(x, y, validation_split=0.2, epochs=1, verbose=0)
    search = read_search(str(folder / "digits"))
    shown = dataclasses.replace(search, project="searches/digits")
    write_page(folder / "search.html", "search", shown)
    sst.validate_search_space(build, x=x, y=y).to_html(folder / "space.html")
    sst.validate_search_space(unet).to_html(folder / "unet.html")


def draw(driver: Any, page: pathlib.Path, first: str, last: str, name: str) -> None:
    """A picture from the top of one element to the end of another."""
    driver.get(page.as_uri())
    rect = "const it = document.querySelector(arguments[0]).getBoundingClientRect();"
    top = driver.execute_script(f"{rect} return it.top + scrollY", first)
    bottom = driver.execute_script(f"{rect} return it.bottom + scrollY", last)
    left, width = driver.execute_script(f"{rect} return [it.left, it.width]", "main")
    clip = {
        "x": left, "y": top - _MARGIN, "width": width, "height": bottom - top + 2 * _MARGIN,
        "scale": 1,
    }  # fmt: skip
    given = {"captureBeyondViewport": True, "format": "png", "clip": clip}
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", given)
    picture = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
    few = picture.quantize(128, dither=Image.Dither.NONE)  # a third of the size
    few.save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place, browser() as driver:
        folder = pathlib.Path(place)
        pages(folder)
        emulate(driver, "desktop")
        draw(driver, folder / "space.html", "header", "#causes li", "page_of_a_space")
        draw(
            driver,
            folder / "unet.html",
            "#causes li details",
            "#causes li details",
            "way_to_a_refusal",
        )
        draw(driver, folder / "space.html", "#importance", "#samples", "importance")
        draw(driver, folder / "search.html", "header", "#reasons li", "page_of_a_search")
