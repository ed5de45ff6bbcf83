"""The benchmarks: what they compute of their results, their spaces and guards, and one search."""

from __future__ import annotations

import contextlib
import fractions
import itertools
import json
import pathlib
import random
from typing import Any

import keras
import keras_tuner
import pytest

import shapesafe_tuner as sst
from benchmarks import __main__ as runner
from benchmarks import (
    agreement,
    by_hand,
    harness,
    rules,
    searches,
    wasted_curves,
    wasted_tables,
    wasted_trials,
)
from benchmarks.spaces import CONTROL, SPACES
from tests import toys

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]

ROOT = pathlib.Path(__file__).parents[2]


# ---------------------------------------------------------------- harness


def test_a_journal_goes_on_where_it_stopped(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "new" / "runs.jsonl"
    journal = harness.Journal(path, ("space", "seed"))
    assert not journal.runs
    assert not path.exists()
    journal.add({"space": "a", "seed": 1, "best": 0.5})
    journal.add({"space": "a", "seed": 2, "best": None})
    with path.open("a") as file:
        file.write('{"space": "a", "seed": 3, "be')
    again = harness.Journal(path, ("space", "seed"))
    assert again.runs == journal.runs
    assert {"space": "a", "seed": 2, "more": 0} in again
    assert {"space": "a", "seed": 3} not in again
    again.add({"space": "a", "seed": 3, "best": 0.25})
    assert [json.loads(line)["seed"] for line in path.read_text().splitlines()] == [1, 2, 3]


def test_a_journal_with_a_whole_line_that_is_no_json_is_left_alone(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text('{"seed": 1}\nnot json\n{"seed": 2}\n')
    with pytest.raises(ValueError, match=r"runs\.jsonl.*line 2"):
        harness.Journal(path, ("seed",))
    assert path.read_text() == '{"seed": 1}\nnot json\n{"seed": 2}\n'


def test_a_table_in_markdown() -> None:
    table = harness.Table("Head", ["a", "b"], [["x|y", None], [1, "2 %"]], ["A note."])
    assert table.markdown() == (
        "## Head\n\n| a | b |\n| --- | --- |\n| x\\|y | - |\n| 1 | 2 % |\n\nA note.\n"
    )
    with pytest.raises(ValueError, match="2 columns and a row of 1"):
        harness.Table("", ["a", "b"], [["x"]]).markdown()


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    page = "before\n<!-- name: begin (how) -->\nold\n<!-- name: end -->\nafter\n"
    once = harness.between_markers(page, "name", "new\n")
    assert once == "before\n<!-- name: begin (how) -->\n\nnew\n\n<!-- name: end -->\nafter\n"
    assert harness.between_markers(once, "name", "new") == once


@pytest.mark.parametrize(
    "page",
    [
        "no markers",
        "<!-- name: begin -->",
        "<!-- name: end -->\n<!-- name: begin -->",
        "<!-- name: begin --><!-- name: begin --><!-- name: end -->",
    ],
)
def test_a_page_without_its_markers_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="needs one '<!-- name: begin -->'"):
        harness.between_markers(page, "name", "new")


def test_what_is_published_says_where_it_ran(tmp_path: pathlib.Path) -> None:
    table = harness.Table("T", ["a"], [[1]])
    text = harness.publish("name", tmp_path, {"quick": True}, [{"a": 1}], [table])
    assert (tmp_path / "name.md").read_text() == text
    assert table.markdown() in text
    content = json.loads((tmp_path / "name.json").read_text())
    assert content["results"] == [{"a": 1}]
    assert content["settings"] == {"quick": True}
    assert content["machine"]["cores"] >= 1
    assert content["versions"]["shapesafe_tuner"] == sst.__version__
    assert content["versions"]["keras-tuner"] in text


def test_the_runner_lists_every_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main([]) == 0
    listed = capsys.readouterr().out
    explained = (ROOT / "benchmarks" / "README.md").read_text()
    for path in (ROOT / "benchmarks").glob("*.py"):
        if "harness.parser(" in path.read_text() and path.stem != "harness":
            assert path.stem in listed
            assert f"## {path.stem}\n" in explained
    assert runner.main(["nothing"]) == 2
    assert "There is no benchmark 'nothing'" in capsys.readouterr().err


# ---------------------------------------------------------------- spaces and guards


def deciding(name: str) -> tuple[float, list[dict[str, Any]]]:
    """The feasible share that is reported, and every combination of the values that decide."""
    report = sst.validate_search_space(SPACES[name].build, **SPACES[name].arrays(), progress=False)
    assert report.exact
    domains = report.domains
    every = itertools.product(*domains.values())
    return report.feasible_fraction, [dict(zip(domains, each, strict=True)) for each in every]


def reading(build: Any, values: dict[str, Any]) -> tuple[Any, list[str]]:
    """What a function of hyperparameters gives or raises, and the names it reads, in order."""
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    try:
        given = build(hp)
    except ValueError as error:
        given = error
    return given, [item.name for item in hp.space]


@pytest.mark.parametrize("name", SPACES)
def test_the_share_and_the_check_agree_with_the_guard(name: str) -> None:
    space = SPACES[name]
    share, every = deciding(name)
    for values in random.Random(name).sample(every, min(25, len(every))):
        verdict = sst.check(space.build, values, **space.arrays())
        reason = reading(space.guard, values)[0]
        assert verdict.feasible is (reason is None), (values, reason, verdict.fault)
    feasible = sum(reading(space.guard, values)[0] is None for values in every)
    # Choices, booleans and integers on a linear scale: every combination is equally likely.
    assert share == pytest.approx(feasible / len(every), abs=1e-12)
    assert (share == 1) == (name == CONTROL)
    assert share > 0.1


@pytest.mark.parametrize("name", SPACES)
def test_guards_agree_with_keras_and_read_what_the_model_reads(name: str) -> None:
    space = SPACES[name]
    _, every = deciding(name)
    arrays = {key: part[:8] for key, part in space.arrays().items()}
    generator = random.Random(name)
    for fits in (True, False):
        alike = [v for v in every if (reading(space.guard, v)[0] is None) == fits]
        for values in generator.sample(alike, min(2, len(alike))):
            model, read = reading(space.build, values)
            guarded, read_by_guard = reading(space.guard, values)
            assert read_by_guard == (read[: len(read_by_guard)] if fits else read)
            if isinstance(model, ValueError):
                assert not fits, (values, model)
                continue
            if fits:
                model.run_eagerly = True  # quicker for one step
                model.fit(**arrays, verbose=0)
            else:
                with pytest.raises(ValueError, match=r"shape|equal|rank|logits"):
                    model.fit(**arrays, verbose=0)
                assert guarded is not None


def test_the_guarded_hypermodel_fails_its_trial() -> None:
    hp = keras_tuner.HyperParameters()
    hp.values = {"levels": 4}
    with pytest.raises(keras_tuner.errors.FailedTrialError, match="12 pixels do not divide by 8"):
        SPACES["u_net"].guarded(hp)


# ---------------------------------------------------------------- wasted_trials


def test_the_searches_are_all_there_and_each_way_comes_first_in_turn() -> None:
    every = wasted_trials.jobs(quick=False)
    assert len(every) == len(set(every)) == 5 * 4 * 9 * 3
    assert len(wasted_trials.jobs(quick=True)) == 3 * 2 * 3
    for first in range(0, len(every), 5):
        compared = every[first : first + 5]
        assert len({(job.space, job.algorithm, job.seed) for job in compared}) == 1
        assert {job.variant for job in compared} == set(searches.VARIANTS)
    leading = [job.variant for job in every[::5]]
    assert {leading.count(variant) for variant in searches.VARIANTS} <= {21, 22}
    few = wasted_trials.jobs(False, [4], ["RandomSearch"], ["stock", "repair"])
    assert len(few) == 9 * 2
    assert {(job.seed, job.algorithm) for job in few} == {(4, "RandomSearch")}


def test_hyperband_is_asked_for_the_places_of_its_brackets() -> None:
    oracle = keras_tuner.oracles.HyperbandOracle("val_loss", **searches.HYPERBAND)
    places = sum(
        oracle._get_size(bracket, round_)
        for bracket in range(oracle._get_num_brackets())
        for round_ in range(oracle._get_num_rounds(bracket))
    )
    assert searches.asked(searches.Job(CONTROL, "Hyperband", "stock", 1, 99)) == places


def result(variant: str, space: str = "u_net", seed: int = 1, **changed: Any) -> dict[str, Any]:
    """What a search of four trials gives, all completed unless changed."""
    return {
        "space": space, "algorithm": "RandomSearch", "variant": variant, "seed": seed, "trials": 4,
        "asked": 4, "outcome": "ended", "error": None, "completed": 4, "failed": 0, "never_run": 0,
        "distinct": 4, "rejected": 0, "best": 0.5, "seconds": 10.0, "constructor": 0.1,
        "cpu": 9.0, "in_trials": 8.0,
        "infeasible": 0.0, "checking": 0.0, "tried": [[{"a": 1}, "COMPLETED", 0.5]], "ended": [3.0],
        **changed,
    }  # fmt: skip


RESULTS = [
    result("stock", completed=1, failed=2, never_run=1, outcome="aborted", seconds=4.0,
           infeasible=1.0, in_trials=2.0, distinct=1),
    result("stock", seed=2, completed=0, never_run=4, outcome="crashed", best=None, seconds=1.0,
           in_trials=0.0),
    result("resample", checking=0.5, rejected=3, best=0.25),
    result("resample", seed=2, checking=0.5),
    result("stock", CONTROL, best=0.9),
    result("stock", CONTROL, seed=2),
    result("resample", CONTROL, best=0.9, seconds=11.0, checking=0.11),
    result("resample", CONTROL, seed=2, seconds=11.0, tried=[[{"a": 2}, "COMPLETED", 0.5]]),
]  # fmt: skip
SHARES = {"u_net": {"feasible": 0.5}, CONTROL: {"feasible": 1.0}}


def test_the_short_tables() -> None:
    by_space, by_way = wasted_tables.short(RESULTS, SHARES)
    assert list(by_space.columns) == ["space", "feasible", "stock", "resample"]
    assert by_space.rows[0] == [
        SPACES["u_net"].title, "50%", "88%, aborted 1 of 2, crashed 1 of 2", "0%"
    ]  # fmt: skip
    assert by_space.rows[1] == [SPACES[CONTROL].title, "100%", "0%", "0%"]
    stock, ours = (dict(zip(by_way.columns, row, strict=True)) for row in by_way.rows)
    assert [stock[n] for n in ("asked", "completed", "failed", "never run")] == [8, 1, 2, 5]
    assert [stock[n] for n in ("aborted", "crashed", "distinct feasible")] == [1, 1, 5]
    assert [stock[n] for n in ("seconds", "on failed trials", "checking")] == ["5", "20.0%", "-"]
    assert stock["outside trials"] == "60.0%"
    assert (ours["outside trials"], ours["checking"]) == ("20.0%", "5.0%")
    assert ours["seconds a completed trial"] == "2.5"
    against, control = by_way.notes
    # val_loss: less is better.
    assert "better 1, equal 0, worse 0; stock has none in 1." in against
    assert "on the control 1 of 2 searches of ours ran exactly the trials of stock" in control
    assert "(1 with the same scores)" in control
    assert "resample 110% of stock's time, 0.5% of it checking" in control


def test_how_good_the_best_is_by_trials_and_by_seconds() -> None:
    better, worse, failed = [{}, "COMPLETED", 0.2], [{}, "COMPLETED", 0.6], [{}, "INVALID", None]
    runs = [
        result("stock", tried=[failed, worse], ended=[1.0, 4.0]),
        result("resample", tried=[worse, better, worse], ended=[4.0, 6.0, 9.0]),
        result("stock", seed=2, tried=[], ended=[]),
        result("resample", CONTROL),
    ]
    curves = [points for _, points in wasted_curves.quality(runs)]
    # val_loss: less is better, and a trial that failed is as bad as none.
    assert curves == [[(1.0, 0.0), (4.0, 0.0)], [(4.0, 0.0), (6.0, 1.0), (9.0, 1.0)], []]
    assert [wasted_curves.after(curves[1], count) for count in (1, 2, 8)] == [0.0, 1.0, 1.0]
    assert [wasted_curves.at(curves[1], seconds) for seconds in (5, 6)] == [0.0, 1.0]
    stock, ours = wasted_curves.table(runs).rows
    assert stock == ["stock", *["0.00"] * 8, "0 of 2"]
    assert ours == ["resample", "0.00", *["1.00"] * 3, "0.00", "0.00", "1.00", "1.00", "1 of 1"]


def test_nothing_is_said_of_a_control_that_did_not_run() -> None:
    runs = [run for run in RESULTS if run["space"] != CONTROL]
    assert wasted_tables.agreement(runs) == (0, 0, 0)
    assert len(wasted_tables.short(runs, SHARES)[1].notes) == 1


def test_the_full_table() -> None:
    table = wasted_tables.in_full(RESULTS)
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert len(rows) == 4
    assert rows[0]["best score (range)"] == "val_loss 0.500 (0.500 - 0.500)"
    assert rows[1]["rejected"] == 3
    assert rows[1]["best score (range)"] == "val_loss 0.375 (0.250 - 0.500)"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_benchmark_from_end_to_end(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = [
        searches.Job(CONTROL, "RandomSearch", "stock", 1, 2),
        searches.Job(CONTROL, "RandomSearch", "resample", 1, 2),
        searches.Job("stacked_lstm", "GridSearch", "stock", 1, 2),
        searches.Job("u_net", "RandomSearch", "guards", 5, 1),
    ]
    ran: list[searches.Job] = []

    def here(missing: list[searches.Job]) -> Any:
        ran.extend(missing)
        return map(searches.search, missing)

    monkeypatch.setattr(wasted_trials, "jobs", lambda *given: jobs)
    monkeypatch.setattr(wasted_trials, "run", here)
    page = tmp_path / "page.md"
    page.write_text("<!-- wasted_trials: begin -->\n<!-- wasted_trials: end -->\n")
    arguments = ["--into", str(tmp_path / "out"), "--page", str(page)]
    wasted_trials.main(arguments)
    assert ran == jobs
    content = json.loads((tmp_path / "out" / "wasted_trials.json").read_text())["results"]
    stock, ours, crashed, guarded = content["runs"]
    assert stock["completed"] == ours["completed"] == 2
    assert [trial[0] for trial in ours["tried"]] == [trial[0] for trial in stock["tried"]]
    assert 0 < ours["checking"] < ours["seconds"]
    assert 0 < ours["ended"][0] < ours["ended"][1] < ours["seconds"]
    assert crashed["outcome"] == "crashed"
    assert crashed["never_run"] == crashed["asked"] == 2
    assert "expected ndim=3, found ndim=2" in crashed["error"]
    assert guarded["completed"] + guarded["failed"] == 1
    assert (guarded["infeasible"] > 0) == (guarded["failed"] == 1)
    assert content["spaces"]["u_net"] == {"configurations": 72, "feasible": 0.5}
    picture = tmp_path / wasted_tables.PICTURE
    assert picture.stat().st_size < 150_000
    assert (tmp_path / wasted_curves.PICTURE).stat().st_size < 150_000
    assert "crashed 1 of 1" in page.read_text()
    before = page.read_text()
    wasted_trials.main(arguments)
    assert ran == jobs
    assert page.read_text() == before
    assert "4 of 4 searches are there already." in capsys.readouterr().out


def test_the_docs_have_the_markers() -> None:
    page = (ROOT / "docs" / "measurements.md").read_text()
    for name in ("wasted_trials", "search_space"):
        assert "\n\nnew\n\n" in harness.between_markers(page, name, "new")


# ---------------------------------------------------------------- search_space

SMALL = (rules.blocks(1, 8), rules.blocks(2, 8))


def test_counting_by_hand_agrees_with_every_configuration() -> None:
    shares = []
    for chain in SMALL:
        fits = 0
        for values in itertools.product(*[(3, 5, 7), (0, 1)] * len(chain.steps)):
            size = chain.start
            for kernel, pooling in zip(values[::2], values[1::2], strict=True):
                size = max(0, size - kernel + 1) // (1 + pooling)
            fits += size > 0
        shares.append(fractions.Fraction(fits, chain.configurations))
    count = by_hand.by_recursion(SMALL)
    assert count.share == sum(shares) / 2
    assert 0 < count.share < 1
    assert count.found == sum(s * c.configurations for s, c in zip(shares, SMALL, strict=True))


@pytest.mark.parametrize(
    ("solver", "count"),
    [("constraint", by_hand.by_python_constraint), ("ortools", by_hand.by_cp_sat)],
)
def test_solvers_agree_and_stop_at_their_limit(solver: str, count: Any) -> None:
    pytest.importorskip(solver)
    right = by_hand.by_recursion(SMALL)
    found = count(SMALL, 60.0)
    assert (found.share, found.found) == (right.share, right.found)
    stopped = count((rules.blocks(12, 64),), 0.1)
    assert stopped.share is None
    assert 0 < stopped.seconds < 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_whole_space_is_counted_in_every_way(tmp_path: pathlib.Path) -> None:
    from benchmarks import search_space

    page = tmp_path / "page.md"
    page.write_text("<!-- search_space: begin -->\n<!-- search_space: end -->\n")
    name = "12 residual blocks"
    search_space.main(
        ["--only", name, "--seconds", "0.1", "--rounds", "1", "--builds", "2",
         "--into", str(tmp_path), "--page", str(page)]
    )  # fmt: skip
    (row,) = json.loads((tmp_path / "search_space.json").read_text())["results"]
    assert row["share"] == pytest.approx((2 / 3) ** 12, rel=1e-12)
    assert row["ways"]["shapesafe_tuner"]["finished"]
    assert row["ways"]["recursion"]["found"] == 4**12
    assert 0 <= row["random builds"]["built"] <= 2
    assert f"| {name} | 2.2e+09 | 0.7707 % |" in page.read_text()
    right = by_hand.Count(fractions.Fraction(1, 4), 1, 1, 0.0)
    wrong = by_hand.Count(fractions.Fraction(1, 2), 1, 1, 0.0)
    with pytest.raises(RuntimeError, match=r"a space: CP-SAT finds 0\.5, recursion 0\.25"):
        search_space.agreed("a space", {"recursion": right, "CP-SAT": wrong})


# ---------------------------------------------------------------- agreement


def test_precision_and_recall() -> None:
    said = [(True, True), (True, False), (False, False), (False, False), (False, True),
            (False, None), (True, None)]  # fmt: skip
    records = [
        {"space": "a_b", "kind": "a", "trains": trains, "feasible": feasible, "stage": "analytic",
         "refused in": None if trains else "build"}
        for trains, feasible in said
    ]  # fmt: skip
    found = agreement.score(records)
    assert found == agreement.Score(hits=2, false=1, missed=2, passed=2, undecided=2)
    cells = found.cells()
    assert cells[:4] == [7, 4, 1, 2]
    assert cells[4].startswith("66.7% (20.8% - ")
    assert cells[5] == "50.0% (15.0% - 85.0%)"
    everything, published, *rest = agreement.tables(records)
    assert everything.rows == [cells]
    assert published.rows[0][2:4] == cells[4:6]
    assert rest[-1].rows == [["build", 4, 2]]
    assert agreement.score([]).cells()[4:6] == ["-", "-"]


def test_the_labelled_set_is_judged(tmp_path: pathlib.Path) -> None:
    agreement.main(
        ["--only", "autoencoder_dense", "--configurations", "4", "--into", str(tmp_path)]
    )
    results = json.loads((tmp_path / "agreement.json").read_text())["results"]
    assert [record["space"] for record in results] == ["autoencoder_dense"] * 4
    assert all(record["feasible"] is record["trains"] for record in results)
    with pytest.raises(SystemExit, match="no labelled space 'nothing'"):
        agreement.main(["--only", "nothing", "--into", str(tmp_path)])


# ---------------------------------------------------------------- search_cost


@pytest.mark.filterwarnings("ignore::shapesafe_tuner.FeasibilityWarning")
def test_what_searches_cost_is_measured_for_stock_and_ours(tmp_path: pathlib.Path) -> None:
    from benchmarks import search_cost

    search_cost.main(["--trials", "4", "--rare", "1", "--into", str(tmp_path)])
    found = json.loads((tmp_path / "search_cost.json").read_text())["results"]
    assert [(run["trials"], run["way"]) for run in found["feasible"]] == [(4, "stock"), (4, "ours")]
    assert all(run["cpu"] > 0 and run["first"] > 0 for run in found["feasible"])
    assert [run["rejected"] for run in found["feasible"]] == [0, 0]
    assert found["rare"][0]["rejected"] > 10


# ---------------------------------------------------------------- following


def test_what_following_takes_is_measured_and_leaves_no_memory(tmp_path: pathlib.Path) -> None:
    from benchmarks import following

    following.main(["--megabytes", "20", "--repeats", "3", "--into", str(tmp_path)])
    found = json.loads((tmp_path / "following.json").read_text())["results"]
    assert [run["recipe"] for run in found] == ["BatchSize", "Columns", "Copied"]
    assert all(run["milliseconds"] > 0 and run["left"] < 0.1 for run in found)
    assert max(run["most"] for run in found[:2]) < 1, "views, and no copies"
    assert 19 < found[2]["most"] < 30, "one copy, which is made by the user's code"


# ---------------------------------------------------------------- accelerator_idle


def test_without_an_accelerator_nothing_is_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks import accelerator_idle

    monkeypatch.setattr(accelerator_idle, "meter", lambda: None)
    assert accelerator_idle.main([]) == 0
    assert capsys.readouterr().out == f"{accelerator_idle.NONE}\n"


@pytest.mark.parametrize(("by_checks", "by_a_trial", "status"), [(0, 3, 0), (1, 3, 1), (0, 0, 1)])
def test_what_touches_a_device_is_found(
    by_checks: int, by_a_trial: int, status: int,
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from benchmarks import accelerator_idle

    used = [0]

    def works(kernels: int) -> Any:
        def work(*given: Any) -> None:
            used[0] += kernels

        return work

    @contextlib.contextmanager
    def kernels(found: list[int]) -> Any:
        before = used[0]
        yield
        found.append(used[0] - before)

    device = accelerator_idle.Meter("a device", lambda: 64 * used[0], lambda: None, kernels)
    monkeypatch.setattr(accelerator_idle, "meter", lambda: device)
    for name, count in (("checks", by_checks), ("trial", by_a_trial)):
        monkeypatch.setattr(accelerator_idle, name, works(count))
    for name in ("validation", "rejections"):
        monkeypatch.setattr(accelerator_idle, name, works(0))
    assert accelerator_idle.main(["--into", str(tmp_path)]) == status
    rows = json.loads((tmp_path / "accelerator_idle.json").read_text())["results"]
    assert [row[1:3] for row in rows] == [
        [64 * by_checks, by_checks], [0, 0], [0, 0], [64 * by_a_trial, by_a_trial]
    ]  # fmt: skip


# ---------------------------------------------------------------- check_cost


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="it measures on TensorFlow")
def test_the_worse_of_feasible_and_refused_is_held_against_floor_and_build() -> None:
    from benchmarks import check_cost

    times = check_cost.Times()
    for seconds, feasible in ((0.001, True), (0.003, True), (0.004, False), (0.009, None)):
        times.add(seconds, sst.Verdict(feasible, "analytic"))
    found = times.milliseconds()
    assert (found["feasible"], found["refused"], found["worse"]) == (2.0, 4.0, 4.0)
    assert found["undecided"] == 1
    row = {
        "without data": found,
        "floor": 2.0,
        "real build": 80.0,
        "real build and first step": None,
    }
    table = check_cost.summary({"a model": row}).markdown()
    assert "| a model | 2.00 ms | 4.00 ms | - | - | 2.00 ms | 80 ms | - | 2.0 | 20 | - |" in table


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="it measures on TensorFlow")
@pytest.mark.parametrize("name", ["CNN, Sequential", "own layers", "subclassed", "nested models"])
def test_every_subject_has_a_floor_and_checks(name: str) -> None:
    from benchmarks import check_cost, subjects

    subject = subjects.SUBJECTS[name]
    values = subject.draw(random.Random(0))
    with check_cost.floor(subject):
        check_cost.bare_build(subject, values)
    verdict = sst.check(subject.build, values, **subject.data())
    assert verdict.feasible is not None
    assert verdict.stage == "analytic"


# ---------------------------------------------------------------- two_commits


def test_two_commits_are_compared_space_by_space(capsys: pytest.CaptureFixture[str]) -> None:
    from benchmarks import two_commits
    from benchmarks.two_commits import Measured

    found = {
        "deep": [Measured(8.0, None, False, 3.2), Measured(2.0, 1_200, True, 0.0)],
        "shallow": [Measured(0.1, 20, True, 0.0), Measured(0.2, 20, True, 0.0)],
    }
    (table,) = two_commits.tables(found)
    assert table.rows == [
        ["deep", "8.00 s *", "?", "3", "2.00 s", "1,200", "0", "0.25"],
        ["shallow", "0.10 s", "20", "0", "0.20 s", "20", "0", "2.00"],
    ]
    assert "exact 1 before and 2 now" in table.notes[0]
    assert "before: 0.25" in table.notes[0]
    with pytest.raises(SystemExit):
        two_commits.main([".", "--only", "no_such_space"])
    assert "there is no labelled space no_such_space" in capsys.readouterr().err
