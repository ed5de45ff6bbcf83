"""The fewest values that cause a refusal."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner.checker import Checker
from shapesafe_tuner.space.explorer import Explorer
from shapesafe_tuner.space.smallest import Narrowing, smallest
from shapesafe_tuner.tracing.judge import Judge
from shapesafe_tuner.tracing.question import question_of
from tests import test_validation

# One process builds the spaces for real, once.
pytestmark = pytest.mark.xdist_group("brute force")

NAMES = "abcdef"


@given(st.lists(st.sets(st.sampled_from(NAMES)), min_size=1, max_size=6))
def test_what_is_left_refuses_and_no_part_of_it_does(causes: list[set[str]]) -> None:
    def refused(values: Any) -> bool:
        return any(cause <= set(values) for cause in causes)

    values = {name: number for number, name in enumerate(NAMES)}
    if not refused(values):
        return
    found = smallest(values, refused)
    assert refused(found)
    assert all(not refused({n: v for n, v in found.items() if n != name}) for name in found)
    assert list(found) == [name for name in values if name in found]


@pytest.mark.parametrize("name", ["convolutions", "widths", "heads", "with_data", "conditional",
                                  "subclassed", "looks_at_types", "custom_layer"])  # fmt: skip
def test_faults_name_the_fewest_values_there_are(name: str) -> None:
    """Every completion of them is refused by Keras; without any one of them some is not."""
    build, data = test_validation.SPACES[name]
    given_data = {**data, "batch_size": 4} if data else {}
    known = [(values, fits) for values, fits, _ in test_validation.brute(build, data)[1].values()]
    refused = [values for values, fits in known if not fits]

    def has_feasible_completion(some: dict[str, Any]) -> bool:
        return any(
            fits and all(values.get(key, value) == value for key, value in some.items())
            for values, fits in known
        )

    for values in refused[:: max(1, len(refused) // 25)]:
        fault = sst.check(build, values, **given_data).fault
        assert fault is not None
        cause = dict(fault.hyperparameters)
        assert cause.items() <= values.items()
        assert not has_feasible_completion(cause), cause
        for member in cause:
            rest = {key: value for key, value in cause.items() if key != member}
            assert has_feasible_completion(rest), (cause, member)


def wide(hp: Any) -> Any:
    x = inputs = keras.Input((40, 1))
    for number in range(8):
        x = layers.Conv1D(1, hp.Int(f"kernel_{number}", 1, 9))(x)
    return keras.Model(inputs, x)


def test_what_would_cost_too_much_names_more_and_is_still_right() -> None:
    judge = Judge(question_of(wide))
    explorer = Explorer(judge, None)
    narrowing = Narrowing(explorer, each=30, altogether=60)
    values = {f"kernel_{number}": 9 for number in range(8)}
    decided, verdict = narrowing.demanded(values), judge.judge(values).verdict
    assert decided is not None
    before = explorer.cost
    assert narrowing.smallest(decided, verdict).items() <= decided.items()
    assert before < explorer.cost <= before + 31
    for _ in range(3):
        narrowing.smallest(decided, verdict)
    assert explorer.cost <= 61
    fault = sst.check(wide, values).fault
    assert fault is not None
    # Four kernels of 9 leave 8 pixels of 40; the fifth does not fit.
    assert len(fault.hyperparameters) == 5


def test_what_is_known_to_refuse_is_not_sought_again() -> None:
    checker = Checker(question_of(wide))
    first = {f"kernel_{number}": 9 for number in range(5)}
    assert not checker.judge(first)
    assert checker.is_known_infeasible({**first, "kernel_5": 1})
    for last in itertools.islice(itertools.product(range(1, 10), repeat=2), 5):
        verdict = checker.judge({**first, "kernel_5": last[0], "kernel_6": last[1]})
        assert verdict.stage == "conflict"
    assert not checker.is_known_infeasible({"kernel_0": 9})


def many(hp: Any) -> Any:
    """A thousand values that are needed the moment they are read, then one that decides."""
    flags = sum(hp.Boolean(f"flag_{number}") for number in range(1_000))
    return keras.Sequential(
        [keras.Input((4, 1)), layers.Conv1D(1, hp.Int("kernel", 1, 9) + 0 * flags)]
    )


def test_a_thousand_hyperparameters_are_no_trouble() -> None:
    fault = sst.check(many, {"kernel": 9}).fault
    assert fault is not None
    assert fault.hyperparameters["kernel"] == 9
    assert sst.check(many, {"kernel": 2})


kept: list[Any] = []


def keeps(hp: Any) -> Any:
    """Reads what another call was given."""
    kept.append(hp.Int("kernel", 1, 9))
    return keras.Sequential([keras.Input((4, 1)), layers.Conv1D(1, kept[0])])


def test_values_kept_from_another_call_are_undecided() -> None:
    kept.clear()
    report = sst.validate_search_space(keeps)
    assert report.undecided_fraction > 0
    assert not report.conflicts


def faulty_twice(hp: Any) -> Any:
    width = hp.Choice("width", [4, 6])
    x = inputs = keras.Input((8, 3))
    # Fails in training only, whatever the width is.
    x = layers.Attention()([layers.Dense(width)(x), layers.Dense(5)(x)])
    x = layers.Flatten()(layers.Conv1D(2, hp.Int("steps", 1, 9))(x))
    model = keras.Model(inputs, x)
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(
    ("steps", "layer", "cause"), [(9, "conv1d", {"steps": 9}), (2, "attention", {})]
)
def test_the_values_that_are_named_cause_the_fault_that_is_named(
    steps: int, layer: str, cause: dict[str, Any]
) -> None:
    x = np.zeros((4, 8, 3), "float32")
    for verdict in (
        sst.check(faulty_twice, {"steps": steps}, x=x, y=x),
        sst.explain(faulty_twice, {"steps": steps}, x=x, y=x).verdict,
    ):
        assert verdict.fault is not None
        assert (verdict.fault.layer, dict(verdict.fault.hyperparameters)) == (layer, cause)


def test_a_layer_named_after_a_value_is_the_same_layer() -> None:
    def build(hp: Any) -> Any:
        inputs = keras.Input((8, 1))
        word = hp.Choice("word", ["small", "large"])
        x = layers.Conv1D(4, hp.Int("kernel", 1, 9), name=f"{word}_convolution")(inputs)
        return keras.Model(inputs, x)

    fault = sst.check(build, {"kernel": 9, "word": "large"}).fault
    assert fault is not None
    assert fault.hyperparameters == {"kernel": 9}
