"""What runs in place of what is refused: near, feasible, untried, and known when there is none."""

from __future__ import annotations

from typing import Any

import keras_tuner
import pytest

from shapesafe_tuner.checker import Checker
from shapesafe_tuner.search import replacements
from shapesafe_tuner.search.replacements import Proposals
from shapesafe_tuner.tracing.question import Question
from tests import toys

SPACE = toys.Rectangle(a=(0, 5), b=(0, 5))
FEASIBLE = {(a, b) for a in range(6) for b in range(6) if a + b < toys.LENGTH}


def registered() -> Any:
    hp = keras_tuner.HyperParameters()
    SPACE.declare(hp)
    return hp


@pytest.fixture
def proposals() -> Proposals:
    return Proposals(Checker(Question(SPACE)), seed=0)


def pair(values: Any) -> tuple[int, int]:
    return values["a"], values["b"]


def test_the_nearest_that_was_not_tried(proposals: Proposals) -> None:
    space, tried = registered(), set()
    for changes in (1, 1, 2):
        found = proposals.nearest({"a": 5, "b": 4}, space, lambda v: pair(v) in tried)
        assert found is not None
        assert pair(found) in FEASIBLE - tried
        tried.add(pair(found))
        assert (found["a"] != 5) + (found["b"] != 4) <= changes
    assert (4, 4) not in tried


def test_all_are_constructed_and_then_there_are_none(proposals: Proposals) -> None:
    space, tried = registered(), set()
    for _ in FEASIBLE:
        found = proposals.constructed(space, lambda v: pair(v) in tried)
        assert found is not None
        tried.add(pair(found))
    assert tried == FEASIBLE
    assert proposals.constructed(space, lambda v: pair(v) in tried) is None
    assert proposals.exhausted


def test_where_a_repair_may_judge_little_one_is_constructed(
    proposals: Proposals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replacements, "MAX_REPAIRED", 1)
    found = proposals.nearest({"a": 5, "b": 5}, registered(), lambda values: False)
    assert found is not None
    assert pair(found) in FEASIBLE


def test_what_was_refused_before_a_restart_is_judged_again(proposals: Proposals) -> None:
    space = registered()
    proposals.learn([{"a": 5, "b": 5}, {"a": 0, "b": 0}], space)
    assert proposals.checker.is_known_infeasible({"a": 5, "b": 5})
    assert not proposals.checker.is_known_infeasible({"a": 0, "b": 0})
    judged = proposals.checker.judged
    proposals.learn([{"a": 5, "b": 5}], space)
    assert proposals.checker.judged == judged
