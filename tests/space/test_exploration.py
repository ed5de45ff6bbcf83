"""Whole spaces in parts: in other processes, cut short, drawn in strata."""

from __future__ import annotations

import functools
import io
import multiprocessing
import pathlib
import random
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import pytest
import rich.console
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner.space import exploration, work
from shapesafe_tuner.space.explorer import Leaf
from shapesafe_tuner.space.shares import wilson
from tests.space import spaces

# One process has the pool and the cluster.
pytestmark = pytest.mark.xdist_group("executors")

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(autouse=True)
def tree(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about the tree; ``diagram/`` has those of states that are merged."""
    monkeypatch.setattr(exploration, "_SHALLOW", float("inf"))


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=SPAWN) as executor:
        yield executor


@pytest.fixture(scope="module")
def dask() -> Iterator[Executor]:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
        client.get_executor() as executor,
    ):
        yield executor


def told(build: Any, **given: Any) -> tuple[str, list[dict[str, Any]]]:
    report = sst.validate_search_space(build, **given)
    return report.to_json(), report.sample(50, seed=1)


DATA = {"x": np.zeros((9, 6)), "y": np.zeros((9, 3)), "batch_size": 4}


@pytest.mark.parametrize("where", ["pool", "dask"])
def test_other_processes_give_the_same_report_to_the_byte(
    where: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = request.getfixturevalue(where)
    # Many small tasks: several rounds.
    monkeypatch.setattr(exploration, "_AT_ONCE", 40)
    here = told(spaces.deep)
    assert here == told(spaces.deep, executor=executor)
    assert told(spaces.classifier, **DATA) == told(spaces.classifier, executor=executor, **DATA)
    assert told(spaces.halves, samples=99) == told(spaces.halves, samples=99, executor=executor)


def test_threads_give_it_too() -> None:
    with ThreadPoolExecutor(2) as executor:
        assert told(spaces.deep) == told(spaces.deep, executor=executor)


@pytest.mark.parametrize("where", ["threads", "pool"])
def test_states_are_merged_beside_an_executor_to_the_same_report(
    where: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exploration, "_SHALLOW", 150)
    monkeypatch.setattr(exploration, "_AT_ONCE", 10)
    merged = []
    settle = exploration.Exploration.settle_by_states
    monkeypatch.setattr(
        exploration.Exploration,
        "settle_by_states",
        lambda self, budget: merged.append(settle(self, budget)) or merged[-1],
    )
    here = told(spaces.deep)
    with ThreadPoolExecutor(2) as threads:
        executor = request.getfixturevalue("pool") if where == "pool" else threads
        assert told(spaces.deep, executor=executor) == here
    assert merged == [True, True]


def test_how_it_is_dealt_out_changes_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    report = sst.validate_search_space(spaces.deep)
    monkeypatch.setattr(exploration, "_AT_ONCE", 13)
    monkeypatch.setattr(exploration, "_TASKS", 5)
    assert sst.validate_search_space(spaces.deep) == report


class Shuffled(ThreadPoolExecutor):
    """Does what it is given in another order."""

    def submit(self, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        waiting.append(future := super().submit(*args, **kwargs))
        random.Random(0).shuffle(waiting)
        waiting[0].result()
        return future


waiting: list[Any] = []


def test_the_order_of_the_tasks_does_not_matter() -> None:
    with Shuffled(3) as executor:
        assert told(spaces.deep) == told(spaces.deep, executor=executor)


def test_a_process_that_dies_loses_nothing(tmp_path: pathlib.Path) -> None:
    build = spaces.Fatal(tmp_path / "died")
    expected = told(build)
    assert not build.flag.exists()
    with (
        ProcessPoolExecutor(2, mp_context=SPAWN) as executor,
        pytest.warns(RuntimeWarning, match=r"The executor failed \(BrokenProcessPool"),
    ):
        assert told(build, executor=executor) == expected
    assert build.flag.exists()


def test_a_dask_worker_that_dies_loses_nothing(tmp_path: pathlib.Path, dask: Executor) -> None:
    build = spaces.Fatal(tmp_path / "died")
    expected = told(build)
    assert told(build, executor=dask) == expected
    assert build.flag.exists()


def test_what_cannot_be_sent_is_said(monkeypatch: pytest.MonkeyPatch, pool: Executor) -> None:
    def build(hp: Any) -> Any:
        return spaces.deep(hp)

    assert told(build, executor=pool) == told(build)
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(TypeError, match=r"cannot be sent to another process .*Define build as"):
        sst.validate_search_space(build, executor=pool)


def interrupting(build: Callable[[Any], Any], after: int) -> Callable[[Any], Any]:
    count = 0

    @functools.wraps(build)
    def interrupted(hp: Any) -> Any:
        nonlocal count
        count += 1
        if count > after:
            raise KeyboardInterrupt
        return build(hp)

    return interrupted


@pytest.mark.parametrize("after", [0, 5, 300])
def test_ctrl_c_gives_the_report_so_far(after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exploration, "_AT_ONCE", 40)
    whole = sst.validate_search_space(spaces.deep)
    part = sst.validate_search_space(interrupting(spaces.deep, after))
    low, high = part.confidence_interval
    assert not part.exact
    assert low <= whole.feasible_fraction <= high
    assert (low > 0) == (after == 300)
    assert high - low < 1 or after < 300
    assert "it was interrupted" in part.to_text()
    # Conflicts found so far hold; those that are not small yet lie within smaller ones.
    for conflict in part.conflicts:
        values = {name: some[0] for name, some in conflict.values.items()}
        assert not sst.check(spaces.deep, {**values, "dropout": 0.1})


def test_progress_shows_the_share_and_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    console = functools.partial(rich.console.Console, force_terminal=True, file=shown)
    monkeypatch.setattr(rich.console, "Console", lambda **given: console(width=100))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    sst.validate_search_space(spaces.deep)
    assert "settled" in shown.getvalue()
    assert "100.0%" in shown.getvalue()
    assert "a second" in shown.getvalue()
    before = len(shown.getvalue())
    sst.validate_search_space(spaces.deep, progress=False)
    assert len(shown.getvalue()) == before


def test_only_what_is_too_wide_is_drawn() -> None:
    report = sst.validate_search_space(spaces.halves, samples=200)
    low, high = report.confidence_interval
    assert low < 0.75 < high
    simple = wilson(150, 200)
    assert high - low < 0.7 * (simple[1] - simple[0])
    # Draws lie evenly over the quantiles: half of them fit, to one.
    assert report.feasible_fraction == pytest.approx(0.75, abs=1 / 200)
    assert "This is not exact, because kernel may affect shapes and has too many values" in str(
        report
    )
    assert report.sensitivity["kind"]["narrow"] == 0
    assert report.sensitivity["kind"]["wide"] == pytest.approx(0.5, abs=0.01)


def test_all_draws_when_asked_for() -> None:
    report = sst.validate_search_space(spaces.deep, exact=False, samples=400)
    exact = sst.validate_search_space(spaces.deep)
    low, high = report.confidence_interval
    assert low < exact.feasible_fraction < high
    assert report.why_not_exact == "exact=False asks for a sample"


def test_a_budget_that_is_spent_leaves_the_rest_to_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shapesafe_tuner.validation.MOST_RUNS", 200)
    whole = exploration.Exploration(*judge_and_space(spaces.deep))
    whole.explore(10**6)
    report = sst.validate_search_space(spaces.deep, samples=300)
    low, high = report.confidence_interval
    fraction = sum(leaf.share for leaf in whole.leaves if leaf.feasible)
    assert not report.exact
    assert low < float(fraction) < high
    assert "more combinations than" in report.to_text()
    assert report.suggestions == ()


def judge_and_space(build: Any) -> tuple[Any, None]:
    from shapesafe_tuner.tracing.judge import Judge
    from shapesafe_tuner.tracing.question import question_of

    return Judge(question_of(build)), None


def test_exact_says_before_it_starts_what_it_would_take() -> None:
    runs = 0

    def wide(hp: Any) -> Any:
        nonlocal runs
        runs += 1
        x = inputs = keras.Input((3000, 1))
        for number in range(3):
            x = layers.Conv1D(1, hp.Int(f"kernel_{number}", 1, 900))(x)
        return keras.Model(inputs, layers.Conv1D(1, hp.Int("last", 500, 1000))(x))

    with pytest.raises(ValueError, match=r"that would take about [\d,]{10,} runs of build"):
        sst.validate_search_space(wide, exact=True)
    assert runs < 200

    def endless(hp: Any) -> Any:
        kernel = int(10 * hp.Float("share", 0.0, 1.0)) + 1
        return keras.Sequential([keras.Input((8, 1)), layers.Conv1D(1, kernel)])

    with pytest.raises(ValueError, match="share may affect shapes and has infinitely many"):
        sst.validate_search_space(endless, exact=True)
    report = sst.validate_search_space(endless, samples=100)
    assert report.feasible_fraction == pytest.approx(0.8, abs=0.02)
    assert report.why_not_exact == "share may affect shapes and has too many values"


def test_work_is_cut_where_it_costs_too_much() -> None:
    task = work.Task(*judge_and_space(spaces.deep), widest=None)
    whole = work.work(task, [part()], 10**6)
    cut = work.work(task, [part()], 50)
    assert 50 <= cut.cost < 60
    leaves = [item for item in cut.pieces[0] if isinstance(item, Leaf)]
    assert [leaf.values for leaf in leaves] == [
        item.values for item in whole.pieces[0][: len(leaves)]
    ]
    assert sum(item.share for item in cut.pieces[0]) == 1


def part() -> Any:
    from fractions import Fraction

    from shapesafe_tuner.space.explorer import Part

    return Part({}, Fraction(1))
