"""What the four tuners do on spaces where stock KerasTuner fails: real data, real training."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest

import shapesafe_tuner as sst
from shapesafe_tuner.oracles import shape_safe
from tests import toys
from tests.backends import only_on
from tests.toys import Scored

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]

EXPECTED_TRIALS = {"RandomSearch": 4, "BayesianOptimization": 4, "Hyperband": 6, "GridSearch": 4}


# ---------------------------------------------------------------- no trial is wasted


@pytest.mark.smoke
@pytest.mark.parametrize("name", toys.TUNERS)
def test_every_trial_completes_where_configurations_are_infeasible(
    name: str, tmp_path: Path
) -> None:
    # In the order of the grid the first combinations of the whole square are feasible.
    first = (5, 9) if name == "GridSearch" else (0, 9)
    tuner = toys.make(name, toys.Rectangle(first, run_eagerly=False), tmp_path)
    tuner.search(toys.X, toys.Y, epochs=1, verbose=0)

    assert len(tuner.oracle.trials) == EXPECTED_TRIALS[name]
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert all(toys.fits(values) for values in toys.values_of(tuner))
    assert tuner.rejections
    assert not any(toys.fits(values) for values in toys.rejected(tuner))


def test_stock_fails_on_the_same_space(tmp_path: Path) -> None:
    tuner = toys.make("RandomSearch", Scored(toys.square), tmp_path, stock=True, trials=20)
    with pytest.raises(RuntimeError, match="Number of consecutive failures"):
        tuner.search(verbose=0)


@pytest.mark.parametrize("name", toys.TUNERS)
def test_an_infeasible_default_neither_crashes_nor_hides_hyperparameters(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="cropping"):
        toys.make(name, toys.bad_default, tmp_path / "stock", stock=True)

    tuner = toys.make(name, toys.bad_default, tmp_path, trials=2)
    found = [hp.name for hp in tuner.oracle.get_space().space]
    assert sorted(found) == ["deep", "hidden", "left", "rate"]

    tuner.search(toys.X, toys.Y, epochs=1, verbose=0)
    assert len(tuner.oracle.trials) == (6 if name == "Hyperband" else 2)
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert all(values["left"] < toys.LENGTH for values in toys.values_of(tuner))


def test_bayesian_search_goes_on_beyond_its_initial_points(tmp_path: Path) -> None:
    tuner = toys.make(
        "BayesianOptimization", Scored(toys.square), tmp_path, trials=9, num_initial_points=3
    )
    tuner.search(verbose=0)
    assert len(tuner.oracle.trials) == 9
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert all(toys.fits(values) for values in toys.values_of(tuner))


# ---------------------------------------------------------------- the user's own errors


def _name_error(hp: Any) -> Any:
    return undefined_name  # type: ignore[name-defined] # noqa: F821


def _import_error(hp: Any) -> Any:
    import a_module_that_does_not_exist  # type: ignore[import-not-found] # noqa: F401


def _attribute_error(hp: Any) -> Any:
    return keras.layers.Dens(1)


def _type_error(hp: Any) -> Any:
    return toys.crop("one" + hp.Int("a", 0, 3), 0)  # type: ignore[operator]


def _late_name_error(hp: Any) -> Any:
    toys.square(hp)
    return undefined_name  # type: ignore[name-defined] # noqa: F821


def _wrong_hyperparameter(hp: Any) -> Any:
    return toys.crop(hp.Choice("a", []), 0)


def _mixed_choice(hp: Any) -> Any:
    return toys.crop(hp.Choice("a", [1, "two"]), 0)


@pytest.mark.parametrize("name", ["RandomSearch", "GridSearch"])
@pytest.mark.parametrize(
    "build",
    [
        _name_error,
        _import_error,
        _attribute_error,
        _type_error,
        _late_name_error,
        _wrong_hyperparameter,
        _mixed_choice,
    ],
)
def test_a_bug_in_build_surfaces_from_the_constructor_as_in_stock(
    name: str, build: toys.Build, tmp_path: Path
) -> None:
    with pytest.raises(Exception, match=r".") as stock:
        toys.make(name, build, tmp_path / "stock", stock=True)
    with pytest.raises(Exception, match=r".") as ours:
        toys.make(name, build, tmp_path / "ours")
    assert ours.type is stock.type
    assert str(ours.value) == str(stock.value)
    assert ours.value.__cause__ is None
    assert ours.traceback[-1].path == stock.traceback[-1].path
    assert ours.traceback[-1].lineno == stock.traceback[-1].lineno


def test_a_bug_met_in_a_search_fails_its_trial_as_in_stock(tmp_path: Path) -> None:
    def build(hp: Any) -> Any:
        if hp.Int("a", 0, 3) > 0:
            return undefined_name  # type: ignore[name-defined] # noqa: F821
        return toys.crop(0, 0)

    tuner = toys.make("GridSearch", Scored(build), tmp_path, trials=2)
    tuner.search(verbose=0)
    assert [trial.status for trial in toys.trials_of(tuner)] == ["COMPLETED", "FAILED"]
    assert "undefined_name" in toys.trials_of(tuner)[1].message
    assert tuner.rejections == []


# ---------------------------------------------------------------- nothing feasible, nothing left


@pytest.mark.parametrize("name", toys.TUNERS)
def test_a_space_without_feasible_configurations_is_reported(name: str, tmp_path: Path) -> None:
    tuner = toys.make(name, toys.never, tmp_path)
    with pytest.raises(sst.NoFeasibleConfigurationError) as raised:
        tuner.search(toys.X, toys.Y, verbose=0)
    error = raised.value
    assert isinstance(error, keras_tuner.errors.FatalError)
    assert error.tried == 4
    assert error.exhaustive
    assert "all 4 that were checked" in str(error)
    assert "Cropping1D" in str(error)
    assert error.reasons[0][0] in str(error)
    counts = [count for _, count in error.reasons]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == len(tuner.rejections)
    assert tuner.oracle.trials == {}


def test_a_space_too_wide_to_walk_is_given_up_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(hp: Any) -> Any:
        steps = 8 + int(hp.Float("a", 0.0, 3.0))
        return toys.crop(steps, 0)

    monkeypatch.setattr(shape_safe, "MAX_JUDGED", 20)
    tuner = toys.make("RandomSearch", build, tmp_path)
    with pytest.raises(sst.NoFeasibleConfigurationError) as raised:
        tuner.search(toys.X, toys.Y, verbose=0)
    assert not raised.value.exhaustive
    assert raised.value.tried >= 20
    assert f"all {raised.value.tried} that were checked" in str(raised.value)


@pytest.mark.parametrize("name", toys.TUNERS)
def test_a_search_that_has_tried_everything_feasible_returns_and_says_so(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings: dict[str, Any] = {"trials": 20}
    if name == "BayesianOptimization":
        settings["num_initial_points"] = 20
    tuner = toys.make(name, Scored(toys.few), tmp_path, **settings)
    tuner.search(verbose=1)
    assert {values["a"] for values in toys.values_of(tuner)} == {4, 5, 6, 7}
    assert toys.statuses(tuner) == {"COMPLETED"}
    printed = capsys.readouterr().out
    assert printed.count("All 4 feasible configurations have been tried.") == 1


def test_a_search_that_used_its_trials_does_not_claim_to_have_tried_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tuner = toys.make("RandomSearch", Scored(toys.few), tmp_path, trials=2)
    tuner.search(verbose=1)
    assert len(tuner.oracle.trials) == 2
    assert "feasible configurations have been tried" not in capsys.readouterr().out


# ---------------------------------------------------------------- options


@pytest.mark.parametrize("name", toys.TUNERS)
def test_warn_runs_what_is_infeasible_and_records_it(name: str, tmp_path: Path) -> None:
    tuner = toys.make(
        name,
        Scored(toys.Rectangle((7, 8))),
        tmp_path,
        on_infeasible="warn",
        max_consecutive_failed_trials=100,
    )
    with pytest.warns(UserWarning, match="An infeasible configuration will run: Cropping1D"):
        tuner.search(verbose=0)
    failed = [trial for trial in toys.trials_of(tuner) if trial.status == "FAILED"]
    infeasible = [toys.plain(trial.hyperparameters.values) for trial in failed]
    assert infeasible
    assert not any(toys.fits(values) for values in infeasible)
    assert toys.rejected(tuner) == infeasible


@pytest.mark.parametrize("name", toys.TUNERS)
def test_an_option_that_does_not_exist_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'nonsense'"):
        toys.make(name, toys.square, tmp_path, on_infeasible="nonsense")


def test_constraints_and_the_size_limit_cost_no_trial(tmp_path: Path) -> None:
    def odd(hp: Any) -> bool:
        return bool(hp.get("a") % 2)

    tuner = toys.make(
        "GridSearch", Scored(toys.few), tmp_path, constraints=[odd], max_model_size=3, trials=9
    )
    tuner.search(verbose=0)
    # a = 5 leaves three steps, so four parameters; a = 7 leaves one, so two parameters.
    assert [values["a"] for values in toys.values_of(tuner)] == [7]
    stages = {item.values["a"]: item.verdict.stage for item in tuner.rejections}
    assert stages == {4: "declared", 5: "limit", 6: "declared", 8: "declared", 9: "analytic"}
    by_constraint = next(item for item in tuner.rejections if item.values["a"] == 4)
    assert by_constraint.verdict.fault is not None
    assert "odd" in by_constraint.verdict.fault.reason


def test_a_trial_that_build_itself_refuses_is_no_trial(tmp_path: Path) -> None:
    def build(hp: Any) -> Any:
        if hp.Int("a", 0, 3) < 2:
            raise keras_tuner.errors.FailedTrialError("too small to be of interest")
        return toys.crop(hp.get("a"), 0)

    tuner = toys.make("GridSearch", Scored(build), tmp_path, trials=9)
    tuner.search(verbose=0)
    assert [values["a"] for values in toys.values_of(tuner)] == [2, 3]
    assert {item.verdict.stage for item in tuner.rejections} <= {"declared", "conflict"}


# ---------------------------------------------------------------- the data given to search


def _as_dataset(width: int) -> Any:
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((toys.X, toys.labels(width))).batch(4)


def _generator(width: int) -> Iterator[Any]:
    while True:
        yield toys.X, toys.labels(width)


DATA = {
    "positional": lambda: ((toys.X, toys.labels(3)), {}),
    "keywords": lambda: ((), {"x": toys.X, "y": toys.labels(3), "batch_size": 4}),
    "split": lambda: ((toys.X, toys.labels(3)), {"validation_split": 0.25}),
    "validation": lambda: (
        (toys.X, toys.labels(3)),
        {"validation_data": (toys.X[:5], toys.labels(3, 5))},
    ),
    "dataset": lambda: ((_as_dataset(3),), {"validation_data": _as_dataset(3)}),
    "generator": lambda: ((_generator(3),), {"steps_per_epoch": 1}),
}


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(form, marks=only_on("tensorflow", "a tf.data.Dataset"))
        if form == "dataset"
        else form
        for form in DATA
    ],
)
def test_a_head_that_disagrees_with_the_labels_is_refused(form: str, tmp_path: Path) -> None:
    tuner = toys.make("GridSearch", toys.head, tmp_path)
    args, kwargs = DATA[form]()
    tuner.search(*args, **kwargs, epochs=1, verbose=0)
    assert [values["width"] for values in toys.values_of(tuner)] == [3]
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert [values["width"] for values in toys.rejected(tuner)] == [2, 4, 5]
    verdicts = [item.verdict for item in tuner.rejections]
    assert {verdict.stage for verdict in verdicts} == {"training_step"}
    assert {verdict.fault.refused_by for verdict in verdicts if verdict.fault} == {"train"}


def test_validation_data_are_judged_too(tmp_path: Path) -> None:
    tuner = toys.make("RandomSearch", toys.head, tmp_path)
    validation = (toys.X, toys.labels(4))
    with pytest.raises(sst.NoFeasibleConfigurationError, match="all 4 that were checked"):
        tuner.search(toys.X, toys.labels(3), validation_data=validation, verbose=0)
    widths = {values["width"] for values in toys.rejected(tuner)}
    assert widths == {2, 3, 4, 5}


def test_without_the_training_step_only_the_build_is_judged(tmp_path: Path) -> None:
    tuner = toys.make("GridSearch", toys.head, tmp_path, check_training_step=False, trials=2)
    tuner.search(toys.X, toys.labels(3), epochs=1, verbose=0)
    assert [trial.status for trial in toys.trials_of(tuner)] == ["FAILED", "COMPLETED"]
    assert tuner.rejections == []


def test_a_second_search_is_judged_on_its_own_data(tmp_path: Path) -> None:
    tuner = toys.make("RandomSearch", toys.head, tmp_path, trials=2)
    tuner.oracle.max_trials = 1
    tuner.search(toys.X, toys.labels(3), epochs=1, verbose=0)
    tuner.oracle.max_trials = 2
    tuner.search(toys.X, toys.labels(5), epochs=1, verbose=0)
    assert [values["width"] for values in toys.values_of(tuner)] == [3, 5]
    assert toys.statuses(tuner) == {"COMPLETED"}


def test_a_second_grid_search_is_judged_on_its_own_data(tmp_path: Path) -> None:
    tuner = toys.make("GridSearch", toys.head, tmp_path)
    with pytest.raises(sst.NoFeasibleConfigurationError):
        tuner.search(toys.X, toys.labels(7), epochs=1, verbose=0)
    tuner.search(toys.X, toys.labels(3), epochs=1, verbose=0)
    assert [values["width"] for values in toys.values_of(tuner)] == [3]


def _still(hp: Any) -> keras.Model:
    """Predicts zero for ever, so that its error is the mean of the labels it was given."""
    inputs = keras.Input((toys.LENGTH, 1))
    x = keras.layers.Cropping1D((hp.Int("a", 0, 3), 0))(inputs)
    zeros = keras.layers.Dense(1, kernel_initializer="zeros")(keras.layers.Flatten()(x))
    model = keras.Model(inputs, zeros)
    model.compile(keras.optimizers.SGD(0.0), "mae", run_eagerly=True)
    return model


def _powers_of_ten() -> Iterator[Any]:
    for exponent in range(3):
        yield toys.X, np.full((8, 1), 10.0**exponent, "float32")


@pytest.mark.parametrize("place", ["positional", "keyword", "validation"])
def test_the_first_batch_of_a_generator_is_trained_on(place: str, tmp_path: Path) -> None:
    objective = "val_loss" if place == "validation" else "loss"
    tuner = toys.make("RandomSearch", _still, tmp_path, trials=1, objective=objective)
    if place == "positional":
        tuner.search(_powers_of_ten(), steps_per_epoch=3, verbose=0)
    elif place == "keyword":
        tuner.search(x=_powers_of_ten(), steps_per_epoch=3, verbose=0)
    else:
        data = {"validation_data": _powers_of_ten(), "validation_steps": 3}
        tuner.search(toys.X, toys.Y, verbose=0, **data)
    assert toys.trials_of(tuner)[0].score == pytest.approx(37.0)


# ---------------------------------------------------------------- what is told


def test_a_rejection_tells_what_was_refused_and_why(tmp_path: Path) -> None:
    tuner = toys.make("RandomSearch", Scored(toys.square), tmp_path, trials=6)
    tuner.search(verbose=0)
    assert tuner.oracle.drawn == len(tuner.rejections) + 6
    for rejection in tuner.rejections:
        fault = rejection.verdict.fault
        assert rejection.verdict.feasible is False
        assert fault is not None
        assert fault.layer_type == "Cropping1D"
        # What fits: a + b at most 7, each of them at least 0.
        cause = fault.hyperparameters
        assert cause.items() <= rejection.values.items()
        assert sum({"a": 0, "b": 0, **cause}.values()) > 7
        assert all(sum({"a": 0, "b": 0, **cause, name: 0}.values()) <= 7 for name in cause)
        assert fault.refused_by == "build"
        assert rejection.seconds > 0
        assert rejection.repaired_to is None
    times = [rejection.time for rejection in tuner.rejections]
    assert times == sorted(times)
    assert tuner.oracle.draws.seconds >= sum(item.seconds for item in tuner.rejections)


def test_the_list_of_rejections_cannot_be_spoilt_from_outside(tmp_path: Path) -> None:
    tuner = toys.make("GridSearch", Scored(toys.few), tmp_path, trials=9)
    tuner.search(verbose=0)
    tuner.rejections.clear()
    assert len(tuner.rejections) == 2


def test_the_summary_counts_rejections_by_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tuner = toys.make("GridSearch", Scored(toys.few), tmp_path, trials=9)
    tuner.search(verbose=0)
    capsys.readouterr()
    tuner.feasibility_summary()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Feasibility summary"
    assert lines[1].startswith("6 configurations drawn, 2 rejected (33%) without a trial; ")
    assert [line.split(" x ")[0].strip() for line in lines if " x " in line] == ["1", "1"]
    assert "      for example a=8" in lines
    assert "      for example a=9" in lines


def test_the_summary_of_a_search_that_refused_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tuner = toys.make("RandomSearch", Scored(toys.feasible), tmp_path, trials=2)
    tuner.search(verbose=0)
    capsys.readouterr()
    tuner.feasibility_summary()
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("2 configurations drawn, 0 rejected (0%) without a trial; ")
    assert len(lines) == 3
    assert lines[2].startswith(
        "Not judged: the training step, because Scored.fit may change the data, "
        "and was not followed: "
    )
    assert re.search(r"\(.*toys\.py:\d+\)\.$", lines[2])


def test_checks_print_nothing_and_write_no_trial(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(hp: Any) -> Any:
        print("building")
        return toys.few(hp)

    tuner = toys.make("GridSearch", Scored(build), tmp_path, trials=9)
    assert capsys.readouterr().out.count("building") == 1
    tuner.search(verbose=0)
    assert capsys.readouterr().out.count("building") == 4
    folders = [name for name in os.listdir(tuner.project_dir) if name.startswith("trial_")]
    assert len(folders) == 4
