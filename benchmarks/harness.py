"""What every benchmark shares: where it ran, what it writes, and how it goes on after a stop."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib.metadata
import json
import os
import pathlib
import platform
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "Journal",
    "Table",
    "between_markers",
    "machine",
    "parser",
    "publish",
    "versions",
]

PACKAGES = (
    "keras", "keras-tuner", "tensorflow", "jax", "torch", "numpy", "scikit-learn", "ortools",
    "python-constraint2",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of a result.

    Attributes:
        title: a heading, or "" for none.
        columns: headings.
        rows: cells, as they are shown.
        notes: sentences below it.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    notes: Sequence[str] = ()

    def markdown(self, level: int = 2) -> str:
        """The table in Markdown.

        Args:
            level: of the heading.

        Raises:
            ValueError: a row is shorter or longer than the headings.
        """
        lines = [f"{'#' * level} {self.title}\n"] if self.title else []
        for cells in (self.columns, ["---"] * len(self.columns), *self.rows):
            if len(cells) != len(self.columns):
                raise ValueError(f"{len(self.columns)} columns and a row of {len(cells)}: {cells}")
            shown = ("-" if cell is None else str(cell).replace("|", "\\|") for cell in cells)
            lines.append(f"| {' | '.join(shown)} |")
        lines += [f"\n{note}" for note in self.notes]
        return "\n".join(lines) + "\n"


class Journal:
    """Results of single runs, one JSON object a line, so that a benchmark goes on where it stopped.

    Args:
        path: of the file; made when the first result is added.
        key: names of the fields that say which run it was.

    Attributes:
        runs: all results, oldest first.

    Raises:
        ValueError: a whole line of the file is not a result.
    """

    def __init__(self, path: pathlib.Path, key: Sequence[str]) -> None:
        self._path = path
        self._key = tuple(key)
        text = path.read_text() if path.exists() else ""
        # What a killed process wrote of its last line is not a result, and not what follows it.
        *lines, torn = text.split("\n")
        self.runs: list[dict[str, Any]] = [
            _parsed(path, number, line) for number, line in enumerate(lines, 1) if line
        ]
        self._known = {self._of(run) for run in self.runs}
        if torn:
            path.write_text(text.removesuffix(torn))

    def _of(self, run: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(run[name] for name in self._key)

    def __contains__(self, run: Mapping[str, Any]) -> bool:
        return self._of(run) in self._known

    def add(self, run: dict[str, Any]) -> None:
        """Keep a result, on disk before it returns."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps(run) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.runs.append(run)
        self._known.add(self._of(run))


def _parsed(path: pathlib.Path, number: int, line: str) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{path}, line {number} is not the result of a run: {error}. Remove that line to have "
            "the run made again."
        ) from error


def machine() -> dict[str, Any]:
    """The machine: processor, cores, memory in GiB, system, and the load of the last minute."""
    processor = platform.processor() or platform.machine()
    told = pathlib.Path("/proc/cpuinfo")
    if told.exists():
        models = [line for line in told.read_text().splitlines() if line.startswith("model name")]
        processor = models[0].split(":", 1)[1].strip() if models else processor
    memory = None
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "memory GiB": memory,
        "system": platform.platform(terse=True),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }


def versions() -> dict[str, str]:
    """Versions of Python, of this package and of what it runs on."""
    import shapesafe_tuner

    found = {"python": platform.python_version(), "shapesafe_tuner": shapesafe_tuner.__version__}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def parser(name: str, doc: str | None) -> argparse.ArgumentParser:
    """Arguments that every benchmark takes.

    Args:
        name: of the benchmark.
        doc: docstring of its module; the first line is shown.
    """
    described = (doc or "").strip().splitlines()[0]
    made = argparse.ArgumentParser(prog=f"python -m benchmarks {name}", description=described)
    made.add_argument(
        "--into",
        type=pathlib.Path,
        default=pathlib.Path("build", "benchmarks", name),
        help="folder of the results (default: %(default)s)",
    )
    return made


def publish(
    name: str, into: pathlib.Path, settings: Any, data: Any, tables: Sequence[Table]
) -> str:
    """Write ``NAME.json`` and ``NAME.md`` with the machine and the versions, and return the latter.

    Args:
        name: of the benchmark.
        into: the folder.
        settings: what was asked for; JSON, or an ``argparse.Namespace``.
        data: what was measured; JSON.
        tables: the same for readers.
    """
    given = vars(settings) if isinstance(settings, argparse.Namespace) else settings
    where, what = machine(), versions()
    into.mkdir(parents=True, exist_ok=True)
    content = {
        "benchmark": name, "settings": given, "machine": where, "versions": what, "results": data
    }  # fmt: skip
    (into / f"{name}.json").write_text(json.dumps(content, indent=2, default=str) + "\n")
    facts = [", ".join(f"{key} {value}" for key, value in facts.items()) for facts in (where, what)]
    parts = [f"# {name}\n", *(f"{line}\n" for line in facts), *(t.markdown() for t in tables)]
    text = "\n".join(parts)
    (into / f"{name}.md").write_text(text)
    return text


def between_markers(page: str, name: str, text: str) -> str:
    """A page with what stands between the two markers of a benchmark replaced.

    Args:
        page: the page, with ``<!-- NAME: begin ... -->`` and ``<!-- NAME: end -->``.
        name: of the benchmark.
        text: what is to stand there.

    Raises:
        ValueError: a marker is missing, doubled, or they stand the wrong way round.
    """
    begin, end = f"<!-- {name}: begin", f"<!-- {name}: end -->"
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        raise ValueError(f"The page needs one '{begin} -->' and, below it, one '{end}'.")
    start = page.index("-->", page.index(begin)) + len("-->")
    return f"{page[:start]}\n\n{text.strip()}\n\n{page[page.index(end) :]}"
