"""Names of hyperparameters and layers, and values, from anywhere: what is shown and written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import keras
import pytest
from click.testing import CliRunner
from rich.console import Console
from rich.markup import MarkupError, render

import shapesafe_tuner as sst
from shapesafe_tuner.cli import main
from shapesafe_tuner.escaping import named, short, visible
from shapesafe_tuner.report.text import print_explanation
from tests import toys

pytestmark = [pytest.mark.filterwarnings(each) for each in toys.IGNORED_WARNINGS]

NAMES = {
    "markup": "[red]x[/red]",
    "closing": "[/]",
    "link": "[link=http://example.org]x[/link]",
    "single": "it's",
    "double": 'a "b"',
    "html": "<script>alert(1)</script>&amp;",
    "markdown": "*a* | `b` | [c](http://example.org)",
    "unicode": "größe_漢字_🎉",
    "newline": "a\nInfeasible: 0",
    "tab": "a\tb",
    "return": "a\rb",
    "colour": "\x1b[31mred\x1b[0m",
    "title": "\x1b]0;title\x07",
    "csi": "\x9b31m",
    "null": "a\x00b",
    "backwards": "a\u202eb",
    "separator": "a\u2028b",
    "surrogate": "a\ud800b",
    "long": "n" * 10_000,
    "empty": "",
    "equals": "a=b",
    "dots": "../../a",
    "format": "{0}%s%(a)s",
    "python": "__class__",
}
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]")


def by_name(name: str) -> Any:
    """Crops by a hyperparameter of this name, in a layer whose name is a value of it."""

    def build(hp: Any) -> keras.Model:
        inputs = keras.Input((toys.LENGTH, 1))
        word = hp.Choice("word", [name or "empty", "plain"])
        layer = keras.layers.Cropping1D((hp.Int(name, 0, 9), 0), name=word.replace("/", ":"))
        return toys.finish(layer(inputs), inputs)

    return build


def is_safe(text: str, lines: int) -> bool:
    return not CONTROL.search(text) and len(text.splitlines()) <= lines and len(text) < 20_000


@pytest.mark.parametrize("kind", NAMES)
def test_reports_show_a_name_and_obey_none(kind: str) -> None:
    name = NAMES[kind]
    build = by_name(name)
    assert sst.check(build, {name: 7}).feasible
    explained = sst.explain(build, {name: 9})
    assert explained.conflict == {name: 9}
    assert explained.nearest == {name: 7}
    lines = 60 if kind == "long" else 22
    assert is_safe(explained.to_text(), lines)
    assert short(name) in " ".join(explained.to_text(width=2_000).split("\n"))
    content = json.loads(explained.to_json())
    assert content["conflict"] == {name: 9}
    report = sst.validate_search_space(build)
    assert report.feasible_fraction == 0.8
    assert is_safe(report.to_text(), 11)
    assert short(name) in report.to_text()
    assert sst.SearchSpaceReport.from_json(report.to_json()) == report
    with pytest.raises(ValueError, match="feasible") as refused:
        report.raise_if_infeasible()
    assert is_safe(str(refused.value), 11)


@pytest.mark.parametrize("kind", ["markup", "closing", "colour", "backwards", "link"])
def test_colours_on_a_terminal_are_ours_alone(kind: str) -> None:
    name = NAMES[kind]
    console = Console(force_terminal=True, width=120, color_system="standard")
    explained = sst.explain(by_name(name), {name: 9})
    with console.capture() as captured:
        print_explanation(console, explained.values, explained.verdict, explained.nearest)
    shown = captured.get()
    ours = re.sub("\x1b\\[[0-9;]*m", "", shown)
    assert not CONTROL.search(ours)
    assert short(name) in ours
    # Bold, red, green, yellow and their end are all that a report asks for.
    assert set(re.findall("\x1b\\[([0-9;]*)m", shown)) <= {"0", "1", "1;31", "32", "33"}


@pytest.mark.parametrize("kind", [kind for kind in NAMES if kind not in ("null", "surrogate")])
def test_the_command_takes_a_name(kind: str, tmp_path: Path) -> None:
    name = NAMES[kind]
    file = tmp_path / "space_of_names.py"
    file.write_text(
        "import tests.hostile.test_names as names\n"
        f"build_model = names.by_name(names.NAMES[{kind!r}])\n"
    )
    values = ["--values", json.dumps({name: 9})]
    for command in ("check", "explain"):
        result = CliRunner().invoke(main, [command, f"{file}:build_model", *values])
        assert result.exit_code == 1, result.output
        assert is_safe(result.output, 170 if kind == "long" else 24)
        result = CliRunner().invoke(main, [command, f"{file}:build_model", *values, "--json"])
        content = json.loads(result.output)
        fault = content["fault"] if command == "check" else content["verdict"]["fault"]
        assert fault["hyperparameters"] == {name: 9}


# TensorFlow takes no null in the name of a layer, so such trials fail; files take no surrogate.
@pytest.mark.parametrize("kind", [kind for kind in NAMES if kind not in ("null", "surrogate")])
def test_a_search_keeps_a_name_over_a_restart(kind: str, tmp_path: Path, capsys: Any) -> None:
    name = NAMES[kind]

    def tuner() -> Any:
        hypermodel = toys.Scored(by_name(name))
        return toys.make("RandomSearch", hypermodel, tmp_path, trials=6, seed=4)

    first = tuner()
    first.search(verbose=0)
    assert toys.statuses(first) == {"COMPLETED"}
    assert first.rejections
    assert {rejection.values[name] for rejection in first.rejections} <= {8, 9}
    second = tuner()
    assert second.rejections == first.rejections
    capsys.readouterr()
    second.feasibility_summary()
    said = capsys.readouterr().out
    assert is_safe(said, 9)
    assert short(name) in said


def test_visible() -> None:
    assert visible("kernel_0 = größe") == "kernel_0 = größe"
    assert visible("\x1b[31m\n\u202e") == "\\x1b[31m\\n\\u202e"
    assert short("n" * 10_000) == "n" * 200 + "… (10,000 characters)"
    assert named({"a\n": "[b]", "c": float("nan")}) == "a\\n='[b]', c=nan"


def test_some_of_these_names_would_break_markup() -> None:
    """Otherwise the tests above prove nothing about rich."""
    with pytest.raises(MarkupError):
        render(NAMES["closing"])
    assert str(render(NAMES["markup"])) == "x"
