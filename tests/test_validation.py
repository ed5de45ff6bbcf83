"""A whole space: its feasible fraction against brute force, conflicts, samples, the nearest."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
import scipy.stats
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner._compat.keras_tuner.domains import position, weighted_domain
from shapesafe_tuner.report.search_space import InfeasibleSpaceError, SearchSpaceReport

# One process builds the spaces for real, once.
pytestmark = pytest.mark.xdist_group("brute force")

SPACES: dict[str, tuple[Callable[[Any], Any], Any]] = {}


def space(data: Any = None) -> Callable[[Any], Any]:
    def register(build: Callable[[Any], Any]) -> Callable[[Any], Any]:
        SPACES[build.__name__] = (build, data)
        return build

    return register


@space()
def convolutions(hp: Any) -> Any:
    x = inputs = keras.Input((8, 8, 1))
    for block in range(hp.Int("blocks", 1, 2)):
        x = layers.Conv2D(hp.Choice("filters", [2, 4]), hp.Choice(f"kernel_{block}", [1, 3, 5]))(x)
        if hp.Boolean(f"pooling_{block}"):
            x = layers.MaxPooling2D(2)(x)
    x = layers.Dropout(hp.Float("dropout", 0.0, 0.5, step=0.5))(x)
    return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))


@space()
def widths(hp: Any) -> Any:
    left, right = keras.Input((6,)), keras.Input((6,))
    first = layers.Dense(hp.Int("left", 0, 4))(left)
    second = layers.Dense(hp.Int("right", 1, 4), activation=hp.Choice("act", ["relu", "tanh"]))(
        right
    )
    return keras.Model([left, right], layers.Add()([first, second]))


@space()
def heads(hp: Any) -> Any:
    groups = hp.Int("groups", 1, 4)
    filters = hp.Int("filters", 2, 8, step=2)
    x = inputs = keras.Input((6, 6, 4))
    x = layers.Conv2D(filters, 3, groups=groups)(x)
    return keras.Model(inputs, layers.Reshape((-1, hp.Choice("width", [3, 4, 8])))(x))


@space({"x": np.zeros((9, 12)), "y": np.zeros((9, 4))})
def with_data(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((12,)), layers.Dense(hp.Int("hidden", 1, 2))])
    model.add(layers.Dense(hp.Choice("units", [1, 2, 4])))
    model.compile(hp.Choice("optimizer", ["adam", "sgd"]), hp.Choice("loss", ["mse", "mae"]))
    return model


@space()
def conditional(hp: Any) -> Any:
    x = inputs = keras.Input((10, 4))
    if hp.Choice("kind", ["cnn", "rnn"]) == "cnn":
        with hp.conditional_scope("kind", ["cnn"]):
            x = layers.Conv1D(4, hp.Int("kernel", 1, 12))(x)
    else:
        with hp.conditional_scope("kind", ["rnn"]):
            x = layers.LSTM(hp.Int("units", 1, 3), return_sequences=hp.Boolean("sequences"))(x)
            x = layers.GRU(2)(x)
    return keras.Model(inputs, x)


@space()
def logarithmic(hp: Any) -> Any:
    kernel = hp.Int("kernel", 1, 9, sampling="log")
    return keras.Sequential([keras.Input((5, 2)), layers.Conv1D(3, kernel)])


class Own(layers.Layer):
    def call(self, inputs: Any) -> Any:
        return inputs[:, ::2] * 2


@space()
def custom_layer(hp: Any) -> Any:
    x = inputs = keras.Input((hp.Choice("side", [4, 5, 6, 7]), 3))
    x = layers.Conv1D(2, hp.Int("kernel", 1, 4))(Own()(x))
    return keras.Model(inputs, x)


class Net(keras.Model):
    def __init__(self, first: int, second: int) -> None:
        super().__init__()
        self.first = layers.Conv1D(2, first)
        self.second = layers.Conv1D(2, second)

    def call(self, inputs: Any) -> Any:
        return self.second(self.first(inputs))


@space()
def subclassed(hp: Any) -> Any:
    model = Net(hp.Int("first", 1, 4), hp.Int("second", 1, 4))
    model(keras.Input((5, 1)))
    return model


@space()
def looks_at_types(hp: Any) -> Any:
    units = hp.Int("units", 1, 4)
    assert type(units) is int
    return keras.Sequential([keras.Input((4, 3)), layers.Conv1D(units, units + 2)])


def brute(
    build: Any, data: Any
) -> tuple[Fraction, dict[str, tuple[dict[str, Any], bool, Fraction]]]:
    """The feasible share by building, and fitting, every configuration for real."""
    if build in BRUTE:
        return BRUTE[build]
    feasible = Fraction(0)
    known: dict[str, tuple[dict[str, Any], bool, Fraction]] = {}

    def walk(values: dict[str, Any], share: Fraction) -> None:
        nonlocal feasible
        keras.utils.clear_session(free_memory=False)
        hp = keras_tuner.HyperParameters()
        hp.values = dict(values)
        try:
            model = build(hp)
            if data is not None:
                model.fit(**data, batch_size=4, verbose=0)
            fits = True
        except Exception:
            fits = False
        for read in hp.space:
            if read.name not in values and hp.is_active(read):
                for value, weight in weighted_domain(read) or ():
                    walk({**values, read.name: value}, share * weight)
                return
        known[json.dumps(values, sort_keys=True)] = (values, fits, share)
        feasible += share * fits

    walk({}, Fraction(1))
    BRUTE[build] = (feasible, known)
    return BRUTE[build]


BRUTE: dict[Any, Any] = {}


@pytest.mark.parametrize("name", sorted(SPACES))
def test_the_fraction_is_that_of_brute_force(name: str) -> None:
    build, data = SPACES[name]
    report = sst.validate_search_space(build, **(data or {}), **({"batch_size": 4} if data else {}))
    feasible, known = brute(build, data)
    assert report.exact
    assert report.feasible_fraction == pytest.approx(float(feasible), abs=1e-12)
    assert report.confidence_interval == (report.feasible_fraction,) * 2
    assert sum(c.fraction for c in report.conflicts) == pytest.approx(1 - float(feasible))
    assert 0 < feasible < 1
    hold_conflicts(report, build, data)
    for values in report.sample(40, seed=3):
        matching = [fits for some, fits, _ in known.values() if some.items() <= values.items()]
        assert all(matching)
        assert matching


def verdict_of(build: Any, data: Any, values: dict[str, Any]) -> bool:
    return bool(sst.check(build, values, **(data or {})))


def hold_conflicts(report: SearchSpaceReport, build: Any, data: Any) -> None:
    """Every completion of a conflict is refused; without any member some completion is not."""
    hp = keras_tuner.HyperParameters()
    generator = random.Random(1)
    declared = {}
    for values in report.sample(60, seed=5):
        hp.values = dict(values)
        build(hp)
    declared = {item.name: item for item in hp.space}

    def completion(fixed: dict[str, Any]) -> dict[str, Any]:
        drawn = {
            name: item.random_sample(generator.randrange(2**31)) for name, item in declared.items()
        }
        return {**drawn, **fixed}

    for conflict in report.conflicts[:6]:
        points = itertools.product(*conflict.values.values())
        for point in itertools.islice(points, 4):
            fixed = dict(zip(conflict.values, point, strict=True))
            assert not any(verdict_of(build, data, completion(fixed)) for _ in range(12)), fixed
            for name in fixed:
                rest = {key: value for key, value in fixed.items() if key != name}
                assert any(verdict_of(build, data, completion(rest)) for _ in range(150)), (
                    fixed,
                    name,
                )


def test_hyperparameters_that_cannot_matter_cost_no_run() -> None:
    def wide(hp: Any) -> Any:
        regularizer = hp.Float("momentum", 0.5, 0.99)
        model = convolutions(hp)
        x = layers.BatchNormalization(momentum=regularizer)(model.outputs[0])
        for number in range(4):
            x = layers.Dense(
                hp.Int(f"units_{number}", 8, 10**6), activation=hp.Choice("a", ["relu", "elu"])
            )(x)
            x = layers.Dropout(hp.Float(f"dropout_{number}", 0.0, 0.9))(x)
            penalty = keras.regularizers.L2(hp.Float("penalty", 1e-6, 1e-2, sampling="log"))
            x = layers.Dense(4, kernel_regularizer=penalty)(x)
        model = keras.Model(model.inputs, layers.Dense(3)(x))
        rate = hp.Float("rate", 1e-5, 1e-1, sampling="log")
        model.compile(keras.optimizers.Adam(rate), "mse")
        return model

    plain = sst.validate_search_space(convolutions)
    report = sst.validate_search_space(wide)
    assert report.exact
    assert report.runs == plain.runs
    assert report.feasible_fraction == plain.feasible_fraction
    assert math.isinf(report.total)
    assert {"rate", "momentum", "units_0", "dropout_3", "a", "penalty", "filters"} <= set(
        report.irrelevant
    )


def test_too_many_values_that_decide_are_sampled() -> None:
    def build(hp: Any) -> Any:
        return keras.Sequential(
            [keras.Input((1000, 1)), layers.Conv1D(1, hp.Int("kernel", 1, 2000))]
        )

    report = sst.validate_search_space(build, samples=400)
    low, high = report.confidence_interval
    assert not report.exact
    assert low < 0.5 < high
    assert high - low < 0.11
    assert "kernel may affect shapes" in report.to_text()
    assert sst.validate_search_space(build, samples=400).to_json() == report.to_json()
    forced = sst.validate_search_space(build, exact=True)
    assert forced.exact
    assert forced.feasible_fraction == 0.5
    assert forced.runs >= 2001


def test_the_whole_story_in_text_and_json() -> None:
    report = sst.validate_search_space(widths)
    text = report.to_text()
    assert text.startswith("Search space: 40 configurations, 50.00% feasible (exact)")
    assert " 20.00%  left=0" in text
    assert "Dense needs a positive units, not 0." in text
    assert "No effect on feasibility: act" in text
    again = SearchSpaceReport.from_json(report.to_json())
    assert again == report
    assert again.to_text() == text
    report.raise_if_infeasible(0.6)
    with pytest.raises(InfeasibleSpaceError, match="never fits"):
        report.raise_if_infeasible()


def test_sensitivity_is_the_share_of_each_value() -> None:
    report = sst.validate_search_space(widths)
    assert report.sensitivity["left"] == {0: 1.0, 1: 0.0, 2: 0.5, 3: 0.5, 4: 0.5}
    assert report.sensitivity["right"][1] == pytest.approx(0.2)
    assert "act" not in report.sensitivity


@pytest.mark.parametrize(
    "name", ["logarithmic", "conditional", "widths", "heads", "with_data", "custom_layer"]
)
def test_samples_follow_the_space_where_it_is_feasible(name: str) -> None:
    build, data = SPACES[name]
    report = sst.validate_search_space(build, **({**data, "batch_size": 4} if data else {}))
    feasible, known = brute(build, data)
    samples = report.sample(10_000, seed=1)
    drawn = Counter(json.dumps(values, sort_keys=True) for values in samples)
    expected = {key: share / feasible for key, (_, fits, share) in known.items() if fits}
    # None is refused by Keras, and each is drawn as often as KerasTuner would.
    assert set(drawn) <= set(expected)
    test = scipy.stats.chisquare(
        [drawn[key] for key in expected], [10_000 * float(share) for share in expected.values()]
    )
    assert test.pvalue > 0.001


def test_none_of_ten_thousand_samples_of_a_larger_space_is_refused() -> None:
    report = sst.validate_search_space(convolutions)
    known = brute(convolutions, None)[1]
    samples = {json.dumps(values, sort_keys=True): values for values in report.sample(10_000)}
    assert len(samples) > 200
    for values in samples.values():
        read = {name: value for name, value in values.items() if name[-1] not in "012"}
        blocks = range(values["blocks"])
        read |= {f"{kind}_{n}": values[f"{kind}_{n}"] for kind in ("kernel", "pooling")
                 for n in blocks}  # fmt: skip
        assert known[json.dumps(read, sort_keys=True)][1], values


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"left": 3, "right": 2}, [{"left": 2, "right": 2}, {"left": 3, "right": 3}]),
        ({"left": 0, "right": 3}, [{"left": 1, "right": 3}]),
        ({"left": 4, "right": 4}, [{"left": 4, "right": 4}]),
    ],
)
def test_repair_changes_as_little_as_it_can(values: Any, expected: Any) -> None:
    assert sst.repair(widths, values) in expected


@pytest.mark.parametrize("name", ["widths", "heads", "conditional", "with_data", "logarithmic"])
def test_repair_is_the_nearest_by_brute_force(name: str) -> None:
    build, data = SPACES[name]
    given = {**data, "batch_size": 4} if data else {}
    known = list(brute(build, data)[1].values())
    declared = {
        hp.name: hp for hp in hyperparameters_of(build, [v for v, fits, _ in known if fits])
    }

    def distance(before: dict[str, Any], after: dict[str, Any]) -> tuple[int, float]:
        changed = [n for n in after if after[n] != before.get(n, declared[n].default)]
        steps = [steps_between(declared[n], before.get(n, declared[n].default), after[n])
                 for n in changed]  # fmt: skip
        return len(changed), sum(steps)

    refused = [values for values, fits, _ in known if not fits]
    for values in refused[:: max(1, len(refused) // 12)]:
        repaired = sst.repair(build, values, **given)
        assert verdict_of(build, given, repaired)
        best = min(distance(values, other) for other, fits, _ in known if fits)
        mine = {n: v for n, v in repaired.items() if v != values.get(n, declared[n].default)}
        count, step = distance(values, mine)
        assert count == best[0]
        assert step == pytest.approx(best[1])
        assert sst.explain(build, values, **given).nearest == repaired


def hyperparameters_of(build: Any, configurations: list[dict[str, Any]]) -> list[Any]:
    hp = keras_tuner.HyperParameters()
    for values in configurations:
        hp.values = dict(values)
        build(hp)
    return list(hp.space)


def steps_between(hp: Any, before: Any, after: Any) -> float:
    first, second = position(hp, before), position(hp, after)
    return 1.0 if first is None or second is None else abs(first - second)


def test_nothing_feasible_is_said() -> None:
    def build(hp: Any) -> Any:
        return keras.Sequential([keras.Input((4, 1)), layers.Conv1D(1, hp.Int("kernel", 5, 9))])

    report = sst.validate_search_space(build)
    assert report.feasible_fraction == 0
    assert [dict(conflict.values) for conflict in report.conflicts] == [{}]
    assert "every configuration" in report.to_text()
    with pytest.raises(ValueError, match="No configuration of this space is feasible"):
        sst.repair(build, {"kernel": 6})
    with pytest.raises(ValueError, match="no feasible configuration to sample"):
        report.sample(1)


def test_constraints_and_sizes_are_demanded() -> None:
    def small(hp: Any) -> bool:
        return bool(hp.get("left") < 3)

    report = sst.validate_search_space(widths, constraints=[small])
    # left 1 fits every right; left 2 fits 1 and 2 of four.
    assert report.feasible_fraction == pytest.approx(1 / 5 * 1 + 1 / 5 * 0.5)
    limited = sst.validate_search_space(widths, max_model_size=30)
    real = [
        sst.check(widths, {"left": a, "right": b}, max_model_size=30).feasible
        for a in range(5) for b in range(1, 5)
    ]  # fmt: skip
    assert limited.feasible_fraction == pytest.approx(sum(map(bool, real)) / 20)


def test_a_deep_space_is_exact_by_its_states() -> None:
    """Its tree has some 10^15 ends."""

    def build(hp: Any) -> Any:
        x = inputs = keras.Input((40, 1))
        for block in range(20):
            x = layers.Conv1D(1, hp.Choice(f"kernel_{block}", [1, 3, 5]))(x)
            if hp.Boolean(f"pooling_{block}"):
                x = layers.MaxPooling1D(2)(x)
        return keras.Model(inputs, x)

    report = sst.validate_search_space(build, exact=True, progress=False)
    assert report.exact
    assert report.runs < 3_000


def without_values(hp: Any) -> Any:
    x = inputs = keras.Input((40, 1))
    for number in range(5):
        x = layers.Conv1D(2, hp.Int(f"kernel_{number}", 1, 8))(x)
    model = keras.Model(inputs, x)
    model.compile(keras.optimizers.SGD(hp.Float("rate", 0.1, 0.001)), "mse")
    return model


def test_a_range_without_values_refuses_every_configuration_at_once() -> None:
    report = sst.validate_search_space(without_values, progress=False)
    assert report.exact
    assert [dict(conflict.values) for conflict in report.conflicts] == [{}]
    assert report.runs <= 3
    with pytest.raises(ValueError) as real:
        without_values(keras_tuner.HyperParameters())
    assert report.conflicts[0].fault.error == str(real.value)
