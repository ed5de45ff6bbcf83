"""The user's own models and layers on stand-ins: the same verdicts as the symbolic pass."""

from __future__ import annotations

import dataclasses
from typing import Any
from unittest import mock

import keras
import keras_tuner
import numpy as np
import pytest
from keras import layers, ops

import shapesafe_tuner as sst
from shapesafe_tuner.tracing.standins import constructing
from shapesafe_tuner.tracing.standins.posed import posable
from tests import toys
from tests.tracing.standins.generated_classes import generated

pytestmark = [
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow", reason="classes are posed on TensorFlow"
    ),
    *(pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS),
]
X, Y = np.zeros((70, 12), "float32"), np.zeros((70, 1), "float32")


def by_symbols(build: Any, values: dict[str, Any], **data: Any) -> sst.Verdict:
    """The verdict where no class is posed."""
    with mock.patch.object(constructing, "may_pose", return_value=False):
        return sst.check(build, values, **data)


def same(one: sst.Verdict, other: sst.Verdict) -> bool:
    """Whether two verdicts say the same; of what is refused nobody knows the size."""
    if not one.feasible:
        return one.feasible is other.feasible
    facts = [(it.feasible, it.parameters, it.output_shape) for it in (one, other)]
    return facts[0] == facts[1]


@pytest.mark.parametrize("seed", range(40))
def test_random_classes_have_the_verdict_of_the_symbolic_pass(seed: int) -> None:
    build, data, source = generated(seed)
    for given in (data, {}):
        verdict = sst.check(build, {}, **given)
        assert same(verdict, by_symbols(build, {}, **given)), source


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(1_000, 3_000))
def test_many_random_classes(seed: int) -> None:
    build, data, source = generated(seed)
    verdict = sst.check(build, {}, **data)
    assert same(verdict, by_symbols(build, {}, **data)), source


class Net(keras.Model):  # type: ignore[misc]
    """Two widths that must agree where there is a residual connection."""

    def __init__(self, first: int, second: int, residual: bool) -> None:
        super().__init__()
        self.first = layers.Dense(first, activation="relu")
        self.second = layers.Dense(second)
        self.unused = layers.Dense(3)
        self.head = layers.Dense(1)
        self.residual = residual

    def call(self, x: Any, training: Any = None) -> Any:
        x = self.first(x)
        return self.head(x + self.second(x) if self.residual else self.second(x))


def net(hp: Any) -> Any:
    """The model, its learning rate a hyperparameter too."""
    model = Net(hp.Choice("first", [8, 16]), hp.Choice("second", [8, 16]), hp.Boolean("residual"))
    model.compile(keras.optimizers.Adam(hp.Float("rate", 1e-4, 1e-1)), "mse")
    return model


@pytest.mark.parametrize("second", [8, 16])
def test_a_subclassed_model_is_decided_by_rules(second: int) -> None:
    values = {"first": 8, "second": second, "residual": True}
    verdict = sst.check(net, values, x=X, y=Y)
    assert (verdict.feasible, verdict.stage) == (second == 8, "analytic")
    assert same(verdict, by_symbols(net, values, x=X, y=Y))
    if second == 16:
        fault = verdict.fault
        assert fault is not None
        assert (fault.layer, fault.layer_type, fault.refused_by) == ("net", "Net", "train")
        assert fault.reason == (
            "Net 'net' refuses (None, 12): its Add cannot combine (None, 8) and (None, 16): 8 and "
            "16 differ and neither is 1."
        )
        assert fault.hyperparameters == values
    else:
        # What call leaves out has no weights.
        assert verdict.parameters == (12 * 8 + 8) + (8 * 8 + 8) + (8 + 1)
        assert [row.layer_type for row in verdict.layers] == ["Dense"] * 3


def test_a_space_of_subclassed_models_is_known_exactly() -> None:
    report = sst.validate_search_space(net, x=X, y=Y)
    assert report.feasible_fraction == 0.75
    assert report.exact


def test_a_subclassed_model_without_data_is_not_built() -> None:
    values = {"first": 8, "second": 16, "residual": True}
    verdict = sst.check(net, values)
    assert verdict.stage == "analytic"
    symbolic = by_symbols(net, values)
    assert verdict == dataclasses.replace(symbolic, stage="analytic", slow_because=None)
    assert "pass x" in verdict.warnings[0]


def posed_now(cls: type) -> bool:
    """Whether a class runs on stand-ins."""
    return posable.may_pose(cls)


LIMIT = 8
GLOBAL: list[int] = []


class Plain(layers.Layer):  # type: ignore[misc]
    """Nothing in it can tell a stand-in from a tensor."""

    calls = 0

    def __init__(self, units: int = 8) -> None:
        super().__init__()
        self.inner = layers.Dense(units)

    def call(self, x: Any) -> Any:
        return ops.relu(self.inner(x)) * LIMIT


def _with_call(call: Any) -> Any:
    return type("Made", (Plain,), {"call": call, "__module__": __name__})


def _handles(self: Any, x: Any) -> Any:
    try:
        return self.inner(x)
    except ValueError:
        return x


def _keeps(self: Any, x: Any) -> Any:
    GLOBAL.append(1)
    return self.inner(x)


def _shapes(self: Any, x: Any) -> Any:
    return ops.reshape(x, (ops.shape(x)[0], -1))


def _counts(self: Any, x: Any) -> Any:
    Plain.calls += 1
    return self.inner(x)


@pytest.mark.parametrize(
    "call",
    [
        _handles,
        _keeps,
        _shapes,
        lambda self, x: self.inner(x) if isinstance(x, keras.KerasTensor) else x,
        lambda self, x: self.inner(x) if type(self) is Plain else x,
        lambda self, x: x if x is self else self.inner(x),
        lambda self, x: ops.cond(True, lambda: x, lambda: self.inner(x)),
        lambda self, x: np.asarray(GLOBAL) + self.inner(x),
        lambda self, x: x + keras.random.normal((12,)),
        lambda self, x: keras.utils.normalize(x),
        _counts,
        lambda self, x: self.inner(x) * self._record,
    ],
    ids=[
        "an exception handled", "a global list", "sizes at run time", "isinstance", "type",
        "identity", "a branch of the backend", "a list made global", "random numbers", "utilities",
        "a counter of the class", "the name of our record",
    ],
)  # fmt: skip
def test_what_sees_a_difference_is_not_posed(call: Any) -> None:
    assert posed_now(Plain)
    assert not posed_now(_with_call(call))


@pytest.mark.parametrize(
    "names",
    [
        {"quantize": lambda self, mode: None},
        {"compute_output_shape": lambda self, shape: shape},
        {"width": property(lambda self: 3)},
        {"__call__": lambda self, x: x},
        {"blocks": []},
    ],
    ids=lambda names: next(iter(names)),
)
def test_what_replaces_parts_of_keras_is_not_posed(names: dict[str, Any]) -> None:
    cls = type("Made", (Plain,), {**names, "__module__": __name__})
    assert not posed_now(cls)


def test_a_class_that_was_edited_is_looked_at_again() -> None:
    cls = _with_call(lambda self, x: self.inner(x))
    assert posed_now(cls)
    cls.call = _handles
    assert not posed_now(cls)
    cls.call = lambda self, x: self.inner(x) * LIMIT
    assert posed_now(cls)
    with mock.patch.dict(globals(), LIMIT=[8]):
        assert not posed_now(cls)
    assert posed_now(cls)


def own(make: Any) -> Any:
    """A build around a layer of the user's own."""

    def build(hp: Any) -> Any:
        inputs = keras.Input((12,))
        model = keras.Model(inputs, layers.Dense(1)(make(hp.Choice("units", [12, 16]))(inputs)))
        model.compile("sgd", "mse")
        return model

    return build


class ListChangesInCall(Plain):
    """Its second call differs from the first."""

    def __init__(self, units: int) -> None:
        super().__init__(units)
        self.log: list[int] = []

    def call(self, x: Any) -> Any:
        self.log.append(1)
        return self.inner(x) + x if len(self.log) > 1 else self.inner(x)


class HiddenFunction(Plain):
    """A list that is filled behind the attribute's back, with code that nobody read."""

    def __init__(self, units: int) -> None:
        super().__init__(units)
        self.steps: list[Any] = []
        self.steps.append(lambda x: x if isinstance(x, keras.KerasTensor) else self.inner(x) + x)

    def call(self, x: Any) -> Any:
        return self.steps[0](x)


class Builds(Plain):
    """Builds another layer of the user's own itself."""

    def __init__(self, units: int) -> None:
        super().__init__(units)
        self.other = Weighted(units)

    def build(self, shape: Any) -> None:
        self.other.build(shape)
        super().build(shape)

    def call(self, x: Any) -> Any:
        return self.other(x) + self.inner(x)


class Weighted(Plain):
    """A weight of its own."""

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], 16))

    def call(self, x: Any) -> Any:
        return ops.matmul(x, self.kernel)


class Refuses(Plain):
    """Refuses a width in its own words."""

    def __init__(self, units: int) -> None:
        if units == 16:
            raise ValueError("16 is too wide")
        super().__init__(units)


class TensorShape(Plain):
    """Asks a tensor what only those of TensorFlow know."""

    def call(self, x: Any) -> Any:
        return ops.reshape(self.inner(x), (-1, x.shape.as_list()[1]))


class Trains(Plain):
    """Adds only in training."""

    def call(self, x: Any, training: Any = None) -> Any:
        return self.inner(x) + x if training else self.inner(x)


class Integers(Plain):
    """What backends do not add and Keras does."""

    def call(self, x: Any) -> Any:
        return self.inner(x) + ops.argmax(x, axis=-1, keepdims=True)


class NoGradient(keras.Model):  # type: ignore[misc]
    """Nothing that it gives depends on a weight."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.inner = layers.Dense(units)

    def call(self, x: Any) -> Any:
        self.inner(x)
        return x * 2.0


@pytest.mark.parametrize(
    "cls",
    [
        ListChangesInCall,
        HiddenFunction,
        Refuses,
        TensorShape,
        Trains,
        Integers,
        Plain,
        Builds,
        Weighted,
    ],
    ids=lambda cls: cls.__name__,
)  # fmt: skip
@pytest.mark.parametrize("units", [12, 16])
def test_traps(cls: Any, units: int) -> None:
    for given in ({"x": X, "y": Y}, {}):
        verdict = sst.check(own(cls), {"units": units}, **given)
        assert same(verdict, by_symbols(own(cls), {"units": units}, **given))


def test_a_model_that_trains_nothing_is_left_to_keras() -> None:
    def build(hp: Any) -> Any:
        model = NoGradient(8)
        model.compile("sgd", "mse")
        return model

    assert sst.check(build, {}, x=X, y=Y).stage != "analytic"


def test_what_a_constructor_raises_is_not_hidden_by_a_handler_in_build() -> None:
    class Odd(Plain):
        def __init__(self, units: int) -> None:
            super().__init__(units)
            self.width = self.inner.units  # known to Keras, not to a stand-in

    def build(hp: Any) -> Any:
        inputs = keras.Input((12,))
        try:
            outputs = Odd(8)(inputs)
        except Exception:
            outputs = layers.Conv1D(3, 3)(inputs)
        model = keras.Model(inputs, outputs)
        model.compile("sgd", "mse")
        return model

    assert sst.check(build, {}).feasible


def test_a_posed_layer_that_was_kept_becomes_real() -> None:
    kept: list[Any] = []

    def build(hp: Any) -> Any:
        kept.append(Plain(4))
        inputs = keras.Input((12,))
        model = keras.Model(inputs, kept[-1](inputs))
        model.compile("sgd", "mse")
        return model

    assert sst.check(build, {}).feasible
    layer = kept[0]
    assert isinstance(layer, Plain)
    assert layer(np.zeros((2, 12), "float32")).shape == (2, 4)
    assert type(layer) is Plain
    assert layer.count_params() == 12 * 4 + 4


@pytest.mark.parametrize(
    "touch", [repr, lambda it: it.trainable, lambda it: setattr(it, "trainable", False)]
)
def test_any_touch_makes_a_kept_one_real(touch: Any) -> None:
    kept: list[Any] = []

    def build(hp: Any) -> Any:
        kept.append(Plain(4))
        return keras.Sequential([keras.Input((12,)), layers.Dense(1)])

    sst.check(build, {})
    touch(kept[0])
    assert type(kept[0]) is Plain


def test_types_of_posed_objects() -> None:
    seen: list[bool] = []

    def build(hp: Any) -> Any:
        layer = Plain(4)
        seen.append(isinstance(layer, Plain) and isinstance(layer, layers.Layer))
        seen.append(layer.__class__ is Plain)
        inputs = keras.Input((12,))
        return keras.Model(inputs, layer(inputs))

    assert sst.check(build, {}).feasible
    assert all(seen)


@pytest.mark.filterwarnings("ignore:.*it looks like it has unbuilt state")  # Net.unused
def test_a_search_over_posed_classes_trains_them(tmp_path: Any) -> None:
    tuner = sst.RandomSearch(
        net, objective=keras_tuner.Objective("loss", "min"), max_trials=3, seed=1,
        directory=tmp_path,
    )  # fmt: skip
    tuner.search(X, Y, epochs=1, verbose=0)
    statuses = [trial.status for trial in tuner.oracle.trials.values()]
    assert statuses == ["COMPLETED"] * 3


data = object()
"""A name as a script has it, which the layer below has too."""


class Scaled(layers.Layer):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.data = layers.Dense(3)

    def call(self, inputs: Any) -> Any:
        return self.data(inputs)


def test_a_global_that_shares_a_name_with_an_attribute_changes_nothing() -> None:
    assert posable.may_pose(Scaled)
