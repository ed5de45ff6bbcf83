"""The verdicts on configurations that real Keras has built and fitted: none may differ."""

from __future__ import annotations

import traceback
from typing import Any

import keras
import keras_tuner
import pytest

from tests.backends import labelled
from tests.labelled.judge import Case, judge, labels_of
from tests.labelled.kept import of_this_keras
from tests.labelled.model import Space
from tests.labelled.spaces import ALL, HERE

pytestmark = pytest.mark.filterwarnings("ignore")

SLICE = 3
"""Configurations of a space that every run judges; the marker ``deep`` judges all."""
SMOKE = """
losses_sparse losses_validated subclassed_unbuilt unet_odd autoencoder_apart ops_einsums
custom_trained_branch volumes_scans signals_brain multi_siamese nested_shared
preprocessing_normalized tabular_churn everyday_cifar_hypermodel cnn_grouped
residual_naive_skip recurrent_seq2seq transformer_unequal
""".split()
"""One of each kind, for the quick run."""


def explain(cases: list[Case]) -> str:
    return "\n".join(f"{case.outcome}: {case.values} {case.verdict.fault}" for case in cases)


def hold(space: Space, cases: list[Case]) -> None:
    wrong = [case for case in cases if case.outcome in ("false rejection", "missed", "undecided")]
    assert not wrong, explain(wrong)
    current = of_this_keras(space)
    for case in cases:
        if case.trains and case.label["parameters"] is not None:
            assert case.verdict.parameters == case.label["parameters"], case.values
        if not case.trains:
            assert case.verdict.fault is not None
            refused_by = "train" if case.label["build"] == "ok" else "build"
            assert case.verdict.fault.refused_by == refused_by or not current, case.values


@pytest.mark.parametrize("space", labelled(ALL, SMOKE), ids=lambda space: space.name)
def test_no_verdict_differs_from_keras_and_the_layer_named_is_one_that_it_failed_in(
    space: Space,
) -> None:
    cases = list(judge(space, SLICE))
    hold(space, cases)
    hold_names(space, cases)


@pytest.mark.deep
@pytest.mark.parametrize("space", labelled(ALL), ids=lambda space: space.name)
def test_no_verdict_differs_from_keras_anywhere(space: Space) -> None:
    hold(space, list(judge(space, None)))


def refusing_stack(space: Space, values: dict[str, Any]) -> list[Any]:
    """All layers and operations that were at work when the real build failed."""
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    keras.utils.clear_session(free_memory=False)
    keras.config.disable_traceback_filtering()
    try:
        space.call(hp)
    except Exception as error:
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    else:
        return []
    finally:
        keras.config.enable_traceback_filtering()
        keras.utils.clear_session(free_memory=False)
    found = (frame.f_locals.get("self") for frame in frames)
    return [item for item in found if isinstance(item, keras.Operation)]


def hold_names(space: Space, cases: list[Case]) -> None:
    for case in cases:
        if case.label["build"] == "ok" or case.verdict.fault is None:
            continue
        stack = refusing_stack(space, case.values)
        if not stack and not of_this_keras(space):
            continue  # built by this Keras, and refused in training
        named = case.verdict.fault.layer
        names = {getattr(item, "name", "") for item in stack}
        kinds = {type(item).__name__ for item in stack}
        unnamed = names <= {""} or case.verdict.fault.layer_type in kinds
        assert named in names if named is not None else unnamed, (case.values, named, names)


def test_the_set_is_as_large_and_as_mixed_as_it_should_be() -> None:
    counted = {space.name: [_trains(label) for label in labels_of(space)] for space in HERE}
    everything = [trains for labels in counted.values() for trains in labels]
    only_in_fit = [
        label for space in HERE for label in labels_of(space) if not _trains(label)
        if label["build"] == "ok"
    ]  # fmt: skip
    infeasible = everything.count(False)
    assert len(ALL) >= 45
    assert len(everything) >= 1200
    assert 0.25 < infeasible / len(everything) < 0.5
    assert len(only_in_fit) > 0.12 * infeasible
    assert sum(labels.count(False) <= 1 for labels in counted.values()) >= 15


def _trains(label: dict[str, Any]) -> bool:
    return bool(label["build"] == "ok" and label["fit"] == "ok")
