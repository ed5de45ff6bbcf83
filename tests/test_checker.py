"""What ``check`` takes, and what it does with limits, constraints and errors of the user's."""

from __future__ import annotations

import types
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner.checker import Checker
from shapesafe_tuner.tracing.question import Question

BUILDS: list[dict[str, Any]] = []


def build(hp: Any) -> keras.Model:
    kernel = hp.Int("kernel", 2, 6)
    model = keras.Sequential([keras.Input((5, 5, 1)), layers.Conv2D(2, kernel), layers.Flatten()])
    model.add(layers.Dense(hp.Choice("units", [1, 3])))
    model.compile("adam", "mse")
    BUILDS.append(dict(hp.values))
    return model


@pytest.mark.parametrize("kernel", [2, 6])
@pytest.mark.parametrize("form", ["dict", "HyperParameters"])
def test_forms_of_values(kernel: int, form: str) -> None:
    values: Any = {"kernel": kernel}
    if form == "HyperParameters":
        values = keras_tuner.HyperParameters()
        values.values["kernel"] = kernel
    verdict = sst.check(build, values)
    assert verdict.feasible is (kernel == 2)
    assert bool(verdict) is (kernel == 2)
    assert verdict.warnings == ()


def test_missing_values_take_their_default() -> None:
    BUILDS.clear()
    assert sst.check(build, {}).parameters == 10 + 33
    assert BUILDS == [{"kernel": 2, "units": 1}]


@pytest.mark.parametrize(
    ("values", "named"), [({"kernel": 1}, "kernel=1"), ({"units": 2}, "units=2")]
)
def test_a_value_outside_its_domain_is_taken_with_a_warning(
    values: dict[str, Any], named: str
) -> None:
    verdict = sst.check(build, values)
    assert verdict.feasible
    assert verdict.warnings == (f"{named} is outside its domain.",)


def test_values_of_another_type_are_refused() -> None:
    with pytest.raises(
        TypeError, match=r"^check\(\): values must be a dict or a HyperParameters, not list"
    ):
        sst.check(build, ["kernel", 2])


def test_registered_hyperparameters_are_used() -> None:
    known = keras_tuner.HyperParameters()
    known.Fixed("kernel", 6)
    assert sst.check(build, {}, hyperparameters=known).feasible is False
    assert sst.check(build, {"kernel": 3}, hyperparameters=known).feasible


def test_max_model_size_counts_trainable_parameters() -> None:
    verdict = sst.check(build, {"units": 3}, max_model_size=50)
    assert verdict.feasible is False
    assert verdict.stage == "limit"
    assert verdict.fault is not None
    assert "109 trainable parameters, more than max_model_size=50" in verdict.fault.reason
    assert sst.check(build, {"units": 3}, max_model_size=109).feasible


def test_constraints_declare_infeasible() -> None:
    def small_kernels(hp: Any) -> bool:
        return bool(hp.get("kernel") < 3)

    known = keras_tuner.HyperParameters()
    known.Int("kernel", 2, 6)
    given = {"hyperparameters": known, "constraints": [small_kernels]}
    verdict = sst.check(build, {"kernel": 4}, **given)
    assert (verdict.feasible, verdict.stage) == (False, "declared")
    assert verdict.fault is not None
    assert verdict.fault.reason == "The constraint small_kernels refuses this configuration."
    assert verdict.fault.hyperparameters == {"kernel": 4}
    assert sst.check(build, {"kernel": 2}, **given).feasible


def test_failed_trial_error_declares_infeasible() -> None:
    def guarded(hp: Any) -> keras.Model:
        if hp.Int("kernel", 1, 9) > 5:
            raise keras_tuner.errors.FailedTrialError("kernel is too large")
        return build(hp)

    verdict = sst.check(guarded, {"kernel": 6})
    assert (verdict.feasible, verdict.stage) == (False, "declared")
    assert verdict.fault is not None
    assert "kernel is too large" in verdict.fault.reason


@pytest.mark.parametrize(
    "error", [NameError, ImportError, AttributeError, TypeError, KeyError, OSError, StopIteration]
)
def test_bugs_of_the_user_are_undecided(error: type[Exception]) -> None:
    def broken(hp: Any) -> keras.Model:
        raise error("oops")

    verdict = sst.check(broken, {})
    assert verdict.feasible is None
    assert bool(verdict)
    assert verdict.fault is None
    assert "oops" in verdict.warnings[0]


@pytest.mark.parametrize("error", [ValueError, IndexError, ZeroDivisionError, AssertionError])
def test_refusals_of_user_code_are_infeasible(error: type[Exception]) -> None:
    def refusing(hp: Any) -> keras.Model:
        raise error("the map is too small")

    verdict = sst.check(refusing, {})
    assert verdict.feasible is False
    assert verdict.fault is not None
    assert verdict.fault.reason == "build refuses it: the map is too small."
    assert verdict.fault.layer is None


def test_what_is_not_a_model_is_undecided() -> None:
    verdict = sst.check(lambda hp: "model", {})
    assert verdict.feasible is None
    assert "build returned str, not a keras.Model" in verdict.warnings[0]


class OwnFit(keras_tuner.HyperModel):
    def build(self, hp: Any) -> keras.Model:
        return build(hp)

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **kwargs: Any) -> Any:
        return model.fit(x[:, 1:], y, **kwargs)


def test_own_fit_is_followed_where_its_data_are_at_hand() -> None:
    assert sst.check(OwnFit(), {}, x=np.zeros((4, 9)), y=np.zeros((4, 9))).feasible is False
    verdict = sst.check(OwnFit(), {}, x=np.zeros((4, 9)))
    assert verdict.feasible
    assert "OwnFit.fit may change the data, which is not at hand" in verdict.warnings[0]
    assert sst.check(OwnFit(), {"kernel": 6}, x=np.zeros((4, 9))).feasible is False


def test_without_targets_the_forward_pass_is_judged() -> None:
    passed = sst.check(build, {}, x=np.zeros((4, 5, 5, 1)))
    assert passed.feasible
    assert "only the forward pass was judged" in passed.warnings[0]
    assert sst.check(build, {}, x=np.zeros((4, 6, 6, 1))).feasible is False


def test_an_unbuilt_model_is_said_to_be_unchecked() -> None:
    def deferred(hp: Any) -> keras.Model:
        return keras.Sequential([layers.Dense(3)])

    verdict = sst.check(deferred, {})
    assert verdict.feasible
    assert verdict.parameters is None
    assert "pass x" in verdict.warnings[0]
    assert sst.check(deferred, {}, x=np.zeros((4, 5))).output_shape == (None, 3)


def test_suspicious_losses_are_feasible_with_a_warning() -> None:
    def broadcasting(hp: Any) -> keras.Model:
        model = keras.Sequential([keras.Input((8,)), layers.Reshape((8, 1))])
        model.compile("sgd", hp.Choice("loss", ["mse", "mae", "huber"]))
        return model

    for loss in ("mse", "mae", "huber"):
        verdict = sst.check(broadcasting, {"loss": loss}, x=np.zeros((40, 8)), y=np.zeros(40))
        assert verdict.feasible
        assert verdict.warnings == (
            f"Suspicious: the loss {loss} silently broadcasts targets (batch,) against outputs "
            "(batch, 8, 1). Give both the same shape.",
        )
    fine = sst.check(broadcasting, {}, x=np.zeros((40, 8)), y=np.zeros((40, 8)))
    assert fine.warnings == ()


def test_frozen_bounds_are_named() -> None:
    def bounded(hp: Any) -> keras.Model:
        inputs = keras.Input((8, 8, 1))
        h = layers.Conv2D(2, hp.Int("kernel", 1, 7))(inputs)
        h = layers.Conv2D(2, hp.Int("kernel", 1, h.shape[1]))(h)
        return keras.Model(inputs, h)

    verdict = sst.check(bounded, {"kernel": 3})
    assert verdict.feasible
    assert verdict.warnings == (
        "Frozen bounds: kernel was first registered as 1 to 7; KerasTuner ignores the later "
        "1 to 6, so values may lie outside it. Register one range, or use another name.",
    )


def test_a_configuration_is_judged_once() -> None:
    BUILDS.clear()
    checker = Checker(Question(build))
    assert checker.judge({"kernel": 2}) is checker.judge({"kernel": 2})
    assert len(BUILDS) == 1
    assert checker.judged == 1


def test_a_known_conflict_refuses_what_agrees_on_the_values_read() -> None:
    checker = Checker(Question(build))
    first = checker.judge({"kernel": 6, "units": 1})
    second = checker.judge({"kernel": 6, "units": 3})
    assert (first.stage, second.stage) == ("analytic", "conflict")
    assert first.fault == second.fault
    assert checker.judged == 1
    assert checker.is_known_infeasible({"kernel": 6})
    assert not checker.is_known_infeasible({"kernel": 5})
    assert checker.always_fails is None


def test_values_of_different_types_are_different() -> None:
    def typed(hp: Any) -> keras.Model:
        value = hp.get("value")
        return keras.Sequential([keras.Input((4,)), layers.Dense(value)])

    checker = Checker(Question(typed))
    assert checker.judge({"value": 1}).feasible
    assert checker.judge({"value": "1"}).feasible is False
    assert checker.judge({"value": 2}).feasible


def test_what_fails_before_it_reads_anything_always_fails() -> None:
    def broken(hp: Any) -> keras.Model:
        layers.Dense(0)
        return build(hp)

    checker = Checker(Question(broken))
    checker.judge({"kernel": 2})
    assert checker.always_fails is not None
    assert checker.judge({"kernel": 5}).stage == "conflict"


def _crowded(hp: Any) -> Any:
    """Only ``kernel`` decides."""
    hp.Int("before", 0, 9)
    inputs = keras.Input((8, 1))
    x = layers.Conv1D(hp.Int("filters", 1, 9), hp.Choice("kernel", [3, 9]))(inputs)
    return keras.Model(inputs, layers.Dense(hp.Int("units", 1, 9))(x))


def test_the_cause_of_a_refusal_is_worked_out_when_it_is_read() -> None:
    runs = []

    def build(hp: Any) -> Any:
        runs.append(hp)
        return _crowded(hp)

    verdicts = [sst.check(build, {"kernel": 9, "filters": n % 9 + 1}) for n in range(30)]
    before = len(runs)
    # The refusals that are put to the test run twice.
    assert before <= 30 + 20
    assert verdicts[-1].fault is not None
    assert verdicts[-1].fault.hyperparameters == {"kernel": 9}
    assert len(runs) > before
    assert all(verdict.fault.hyperparameters == {"kernel": 9} for verdict in verdicts)  # type: ignore[union-attr]


@pytest.mark.parametrize("depth", [2, 12])
def test_a_refusal_by_keras_costs_one_more_build(depth: int) -> None:
    """Of a model of any size, and although it breaks off before most names are read."""
    runs = []

    def build(hp: Any) -> Any:
        runs.append(hp)
        model = keras.Sequential([keras.Input((9, 1))])
        for level in range(depth):
            model.add(
                layers.Conv1D(hp.Int(f"filters_{level}", 1, 9), hp.Int(f"kernel_{level}", 1, 9))
            )
            len(model.layers[-1].kernel.shape)  # rules have no weights to show
        return model

    def values(kernel: int) -> dict[str, int]:
        levels = range(depth)
        return {f"filters_{n}": 3 for n in levels} | {f"kernel_{n}": kernel for n in levels}

    accepted = sst.check(build, values(1))
    enough = len(runs)
    assert accepted.feasible
    assert accepted.slow_because is not None
    assert enough == 2  # by rules as far as they go, and by Keras
    for _ in range(2):
        runs.clear()
        verdict = sst.check(build, values(9))
        assert (verdict.feasible, verdict.stage) == (False, "symbolic")
        assert len(runs) <= enough + 1


def test_the_cause_is_never_that_of_another_build() -> None:
    kernel = "kernel"

    def build(hp: Any) -> Any:
        inputs = keras.Input((8, 1))
        return keras.Model(inputs, layers.Conv1D(4, hp.Int(kernel, 3, 9))(inputs))

    verdict = sst.check(build, {"kernel": 9})
    kernel = "other"
    assert verdict.fault is not None
    assert verdict.fault.hyperparameters == {"kernel": 9}
    verdict = sst.check(build, {"other": 9})
    kernel = "kernel"
    assert verdict.fault is not None
    assert verdict.fault.hyperparameters == {"other": 9}


@pytest.mark.parametrize("what", ["function", "closure", "global", "helper", "loss", "data"])
def test_a_build_that_changed_is_judged_anew(what: str) -> None:
    """Whatever a verdict rests on, it is looked at again in the next check."""
    module = types.ModuleType("changing")
    source = """
import keras
WIDTH = 4
def head(): return keras.layers.Dense(1)
def loss(y, given): return (y - given) ** 2
def make(units):
    def build(hp):
        inputs = keras.Input((WIDTH,))
        x = keras.layers.Add()([keras.layers.Dense(units)(inputs), inputs])
        model = keras.Model(inputs, head()(x))
        model.compile("sgd", loss)
        return model
    return build
"""
    exec(compile(source, "changing.py", "exec"), vars(module))
    x, y = np.zeros((8, 4), "float32"), np.zeros((8, 1), "float32")
    build = module.make(4)
    assert sst.check(build, {}, x=x, y=y).feasible
    if what == "function":
        edited = source.replace("Dense(units)", "Dense(units + 1)")
        exec(compile(edited, "changing.py", "exec"), vars(module))
        build = module.make(4)
    elif what == "closure":
        build = module.make(5)
    elif what == "global":
        module.WIDTH = 5
    elif what == "helper":
        module.head = lambda: keras.layers.Conv1D(1, 3)
    elif what == "loss":
        exec("def loss(y, given): return keras.ops.reshape(given, (7, 1)) - y", vars(module))
    else:
        x = np.zeros((8, 5), "float32")
    assert sst.check(build, {}, x=x, y=y).feasible is False
