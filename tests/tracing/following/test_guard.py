"""What a guard lets pass: TensorFlow's files, whatever the folder of the project is called."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

from shapesafe_tuner.tracing.following import guard

LIBRARY = "lib/python3.11/site-packages/tensorflow/python/autograph/pyct/loader.py"


def opened_in(file: str) -> bool:
    """Whether a file that code of this file opens is taken for TensorFlow's."""
    known: dict[str, Any] = {}
    exec(compile("def opens(ask): return ask()", file.replace("/", os.sep), "exec"), known)
    return bool(known["opens"](lambda: guard._is_autograph(sys._getframe(1))))


@pytest.mark.parametrize(
    "folder", ["/usr/", "/home/me/shapesafe_tuner/.venv/", "/home/me/autograph/.venv/"]
)
def test_tensorflow_writes_where_it_traces(folder: str) -> None:
    assert opened_in(folder + LIBRARY)


@pytest.mark.parametrize(
    "file", ["/home/me/fit.py", "/home/me/autograph/fit.py", "/home/me/autograph.py"]
)
def test_a_user_writes(file: str) -> None:
    assert not opened_in(file)
