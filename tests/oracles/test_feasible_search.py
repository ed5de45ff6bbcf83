"""Repair, optimisers that know what is feasible, sparse spaces, health, what survives a restart."""

from __future__ import annotations

import json
import statistics
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import pytest
import scipy.stats
from keras import layers

import shapesafe_tuner as sst
from tests import toys
from tests.oracles.test_oracles import NAMES, ours, settings_of, values

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]

SQUARE = [(a, b) for a in range(10) for b in range(10)]
FITS = {(a, b) for a, b in SQUARE if toys.fits({"a": a, "b": b})}
CORNER = toys.Rectangle((4, 9), (0, 3))
"""24 configurations, 10 feasible: few enough for a Gaussian process after each."""
IN_CORNER = {point for point in FITS if point[0] >= 4 and point[1] <= 3}


def points(oracle: Any) -> list[tuple[int, int]]:
    return [(some["a"], some["b"]) for some in values(toys.trials_of(oracle))]


# ---------------------------------------------------------------- repair


@pytest.mark.parametrize("name", ["RandomSearchOracle", "BayesianOptimizationOracle"])
def test_a_repair_is_the_nearest_that_was_not_tried(name: str, tmp_path: Path) -> None:
    oracle = ours(name, tmp_path, toys.square, 14, on_infeasible="repair")
    tried: set[tuple[int, int]] = set()
    while (trial := oracle.create_trial("tuner0")).status != "STOPPED":
        point = tuple(toys.plain(trial.hyperparameters.values).values())
        assert point in FITS - tried
        for rejection in oracle.rejections:
            if rejection.repaired_to == trial.hyperparameters.values:
                before = tuple(rejection.values.values())
                open_points = FITS - tried
                assert cost(before, point) == min(cost(before, other) for other in open_points)
        tried.add(point)
        toys.complete(oracle, trial)
    assert len(tried) == 14
    repaired = [item for item in oracle.rejections if item.repaired_to is not None]
    assert repaired
    told = {item.told for item in repaired}
    assert told == {"the score of the repaired configuration" if name.startswith("Bayes") else None}


def cost(before: Any, after: Any) -> tuple[int, float]:
    changed = [abs(x - y) for x, y in zip(before, after, strict=True) if x != y]
    return len(changed), round(sum(changed) / 10, 6)


@pytest.mark.parametrize("name", NAMES)
def test_every_oracle_repairs_and_runs_nothing_that_is_refused(name: str, tmp_path: Path) -> None:
    oracle = ours(name, tmp_path, toys.conditional, 12, on_infeasible="repair")
    toys.run(oracle)
    trials = [toys.plain(trial.hyperparameters.values) for trial in toys.trials_of(oracle)]
    assert trials
    assert all(sst.check(toys.conditional, some) for some in trials)
    # Each trial has a value for all that is active, and for nothing else.
    for some in trials:
        assert set(some) == {"kind", "a" if some["kind"] == "crop" else "window"}
    again = ours(name, tmp_path / "again", toys.conditional, 12, on_infeasible="repair")
    toys.run(again)
    assert values(toys.trials_of(again)) == values(toys.trials_of(oracle))


def test_a_grid_keeps_its_order_whatever_becomes_of_the_infeasible(tmp_path: Path) -> None:
    orders = []
    for option in ("resample", "repair"):
        oracle = ours("GridSearchOracle", tmp_path / option, toys.square, on_infeasible=option)
        toys.run(oracle)
        orders.append(points(oracle))
    assert orders[0] == orders[1] == [point for point in SQUARE if point in FITS]


def test_a_repair_changes_only_what_causes_the_refusal(tmp_path: Path) -> None:
    def build(hp: Any) -> Any:
        x = inputs = keras.Input((6, 1))
        x = layers.Dense(hp.Int("units", 1, 64))(x)
        x = layers.Conv1D(2, hp.Int("kernel", 1, 9))(x)
        return keras.Model(inputs, layers.Dropout(hp.Float("rate", 0.0, 0.5))(x))

    space = keras_tuner.HyperParameters()
    build(space)
    oracle = sst.oracles.RandomSearchOracle(
        toys.SCORE, seed=3, hyperparameters=space, max_trials=20, on_infeasible="repair"
    )
    oracle.bind(build)
    toys.run(toys.put_in_folder(oracle, tmp_path))
    assert len(oracle.trials) == 20
    assert oracle.rejections
    for rejection in oracle.rejections:
        assert rejection.repaired_to == {**rejection.values, "kernel": 6}


def test_what_repair_does_to_the_distribution(tmp_path: Path) -> None:
    """Resampling gives the space's own distribution where it is feasible; repair does not."""
    counts = {}
    for option in ("resample", "repair"):
        drawn: Counter[tuple[int, int]] = Counter()
        for seed in range(200):
            oracle = sst.oracles.RandomSearchOracle(
                toys.SCORE, seed=1_000 * seed + 1, hyperparameters=space_of_square(), max_trials=1,
                on_infeasible=option,
            )  # fmt: skip
            oracle.bind(toys.square)
            toys.put_in_folder(oracle, tmp_path / option / str(seed))
            drawn[tuple(oracle.create_trial("t").hyperparameters.values.values())] += 1
        counts[option] = drawn
    fair = scipy.stats.chisquare([counts["resample"][point] for point in sorted(FITS)])
    assert fair.pvalue > 0.001
    border = {point for point in FITS if sum(point) == 7}
    share = {o: sum(c[point] for point in border) / 200 for o, c in counts.items()}
    # The border is where the nearest ones lie: 8 of 36 points.
    assert share["resample"] < 0.32
    assert share["repair"] > 0.5


def space_of_square() -> Any:
    hp = keras_tuner.HyperParameters()
    toys.square.declare(hp)
    return hp


# ---------------------------------------------------------------- Bayesian optimisation


@pytest.mark.parametrize("option", ["resample", "repair"])
def test_bayesian_search_tries_every_feasible_point_once(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    oracle = ours("BayesianOptimizationOracle", tmp_path, CORNER, 20, on_infeasible=option)
    oracle.verbose = 1
    toys.run(oracle)
    assert len(points(oracle)) == 10
    assert set(points(oracle)) == IN_CORNER
    assert "All 10 feasible configurations have been tried." in capsys.readouterr().out


def trials_to_the_best(name: str, seed: int, folder: Path) -> int:
    settings: dict[str, Any] = {"num_initial_points": 4} if name.startswith("Bayes") else {}
    oracle = getattr(sst.oracles, name)(
        toys.SCORE, seed=seed, hyperparameters=space_of_square(), max_trials=36, **settings
    )
    oracle.bind(toys.square)
    toys.put_in_folder(oracle, folder / f"{name}{seed}")
    best = min(toys.score_of({"a": a, "b": b}) for a, b in FITS)
    for number in range(1, 37):
        trial = oracle.create_trial("tuner0")
        if toys.score_of(trial.hyperparameters.values) == best:
            return number
        toys.complete(oracle, trial)
    raise AssertionError("the best point was never tried")


def hold_against_random_search(seeds: range, folder: Path) -> None:
    ours_needs, random_needs = (
        statistics.median(trials_to_the_best(name, seed, folder) for seed in seeds)
        for name in ("BayesianOptimizationOracle", "RandomSearchOracle")
    )
    assert ours_needs < random_needs


def test_bayesian_search_finds_the_best_sooner_than_random_search(tmp_path: Path) -> None:
    hold_against_random_search(range(3), tmp_path)


@pytest.mark.deep
def test_bayesian_search_finds_the_best_sooner_than_random_search_twenty_times(
    tmp_path: Path,
) -> None:
    hold_against_random_search(range(20), tmp_path)


def test_ongoing_trials_are_respected(tmp_path: Path) -> None:
    oracle = ours("BayesianOptimizationOracle", tmp_path, toys.square, 30)
    for _ in range(6):
        toys.complete(oracle, oracle.create_trial("tuner0"))
    together = [oracle.create_trial(f"tuner{number}") for number in range(6)]
    started = [tuple(trial.hyperparameters.values.values()) for trial in together]
    assert len(set(points(oracle))) == len(points(oracle)) == 12
    assert set(started) <= FITS


def test_a_resumed_bayesian_search_is_the_same_search(tmp_path: Path) -> None:
    whole = ours("BayesianOptimizationOracle", tmp_path / "whole", toys.square, 9)
    toys.run(whole)
    first = ours("BayesianOptimizationOracle", tmp_path / "part", toys.square, 9)
    toys.run(first, most=6)
    first.save()
    resumed = ours("BayesianOptimizationOracle", tmp_path / "part", toys.square, 9)
    resumed.reload()
    toys.run(resumed)
    assert points(resumed) == points(whole)


# ---------------------------------------------------------------- Hyperband


def promotions(oracle: Any) -> list[tuple[Any, ...]]:
    found = [trial.hyperparameters.values for trial in toys.run(oracle)]
    return [
        tuple(some[f"tuner/{name}"] for name in ("bracket", "round", "epochs", "initial_epoch"))
        for some in found
    ]


@pytest.mark.parametrize("option", ["resample", "repair"])
def test_hyperband_promotes_as_if_everything_were_feasible(option: str, tmp_path: Path) -> None:
    made = []

    def easy(hp: Any) -> Any:
        return toys.crop(0 * hp.Int("a", 0, 9), 0 * hp.Int("b", 0, 9))

    for build in (toys.square, easy):
        hp = space_of_square()
        oracle = sst.oracles.HyperbandOracle(
            toys.SCORE, seed=5, hyperparameters=hp, max_epochs=9, factor=3, on_infeasible=option
        )
        oracle.bind(build)
        toys.put_in_folder(oracle, tmp_path / str(len(made)))
        made.append((promotions(oracle), oracle))
    assert made[0][0] == made[1][0]
    assert made[0][1].rejections
    assert not made[1][1].rejections
    for trial in toys.trials_of(made[0][1]):
        assert toys.fits(trial.hyperparameters.values)


# ---------------------------------------------------------------- few among many


def widths(count: int) -> Any:
    """Six layers of 2 to 11 units that are added: feasible where all are as wide."""

    def build(hp: Any) -> Any:
        inputs = keras.Input((3,))
        wide = [layers.Dense(hp.Int(f"units_{n}", 2, 11))(inputs) for n in range(6)]
        if hp.get("units_0") >= 2 + count:
            toys.crop(9, 0)
        return keras.Model(inputs, layers.Add()(wide))

    return build


@pytest.mark.filterwarnings("ignore::shapesafe_tuner.FeasibilityWarning")
@pytest.mark.parametrize("count", [1, 2, pytest.param(10, marks=pytest.mark.deep)])
@pytest.mark.parametrize("name", ["RandomSearchOracle", "BayesianOptimizationOracle"])
def test_few_feasible_among_a_million_are_found(
    name: str, count: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hp = keras_tuner.HyperParameters()
    for number in range(6):
        hp.Int(f"units_{number}", 2, 11)
    oracle = getattr(sst.oracles, name)(toys.SCORE, seed=1, hyperparameters=hp, max_trials=20)
    oracle.bind(widths(count))
    toys.run(toys.put_in_folder(oracle, tmp_path))
    oracle.verbose = 1
    found = [set(trial.hyperparameters.values.values()) for trial in toys.trials_of(oracle)]
    assert sorted(found, key=min) == [{2 + number} for number in range(count)]
    oracle._said_why_stopped = False
    assert oracle.create_trial("tuner0").status == "STOPPED"
    assert f"All {count} feasible configurations have been tried." in capsys.readouterr().out


def twelve_blocks(hp: Any) -> Any:
    """About 10^17 configurations, one in 400 feasible."""
    x = inputs = keras.Input((64, 64, 1))
    for block in range(12):
        x = layers.Conv2D(2, hp.Choice(f"kernel_{block}", [3, 5, 7]))(x)
        if hp.Boolean(f"pooling_{block}"):
            x = layers.MaxPooling2D(2)(x)
    return keras.Model(inputs, x)


@pytest.mark.deep
@pytest.mark.filterwarnings("ignore::shapesafe_tuner.FeasibilityWarning")
@pytest.mark.parametrize("option", ["resample", "repair"])
@pytest.mark.parametrize("name", NAMES)
def test_every_trial_of_a_deep_space_runs(name: str, option: str, tmp_path: Path) -> None:
    hp = keras_tuner.HyperParameters()
    for block in range(12):
        hp.Choice(f"kernel_{block}", [3, 5, 7])
        hp.Boolean(f"pooling_{block}")
    oracle = getattr(sst.oracles, name)(
        toys.SCORE, seed=5, hyperparameters=hp, on_infeasible=option, **settings_of(name, 6)
    )
    oracle.bind(twelve_blocks)
    trials = toys.run(toys.put_in_folder(oracle, tmp_path), most=6)
    assert len(trials) == 6
    assert all(sst.check(twelve_blocks, trial.hyperparameters.values) for trial in trials)


# ---------------------------------------------------------------- health, memory


def test_a_search_that_refuses_nearly_everything_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rare = toys.Rectangle(a=(0, 99), b=(0, 99))
    hp = keras_tuner.HyperParameters()
    rare.declare(hp)
    oracle = sst.oracles.RandomSearchOracle(toys.SCORE, seed=1, hyperparameters=hp, max_trials=3)
    oracle.bind(rare)
    toys.put_in_folder(oracle, tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        toys.run(oracle)
    (text,) = (str(one.message) for one in caught if one.category is sst.FeasibilityWarning)
    assert "configurations drawn so far were refused. The most frequent cause, " in text
    assert "validate_search_space says which" in text
    assert "warnings.simplefilter('ignore', shapesafe_tuner.FeasibilityWarning)" in text
    saved = json.loads((tmp_path / "project" / "oracle.json").read_text())
    assert saved["shapesafe"]["complained"] is True


def test_nothing_is_said_of_a_healthy_search(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", sst.FeasibilityWarning)
        toys.run(ours("RandomSearchOracle", tmp_path, toys.square, 30))


def test_conflicts_learned_before_a_restart_are_known_after_it(tmp_path: Path) -> None:
    first = ours("RandomSearchOracle", tmp_path, toys.square, 30)
    toys.run(first, most=12)
    first.save()
    resumed = ours("RandomSearchOracle", tmp_path, toys.square, 30)
    resumed.reload()
    resumed.bind(toys.square)
    resumed.create_trial("tuner0")
    for rejection in first.rejections:
        assert resumed._checker.is_known_infeasible(rejection.values)
    # What has changed since is judged anew.
    changed = ours("RandomSearchOracle", tmp_path, toys.square, 30)
    changed.reload()
    changed.bind(lambda hp: toys.crop(0 * hp.Int("a", 0, 9), 0 * hp.Int("b", 0, 9)))
    changed.create_trial("tuner0")
    assert not any(changed._checker.is_known_infeasible(item.values) for item in first.rejections)


def test_a_trial_that_fails_all_the_same_is_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Own(toys.Scored):
        def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
            if hp.get("a") == 5:
                raise keras_tuner.errors.FailedTrialError("made in fit: 3 and 4 do not fit")
            return super().fit(hp, model, *args, **kwargs)

    tuner = toys.make("RandomSearch", Own(toys.few), tmp_path, trials=9)
    tuner.search(verbose=0)
    failed = [some for some in toys.values_of(tuner) if some["a"] == 5]
    assert failed == [{"a": 5}]
    tuner.feasibility_summary()
    out = capsys.readouterr().out
    assert "A trial that was not rejected failed, with a=5: " in out
    assert "made in fit: 3 and 4 do not fit" in out
    assert not any(item.values == {"a": 5} for item in tuner.rejections)
