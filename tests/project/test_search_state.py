"""Our part of ``oracle.json``: it comes back as it was, and stock KerasTuner's state has none."""

from __future__ import annotations

import dataclasses
import json

import pytest

from shapesafe_tuner.project.search_state import KEY, SearchState

FULL = SearchState(
    rejections=3,
    drawn=9,
    seconds=1.5,
    complained=True,
    ends={"0004": 2},
    stopped=("0005", "0007"),
    random_state=["MT19937", [1, 2], 3, 0, 0.25],
)


@pytest.mark.parametrize("state", [FULL, SearchState(), SearchState(rejections=0)], ids=str)
def test_it_comes_back_from_json(state: SearchState) -> None:
    assert SearchState.of(json.loads(json.dumps({KEY: state.to_dict()}))) == state


def test_every_field_is_saved() -> None:
    assert set(FULL.to_dict()) == {field.name for field in dataclasses.fields(SearchState)}


def test_a_state_of_stock_keras_tuner_counts_no_rejections() -> None:
    assert SearchState.of({"ongoing_trials": {}}) == SearchState()
    assert SearchState().rejections is None


def test_what_a_later_version_saves_is_passed_over() -> None:
    assert SearchState.of({KEY: {"drawn": 4, "of_the_future": 1}}) == SearchState(drawn=4)
