"""The tuners in place of KerasTuner's: the same trials, results, options and files."""

from __future__ import annotations

import inspect
import os
import random
import re
from pathlib import Path
from typing import Any, NamedTuple

import keras
import keras_tuner
import numpy as np
import pytest

import shapesafe_tuner as sst
from tests import toys
from tests.backends import BACKEND, only_on
from tests.toys import Scored

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]


# ---------------------------------------------------------------- a feasible space, seed for seed


class Outcome(NamedTuple):
    """What a search shows to its user."""

    tuner: Any
    states_after_constructor: Any
    states_after_search: Any
    space: Any
    trials: Any
    prediction: Any


def _random_states() -> Any:
    numpy = np.random.get_state()
    backend: Any = None
    if BACKEND == "tensorflow":
        import tensorflow as tf

        backend = tf.random.get_global_generator().state
    return random.getstate(), (numpy[0], numpy[1].tolist(), *numpy[2:]), np.array(backend).tolist()


def _outcome(name: str, folder: Path, stock: bool) -> Outcome:
    keras.utils.set_random_seed(7)
    seed = random.randint(1, 1000)
    tuner = toys.make(name, toys.feasible, folder, stock=stock, trials=3, seed=seed)
    after_constructor = _random_states()
    space = tuner.oracle.get_space().get_config()["space"]
    tuner.search(toys.X, toys.Y, validation_data=(toys.X, toys.Y), epochs=2, verbose=0)
    after_search = _random_states()
    trials = [
        (trial.trial_id, trial.status, trial.hyperparameters.values, trial.score, trial.best_step)
        for trial in toys.trials_of(tuner)
    ]
    prediction = tuner.get_best_models(1)[0].predict(toys.X, verbose=0)
    return Outcome(tuner, after_constructor, after_search, space, trials, prediction)


@pytest.fixture(scope="module", params=toys.TUNERS)
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Outcome, Outcome]:
    """The same search with stock KerasTuner and with this package."""
    folder = tmp_path_factory.mktemp(request.param)
    return tuple(  # type: ignore[return-value]
        _outcome(request.param, folder / side, stock=side == "stock") for side in ("stock", "ours")
    )


@pytest.mark.xdist_group("dropin")
def test_the_trials_are_those_of_stock(both: tuple[Outcome, Outcome]) -> None:
    stock, ours = both
    assert [trial[1] for trial in stock.trials] == ["COMPLETED"] * len(stock.trials)
    assert len({repr(trial[2]) for trial in stock.trials}) > 1
    assert len({trial[3] for trial in stock.trials}) > 1
    assert ours.trials == stock.trials


@pytest.mark.xdist_group("dropin")
def test_the_constructor_finds_the_space_of_stock_and_leaves_its_random_state(
    both: tuple[Outcome, Outcome],
) -> None:
    stock, ours = both
    assert ours.space == stock.space
    assert ours.states_after_constructor == stock.states_after_constructor


@pytest.mark.xdist_group("dropin")
def test_a_search_leaves_the_random_state_of_stock(both: tuple[Outcome, Outcome]) -> None:
    stock, ours = both
    assert ours.states_after_search == stock.states_after_search


@pytest.mark.xdist_group("dropin")
def test_the_best_model_and_hyperparameters_are_those_of_stock(
    both: tuple[Outcome, Outcome],
) -> None:
    stock, ours = both
    assert np.array_equal(ours.prediction, stock.prediction)
    best = [[hp.values for hp in side.tuner.get_best_hyperparameters(3)] for side in both]
    assert best[0] == best[1]
    assert len(best[0]) == 3


@pytest.mark.xdist_group("dropin")
@pytest.mark.parametrize("summary", ["results_summary", "search_space_summary"])
def test_summaries_print_what_stock_prints(
    both: tuple[Outcome, Outcome], summary: str, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = []
    for side in both:
        getattr(side.tuner, summary)()
        printed.append(capsys.readouterr().out.replace(side.tuner.project_dir, "DIR"))
    assert printed[0] == printed[1]
    assert "units" in printed[0]


@pytest.mark.xdist_group("dropin")
def test_the_project_has_the_files_of_stock(both: tuple[Outcome, Outcome]) -> None:
    files = [
        sorted(
            os.path.relpath(os.path.join(folder, name), side.tuner.project_dir)
            for folder, _, names in os.walk(side.tuner.project_dir)
            for name in names
            if not name.startswith("shapesafe")
        )
        for side in both
    ]
    assert files[0] == files[1]
    assert "oracle.json" in files[0]
    assert both[1].tuner.rejections == []


# ---------------------------------------------------------------- classes and signatures


@pytest.mark.parametrize("name", toys.TUNERS)
def test_classes_are_subclasses_with_the_same_arguments(name: str) -> None:
    ours, stock = getattr(sst, name), getattr(keras_tuner, name)
    assert issubclass(ours, stock)
    assert issubclass(ours, sst.ShapeSafeTuner)
    wanted = [one for one in inspect.signature(stock).parameters if one != "kwargs"]
    assert list(inspect.signature(ours).parameters)[: len(wanted)] == wanted
    oracle = getattr(sst.oracles, f"{name}Oracle")
    assert issubclass(oracle, getattr(keras_tuner.oracles, f"{name}Oracle"))
    assert issubclass(oracle, sst.ShapeSafeOracle)


# ---------------------------------------------------------------- options of Tuner

CALLED: list[str] = []


class Noting(keras.callbacks.Callback):  # type: ignore[misc]
    """Notes that it was called; deep-copied by the tuner for each execution."""

    def on_train_begin(self, logs: Any = None) -> None:
        CALLED.append("train")


class NotCopyable(keras.callbacks.Callback):  # type: ignore[misc]
    """A callback that KerasTuner refuses."""

    def __deepcopy__(self, memo: Any) -> Any:
        raise RuntimeError("cannot be copied")


@pytest.mark.parametrize("name", toys.TUNERS)
def test_executions_per_trial_and_callbacks(name: str, tmp_path: Path) -> None:
    CALLED.clear()
    settings = {"max_epochs": 1} if name == "Hyperband" else {}
    tuner = toys.make(name, toys.square, tmp_path, trials=2, executions_per_trial=2, **settings)
    tuner.search(toys.X, toys.Y, epochs=1, verbose=0, callbacks=[Noting()])
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert len(CALLED) == 2 * len(tuner.oracle.trials)


def test_a_callback_that_cannot_be_copied_is_fatal_as_in_stock(tmp_path: Path) -> None:
    tuner = toys.make("RandomSearch", toys.square, tmp_path)
    with pytest.raises(keras_tuner.errors.FatalValueError, match="deep-copyable"):
        tuner.search(toys.X, toys.Y, verbose=0, callbacks=[NotCopyable()])


@pytest.mark.parametrize("name", toys.TUNERS)
def test_a_list_of_objectives(name: str, tmp_path: Path) -> None:
    def build(hp: Any) -> Any:
        return toys.crop(hp.Int("a", 0, 9), 0, metrics=["mae"])

    objective = ["loss", keras_tuner.Objective("mae", "min")]
    tuner = toys.make(name, build, tmp_path, trials=2, objective=objective)
    tuner.search(toys.X, toys.Y, epochs=1, verbose=0)
    assert toys.statuses(tuner) == {"COMPLETED"}
    for trial in toys.trials_of(tuner):
        metrics = trial.metrics
        total = metrics.get_best_value("loss") + metrics.get_best_value("mae")
        assert trial.score == pytest.approx(total)


@pytest.mark.parametrize("name", toys.TUNERS)
def test_hyperparameters_given_in_advance_and_fixed(name: str, tmp_path: Path) -> None:
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.Fixed("b", 4)
    tuner = toys.make(name, Scored(toys.square), tmp_path, hyperparameters=hyperparameters)
    tuner.search(verbose=0)
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert len(tuner.oracle.trials) >= 4
    assert all(values["b"] == 4 and values["a"] <= 3 for values in toys.values_of(tuner))


@pytest.mark.parametrize("name", toys.TUNERS)
def test_new_entries_that_are_not_tuned_keep_their_default(name: str, tmp_path: Path) -> None:
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.Int("left", 0, 9, default=9)
    tuner = toys.make(
        name,
        Scored(toys.bad_default),
        tmp_path,
        trials=2,
        hyperparameters=hyperparameters,
        tune_new_entries=False,
    )
    assert [hp.name for hp in tuner.oracle.get_space().space] == ["left"]
    tuner.search(verbose=0)
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert all(values["left"] < toys.LENGTH for values in toys.values_of(tuner))
    assert [hp.name for hp in tuner.oracle.get_space().space] == ["left"]


@pytest.mark.parametrize("name", toys.TUNERS)
@pytest.mark.parametrize("build", [toys.square, toys.bad_default])
def test_new_entries_that_are_not_allowed_are_refused(
    name: str, build: toys.Build, tmp_path: Path
) -> None:
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.Int("a" if build is toys.square else "left", 0, 9)
    with pytest.raises(RuntimeError, match="`allow_new_entries` is `False`"):
        toys.make(name, build, tmp_path, hyperparameters=hyperparameters, allow_new_entries=False)


@pytest.mark.parametrize("name", toys.TUNERS)
def test_a_closed_space_that_lists_everything_is_searched(name: str, tmp_path: Path) -> None:
    hyperparameters = keras_tuner.HyperParameters()
    space = toys.Rectangle((5, 9), (0, 1), default=(9, None))
    space.declare(hyperparameters)
    tuner = toys.make(
        name,
        Scored(space),
        tmp_path,
        hyperparameters=hyperparameters,
        allow_new_entries=False,
        trials=3,
    )
    tuner.search(verbose=0)
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert all(toys.fits(values) for values in toys.values_of(tuner))


class Declaring(Scored):
    """Declares ahead, in another order."""

    def declare_hyperparameters(self, hp: Any) -> None:
        hp.Int("b", 6, 9)


def test_declared_hyperparameters_come_first(tmp_path: Path) -> None:
    space = toys.Rectangle(b=(6, 9))
    tuner = toys.make("GridSearch", Declaring(space), tmp_path, trials=20)
    assert [hp.name for hp in tuner.oracle.get_space().space] == ["b", "a"]
    tuner.search(verbose=0)
    pairs = [(values["b"], values["a"]) for values in toys.values_of(tuner)]
    assert pairs == [(6, 0), (6, 1), (7, 0)]


def test_overwrite_starts_anew_and_its_absence_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = toys.make("RandomSearch", Scored(toys.square), tmp_path, trials=3)
    first.search(verbose=0)
    assert first.rejections
    again = toys.make("RandomSearch", Scored(toys.square), tmp_path, trials=3)
    assert "Reloading Tuner from" in capsys.readouterr().out
    assert again.rejections == first.rejections
    assert toys.values_of(again) == toys.values_of(first)
    anew = toys.make("RandomSearch", Scored(toys.square), tmp_path, trials=3, overwrite=True)
    assert anew.rejections == []
    assert anew.oracle.trials == {}
    anew.search(verbose=0)
    assert toys.values_of(anew) == toys.values_of(first)
    assert toys.rejected(anew) == toys.rejected(first)


def test_a_logger_is_ignored_with_the_warning_of_stock(tmp_path: Path) -> None:
    with pytest.warns(DeprecationWarning, match="`logger` argument"):
        tuner = toys.make("RandomSearch", toys.square, tmp_path, logger=object())
    assert tuner.oracle.get_space().space


@only_on("tensorflow", "strategies are TensorFlow's")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("strategy", "devices"),
    [("OneDeviceStrategy", "/cpu:0"), ("MirroredStrategy", ["/cpu:0"])],
    ids=["one device", "mirrored"],
)
def test_a_distribution_strategy(strategy: str, devices: Any, tmp_path: Path) -> None:
    import tensorflow as tf

    tuner = toys.make(
        "GridSearch",
        toys.Rectangle((6, 9), (0, 1), default=(8, None), run_eagerly=False),
        tmp_path,
        trials=2,
        distribution_strategy=getattr(tf.distribute, strategy)(devices),
    )
    tuner.search(toys.X, toys.Y, epochs=1, verbose=0)
    pairs = [(values["a"], values["b"]) for values in toys.values_of(tuner)]
    assert pairs == [(6, 0), (6, 1)]
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert toys.rejected(tuner)[0] == {"a": 8, "b": 0}


def test_arguments_of_compile_given_to_the_tuner_are_what_is_judged(tmp_path: Path) -> None:
    def build(hp: Any) -> Any:
        inputs = keras.Input((toys.LENGTH, 1))
        return toys.finish(inputs, inputs, hp.Int("width", 2, 4), loss="mse", run_eagerly=False)

    tuner = toys.make(
        "GridSearch",
        build,
        tmp_path,
        trials=9,
        optimizer="sgd",
        loss="categorical_crossentropy",
        metrics=["accuracy"],
        objective="accuracy",
    )
    tuner.search(toys.X, toys.labels(3), epochs=1, verbose=0)
    assert [values["width"] for values in toys.values_of(tuner)] == [3]
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert [values["width"] for values in toys.rejected(tuner)] == [2, 4]


# ---------------------------------------------------------------- what the user overrides


class WidthAware(keras_tuner.HyperModel):  # type: ignore[misc]
    """Prepares the labels for the head in its own ``fit``."""

    def build(self, hp: Any) -> Any:
        hp.Int("crop", 7, 8)
        toys.crop(hp.get("crop"), 0)
        return toys.head(hp)

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        wide = np.eye(hp.get("width"), dtype="float32")[y % hp.get("width")]
        return model.fit(x, wide, **kwargs)


def test_an_overridden_fit_may_change_the_data(tmp_path: Path) -> None:
    tuner = toys.make("GridSearch", WidthAware(), tmp_path, trials=3)
    tuner.search(toys.X, np.arange(8), epochs=1, verbose=0)
    assert [values["width"] for values in toys.values_of(tuner)] == [2, 3, 4]
    assert toys.statuses(tuner) == {"COMPLETED"}
    whole = toys.make("GridSearch", Scored(WidthAware().build), tmp_path / "whole", trials=20)
    whole.search(toys.X, np.arange(8), verbose=0)
    assert [values["crop"] for values in toys.values_of(whole)] == [7] * 4
    assert [values["crop"] for values in toys.rejected(whole)] == [8] * 4


def _with_run_trial(stock_class: Any) -> Any:
    class Own(stock_class):  # type: ignore[misc]
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> float:
            self.hypermodel.build(trial.hyperparameters)
            return float(trial.hyperparameters.get("a"))

    return Own


@pytest.mark.parametrize("name", toys.TUNERS)
def test_an_overridden_run_trial_is_judged_by_its_build(name: str, tmp_path: Path) -> None:
    own = _with_run_trial(getattr(sst, name))
    settings: dict[str, Any] = {"max_epochs": 3} if name == "Hyperband" else {"max_trials": 5}
    tuner = own(toys.square, seed=1, directory=str(tmp_path), **settings)
    tuner.search(toys.X, np.zeros((3, 77)), verbose=0)
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert all(toys.fits(values) for values in toys.values_of(tuner))
    assert not any(toys.fits(values) for values in toys.rejected(tuner))


def test_shape_safe_keeps_an_overridden_run_trial(tmp_path: Path) -> None:
    own = sst.shape_safe(_with_run_trial(keras_tuner.RandomSearch))
    tuner = own(toys.square, max_trials=5, seed=1, directory=str(tmp_path))
    tuner.search(toys.X, np.zeros((3, 77)), verbose=0)
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert [trial.score for trial in toys.trials_of(tuner)] == [
        values["a"] for values in toys.values_of(tuner)
    ]
    assert tuner.rejections


@pytest.mark.parametrize("name", toys.TUNERS)
def test_without_a_hypermodel_everything_is_stock(name: str, tmp_path: Path) -> None:
    def searched(module: Any, folder: Path) -> Any:
        class BlackBox(getattr(module, name)):  # type: ignore[misc]
            def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> float:
                hp = trial.hyperparameters
                return float(hp.Float("x", -1.0, 1.0) ** 2 + hp.Choice("k", [1, 2, 3]))

        random.seed(3)
        hyperparameters = keras_tuner.HyperParameters()
        hyperparameters.Boolean("flag")
        settings: dict[str, Any] = {"max_epochs": 3} if name == "Hyperband" else {"max_trials": 5}
        tuner = BlackBox(seed=1, hyperparameters=hyperparameters, directory=str(folder), **settings)
        tuner.search(toys.X, verbose=0)
        return tuner

    stock, ours = searched(keras_tuner, tmp_path / "stock"), searched(sst, tmp_path / "ours")
    assert toys.values_of(ours) == toys.values_of(stock)
    assert len(toys.values_of(ours)) > 1
    assert [trial.score for trial in toys.trials_of(ours)] == [
        trial.score for trial in toys.trials_of(stock)
    ]
    assert ours.rejections == []
    ours.feasibility_summary()


def test_neither_hypermodel_nor_run_trial_is_the_error_of_stock(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Received `hypermodel=None`"):
        sst.RandomSearch(objective=toys.SCORE, directory=str(tmp_path))


# ---------------------------------------------------------------- shape_safe


late_space = toys.Rectangle((6, 9), default=(9, None))


class Late(keras_tuner.RandomSearch):  # type: ignore[misc]
    """Finds its space when it has seen the data, as AutoKeras does."""

    def _populate_initial_space(self) -> None:
        self.populated = False

    def search(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        hp = self.oracle.get_space()
        late_space.declare(hp)
        self.oracle.update_space(hp)
        self.populated = True
        return super().search(x, *args, **kwargs)


def test_shape_safe_keeps_an_overridden_initial_space(tmp_path: Path) -> None:
    built: list[Any] = []

    def build(hp: Any) -> Any:
        built.append(dict(hp.values))
        return late_space(hp)

    late = sst.shape_safe(Late)
    assert issubclass(late, Late)
    tuner = late(build, "loss", max_trials=2, seed=1, directory=str(tmp_path))
    assert built == []
    assert not tuner.populated
    tuner.search(toys.X, toys.Y, epochs=1, verbose=0)
    assert tuner.populated
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert all(6 <= values["a"] <= 7 for values in toys.values_of(tuner))


def test_shape_safe_takes_the_settings_of_shape_safe_tuners(tmp_path: Path) -> None:
    made = sst.shape_safe(keras_tuner.GridSearch)
    tuner = made(
        Scored(toys.few),
        toys.SCORE,
        directory=str(tmp_path),
        constraints=[lambda hp: hp.get("a") != 4],
        check_training_step=False,
        on_infeasible="resample",
    )
    tuner.search(verbose=0)
    assert [values["a"] for values in toys.values_of(tuner)] == [5, 6, 7]
    with pytest.raises(ValueError, match="'mend'"):
        made(Scored(toys.few), toys.SCORE, directory=str(tmp_path / "b"), on_infeasible="mend")


def test_shape_safe_leaves_a_shape_safe_class_alone() -> None:
    assert sst.shape_safe(sst.Hyperband) is sst.Hyperband
    once = sst.shape_safe(Late)
    assert sst.shape_safe(once) is once


def test_a_range_given_in_advance_replaces_that_of_build_without_a_word(tmp_path: Path) -> None:
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.Int("a", 6, 9)
    tuner = toys.make(
        "GridSearch", Scored(toys.square), tmp_path, trials=4, hyperparameters=hyperparameters
    )
    tuner.search(verbose=0)  # any warning is an error here
    pairs = [(values["a"], values["b"]) for values in toys.values_of(tuner)]
    assert pairs == [(6, 0), (6, 1), (7, 0)]


class Countdown(keras_tuner.Oracle):  # type: ignore[misc]
    """An oracle of the user's own, which proposes without asking for random values."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        left = 9 - len(self.start_order)
        return {"status": "RUNNING", "values": {"a": left, "b": 0}}


def test_shape_safe_serves_an_oracle_of_the_users_own(tmp_path: Path) -> None:
    oracle = Countdown(toys.SCORE, max_trials=6, seed=1)
    tuner = sst.shape_safe(keras_tuner.Tuner)(
        oracle=oracle, hypermodel=Scored(toys.square), directory=str(tmp_path)
    )
    assert tuner.oracle is oracle
    assert isinstance(tuner.oracle, Countdown)
    tuner.search(verbose=0)
    assert len(oracle.trials) == 6
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert all(toys.fits(values) for values in toys.values_of(tuner))
    assert toys.values_of(tuner)[2:] == [{"a": a, "b": 0} for a in (7, 6, 5, 4)]
    refused = toys.rejected(tuner)
    assert refused[0] == {"a": 9, "b": 0}
    assert {"a": 8, "b": 0} in refused


@pytest.mark.parametrize("thing", [keras_tuner.SklearnTuner, keras_tuner.Oracle, Scored])
def test_what_is_no_keras_tuner_gets_one_clear_error(thing: Any) -> None:
    named = re.escape(thing.__name__)
    with pytest.raises(TypeError, match=f"subclass of keras_tuner.Tuner, which {named} is not"):
        sst.shape_safe(thing)


@pytest.mark.parametrize(
    "oracle_class",
    [
        sst.oracles.RandomSearchOracle,
        sst.oracles.BayesianOptimizationOracle,
        sst.oracles.GridSearchOracle,
    ],
)
def test_a_stock_tuner_with_a_bound_oracle(oracle_class: Any, tmp_path: Path) -> None:
    oracle = oracle_class(toys.SCORE, max_trials=4, seed=1)
    oracle.bind(Scored(toys.square), constraints=[lambda hp: hp.get("a") > 0])
    tuner = keras_tuner.Tuner(
        oracle=oracle, hypermodel=Scored(toys.square), directory=str(tmp_path)
    )
    tuner.search(verbose=0)
    assert toys.statuses(tuner) == {"COMPLETED"}
    assert len(oracle.trials) == 4
    assert all(toys.fits(values) and values["a"] for values in toys.values_of(tuner))
    assert oracle.rejections


def test_a_bound_oracle_judges_the_data_it_is_given(tmp_path: Path) -> None:
    oracle = sst.oracles.GridSearchOracle("loss", seed=1)
    oracle.bind(toys.head, x=toys.X, y=toys.labels(4))
    tuner = keras_tuner.Tuner(oracle=oracle, hypermodel=toys.head, directory=str(tmp_path))
    tuner.search(toys.X, toys.labels(4), epochs=1, verbose=0)
    assert [values["width"] for values in toys.values_of(tuner)] == [4]
    assert toys.statuses(tuner) == {"COMPLETED"}


@pytest.mark.parametrize("option", ["nonsense", None])
def test_options_are_checked_whatever_the_oracle(option: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="on_infeasible"):
        sst.oracles.RandomSearchOracle(toys.SCORE, on_infeasible=option)
    ours = sst.oracles.RandomSearchOracle(toys.SCORE)
    with pytest.raises(ValueError, match="on_infeasible"):
        sst.shape_safe(keras_tuner.Tuner)(
            oracle=ours,
            hypermodel=toys.square,
            directory=str(tmp_path),
            on_infeasible=option,
        )
