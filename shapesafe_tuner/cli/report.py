"""``shapesafe report``: what a search did, from the files of its project."""

from __future__ import annotations

import os
import time

import click

from shapesafe_tuner.cli.options import HTML, TRACEBACK, once
from shapesafe_tuner.cli.output import write
from shapesafe_tuner.project.reading import no_project, read_search
from shapesafe_tuner.report.html import write_page
from shapesafe_tuner.report.search_view import search_text

__all__ = ["report"]


@click.command()
@click.argument("project", type=click.Path(file_okay=False))
@HTML
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@once("--every", metavar="SECONDS", type=click.IntRange(min=1),
      help="Write the page again at this interval while a search runs.")  # fmt: skip
@TRACEBACK
def report(project: str, page: str | None, as_json: bool, every: int | None) -> None:
    """Show the trials and rejections of a search, finished or running.

    PROJECT is the folder directory/project_name of the tuner. No Keras starts, and nothing in the
    folder changes.
    """
    if every is not None and page is None:
        raise click.UsageError(
            "--every writes a page again and again: name its file with --html FILE."
        )
    missing = no_project(project)
    if missing:
        raise click.UsageError(missing)
    try:
        search = read_search(project)
        write(search.to_json() if as_json else search_text(search))
        while page is not None:
            if every is None:
                write_page(page, "search", search)
                break
            # Whole: the browser may read it at any moment.
            write_page(f"{page}.part", "search", search, refresh=every)
            os.replace(f"{page}.part", page)
            time.sleep(every)
            search = read_search(project)
    except (RuntimeError, OSError, ImportError) as error:
        raise click.UsageError(str(error)) from error
