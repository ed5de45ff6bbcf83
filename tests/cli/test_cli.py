"""The ``shapesafe`` command: output, JSON, exit statuses, wrong usage."""

from __future__ import annotations

import json
import pathlib
import re

import pytest
from click.testing import CliRunner

from shapesafe_tuner.cli import main

SOURCE = """
import keras
import keras_tuner
from keras import layers
from helper_of_spaces import WIDTH

def build_model(hp):
    model = keras.Sequential([keras.Input((WIDTH, WIDTH, 1))])
    model.add(layers.Conv2D(2, hp.Int("kernel", 3, 9)))
    model.add(layers.Flatten())
    model.add(layers.Dense(hp.Choice("units", [1, 10])))
    model.compile("adam", "mse")
    return model

class Hyper(keras_tuner.HyperModel):
    def build(self, hp):
        a, b = keras.Input((3,), name="a"), keras.Input((4,), name="b")
        model = keras.Model({"a": a, "b": b}, layers.Concatenate()([a, b]))
        model.compile("adam", "mse")
        return model
"""


@pytest.fixture
def file(tmp_path: pathlib.Path) -> str:
    (tmp_path / "helper_of_spaces.py").write_text("WIDTH = 8\n")
    path = tmp_path / "spaces.py"
    path.write_text(SOURCE)
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["check"], 0, "feasible\n"),
        (["check", "--set", "kernel=9"], 1, "slides a 9 x 9 kernel over a map of only 8 x 8"),
        (["check", "--values", '{"kernel": 9}'], 1, "infeasible: Conv2D"),
        (["check", "--x", "8,8,1", "--y", ""], 0, "feasible\n"),
        (["check", "--x", "8,8,1", "--y", "", "--set", "units=10"], 1, "The loss mse compares"),
        (["check", "--x", "9,9,1", "--y", "1"], 1, "infeasible"),
        (["check", "--max-model-size", "20"], 1, "Oversized model"),
        (["explain"], 0, "Feasible: it can be built and trained."),
        (["explain", "--set", "kernel=9"], 1, "Infeasible whatever the other values are: kernel=9"),
    ],
)
def test_outcomes(file: str, arguments: list[str], status: int, said: str) -> None:
    command, *options = arguments
    result = CliRunner().invoke(main, [command, f"{file}:build_model", *options])
    assert result.exit_code == status, result.output
    assert said in " ".join(result.output.split()) + "\n"


def test_named_inputs_and_hypermodel_classes(file: str) -> None:
    options = ["--x", "a=3:float32", "--x", "b=4", "--y", "7"]
    result = CliRunner().invoke(main, ["check", f"{file}:Hyper", *options])
    assert (result.exit_code, result.output) == (0, "feasible\n")


def test_json(file: str) -> None:
    result = CliRunner().invoke(
        main, ["check", f"{file}:build_model", "--set", "kernel=9", "--json"]
    )
    verdict = json.loads(result.output)
    assert verdict["feasible"] is False
    assert verdict["fault"]["hyperparameters"] == {"kernel": 9}
    result = CliRunner().invoke(main, ["explain", f"{file}:build_model", "--json"])
    assert json.loads(result.output)["verdict"]["parameters"] == 20 + 73


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "nowhere.py:build_model"], "nowhere.py: there is no such file."),
        (["check", "no.such.module:build_model"], "there is no such module"),
        (["check", "build_model"], "TARGET is file.py:build_model or package.module:build_model"),
        (["check", "{file}:missing"], "has no missing."),
        (["check", "{file}:build_model", "--set", "kernel"], "expected NAME=VALUE"),
        (["check", "{file}:build_model", "--values", "[1]"], "must be a JSON object"),
        (["check", "{file}:build_model", "--values", "{"], "--values is not JSON"),
        (["check", "{file}:build_model", "--x", "8;8"], "expected sizes such as 28,28,1"),
        (["check", "{file}:build_model", "--x", "8", "--x", "a=8"], "give every shape a name"),
    ],
)
def test_wrong_usage(file: str, arguments: list[str], said: str) -> None:
    filled = [argument.replace("{file}", file) for argument in arguments]
    result = CliRunner().invoke(main, filled)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_a_whole_space(file: str) -> None:
    result = CliRunner().invoke(main, ["validate", f"{file}:build_model"])
    assert result.exit_code == 1
    assert result.output.startswith("Search space: 14 configurations, 85.71% feasible (exact)")
    assert "kernel=9" in result.output
    given = ["validate", f"{file}:build_model", "--max-infeasible", "0.2", "--json"]
    result = CliRunner().invoke(main, given)
    assert result.exit_code == 0
    content = json.loads(result.output)
    assert content["feasible_fraction"] == pytest.approx(6 / 7)
    assert content["conflicts"][0]["values"] == {"kernel": [9]}


def test_a_whole_space_with_data(file: str) -> None:
    given = ["validate", f"{file}:build_model", "--x", "8,8,1", "--y", "3"]
    result = CliRunner().invoke(main, [*given, "--batch-size", "4"])
    assert result.exit_code == 1
    assert not re.search("No effect on feasibility: .*units", result.output)


@pytest.mark.parametrize(
    ("command", "said"), [("validate", "85.71%</span> feasible"), ("explain", "Feasible: it can")]
)
def test_a_page_beside_the_output(
    file: str, tmp_path: pathlib.Path, command: str, said: str
) -> None:
    page = tmp_path / "page.html"
    result = CliRunner().invoke(main, [command, f"{file}:build_model", "--html", str(page)])
    plain = CliRunner().invoke(main, [command, f"{file}:build_model"])
    assert (result.output, result.exit_code) == (plain.output, plain.exit_code)
    assert said in page.read_text(encoding="utf-8")
    nowhere = str(tmp_path / "nowhere" / "page.html")
    result = CliRunner().invoke(main, [command, f"{file}:build_model", "--html", nowhere])
    assert result.exit_code == 2
    assert f"--html {nowhere}: No such file or directory." in "".join(result.output.splitlines())
