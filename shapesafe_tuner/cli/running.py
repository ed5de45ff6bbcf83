"""How the command runs: one line for each error, its exit status, and output in any encoding."""

from __future__ import annotations

import codecs
import contextlib
import difflib
import enum
import io
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import click

from shapesafe_tuner.escaping import visible

__all__ = ["Program", "Status", "interrupted", "quietly", "said_as_usage", "write"]


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
        with _any_encoding(), warnings.catch_warnings():
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


class _Writer:
    """Writes to the standard output; who closes it early does not change the exit status.

    In its encoding: ``click.echo`` writes UTF-8 where that is ASCII.
    """

    def __call__(self, text: str) -> None:
        with self._while_it_is_open():
            print(text)

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks at it, now."""
        return sys.stdout.isatty()

    @contextlib.contextmanager
    def console(self) -> Iterator[Any]:
        """A console of rich: colours on a terminal, and lines of 100 characters elsewhere."""
        from rich.console import Console

        class Output(Console):
            def on_broken_pipe(self) -> None:
                """Rich ends the process, with an exit status of its own."""
                raise BrokenPipeError

        with self._while_it_is_open():
            width = None if self.is_terminal or "COLUMNS" in os.environ else 100
            yield Output(highlight=False, width=width)

    @contextlib.contextmanager
    def _while_it_is_open(self) -> Iterator[None]:
        try:
            yield
            sys.stdout.flush()
        except BrokenPipeError:
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


write = _Writer()


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Suppress what libraries, and the module of a target, print while they are imported."""
    try:
        real = os.dup(2)
    except OSError:
        yield
        return
    with (
        open(os.devnull, "wb") as nowhere,
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(real, 2)
            os.close(real)


_IN_ASCII = {
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{BALLOT X}": "x",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{MIDDLE DOT}": "-",
    "\N{EN DASH}": "-",
}


def _spelt(error: UnicodeError) -> tuple[str, int]:
    """The characters that an encoding lacks, in ASCII."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    spelt = "".join(
        _IN_ASCII.get(letter) or letter.encode("ascii", "backslashreplace").decode()
        for letter in lacking
    )
    return spelt, error.end


codecs.register_error("shapesafe_tuner", _spelt)


@contextlib.contextmanager
def _any_encoding() -> Iterator[None]:
    """Write what the encoding of a stream lacks in ASCII."""
    streams = [one for one in (sys.stdout, sys.stderr) if isinstance(one, io.TextIOWrapper)]
    before = [(stream, stream.errors) for stream in streams]
    for stream in streams:
        stream.reconfigure(errors="shapesafe_tuner")
    try:
        yield
    finally:
        for stream, errors in before:
            if not stream.closed:
                stream.reconfigure(errors=errors)
