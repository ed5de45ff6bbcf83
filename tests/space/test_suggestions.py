"""Every suggestion, applied and validated again: the conflict is gone, at the price it named."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import keras
import keras_tuner
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner._compat.keras_tuner.domains import weighted_domain
from shapesafe_tuner.findings import Bound, Suggestion
from shapesafe_tuner.report.search_space import SearchSpaceReport
from tests.space import spaces
from tests.test_validation import SPACES, brute

# One process builds the spaces for real, once.
pytestmark = pytest.mark.xdist_group("brute force")

NAMES = sorted(set(SPACES) - {"subclassed"})


def overlaps(one: Any, other: Any) -> bool:
    """Whether some configuration lies in both conflicts."""
    return all(set(values) & set(other.values.get(name, values)) for name, values in one.items())


def applied(report: SearchSpaceReport, suggestion: Suggestion, build: Any, data: Any) -> Any:
    return sst.validate_search_space(build, **report.apply(suggestion), **data)


@pytest.mark.parametrize("name", NAMES)
def test_an_applied_suggestion_removes_what_it_says(name: str) -> None:
    build, data = SPACES[name]
    data = {**data, "batch_size": 4} if data else {}
    report = sst.validate_search_space(build, **data)
    assert report.suggestions
    assert 0 in {number for one in report.suggestions for number in one.removes}
    known = brute(build, SPACES[name][1])[1]
    for suggestion in report.suggestions:
        if suggestion.layer is not None:
            continue
        again = applied(report, suggestion, build, data)
        left = [one for one in again.conflicts if one.fault.layer is not None]
        for number in suggestion.removes:
            gone = report.conflicts[number].values
            assert not any(one.values == gone for one in left)
            for values, fits, _ in known.values():
                inside = all(values.get(n) in some for n, some in gone.items() if n in values)
                if inside and set(gone) <= set(values):
                    assert not fits
                    assert not kept(suggestion, values)
        assert 0 <= suggestion.lost < 1


def kept(suggestion: Suggestion, values: dict[str, Any]) -> bool:
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return suggestion(hp)


def test_what_is_given_up_is_what_brute_force_counts() -> None:
    def build(hp: Any) -> Any:
        x = inputs = keras.Input((6, 6, 1))
        x = layers.Conv2D(2, hp.Int("kernel", 1, 7, sampling="log"))(x)
        return keras.Model(inputs, layers.MaxPooling2D(hp.Choice("pool", [1, 2, 3, 3]))(x))

    report = sst.validate_search_space(build)
    kernels = dict(weighted_domain(keras_tuner.engine.hyperparameters.Int(
        "kernel", 1, 7, sampling="log")) or ())  # fmt: skip
    pools = {1: Fraction(1, 4), 2: Fraction(1, 4), 3: Fraction(1, 2)}
    fits = {(k, p): kernels[k] * pools[p] for k in kernels for p in pools if k <= 6 and 7 - k >= p}
    assert report.feasible_fraction == pytest.approx(float(sum(fits.values())), abs=1e-12)
    assert report.suggestions
    for suggestion in report.suggestions:
        lost = sum(
            share
            for (k, p), share in fits.items()
            if not kept(suggestion, {"kernel": k, "pool": p})
        )
        if suggestion.layer is None:
            assert suggestion.lost == pytest.approx(float(lost / sum(fits.values())), abs=1e-12)


def test_padding_is_suggested_where_it_helps() -> None:
    def padded(padding: str) -> Any:
        def build(hp: Any) -> Any:
            model = keras.Sequential([keras.Input((8, 8, 1))])
            for number in range(hp.Int("blocks", 1, 3)):
                # Given by position.
                model.add(layers.Conv2D(2, hp.Choice(f"kernel_{number}", [3, 5]), 1, padding))
            return model

        return build

    report = sst.validate_search_space(padded("valid"))
    (suggestion,) = (one for one in report.suggestions if one.layer is not None)
    assert suggestion.text == 'give every Conv2D padding="same"'
    assert suggestion.layer == ("Conv2D", {"padding": "same"})
    assert suggestion.lost == 0
    assert suggestion.removes == tuple(range(len(report.conflicts)))
    assert sst.validate_search_space(padded("same")).feasible_fraction == 1
    with pytest.raises(ValueError, match='Only the code of build can give every Conv2D padding="s'):
        report.apply(suggestion)


def test_padding_that_breaks_as_much_says_so() -> None:
    def build(hp: Any) -> Any:
        inputs = keras.Input((9, 9, 1))
        kernel = hp.Choice("kernel", [3, 11])
        x = layers.Conv2D(2, kernel)(inputs)
        # Joined with a map that fits without padding only.
        y = layers.Cropping2D(1)(inputs)
        return keras.Model(inputs, layers.Concatenate()([x, y]) if kernel == 3 else x)

    report = sst.validate_search_space(build)
    padding = [one for one in report.suggestions if one.layer is not None]
    assert [one.lost for one in padding] == [1.0]


def test_groups_that_divide_are_suggested() -> None:
    def build(hp: Any) -> Any:
        filters, groups = hp.Int("filters", 4, 12, step=4), hp.Choice("groups", [1, 4, 8])
        return keras.Sequential([keras.Input((6, 6, 8)), layers.Conv2D(filters, 3, groups=groups)])

    report = sst.validate_search_space(build)
    (suggestion,) = (one for one in report.suggestions if one.bound is not None)
    assert suggestion.text == "keep filters % groups == 0"
    assert suggestion.lost == 0
    again = sst.validate_search_space(build, constraints=[suggestion])
    assert {one.fault.reason for one in again.conflicts} == {
        "The constraint 'keep filters % groups == 0' refuses this configuration."
    }
    tuner = report.apply(suggestion)
    assert tuner == {"constraints": [suggestion]}


def test_narrowed_spaces_keep_their_kinds() -> None:
    report = sst.validate_search_space(spaces.deep)
    narrow = Suggestion("", (), 0.0, values={"blocks": (1, 2), "kernel_0": (3, 7)})
    hp = report.apply(narrow)["hyperparameters"]
    known = {item.name: item for item in hp.space}
    assert type(known["blocks"]).__name__ == "Int"
    assert (known["blocks"].min_value, known["blocks"].max_value) == (1, 2)
    assert list(known["kernel_0"].values) == [3, 7]
    assert known["units"].sampling == "log"
    holes = Suggestion("", (), 0.0, values={"blocks": (1, 3)})
    with_holes = report.apply(holes)["hyperparameters"]
    assert {item.name: item for item in with_holes.space}["blocks"].values == [1, 3]
    again = sst.validate_search_space(spaces.deep, with_holes)
    assert set(again.sensitivity["blocks"]) == {1, 3}


def test_a_report_from_json_has_nothing_to_narrow() -> None:
    report = SearchSpaceReport.from_json(sst.validate_search_space(spaces.deep).to_json())
    narrow = next(one for one in report.suggestions if one.values)
    with pytest.raises(ValueError, match="read from JSON has no space to narrow"):
        report.apply(narrow)


@pytest.mark.parametrize(
    ("relation", "pairs", "said"),
    [
        ("at most", {(1, 2): True, (2, 2): True, (3, 2): False}, "a <= b"),
        ("equal", {(2, 2): True, (3, 2): False}, "a == b"),
        ("multiple", {(4, 2): True, (3, 2): False, (3, 0): False}, "a % b == 0"),
        ("sum at most", {(3, 4): True, (4, 4): False}, "a + b <= 7"),
    ],
)
def test_bounds(relation: str, pairs: dict[tuple[int, int], bool], said: str) -> None:
    bound = Bound("a", "b", relation, 7)
    assert {pair: bound.holds(*pair) for pair in pairs} == pairs
    assert str(bound) == said
    hp = keras_tuner.HyperParameters()
    hp.values = {"a": 1}
    assert Suggestion("", (), 0.0, bound=bound)(hp)


def test_a_corner_is_no_relation() -> None:
    """Only the widest of the filters is too wide: that is no matter of sums."""

    def build(hp: Any) -> Any:
        inputs = keras.Input((8, 8, 3))
        width = hp.Choice("width", [16, 32, 64])
        blocks = hp.Int("blocks", 1, 4)
        x = layers.Conv2D(width, 3, padding="same")(inputs)
        if blocks > 1 and width > 32:
            x = layers.Reshape((8, 8, 63))(x)
        return keras.Model(inputs, x)

    report = sst.validate_search_space(build)
    assert report.feasible_fraction == 0.75
    assert [one.text for one in report.suggestions] == ["keep width <= 32"]


def test_what_a_suggestion_removes_is_infeasible_and_goes() -> None:
    report = sst.validate_search_space(spaces.deep)
    narrow = next(one for one in report.suggestions if one.values)
    again = sst.validate_search_space(spaces.deep, **report.apply(narrow))
    ((name, kept),) = narrow.values.items()
    share = len(kept) / len(report.domains[name])
    infeasible = again.infeasible_fraction * share
    assert report.infeasible_fraction - narrow.removed == pytest.approx(infeasible)
