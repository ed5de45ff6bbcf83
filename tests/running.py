"""Examples and commands run in this process as a user runs them: importing TensorFlow is slow."""

from __future__ import annotations

import contextlib
import functools
import io
import pathlib
import runpy
import sys
from unittest import mock

from click.testing import CliRunner

from shapesafe_tuner.cli import main

__all__ = ["ROOT", "command", "printed_by"]

ROOT = pathlib.Path(__file__).parents[1]


@functools.cache
def printed_by(script: str, *arguments: str) -> str:
    """What ``python script arguments`` prints; it runs once, however often it is asked for.

    Args:
        script: a path from the top of the repository.
        arguments: of its command line.
    """
    path = str(ROOT / script)
    out = io.StringIO()
    with mock.patch.object(sys, "argv", [path, *arguments]), contextlib.redirect_stdout(out):
        runpy.run_path(path, run_name="__main__")
    return out.getvalue()


def command(*arguments: str) -> tuple[int, str]:
    """Exit status and output of ``shapesafe`` with these arguments."""
    result = CliRunner().invoke(main, arguments)
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    return result.exit_code, result.output
