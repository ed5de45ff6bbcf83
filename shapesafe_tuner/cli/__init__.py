"""The ``shapesafe`` command: configurations and whole spaces, from a shell or a CI step."""

from __future__ import annotations

import os
from typing import Any

import click

from shapesafe_tuner.cli.options import (
    DATA,
    GROUP,
    HTML,
    TRACEBACK,
    VALUES,
    Share,
    once,
    values_of,
)
from shapesafe_tuner.cli.output import write
from shapesafe_tuner.cli.report import report
from shapesafe_tuner.cli.running import Program, Status, interrupted, said_as_usage
from shapesafe_tuner.cli.shapes import data_of
from shapesafe_tuner.cli.target import EPILOG, load

__all__ = ["main"]

_NO_ACCELERATOR = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "HIP_VISIBLE_DEVICES": "-1",
    "JAX_PLATFORMS": "cpu",
    "KERAS_TORCH_DEVICE": "cpu",
}
"""Read by the backends when they start, which is later: nothing here needs a device."""

_STATUSES = """
\b
Exit status:
  0    feasible
  1    infeasible (validate: more than --max-infeasible)
  2    wrong usage: an option, a shape, a name, or a target that cannot be imported
  3    undecided (validate: more than --max-undecided); also where build always raises
  130  interrupted; validate prints the report so far

\b
Examples:
  shapesafe validate models.py:build_model --x 28,28,1 --y ""
  shapesafe check models.py:build_model --set kernel=7 --x 28x28x1
  shapesafe explain package.models:MyHyperModel --x image=28,28,1 --x age=1
  shapesafe report searches/first --html search.html
"""


@click.group("shapesafe", cls=Program, epilog=_STATUSES, invoke_without_command=True, **GROUP)
@click.version_option(package_name="shapesafe-tuner")
@TRACEBACK
@click.pass_context
def main(context: click.Context) -> int:
    """Find out which configurations of a KerasTuner search space can be built and trained."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.update(_NO_ACCELERATOR)
    if context.invoked_subcommand is None:
        write(context.get_help())
        return Status.USAGE
    return Status.CLEAN


main.add_command(report)


@main.command(epilog=EPILOG)
@DATA
@VALUES
def check(as_json: bool, **given: Any) -> int:
    """Say whether one configuration can be built and trained."""
    explanation = _explain(**given)
    verdict = explanation.verdict
    if as_json:
        from shapesafe_tuner.plain import to_json

        write(to_json(verdict.to_dict(), indent=2))
    else:
        from shapesafe_tuner.report.text import check_text

        write(check_text(verdict))
    return Status.of(verdict.feasible)


@main.command(epilog=EPILOG)
@DATA
@VALUES
@HTML
def explain(as_json: bool, page: str | None, **given: Any) -> int:
    """Show the shapes of one configuration, what refuses it and why."""
    explanation = _explain(**given)
    if page is not None:
        explanation.to_html(page)
    if as_json:
        write(explanation.to_json())
    else:
        from shapesafe_tuner.report.text import print_explanation

        with write.console() as console:
            print_explanation(console, explanation.values, explanation.verdict, explanation.nearest)
    return Status.of(explanation.verdict.feasible)


@main.command(epilog=EPILOG)
@DATA
@HTML
@once(
    "--max-infeasible",
    type=Share(),
    default=0.0,
    metavar="SHARE",
    help="Share of the space that may be infeasible.",
)
@once(
    "--max-undecided",
    type=Share(),
    default=0.0,
    metavar="SHARE",
    help="Share of the space that may be undecided.",
)
@click.option("--exact", is_flag=True, help="Fail rather than sample.")
@once(
    "--samples",
    type=click.IntRange(min=1),
    default=1_000,
    help="Configurations to draw where the space must be sampled.",
)
@once("--seed", type=int, default=0, help="Seed of these draws.")  # fmt: skip
def validate(
    target: str,
    x_specs: tuple[str, ...],
    y_specs: tuple[str, ...],
    max_infeasible: float,
    max_undecided: float,
    exact: bool,
    as_json: bool,
    page: str | None,
    **given: Any,
) -> int:
    """Say which part of a search space can be built and trained, and what never fits."""
    data = data_of(x_specs, y_specs)
    hypermodel = load(target)
    import shapesafe_tuner

    with said_as_usage():
        report = shapesafe_tuner.validate_search_space(
            hypermodel, **data.tensors(), exact=True if exact else None, **given
        )
    if page is not None:
        report.to_html(page)
    if as_json:
        write(report.to_json())
    elif write.is_terminal:
        from shapesafe_tuner.report.space_console import print_space

        with write.console() as console:
            print_space(console, report)
    else:
        write(report.to_text())
    if report.interrupted:
        return interrupted()
    if report.infeasible_fraction > max_infeasible:
        return Status.INFEASIBLE
    return Status.UNDECIDED if report.undecided_fraction > max_undecided else Status.CLEAN


def _explain(
    target: str,
    assignments: tuple[str, ...],
    values_json: str | None,
    x_specs: tuple[str, ...],
    y_specs: tuple[str, ...],
    **given: Any,
) -> Any:
    values = values_of(assignments, values_json)
    data = data_of(x_specs, y_specs)
    hypermodel = load(target)
    import shapesafe_tuner

    with said_as_usage():
        return shapesafe_tuner.explain(hypermodel, values, **data.tensors(), **given)
