"""The report of a space: its JSON against the schema of the page, its words, its notes."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

import jsonschema
import keras
import numpy as np
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner.findings import words
from shapesafe_tuner.findings.words import brief_words
from shapesafe_tuner.report.search_space import SearchSpaceReport
from tests.space import spaces
from tests.test_validation import SPACES

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "report_json.md"
SCHEMA = (pathlib.Path(sst.__file__).parent / "findings" / "report.schema.json").read_text()


def nothing(hp: Any) -> Any:
    return keras.Sequential([keras.Input((4, 1)), layers.Conv1D(1, hp.Int("kernel", 5, 9))])


def everything(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(hp.Int("units", 1, 9))])
    model.compile(keras.optimizers.Adam(hp.Float("rate", 1e-4, 1e-2, sampling="log")), "mse")
    return model


BUILDS = {**{name: build for name, (build, _) in SPACES.items()}, "deep": spaces.deep,
          "halves": spaces.halves, "nothing": nothing, "everything": everything}  # fmt: skip


def test_the_page_shows_the_schema() -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert shown == SCHEMA
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA))


@pytest.mark.parametrize("name", sorted(BUILDS))
def test_json_is_as_documented_and_comes_back(name: str) -> None:
    report = sst.validate_search_space(BUILDS[name], samples=50)
    content = json.loads(report.to_json())
    jsonschema.validate(content, json.loads(SCHEMA))
    again = SearchSpaceReport.from_json(report.to_json())
    assert again.to_text() == report.to_text()
    assert again.to_json() == report.to_json()
    assert again.conflicts == report.conflicts
    with pytest.raises(ValueError, match="read from JSON has no space to sample"):
        again.sample(1)


@pytest.mark.parametrize("text", ["[]", '{"schema": 1}', "{}"])
def test_json_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="This is not a report of version 2; its schema is"):
        SearchSpaceReport.from_json(text)


@pytest.mark.parametrize(
    ("values", "domain", "said"),
    [
        ((7,), (3, 5, 7), "k=7"),
        ((5, 7), (3, 5, 7), "k >= 5"),
        ((3, 5), (3, 5, 7), "k <= 5"),
        ((3, 7), (3, 5, 7), "k in [3, 7]"),
        ((2, 3, 4), (1, 2, 3, 4, 5), "k in 2..4"),
        ((5, 7), (3, 5, 7, 9), "k in 5..7"),
        ((2, 3), (3, 1, 2), "k >= 2"),
        ((2, 3), (), "k in 2..3"),
        ((2, 4), (), "k in [2, 4]"),
        (("a", "b"), ("a", "b", "c"), "k in ['a', 'b']"),
        ((True,), (True, False), "k=True"),
        ((0.1, 0.2), (0.0, 0.1, 0.2), "k >= 0.1"),
        (tuple(range(0, 40, 2)), (), "k in [0, ..., 38] (20 values)"),
    ],
)
def test_values_in_words(values: Any, domain: Any, said: str) -> None:
    assert words("k", values, domain) == said
    assert brief_words("k", values, domain) == (None if "[" in said else said)


def test_a_name_with_a_bracket_makes_no_list() -> None:
    assert brief_words("k[0]", (1, 2), (1, 2, 3)) == "k[0] <= 2"


def test_notes_name_frozen_bounds_and_silent_losses() -> None:
    def build(hp: Any) -> Any:
        hp.Int("kernel", 1, 3)
        kernel = hp.Int("kernel", 1, 2)
        x = inputs = keras.Input((6, 2))
        model = keras.Model(inputs, layers.Conv1D(1, kernel, padding="same")(x))
        model.compile("sgd", "mse")
        return model

    x, y = np.zeros((8, 6, 2)), np.zeros((8,))
    report = sst.validate_search_space(build, x=x, y=y, batch_size=8)
    assert report.feasible_fraction == 1
    assert any(note.startswith("Frozen bounds: kernel") for note in report.notes)
    assert any(note.startswith("Suspicious") for note in report.notes)
    assert all(note in report.to_text() for note in report.notes)


def test_the_text_of_a_report() -> None:
    report = sst.validate_search_space(spaces.deep)
    assert report.to_text(conflicts=2).splitlines() == [
        "Search space: infinitely many configurations, 66.36% feasible (exact); build ran "
        f"{report.runs:,} times.",
        "Why configurations fail, with the share of the space:",
        "   20.37%  Conv2D 'conv2d_2' slides a kernel_2 x kernel_2 kernel over a map of only "
        "2 x 2: floor((2 - kernel_2) / 1) + 1 is below 1.",
        "           depends on blocks, pooling_0, pooling_1, kernel_0, kernel_1 and 1 other; "
        'would help: give every Conv2D padding="same"',
        *report.to_text().splitlines()[4 : 2 + 2 * len(report.causes)],
        "What never fits, whatever the other values are, and the share that each adds:",
        "    6.25%  blocks=4 and pooling_0=True and pooling_1=True",
        "    4.17%  blocks=3 and pooling_0=True and pooling_1=True and kernel_2 >= 5",
        f"  {sum(conflict.fraction for conflict in report.conflicts[2:]):7.2%}  in "
        f"{len(report.conflicts) - 2} smaller conflicts",
        "Changes of the space that help:",
        "  keep blocks <= 3: removes 20.79% of the space, gives up 6.34% of what is feasible",
        '  give every Conv2D padding="same": removes 16.44% of the space, gives up nothing',
        "  leave 3 out of blocks: removes 12.15% of the space, gives up 19.36% of what is feasible",
        "No effect on feasibility: filters_0, dropout, units, filters_1, filters_2, filters_3",
    ]
    assert str(report) == report.to_text()
