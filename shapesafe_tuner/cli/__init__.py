"""The ``shapesafe`` command: configurations and whole spaces, from a shell or a CI step."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from shapesafe_tuner.cli.report import report
from shapesafe_tuner.cli.target import TARGET, load
from shapesafe_tuner.escaping import visible
from shapesafe_tuner.plain import to_json

__all__ = ["main"]

_Command = TypeVar("_Command", bound=Callable[..., Any])

_NO_ACCELERATOR = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "HIP_VISIBLE_DEVICES": "-1",
    "JAX_PLATFORMS": "cpu",
    "KERAS_TORCH_DEVICE": "cpu",
}
"""Read by the backends when they start, which is later: nothing here needs a device."""


@click.group()
@click.version_option(package_name="shapesafe-tuner")
def main() -> None:
    """Tell which configurations of a KerasTuner search space can exist.

    Exit status: 0 feasible or undecided, 1 infeasible (of a space: more than --max-infeasible),
    2 wrong usage.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.update(_NO_ACCELERATOR)


main.add_command(report)


def _group(*options: Callable[[Any], Any]) -> Callable[[_Command], _Command]:
    """Several options as one decorator."""

    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _batch_size(text: str | None) -> int | str | None:
    if text is None or text.isidentifier():
        return text
    return int(click.IntRange(min=1)(text))


_DATA = _group(
    click.argument("target"),
    click.option("--x", "x_specs", multiple=True, metavar="[NAME=]28,28,1[:DTYPE]",
                 help="Shape of an input, without the batch axis."),
    click.option("--y", "y_specs", multiple=True, metavar="[NAME=]10[:DTYPE]",
                 help='Shape of a target, without the batch axis; "" for scalars.'),
    click.option("--batch-size", callback=lambda *given: _batch_size(given[-1]), metavar="N|NAME",
                 help="Samples in a batch, or the name of a hyperparameter."),
    click.option("--max-model-size", type=click.IntRange(min=1)),
    click.option("--json", "as_json", is_flag=True, help="Print JSON."),
)  # fmt: skip
_VALUES = _group(
    click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE",
                 help="Value of a hyperparameter; others take their default."),
    click.option("--values", "values_json", metavar="JSON",
                 help="All values as a JSON object."),
)  # fmt: skip
_HTML = click.option("--html", "page", metavar="FILE", type=click.Path(dir_okay=False),
                     help="Also write a page to look at.")  # fmt: skip


@main.command(epilog=TARGET)
@_DATA
@_VALUES
def check(as_json: bool, **given: Any) -> None:
    """Say whether one configuration can be built and trained."""
    explanation = _explain(**given)
    verdict = explanation.verdict
    if as_json:
        click.echo(to_json(verdict.to_dict(), indent=2))
    else:
        outcome = {True: "feasible", False: "infeasible", None: "undecided"}[verdict.feasible]
        click.echo(
            outcome if verdict.fault is None else visible(f"{outcome}: {verdict.fault.reason}")
        )
        for note in verdict.warnings:
            click.echo(visible(note))
    raise SystemExit(1 if verdict.feasible is False else 0)


@main.command(epilog=TARGET)
@_DATA
@_VALUES
@_HTML
def explain(as_json: bool, page: str | None, **given: Any) -> None:
    """Show the shapes of one configuration, what refuses it and why."""
    explanation = _explain(**given)
    _write_page(explanation, page)
    if as_json:
        click.echo(explanation.to_json())
    else:
        from rich.console import Console

        from shapesafe_tuner.report.text import print_explanation

        print_explanation(
            Console(highlight=False), explanation.values, explanation.verdict, explanation.nearest
        )
    raise SystemExit(1 if explanation.verdict.feasible is False else 0)


@main.command(epilog=TARGET)
@_DATA
@_HTML
@click.option(
    "--max-infeasible",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of the space that may be infeasible.",
)
@click.option("--exact", is_flag=True, help="Fail rather than sample.")
@click.option("--samples", type=click.IntRange(min=1), default=1_000, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def validate(
    target: str,
    x_specs: Sequence[str],
    y_specs: Sequence[str],
    max_infeasible: float,
    exact: bool,
    as_json: bool,
    page: str | None,
    **given: Any,
) -> None:
    """Say which part of a search space can be built and trained, and what never fits."""
    hypermodel = load(target)
    import shapesafe_tuner

    try:
        report = shapesafe_tuner.validate_search_space(
            hypermodel,
            x=_data("--x", x_specs),
            y=_data("--y", y_specs),
            exact=True if exact else None,
            **given,
        )
    except ValueError as error:
        if not exact:
            raise
        raise click.UsageError(str(error)) from None
    _write_page(report, page)
    click.echo(report.to_json() if as_json else report.to_text())
    raise SystemExit(1 if 1 - report.feasible_fraction > max_infeasible else 0)


def _write_page(result: Any, path: str | None) -> None:
    if path is None:
        return
    try:
        result.to_html(path)
    except ImportError as error:
        raise click.UsageError(f"--html: {error}") from None
    except OSError as error:
        raise click.UsageError(f"--html {path}: {error.strerror}.") from None


def _explain(
    target: str,
    assignments: Sequence[str],
    values_json: str | None,
    x_specs: Sequence[str],
    y_specs: Sequence[str],
    batch_size: int | str | None,
    max_model_size: int | None,
) -> Any:
    values = _values(assignments, values_json)
    hypermodel = load(target)
    import shapesafe_tuner

    return shapesafe_tuner.explain(
        hypermodel,
        values,
        x=_data("--x", x_specs),
        y=_data("--y", y_specs),
        batch_size=batch_size,
        max_model_size=max_model_size,
    )


def _values(assignments: Sequence[str], values_json: str | None) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if values_json is not None:
        try:
            values = json.loads(values_json)
        except ValueError as error:
            raise click.UsageError(f"--values is not JSON ({error}).") from None
        if not isinstance(values, dict):
            raise click.UsageError('--values must be a JSON object, for example {"kernel": 3}.')
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name:
            raise click.UsageError(f"--set {assignment}: expected NAME=VALUE, as in kernel=3.")
        values[name] = _parsed(text)
    return values


def _parsed(text: str) -> Any:
    words = {"True": True, "False": False, "None": None}
    if text in words:
        return words[text]
    try:
        return json.loads(text)
    except ValueError:
        return text


def _data(option: str, specs: Sequence[str]) -> Any:
    """Symbolic data: one tensor, a list of them, or a dict where they are named."""
    if not specs:
        return None
    parsed = [_spec(option, spec) for spec in specs]
    names = [name for name, _ in parsed]
    if all(name is None for name in names):
        return parsed[0][1] if len(parsed) == 1 else [tensor for _, tensor in parsed]
    if None in names:
        raise click.UsageError(f"{option}: give every shape a name, or none.")
    return dict(parsed)


def _spec(option: str, text: str) -> tuple[str | None, Any]:
    import keras

    name, equals, rest = text.rpartition("=")
    sizes, _, dtype = rest.partition(":")
    try:
        shape = [None if part.strip() in ("None", "?") else int(part) for part in sizes.split(",")
                 if part.strip()]  # fmt: skip
        tensor = keras.KerasTensor((None, *shape), dtype=dtype or "float32")
    except (ValueError, TypeError) as error:
        raise click.UsageError(
            f'{option} "{text}": expected sizes such as 28,28,1 or name=28,28,1:float32 ({error}).'
        ) from None
    return (name if equals else None), tensor
