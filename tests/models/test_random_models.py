"""Whole random models: the verdict, output shape and number of weights against the real build."""

from __future__ import annotations

import random
import warnings
from collections import Counter
from typing import Any

import keras
import keras_tuner
import pytest

from shapesafe_tuner.tracing.judge import Judge
from shapesafe_tuner.tracing.question import Question
from shapesafe_tuner.verdict import Verdict
from tests.models.random_models import Plan, build_of, draw


def real(plan: Plan) -> tuple[Any, int] | None:
    """Output shape and number of weights of the real model; None where Keras refuses it."""
    keras.utils.clear_session(free_memory=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = build_of(plan)(keras_tuner.HyperParameters())
    except Exception:  # whatever Keras raises is its answer
        return None
    return model.output_shape, model.count_params()


def judged(plan: Plan, *, analytic: bool = True) -> Verdict:
    return Judge(Question(build_of(plan), by_rules=analytic)).judge({})[0]


def hold(first: int, count: int) -> Counter[str]:
    """Judge ``count`` random models; what decided them."""
    seen: Counter[str] = Counter()
    for seed in range(first, first + count):
        plan = draw(random.Random(seed))
        verdict, truth = judged(plan), real(plan)
        seen[verdict.stage] += 1
        seen["feasible" if truth else "infeasible"] += 1
        if verdict.feasible is None:
            seen["undecided"] += 1
            continue
        assert verdict.feasible is (truth is not None), (seed, plan, verdict)
        if truth is not None:
            assert (verdict.output_shape, verdict.parameters) == truth, (seed, plan, verdict)
    return seen


def check_shares(seen: Counter[str]) -> None:
    total = seen["feasible"] + seen["infeasible"]
    assert seen["undecided"] <= 0.02 * total, seen
    assert seen["analytic"] >= 0.95 * total, seen
    assert min(seen["feasible"], seen["infeasible"]) >= 0.2 * total, seen


@pytest.mark.parametrize("first", [0, 100])
def test_random_models(first: int) -> None:
    check_shares(hold(first, 100))


@pytest.mark.deep
@pytest.mark.parametrize("first", range(1_000, 21_000, 500))
def test_many_random_models(first: int) -> None:
    check_shares(hold(first, 500))


@pytest.mark.parametrize("seed", range(40))
def test_rules_and_keras_give_the_same_table(seed: int) -> None:
    """Not only the verdict: every row, and what a refusal names."""
    plan = draw(random.Random(seed))
    ruled, real_ = judged(plan), judged(plan, analytic=False)
    assert (ruled.feasible, ruled.output_shape, ruled.parameters) == (
        real_.feasible,
        real_.output_shape,
        real_.parameters,
    )
    if ruled.feasible:
        assert ruled.layers == real_.layers
    elif ruled.fault is not None and ruled.fault.layer is not None:
        assert real_.fault is not None
        assert ruled.fault.layer == real_.fault.layer
        assert ruled.layers[:-1] == real_.layers[:-1]
