"""A check leaves no trace, and sees what a fresh trial sees."""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner._compat.backends import backend
from tests import toys
from tests.backends import BACKEND


def small(hp: Any) -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dropout(0.2)])
    model.compile("adam", "mse")
    return model


def noisy(hp: Any) -> keras.Model:
    print("out", end="")
    print("err", end="", file=sys.stderr)
    warnings.warn("look at this", stacklevel=1)
    keras.utils.set_random_seed(random.randrange(100) + np.random.randint(100))
    keras.config.set_floatx("float16")
    keras.config.set_dtype_policy("mixed_float16")
    keras.utils.clear_session()
    model = small(hp)
    model.summary()
    return model


def impossible(hp: Any) -> keras.Model:
    noisy(hp)
    return keras.Sequential([keras.Input((4,)), layers.LSTM(3)])


def random_states() -> list[Any]:
    name, keys, *rest = np.random.get_state()
    return [random.getstate(), name, list(keys), rest, backend.random_state()]


@pytest.fixture
def restored_policy() -> Iterator[None]:
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(policy)


@pytest.mark.smoke
@pytest.mark.parametrize("build", [small, noisy, impossible])
@pytest.mark.parametrize("with_data", [False, True])
def test_random_states_stay(build: Callable[[Any], Any], with_data: bool) -> None:
    data = {"x": np.zeros((5, 4)), "y": np.zeros((5, 3))} if with_data else {}
    before = random_states()
    sst.check(build, {}, **data)
    assert random_states() == before


@pytest.mark.smoke
@pytest.mark.parametrize("build", [small, noisy, impossible])
def test_names_policy_and_floatx_stay(build: Callable[[Any], Any], restored_policy: None) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    first = layers.Dense(1).name
    sst.check(build, {})
    number = int(first.rpartition("_")[2]) if "_" in first else 0
    assert layers.Dense(1).name == f"dense_{number + 1}"
    assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.floatx() == "float32"
    assert keras.config.is_traceback_filtering_enabled()
    if BACKEND == "tensorflow":
        import tensorflow as tf

        assert tf.debugging.is_traceback_filtering_enabled()


def test_a_check_sees_a_trials_names_and_policy(restored_policy: None) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    layers.Dense(1)
    seen: list[Any] = []

    def build(hp: Any) -> keras.Model:
        model = small(hp)
        seen.append((model.get_layer("dense").compute_dtype, model.name))
        return model

    assert sst.check(build, {}).feasible
    assert seen == [("float32", "sequential")]


@pytest.mark.smoke
def test_nothing_is_printed_or_warned(capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sst.check(noisy, {})
    assert capfd.readouterr() == ("", "")
    assert caught == []
    with pytest.warns(UserWarning, match="look at this"):
        warnings.warn("look at this", stacklevel=1)


def nosy(hp: Any) -> bool:
    """A constraint that does what a constraint should not."""
    print("out", end="")
    print("err", end="", file=sys.stderr)
    warnings.warn("look at this", stacklevel=1)
    keras.utils.set_random_seed(random.randrange(100) + np.random.randint(100))
    keras.config.set_floatx("float16")
    layers.Dense(1)
    return bool(hp.Int("units", 1, 4) != 2)


def narrow(hp: Any) -> keras.Model:
    """Refused with a kernel above 3."""
    inputs = keras.Input((3, 4))
    values = layers.Conv1D(hp.Int("units", 1, 4), hp.Int("kernel", 1, 5))(inputs)
    return keras.Model(inputs, layers.Flatten()(values))


def searched(**given: Any) -> None:
    folder = tempfile.mkdtemp()
    tuner = sst.RandomSearch(
        narrow, objective="loss", max_trials=1, directory=folder, seed=3, **given
    )
    tuner.oracle.create_trial("tuner0")
    shutil.rmtree(folder)


WAYS: dict[str, Callable[..., Any]] = {
    "feasible": lambda **given: sst.check(narrow, {"units": 3, "kernel": 2}, **given),
    "refused by it": lambda **given: sst.check(narrow, {"units": 2, "kernel": 2}, **given),
    "infeasible": lambda **given: sst.check(narrow, {"units": 3, "kernel": 5}, **given),
    "explained": lambda **given: sst.explain(narrow, {"units": 3, "kernel": 5}, **given),
    "repaired": lambda **given: sst.repair(narrow, {"units": 2, "kernel": 5}, **given),
    "validated": lambda **given: sst.validate_search_space(narrow, **given),
    "searched": searched,
}


@pytest.mark.smoke
@pytest.mark.filterwarnings(*toys.IGNORED_WARNINGS)
@pytest.mark.parametrize("way", sorted(WAYS))
def test_a_constraint_leaves_no_trace(
    way: str, capfd: pytest.CaptureFixture[str], restored_policy: None
) -> None:
    WAYS[way]()  # what KerasTuner prints itself is printed without a constraint too
    random.seed(1)
    np.random.seed(1)
    WAYS[way]()
    printed, without = capfd.readouterr(), random_states()
    random.seed(1)
    np.random.seed(1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        WAYS[way](constraints=[nosy])
    assert "look at this" not in [str(warning.message) for warning in caught]
    said = capfd.readouterr()
    assert "out" not in said.out
    assert "err" not in said.err
    assert random_states()[:4] == without[:4]
    assert keras.config.floatx() == "float32"
    assert printed is not None


def test_streams_and_warnings_of_other_threads_pass(capsys: pytest.CaptureFixture[str]) -> None:
    inside, said = threading.Event(), threading.Event()

    def build(hp: Any) -> keras.Model:
        inside.set()
        assert said.wait(20)
        print("from the check")
        return small(hp)

    checking = threading.Thread(target=sst.check, args=(build, {}))
    checking.start()
    assert inside.wait(20)
    print("from outside")
    with pytest.warns(UserWarning, match="outside") as caught:
        warnings.warn("outside", stacklevel=1)
    said.set()
    checking.join()
    assert caught[0].filename == __file__
    assert capsys.readouterr().out == "from outside\n"


def test_session_cleared_in_build_is_not_other_threads(restored_policy: None) -> None:
    policies: list[str] = []
    ready, checked = threading.Event(), threading.Event()

    def other() -> None:
        keras.config.set_dtype_policy("float64")
        ready.set()
        assert checked.wait(20)
        policies.append(keras.config.dtype_policy().name)

    thread = threading.Thread(target=other)
    thread.start()
    assert ready.wait(20)
    sst.check(noisy, {})
    checked.set()
    thread.join()
    assert policies == ["float64"]


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def of_252_million(hp: Any) -> keras.Model:
    units = 11_200
    model = keras.Sequential([keras.Input((units,)), layers.Dense(units), layers.Dense(units)])
    model.compile("adam", "mse")
    return model


def of_a_billion_units(hp: Any) -> keras.Model:
    inputs = keras.Input((8,))
    outputs = layers.Dense(1)(layers.Dense(hp.Int("units", 1, 10**9))(inputs))
    model = keras.Model(inputs, outputs)
    model.compile("adam", "mse")
    return model


@pytest.mark.smoke
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
@pytest.mark.parametrize(
    ("build", "values", "width", "outputs", "parameters"),
    [
        (of_252_million, {}, 11_200, 11_200, 250_902_400),
        (of_a_billion_units, {"units": 10**9}, 8, 1, 10_000_000_001),
    ],
)
def test_no_weight_is_allocated(
    build: Any, values: Any, width: int, outputs: int, parameters: int
) -> None:
    data = {"x": keras.KerasTensor((None, width)), "y": keras.KerasTensor((None, outputs))}
    sst.check(small, {}, x=np.zeros((5, 4)), y=np.zeros((5, 3)))
    sst.check(build, {}, **data)
    before = resident()
    verdict = sst.check(build, values, **data)
    assert resident() - before < 20 * 2**20
    assert verdict.feasible
    assert verdict.parameters == parameters


def test_real_training_goes_on_in_another_thread() -> None:
    problems: list[BaseException] = []
    losses: list[float] = []
    stop = threading.Event()

    def train() -> None:
        x, y = np.random.rand(8, 4).astype("float32"), np.zeros((8, 3), "float32")
        try:
            while not stop.is_set() or len(losses) < 2:
                model = small(None)
                assert all(np.isfinite(weight.numpy()).all() for weight in model.weights)
                history = model.fit(x, y, epochs=1, verbose=0)
                losses.append(history.history["loss"][0])
        except BaseException as error:
            problems.append(error)

    thread = threading.Thread(target=train)
    thread.start()
    verdicts = {
        sst.check(build, {}, x=np.zeros((5, 4)), y=np.zeros((5, 3))).feasible
        for _ in range(15)
        for build in (small, of_a_billion_units, noisy)
    }
    stop.set()
    thread.join()
    assert problems == []
    assert len(losses) >= 2
    assert np.isfinite(losses).all()
    assert verdicts == {True, False}


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, MemoryError, SystemExit])
def test_keras_is_as_it_was_after_any_exception(error: type[BaseException]) -> None:
    def build(hp: Any) -> keras.Model:
        small(hp)
        raise error("stop")

    if error is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            sst.check(build, {})
    else:
        assert sst.check(build, {}).feasible is (False if error is ValueError else None)
    model = small(None)
    assert np.abs(model.layers[0].kernel.numpy()).sum() > 0
    before = random.getstate()
    layers.Dropout(0.5)
    assert random.getstate() != before


def test_no_variable_stays_registered_as_uninitialised() -> None:
    sst.check(small, {}, x=np.zeros((5, 4)), y=np.zeros((5, 3)))
    with keras.StatelessScope():
        pass
    model = small(None)
    trained = model.fit(np.zeros((4, 4)), np.zeros((4, 3)), verbose=0)
    assert np.isfinite(trained.history["loss"]).all()


def test_weights_are_not_fetched() -> None:
    def build(hp: Any) -> keras.Model:
        base = keras.applications.MobileNet(
            input_shape=(128, 128, 3), include_top=False, pooling="avg", alpha=0.25
        )
        kernel = hp.Choice("kernel", [0, 3])
        h = layers.Reshape((16, 16, 1))(base.output)
        h = layers.Conv2D(4, 17)(h) if kernel else h
        model = keras.Model(base.input, layers.Dense(1)(layers.Flatten()(h)))
        model.compile("sgd", "mse")
        return model

    undecided = sst.check(build, {"kernel": 0})
    assert undecided.feasible is None
    assert "which a check does not fetch" in undecided.warnings[0]
    refused = sst.check(build, {"kernel": 3})
    assert refused.feasible is False
    assert refused.fault is not None
    assert refused.fault.layer_type == "Conv2D"


def test_large_concrete_weights_are_undecided_not_allocated() -> None:
    def build(hp: Any) -> keras.Model:
        model = keras.Sequential([layers.Dense(3_000), layers.Dense(3_000)])
        model(np.zeros((1, 3_000)))
        return model

    verdict = sst.check(build, {})
    assert verdict.feasible is None
    assert "MiB" in verdict.warnings[0]


def test_a_swallowed_stop_leaves_it_undecided() -> None:
    def build(hp: Any) -> keras.Model:
        try:
            keras.Sequential([layers.Dense(3_000), layers.Dense(3_000)])(np.zeros((1, 3_000)))
        except BaseException:
            return keras.Sequential([keras.Input((4,)), layers.Dense(3)])
        raise AssertionError

    assert sst.check(build, {}).feasible is None


def test_the_same_hyperparameters_object_is_not_touched() -> None:
    hp = keras_tuner.HyperParameters()
    hp.Int("units", 1, 4)

    def build(given: Any) -> keras.Model:
        units = given.Int("units", 1, 4)
        given.Float("rate", 0.0, 0.5)
        return keras.Sequential([keras.Input((4,)), layers.Dense(units)])

    assert sst.check(build, hp).feasible
    assert [known.name for known in hp.space] == ["units"]
    assert hp.values == {"units": 1}


def test_a_session_cleared_between_two_checks_changes_nothing() -> None:
    sst.check(small, {})
    keras.utils.clear_session()
    layers.Dense(1)
    verdict = sst.check(small, {})
    assert verdict.layers[0].name == "dense"
    assert layers.Dense(1).name == "dense_1"
