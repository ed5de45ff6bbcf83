"""A headless Chromium for the tests of pages."""

from __future__ import annotations

import base64
import contextlib
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

__all__ = ["INSTALLED", "SIZES", "browser", "emulate", "screenshot"]

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_DRIVER = shutil.which("chromedriver")
INSTALLED = bool(_CHROMIUM and _DRIVER)
"""Whether there is a browser, and what drives it."""
SIZES = {"phone": (360, 740), "tablet": (768, 1024), "desktop": (1280, 900)}

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--force-color-profile=srgb",
    "--hide-scrollbars",
)  # fmt: skip


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """A fresh Chromium, driven by Selenium; its console is kept."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        options = Options()
        options.binary_location = _CHROMIUM or ""
        for flag in (*_FLAGS, f"--user-data-dir={folder}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(_DRIVER))
        try:
            yield driver
        finally:
            driver.quit()


def emulate(driver: Any, size: str, scheme: str = "light") -> None:
    """Give the window a size, and the page a colour scheme."""
    width, height = SIZES[size]
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def screenshot(driver: Any, path: pathlib.Path) -> None:
    """The whole page, as long as it is."""
    given = {"captureBeyondViewport": True, "format": "png"}
    size = driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    given["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", given)
    path.write_bytes(base64.b64decode(shot["data"]))
