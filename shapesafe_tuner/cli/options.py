"""The options of the commands, read and checked before anything is imported."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

__all__ = ["DATA", "GROUP", "HTML", "TRACEBACK", "VALUES", "Share", "once", "values_of"]

_Command = TypeVar("_Command", bound=Callable[..., Any])

GROUP: dict[str, Any] = {
    "context_settings": {"help_option_names": ["-h", "--help"], "max_content_width": 100}
}


def once(
    *names: str, default: Any = None, help: str = "", **given: Any
) -> Callable[[_Command], _Command]:
    """An option that may be given once; click takes the last of several in silence.

    Args:
        *names: of the option, and of the argument it fills.
        default: where it is not given.
        help: what it does.
        **given: as for ``click.option``.
    """
    shown = f"  [default: {default}]" if default is not None else ""

    def single(context: click.Context, option: click.Parameter, values: tuple[Any, ...]) -> Any:
        if len(values) > 1:
            raise click.UsageError(f"{option.opts[0]} is given {len(values)} times.", context)
        return values[0] if values else default

    return click.option(*names, multiple=True, callback=single, help=help + shown, **given)


class Share(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A share between 0 and 1, or a percentage."""

    name = "share"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The share as a number."""
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:  # nan is not, either
            self.fail(f"{text!r} is not a share between 0 and 1, such as 0.3 or 30%.", param, ctx)
        return share


class BatchSize(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A number of samples, or the name of a hyperparameter."""

    name = "batch size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """The number, or the name."""
        text = str(value).strip()
        if text.isidentifier():
            return text
        return int(click.IntRange(min=1)(text, param, ctx))


def _group(*options: Callable[[Any], Any]) -> Callable[[_Command], _Command]:
    """Several options as one decorator."""

    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _writable(context: click.Context, option: click.Parameter, path: str | None) -> str | None:
    """The path of a page, if it can be written there."""
    if path is None:
        return None
    folder = os.path.dirname(os.path.abspath(path))
    problem = None
    if os.path.isdir(path):
        problem = errno.EISDIR
    elif not os.path.isdir(folder):
        problem = errno.ENOENT
    elif not os.access(path if os.path.exists(path) else folder, os.W_OK):
        problem = errno.EACCES
    if problem is not None:
        raise click.UsageError(f"--html {path}: {os.strerror(problem)}.", context)
    return path


def _path(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> str | None:
    if len(values) > 1:
        raise click.UsageError(f"--html is given {len(values)} times.", context)
    return _writable(context, option, values[0] if values else None)


TRACEBACK = click.option("--traceback", is_flag=True, expose_value=False,
                         help="Show where an error comes from.")  # fmt: skip
DATA = _group(
    click.argument("target"),
    click.option("--x", "x_specs", multiple=True, metavar="[NAME=]28,28,1[:DTYPE]",
                 help="Shape of an input, without the batch axis; 28x28x1 and (28, 28, 1) "
                      "are the same. Give it once for each input."),
    click.option("--y", "y_specs", multiple=True, metavar="[NAME=]10[:DTYPE]",
                 help='Shape of a target, without the batch axis; "" for labels that are '
                      "single numbers."),
    once("--batch-size", type=BatchSize(), metavar="N|NAME",
         help="Batch size of fit, or the name of the hyperparameter that holds it."),
    once("--max-model-size", type=click.IntRange(min=1),
         help="Largest number of trainable parameters."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON."),
    TRACEBACK,
)  # fmt: skip
VALUES = _group(
    click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE",
                 help="Value of a hyperparameter; others take their default."),
    once("--values", "values_json", metavar="JSON", help="All values as a JSON object."),
)  # fmt: skip
HTML = click.option("--html", "page", metavar="FILE", multiple=True, callback=_path,
                    help="Also write the report as an HTML page.")  # fmt: skip


def values_of(assignments: Sequence[str], values_json: str | None) -> dict[str, Any]:
    """The values that ``--set`` and ``--values`` give.

    Raises:
        click.UsageError: they cannot be read, or a name is given twice.
    """
    values: dict[str, Any] = {}
    if values_json is not None:
        try:
            parsed = json.loads(values_json, object_pairs_hook=_without_repeats)
        except ValueError as error:
            raise click.UsageError(f"--values is not JSON ({error}).") from None
        if not isinstance(parsed, dict):
            raise click.UsageError('--values must be a JSON object, for example {"kernel": 3}.')
        values = parsed
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip()
        if not equals or not name:
            raise click.UsageError(f"--set {assignment}: expected NAME=VALUE, as in kernel=3.")
        if name in values:
            raise click.UsageError(f"--set {assignment}: {name} has a value already.")
        values[name] = _parsed(text)
    return values


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise click.UsageError(f"--values: {name} is given twice.")
        found[name] = value
    return found


def _parsed(text: str) -> Any:
    words = {"True": True, "False": False, "None": None}
    if text in words:
        return words[text]
    try:
        return json.loads(text)
    except ValueError:
        return text
