"""How the command runs: one line for each error, and its exit status."""

from __future__ import annotations

import contextlib
import difflib
import enum
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import click

from shapesafe_tuner.cli.output import any_encoding
from shapesafe_tuner.escaping import visible

__all__ = ["Program", "Status", "interrupted", "said_as_usage"]


class Status(enum.IntEnum):
    """The exit statuses."""

    CLEAN = 0
    INFEASIBLE = 1
    USAGE = 2
    UNDECIDED = 3
    INTERRUPTED = 130

    @classmethod
    def of(cls, feasible: bool | None) -> Status:
        """Of one configuration."""
        return {True: cls.CLEAN, False: cls.INFEASIBLE, None: cls.UNDECIDED}[feasible]


class Program(click.Group):
    """A group of commands that return their exit status, and whose errors are one line each."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, and exit."""
        given = list(sys.argv[1:] if args is None else args)
        if not standalone_mode:
            return super().main(given, prog_name, complete_var, standalone_mode=False, **extra)
        with any_encoding(), warnings.catch_warnings():
            if not sys.warnoptions:
                warnings.simplefilter("ignore")
            sys.exit(self._status(given, prog_name, complete_var, "--traceback" in given, extra))

    def _status(
        self, given: list[str], name: str | None, variable: str | None, trace: bool, extra: Any
    ) -> int:
        try:
            return int(super().main(given, name, variable, standalone_mode=False, **extra) or 0)
        except click.ClickException as error:
            _complain(f"Error: {error.format_message()}", error.__cause__ if trace else None)
            return Status.USAGE
        except (click.Abort, KeyboardInterrupt):
            return interrupted()
        except (Exception, SystemExit) as error:
            said = " ".join(str(error).split())
            _complain(f"Error: {type(error).__name__}: {said}", error if trace else None)
            return Status.UNDECIDED

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; click itself would print an empty line when it is interrupted."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            return interrupted()

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """The command; of a misspelt one the nearest is named."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), 1)
            hint = f"; did you mean {near[0]}?" if near else f": {', '.join(self.commands)}."
            raise click.UsageError(f"There is no command {args[0]}{hint}")
        return super().resolve_command(ctx, args)


def interrupted() -> int:
    """Say so; the exit status."""
    _complain("Interrupted.", None)
    return Status.INTERRUPTED


@contextlib.contextmanager
def said_as_usage() -> Iterator[None]:
    """An argument that a public function refuses is wrong usage.

    Raises:
        click.UsageError: in place of its ``ValueError`` or ``TypeError``.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        said = _FUNCTION.sub("", str(error))
        raise click.UsageError(" ".join(said.split())) from error


_FUNCTION = re.compile(r"^\w+\(\): ")
"""Errors in Python begin with the function that was called, which nobody has here."""


def _complain(line: str, cause: BaseException | None) -> None:
    if cause is not None:
        print("".join(traceback.format_exception(cause)), end="", file=sys.stderr)
    print(visible(" ".join(line.split())), file=sys.stderr)
