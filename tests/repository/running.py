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

__all__ = ["ROOT", "run_command", "run_script"]

ROOT = pathlib.Path(__file__).parents[2]


@functools.cache
def run_script(script: str, *arguments: str) -> tuple[int, str]:
    """Exit status and output of ``python script arguments``; it runs once, however often asked for.

    Args:
        script: a path from the top of the repository.
        arguments: of its command line.
    """
    path, status = str(ROOT / script), 0
    out = io.StringIO()
    with mock.patch.object(sys, "argv", [path, *arguments]), contextlib.redirect_stdout(out):
        try:
            runpy.run_path(path, run_name="__main__")
        except SystemExit as end:
            status = int(end.code or 0)
    return status, out.getvalue()


def run_command(*arguments: str) -> tuple[int, str]:
    """Exit status and output of ``shapesafe`` with these arguments."""
    result = CliRunner().invoke(main, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output
