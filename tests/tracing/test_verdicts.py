"""Notes on verdicts, and their kinds."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner.tracing.verdicts import undecided
from shapesafe_tuner.verdict import Note, Verdict, kind_of


def test_a_note_is_its_text() -> None:
    note = Note("Look here.", "suspicious")
    assert note == "Look here."
    assert kind_of(note) == "suspicious"
    assert kind_of("Look here.") == ""
    for same in (copy.deepcopy(note), pickle.loads(pickle.dumps(note))):
        assert (same, kind_of(same)) == ("Look here.", "suspicious")


def test_notes_go_into_json_as_sentences() -> None:
    verdict = Verdict(None, "symbolic", None, (undecided("it is late"),))
    assert verdict.to_dict()["warnings"] == ["Undecided: it is late."]
    assert Verdict.from_dict(verdict.to_dict()) == verdict


def twice(hp: Any) -> Any:
    hp.Int("units", 1, 4)
    return keras.Sequential([keras.Input((4,)), layers.Dense(hp.Int("units", 1, 8))])


def broadcasting(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    model.compile("sgd", "mse")
    return model


def returns_nothing(hp: Any) -> None:
    hp.Int("units", 1, 4)


@pytest.mark.parametrize(
    ("build", "kind"),
    [(twice, "frozen bounds"), (broadcasting, "suspicious"), (returns_nothing, "undecided")],
)
def test_each_note_that_a_search_shows_has_its_kind(build: Any, kind: str) -> None:
    data = {"x": np.zeros((6, 4)), "y": np.zeros((6, 1))} if build is broadcasting else {}
    verdict = sst.check(build, {}, **data)
    assert kind in map(kind_of, verdict.warnings)
