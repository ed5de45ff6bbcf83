"""The oracles on their own: order of candidates, one rejection for each refused draw, the lock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner
import pytest

import shapesafe_tuner as sst
from shapesafe_tuner.oracles import shape_safe
from shapesafe_tuner.space import construction
from tests import toys

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]

NAMES = tuple(f"{name}Oracle" for name in toys.TUNERS)


def register(build: toys.Build) -> Any:
    """The whole space of a toy, as the constructor of a tuner would have found it."""
    hp = keras_tuner.HyperParameters()
    if isinstance(build, toys.Rectangle):
        build.declare(hp)
    elif build is toys.conditional:
        hp.Choice("kind", ["crop", "pool"])
        with hp.conditional_scope("kind", ["crop"]):
            hp.Int("a", 6, 9)
        with hp.conditional_scope("kind", ["pool"]):
            hp.Choice("window", [2, 4, 8, 16])
    elif build is toys.few:
        hp.Int("a", 4, 9)
    else:
        for name in "abc":
            hp.Int(name, 0, 9)
    return hp


def settings_of(name: str, trials: int | None) -> dict[str, Any]:
    if name == "HyperbandOracle":
        return {"max_epochs": 3, "factor": 3}
    if name == "BayesianOptimizationOracle":
        return {"max_trials": trials, "num_initial_points": 3}
    return {"max_trials": trials}


def stock(name: str, folder: Path, space: Any, trials: int | None = None, **settings: Any) -> Any:
    """KerasTuner's oracle on a registered space."""
    made = getattr(keras_tuner.oracles, name)(
        toys.SCORE, seed=5, hyperparameters=space, **settings_of(name, trials), **settings
    )
    return toys.put_in_folder(made, folder / "stock")


def ours(
    name: str,
    folder: Path,
    build: toys.Build,
    trials: int | None = None,
    **settings: Any,
) -> Any:
    """The shape-safe one, bound to the toy."""
    made = getattr(sst.oracles, name)(
        toys.SCORE,
        seed=5,
        hyperparameters=register(build),
        **settings_of(name, trials),
        **settings,
    )
    made.bind(build)
    return toys.put_in_folder(made, folder / "ours")


def values(trials: list[Any]) -> list[dict[str, Any]]:
    return [toys.plain(trial.hyperparameters.values) for trial in trials]


# ---------------------------------------------------------------- which candidates, in what order


def test_random_search_draws_what_stock_draws_without_the_infeasible(tmp_path: Path) -> None:
    drawn = values(toys.run(stock("RandomSearchOracle", tmp_path, register(toys.square), 40)))
    oracle = ours("RandomSearchOracle", tmp_path, toys.square, 12)
    trials = values(toys.run(oracle))
    feasible = [item for item in drawn if toys.fits(item)]
    assert len(feasible) >= 12 > 0
    assert trials == feasible[:12]
    refused = toys.rejected(oracle)
    first_seen = list({repr(item): item for item in refused}.values())
    infeasible = [item for item in drawn if not toys.fits(item)]
    assert first_seen == infeasible[: len(first_seen)]


@pytest.mark.parametrize(
    ("build", "fits", "feasible"),
    [(toys.square, toys.fits, 36), (toys.conditional, toys.fits_conditional, 5)],
    ids=["square", "conditional"],
)
def test_grid_search_visits_each_feasible_combination_once_in_the_order_of_stock(
    build: toys.Build, fits: Callable[[Any], bool], feasible: int, tmp_path: Path
) -> None:
    order = values(toys.run(stock("GridSearchOracle", tmp_path, register(build))))
    oracle = ours("GridSearchOracle", tmp_path, build)
    visited = values(toys.run(oracle))
    assert visited == [item for item in order if fits(item)]
    assert len(visited) == feasible
    refused = toys.rejected(oracle)
    assert sorted(map(repr, refused)) == sorted(repr(item) for item in order if not fits(item))


def test_grid_search_starts_at_the_first_feasible_combination(tmp_path: Path) -> None:
    space = toys.Rectangle((6, 9), (0, 3), default=(9, 2))
    order = values(toys.run(stock("GridSearchOracle", tmp_path, register(space))))
    assert not toys.fits(order[0])
    oracle = ours("GridSearchOracle", tmp_path, space)
    visited = values(toys.run(oracle))
    assert visited == [item for item in order if toys.fits(item)]
    assert len(visited) == 3
    assert len(oracle.rejections) == len(order) - 3


def test_grid_search_gives_integers_for_a_logarithmic_step(tmp_path: Path) -> None:
    def build(hp: Any) -> Any:
        return toys.crop(hp.Int("a", 1, 16, step=2, sampling="log"), 0)

    hp = keras_tuner.HyperParameters()
    hp.Int("a", 1, 16, step=2, sampling="log")
    oracle = sst.oracles.GridSearchOracle(toys.SCORE, seed=5, hyperparameters=hp)
    oracle.bind(build)
    toys.put_in_folder(oracle, tmp_path)
    visited = values(toys.run(oracle))
    assert visited == [{"a": 1}, {"a": 2}, {"a": 4}]
    assert toys.rejected(oracle) == [{"a": 8}, {"a": 16}]
    assert {type(item["a"]) for item in visited + toys.rejected(oracle)} == {int}


@pytest.mark.parametrize("workers", [2, 3])
def test_grid_search_with_several_workers(workers: int, tmp_path: Path) -> None:
    oracle = ours("GridSearchOracle", tmp_path, toys.square)
    running: dict[str, Any] = {}
    for turn in range(1000):
        worker = f"tuner{turn % workers}"
        if worker in running:
            toys.complete(oracle, running.pop(worker))
        trial = oracle.create_trial(worker)
        if trial.status == "STOPPED":
            break
        if trial.status == "RUNNING":
            running[worker] = trial
    visited = [repr(item) for item in values(toys.trials_of(oracle))]
    assert len(visited) == len(set(visited)) == 36
    refused = [repr(item) for item in toys.rejected(oracle)]
    assert len(refused) == len(set(refused)) == 64


def test_hyperband_fills_its_rounds(tmp_path: Path) -> None:
    oracle = ours("HyperbandOracle", tmp_path, toys.square)
    trials = toys.run(oracle)
    placed = [
        (trial.hyperparameters.values["tuner/bracket"], trial.hyperparameters.values["tuner/round"])
        for trial in trials
    ]
    assert placed == [(1, 0)] * 3 + [(1, 1)] + [(0, 0)] * 2
    best = min(trials[:3], key=lambda trial: trial.score)
    promoted = trials[3].hyperparameters.values
    assert promoted["tuner/trial_id"] == best.trial_id
    assert toys.plain(promoted) == toys.plain(best.hyperparameters.values)
    assert all(toys.fits(item) for item in values(trials))
    assert oracle.rejections


def test_hyperband_promotes_what_stock_cannot(tmp_path: Path) -> None:
    def play(oracle: Any) -> list[int]:
        rounds = []
        for _ in range(100):
            trial = oracle.create_trial("tuner0")
            if trial.status == "STOPPED":
                break
            chosen = trial.hyperparameters.values
            rounds.append(chosen["tuner/round"])
            if toys.fits(chosen):
                toys.complete(oracle, trial)
            else:
                trial.status = "FAILED"
                oracle.end_trial(trial)
        return rounds

    settings = {"max_consecutive_failed_trials": 1000}
    theirs = play(stock("HyperbandOracle", tmp_path, register(toys.square), **settings))
    mine = play(ours("HyperbandOracle", tmp_path, toys.square, **settings))
    assert mine.count(1) == 1
    assert theirs.count(1) == 0


def test_bayesian_search_replaces_refused_proposals(tmp_path: Path) -> None:
    # The score falls towards the infeasible corner, so the proposals go there.
    def tempting(chosen: Any) -> float:
        return -float(chosen["a"] + chosen["b"])

    oracle = ours("BayesianOptimizationOracle", tmp_path, toys.square, 8)
    trials = toys.run(oracle, score=tempting)
    assert len(trials) == 8
    assert all(toys.fits(item) for item in values(trials))
    assert any(item["a"] + item["b"] > 12 for item in toys.rejected(oracle))


def test_a_bayesian_search_of_what_is_feasible_is_that_of_stock(tmp_path: Path) -> None:
    space = toys.Rectangle((0, 3), (0, 4))
    theirs = values(toys.run(stock("BayesianOptimizationOracle", tmp_path, register(space), 6)))
    mine = ours("BayesianOptimizationOracle", tmp_path, space, 6)
    assert values(toys.run(mine)) == theirs
    assert mine.rejections == []


# ---------------------------------------------------------------- what is recorded


@pytest.mark.parametrize("name", NAMES)
def test_one_rejection_for_each_refused_configuration(name: str, tmp_path: Path) -> None:
    oracle = ours(name, tmp_path, toys.square, 9)
    seen = []
    judge = oracle._checker.judge

    def counting(chosen: Any, space: Any) -> Any:
        verdict = judge(chosen, space)
        seen.append((dict(chosen), bool(verdict)))
        return verdict

    oracle._checker.judge = counting
    trials = toys.run(oracle)
    fresh = [trial for trial in trials if "tuner/trial_id" not in trial.hyperparameters.values]
    refused = [chosen for chosen, passed in seen if not passed]
    if name == "BayesianOptimizationOracle":
        # What the acquisition is maximised over is no draw.
        assert all(values in refused for values in toys.rejected(oracle))
        assert oracle.drawn <= len(oracle.rejections) + len(fresh)
    else:
        once = [chosen for place, chosen in enumerate(refused) if chosen not in refused[:place]]
        assert toys.rejected(oracle) == once
        assert oracle.draws.repeated == len(refused) - len(once)
        assert oracle.drawn == len(oracle.rejections) + len(fresh)
    if name == "GridSearchOracle":
        assert len({repr(item) for item in toys.rejected(oracle)}) == len(oracle.rejections)


def test_a_draw_refused_again_is_a_conflict_already_known(tmp_path: Path) -> None:
    oracle = ours("RandomSearchOracle", tmp_path, toys.few, 3)
    toys.run(oracle)
    by_value: dict[int, list[str]] = {}
    for rejection in oracle.rejections:
        by_value.setdefault(rejection.values["a"], []).append(rejection.verdict.stage)
    assert by_value
    for stages in by_value.values():
        assert stages == ["analytic", *["conflict"] * (len(stages) - 1)]


def test_the_records_of_a_small_space_stay_in_proportion(tmp_path: Path) -> None:
    oracle = ours("RandomSearchOracle", tmp_path, toys.few, 100)
    toys.run(oracle)
    assert len(oracle.trials) == 4
    assert len(oracle.rejections) < 1000


def test_an_unbound_oracle_is_stock(tmp_path: Path) -> None:
    oracle = sst.oracles.RandomSearchOracle(
        toys.SCORE, max_trials=6, seed=5, hyperparameters=register(toys.square)
    )
    trials = values(toys.run(toys.put_in_folder(oracle, tmp_path / "ours")))
    theirs = values(toys.run(stock("RandomSearchOracle", tmp_path, register(toys.square), 6)))
    assert trials == theirs
    assert oracle.rejections == []
    assert oracle.drawn == 0


def test_warn_records_once_what_runs(tmp_path: Path) -> None:
    oracle = ours("GridSearchOracle", tmp_path, toys.few, on_infeasible="warn")
    with pytest.warns(UserWarning, match="infeasible configuration will run"):
        trials = values(toys.run(oracle))
    assert trials == [{"a": a} for a in range(4, 10)]
    assert toys.rejected(oracle) == [{"a": 8}, {"a": 9}]


# ---------------------------------------------------------------- when draws do not succeed


def one_in_a_thousand(hp: Any) -> Any:
    a, b, c = (hp.Int(name, 0, 9) for name in "abc")
    # All three must be known.
    if f"{a}{b}{c}" != "375":
        toys.crop(9, 0)
    return toys.crop(0, 0)


def test_what_draws_do_not_find_is_found_by_a_walk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(hp: Any) -> Any:
        # The first value read settles most of the space.
        toys.crop(9 if hp.Int("a", 0, 9) != 3 else 0, 0)
        toys.crop(9 if hp.Int("b", 0, 9) != 7 else 0, 0)
        toys.crop(9 if hp.Int("c", 0, 9) != 5 else 0, 0)
        return toys.crop(0, 0)

    monkeypatch.setattr(shape_safe, "MAX_JUDGED", 3)
    oracle = ours("RandomSearchOracle", tmp_path, build, 5)
    oracle.verbose = 1
    trials = values(toys.run(oracle))
    assert trials == [{"a": 3, "b": 7, "c": 5}]
    assert oracle._checker.judged < 60
    assert "All 1 feasible configurations have been tried." in capsys.readouterr().out


def test_a_walk_that_is_cut_short_is_not_called_exhaustive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shape_safe, "MAX_JUDGED", 3)
    monkeypatch.setattr(construction, "_BUDGET", 10)
    oracle = ours("RandomSearchOracle", tmp_path, one_in_a_thousand, 5)
    with pytest.raises(sst.NoFeasibleConfigurationError) as raised:
        oracle.create_trial("tuner0")
    assert not raised.value.exhaustive
    assert 3 <= raised.value.tried <= 13


# ---------------------------------------------------------------- the lock


class Failing(keras_tuner.Oracle):  # type: ignore[misc]
    """Fails the first time it is asked."""

    asked = 0

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        self.asked += 1
        if self.asked == 1:
            raise RuntimeError("a passing trouble")
        return {"status": "RUNNING", "values": {"a": 0, "b": 0}}


class SafeFailing(sst.ShapeSafeOracle, Failing):
    """The same, shape-safe."""


def in_another_thread(call: Callable[[], Any]) -> Any:
    """What ``call`` returns in a thread of its own; fails if it hangs."""
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(call()), daemon=True)
    thread.start()
    thread.join(timeout=20)
    assert not thread.is_alive(), "the oracle's lock is held"
    return answers[0]


def test_the_lock_is_free_after_an_exception_in_create_trial(tmp_path: Path) -> None:
    oracle = toys.put_in_folder(SafeFailing(toys.SCORE, max_trials=3, seed=1), tmp_path)
    with pytest.raises(RuntimeError, match="a passing trouble"):
        oracle.create_trial("tuner0")
    trial = in_another_thread(lambda: oracle.create_trial("tuner1"))
    assert trial.status == "RUNNING"


def test_the_lock_is_free_when_nothing_is_feasible(tmp_path: Path) -> None:
    oracle = ours("GridSearchOracle", tmp_path, toys.Rectangle((8, 9), (0, 1)))
    with pytest.raises(sst.NoFeasibleConfigurationError):
        oracle.create_trial("tuner0")

    def again() -> Any:
        with pytest.raises(sst.NoFeasibleConfigurationError):
            oracle.create_trial("tuner1")
        return True

    assert in_another_thread(again)


def test_the_lock_is_free_after_too_many_failures(tmp_path: Path) -> None:
    oracle = ours("RandomSearchOracle", tmp_path, toys.square, 5, max_consecutive_failed_trials=1)
    trial = oracle.create_trial("tuner0")
    trial.status = "FAILED"
    with pytest.raises(RuntimeError, match="consecutive failures"):
        oracle.end_trial(trial)
    assert in_another_thread(lambda: oracle.create_trial("tuner1")).status == "RUNNING"


def test_a_wrong_call_does_not_free_the_lock_of_another_thread(tmp_path: Path) -> None:
    inside, leave = threading.Event(), threading.Event()

    class Slow(keras_tuner.Oracle):  # type: ignore[misc]
        def populate_space(self, trial_id: str) -> dict[str, Any]:
            inside.set()
            assert leave.wait(timeout=20)
            return {"status": "RUNNING", "values": {"a": 0, "b": 0}}

    class SafeSlow(sst.ShapeSafeOracle, Slow):
        pass

    oracle = toys.put_in_folder(SafeSlow(toys.SCORE, max_trials=3, seed=1), tmp_path)
    answers: list[Any] = []

    def work() -> None:
        try:
            answers.append(oracle.create_trial("tuner0").status)
        except RuntimeError as error:
            answers.append(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    assert inside.wait(timeout=20)
    threading.Timer(0.3, leave.set).start()
    with pytest.raises(TypeError):
        oracle.end_trial("0")  # an id without a status, which must not undo what the other did
    worker.join(timeout=20)
    assert answers == ["RUNNING"]


@pytest.mark.parametrize("name", ["RandomSearchOracle", "GridSearchOracle"])
def test_a_trial_ends_by_id_and_status_as_it_did_in_old_versions(name: str, tmp_path: Path) -> None:
    for oracle in (
        stock(name, tmp_path, register(toys.square), 5),
        ours(name, tmp_path, toys.square, 5),
    ):
        trial = oracle.create_trial("tuner0")
        oracle.update_trial(trial.trial_id, {"score": 1.0})
        oracle.end_trial(trial.trial_id, "COMPLETED")
        assert oracle.get_trial(trial.trial_id).status == "COMPLETED"
