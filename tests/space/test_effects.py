"""Importances against what can be worked out, samples against checks."""

from __future__ import annotations

from typing import Any

import keras
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner.space.examples import MOST_EXAMPLES
from tests.space import spaces


def added(hp: Any) -> Any:
    """Fits where two of three widths are equal, whatever the number of blocks."""
    x = layers.Dense(hp.Choice("stem", [16, 32, 64]))(keras.Input((12,)))
    inputs = x
    for _ in range(hp.Int("blocks", 1, 3)):
        x = layers.Add()([x, layers.Dense(hp.Choice("width", [16, 32, 64]))(x)])
    return keras.Model(inputs, x)


def test_importance_is_how_often_a_new_value_changes_the_verdict() -> None:
    report = sst.validate_search_space(added)
    assert report.irrelevant == ("blocks",)
    # A third fits whatever stem is: the verdict changes with 2 x 1/3 x 2/3.
    assert report.importance == {name: pytest.approx(4 / 9, abs=0.06) for name in ("stem", "width")}
    assert [axis.name for axis in report.axes] == ["stem", "width"]


@pytest.mark.parametrize("build", [added, spaces.deep])
def test_samples_have_the_verdicts_and_the_causes_of_checks(build: Any) -> None:
    report = sst.validate_search_space(build)
    assert list(report.importance.values()) == sorted(report.importance.values(), reverse=True)
    assert set(report.importance).isdisjoint(report.irrelevant)
    share = sum(sample.feasible is True for sample in report.samples) / len(report.samples)
    assert share == pytest.approx(report.feasible_fraction, abs=0.15)
    for sample in report.samples[:20]:
        assert set(sample.values) == {axis.name for axis in report.axes}
        if len(report.axes) < len(report.importance):
            continue  # the values of the others decide too
        verdict = sst.check(build, sample.values)
        assert verdict.feasible is sample.feasible
        if sample.feasible is False:
            assert verdict.fault is not None
            assert sample.cause is not None
            cause = report.causes[sample.cause]
            assert (verdict.fault.layer, verdict.fault.layer_type) == (
                cause.layer,
                cause.layer_type,
            )
        else:
            assert sample.cause is None


def test_a_sampled_space_has_samples_and_no_importance() -> None:
    def build(hp: Any) -> Any:
        return keras.Sequential([keras.Input((9, 1)), layers.Conv1D(1, hp.Int("kernel", 1, 9_000))])

    report = sst.validate_search_space(build, samples=50)
    assert not report.exact
    assert report.importance == {}
    assert {sample.feasible for sample in report.samples} <= {True, False}


def test_each_of_the_costliest_causes_has_an_example() -> None:
    report = sst.validate_search_space(spaces.deep)
    shown = {example.verdict.fault.layer for example in report.examples if example.verdict.fault}
    causes = [cause.layer for cause in report.causes[:MOST_EXAMPLES] if cause.layer is not None]
    assert len(causes) > 2
    assert set(causes) <= shown
    for example in report.examples:
        assert sst.check(spaces.deep, example.values).feasible is False
