"""What the command writes, in any encoding, and what it keeps libraries from writing."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["any_encoding", "quietly", "write"]


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
def any_encoding() -> Iterator[None]:
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
