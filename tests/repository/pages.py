"""What a reader of a page would do: run its code and its commands, and compare what is shown.

- ``python`` blocks run in one namespace a page; with ``title="models.py"`` they are saved as well.
  With ``title="search.py"`` they are a reader's script with a long search, and only compiled.
- Of ``sh`` blocks, and of the texts in ``yaml`` blocks, the commands ``shapesafe ...`` and
  ``python examples/...`` run. ``# exit status 1`` behind a command holds it to that.
- A ``text`` block must be among what the page prints; ``...`` stands for anything. Seconds and
  runs of ``build`` may differ: they are the effort, not the answer.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import pathlib
import re
import shlex
from collections.abc import Iterator
from typing import Any

import yaml
from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

from tests.repository.running import ROOT, run_command, run_script

__all__ = ["PAGES", "run_page"]

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])

_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_EFFORT = re.compile(r"(?<=build ran )[\d,]+(?= times)|\b[\d.]+(?= s\b)")
_STATUS = re.compile(r"# exit status (\d)")
_PRINTED, _SHOWN = "printed by the page", "shown on the page"  # no names of Python's


def run_page(page: pathlib.Path, given: dict[str, Any]) -> None:
    """Run every block of a page in the current folder, then compare what it shows.

    Args:
        page: a Markdown file.
        given: names that its code may use.
    """
    document = _SYBIL.parse(page)
    document.namespace.update(given, **{_PRINTED: "", _SHOWN: []})
    for example in document.examples():
        example.evaluate()
    printed = document.namespace[_PRINTED]
    for line, shown in document.namespace[_SHOWN]:
        # On a line of its own, or the full stop of a last sentence would be one of its dots.
        wanted = f"...{_EFFORT.sub('...', shown.strip())}\n..."
        assert doctest.OutputChecker().check_output(wanted, f"{printed}\n.", _FLAGS), (
            f"{page}, line {line}, shows\n{shown}\nand the page printed\n{printed}"
        )


def _python(example: Example) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        PythonEvaluator()(example)
    example.namespace[_PRINTED] += out.getvalue()


def _module(example: Example) -> None:
    pathlib.Path("models.py").write_text(example.parsed)
    _python(example)


def _script(example: Example) -> None:
    compile(example.parsed, example.path, "exec")


def _shell(example: Example) -> None:
    _run_commands(example, example.parsed)


def _yaml(example: Example) -> None:
    for text in _texts(yaml.safe_load(example.parsed)):
        _run_commands(example, text)


def _text(example: Example) -> None:
    example.namespace[_SHOWN].append((example.line, example.parsed))


def _run_commands(example: Example, text: str) -> None:
    for line in text.replace("\\\n", " ").splitlines():
        said = _STATUS.search(line)
        expected = {int(said[1])} if said else {0, 1}
        for part in line.split("&&"):
            match shlex.split(part, comments=True):
                case ["shapesafe", *arguments]:
                    status, output = run_command(*arguments)
                case ["python", script, *arguments] if script.startswith("examples/"):
                    status, output = run_script(script, *arguments)
                case _:
                    continue
            assert status in expected, f"{part} ended with {status}:\n{output}"
            example.namespace[_PRINTED] += output


def _texts(node: Any) -> Iterator[str]:
    """Every text in a YAML document."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from _texts(item)


_SYBIL = Sybil(
    [
        CodeBlockParser("python", _python),
        CodeBlockParser('python title="models.py"', _module),
        CodeBlockParser('python title="search.py"', _script),
        CodeBlockParser("sh", _shell),
        CodeBlockParser("yaml", _yaml),
        CodeBlockParser("text", _text),
    ]
)
