"""What a user reads when a configuration is refused: the layer, the sentence, the formula."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import keras_tuner
import numpy as np
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner.tracing.judge import Judge
from shapesafe_tuner.tracing.question import Question


def chain(shape: tuple[int, ...], *makers: Callable[[], Any], loss: str = "mse") -> Any:
    def build(hp: Any) -> keras.Model:
        model = keras.Sequential([keras.Input(shape), *(make() for make in makers)])
        model.compile("sgd", loss)
        return model

    return build


def pair(first: tuple[int, ...], second: tuple[int, ...], join: Callable[[Any], Any]) -> Any:
    def build(hp: Any) -> keras.Model:
        inputs = [keras.Input(first), keras.Input(second)]
        return keras.Model(inputs, join(inputs))

    return build


def on_both(layer: Any) -> Callable[[Any], Any]:
    return lambda inputs: layers.Add()([layer(item) for item in inputs])


BUILD = [
    (
        chain((28, 28, 1), lambda: layers.Conv2D(3, 17, dilation_rate=2)),
        "conv2d",
        "Conv2D 'conv2d' slides a 17 x 17 kernel (reaching 33 with dilation 2) over a map of only "
        "28 x 28: floor((28 - 33) / 1) + 1 = -4.",
    ),
    (
        chain((4, 9, 1), lambda: layers.MaxPooling2D(5, strides=2)),
        "max_pooling2d",
        "MaxPooling2D 'max_pooling2d' slides a 5 x 5 window over a map of only 4 x 9: "
        "floor((4 - 5) / 2) + 1 = 0.",
    ),
    (
        chain((1, 6, 6), lambda: layers.Conv2D(3, 7, data_format="channels_first")),
        "conv2d",
        "Conv2D 'conv2d' slides a 7 x 7 kernel over a map of only 6 x 6: "
        "floor((6 - 7) / 1) + 1 = 0.",
    ),
    (
        chain((8, 4), lambda: layers.LSTM(3), lambda: layers.LSTM(3)),
        "lstm_1",
        "LSTM 'lstm_1' needs input of rank 3 (batch, steps, features), but gets rank 2: (None, 3); "
        "a recurrent layer before it needs return_sequences=True.",
    ),
    (
        chain((8, 4), lambda: layers.Bidirectional(layers.GRU(3)), lambda: layers.GRU(3)),
        "gru_1",
        "GRU 'gru_1' needs input of rank 3 (batch, steps, features), but gets rank 2: (None, 6); "
        "a recurrent layer before it needs return_sequences=True.",
    ),
    (
        chain((8,), lambda: layers.Conv2D(4, 3)),
        "conv2d",
        "Conv2D 'conv2d' needs input of rank at least 4, but gets rank 2: (None, 8).",
    ),
    (
        pair((10,), (20,), lambda inputs: layers.Multiply()(inputs)),
        "multiply",
        "Multiply 'multiply' cannot combine (None, 10) and (None, 20): 10 and 20 differ and "
        "neither is 1.",
    ),
    (
        pair((4, 4, 3), (5, 5, 3), lambda inputs: layers.Concatenate()(inputs)),
        "concatenate",
        "Concatenate 'concatenate' joins (None, 4, 4, 3) and (None, 5, 5, 3) on axis -1; all other "
        "sizes must be equal.",
    ),
    (
        pair((10,), (20,), lambda inputs: layers.Dot(1)(inputs)),
        "dot",
        "Dot 'dot' multiplies (None, 10) and (None, 20) over axes of size 10 and 20, which differ.",
    ),
    (
        chain((7, 7), lambda: layers.Reshape((10, 10))),
        "reshape",
        "Reshape 'reshape' cannot make (10, 10), 10 x 10 = 100 values, of 7 x 7 = 49 values.",
    ),
    (
        chain((7, 7), lambda: layers.Reshape((-1, 10))),
        "reshape",
        "Reshape 'reshape' cannot divide 49 values (7 x 7) by 10 for (-1, 10).",
    ),
    (
        chain((7, 7), lambda: layers.Reshape((-1, 0))),
        "reshape",
        "Reshape 'reshape' cannot work out -1 in (-1, 0), whose other sizes multiply to 0.",
    ),
    (
        pair((10,), (20,), lambda inputs: on_both(layers.Dense(4))(inputs)),
        "dense",
        "Dense 'dense' was built for inputs of size 10 on axis -1 and gets 20: (None, 20).",
    ),
    (
        pair((10,), (20,), lambda inputs: inputs[0] + inputs[1]),
        "add",
        "Add 'add' cannot combine (None, 10) and (None, 20): 10 and 20 differ and neither is 1.",
    ),
]


@pytest.mark.parametrize(
    ("layer", "wrong", "by_rule", "by_keras"),
    [
        (layers.LSTM, {"units": 0}, "needs a positive units, not 0", "got 0"),
        (layers.Dense, {}, "needs the argument units", "missing 1 required positional argument"),
        (layers.Dropout, {"rate": 2}, "needs rate between 0 and 1, not 2", "rate=2"),
    ],
)
def test_reason_of_a_constructor(layer: Any, wrong: Any, by_rule: str, by_keras: str) -> None:
    build = chain((8,), lambda: layer(**wrong))
    ruled, real = (Judge(Question(build, by_rules=by)).judge({})[0].fault for by in (True, False))
    assert ruled is not None
    assert real is not None
    assert ruled.layer is None
    assert ruled.layer_type == layer.__name__
    assert ruled.reason == f"{layer.__name__} {by_rule}."
    assert real.error is not None
    assert by_keras in real.error
    explained = sst.explain(build, {}).verdict.fault
    assert explained is not None
    assert explained.error == real.error


def is_built(build: Any) -> bool:
    """Whether Keras builds it all the same, as versions before 3.15 do maps without a place."""
    try:
        build(None)
    except Exception:
        return False
    return True


@pytest.mark.parametrize("analytic", [True, False], ids=["rules", "Keras"])
@pytest.mark.parametrize(("build", "layer", "reason"), BUILD, ids=[case[2][:40] for case in BUILD])
def test_reason_of_a_build(build: Any, layer: str | None, reason: str, analytic: bool) -> None:
    verdict, _ = Judge(Question(build, by_rules=analytic)).judge({})
    assert verdict.feasible is False
    assert verdict.fault is not None
    assert verdict.fault.reason == reason
    assert verdict.fault.layer == layer
    assert verdict.fault.refused_by == ("train" if is_built(build) else "build")
    assert (verdict.stage == "analytic") is (verdict.fault.error is None)
    if layer is not None and layer != "add":
        assert verdict.layers[-1].failed
        assert verdict.layers[-1].name == layer
        assert verdict.layers[-1].output_shape is None


@pytest.mark.parametrize(
    ("loss", "y", "validation", "reason"),
    [
        ("mse", 20, None, "targets of shape (32, 20) with outputs of shape (32, 10)"),
        ("categorical_crossentropy", 20, None, "targets of shape (32, 20) with outputs"),
        ("mse", 10, (8, 4), "targets of shape (3, 4) with outputs of shape (3, 10)"),
        ("mse", 10, (7, 10), "Dense 'dense' was built for inputs of size 8 on axis -1 and gets 7"),
    ],
)
def test_reason_of_a_training_step(loss: str, y: int, validation: Any, reason: str) -> None:
    build = chain((8,), lambda: layers.Dense(10), loss=loss)
    data: dict[str, Any] = {"x": np.zeros((70, 8)), "y": np.zeros((70, y))}
    if validation is not None:
        data["validation_data"] = tuple(np.zeros((3, width)) for width in validation)
    verdict = sst.check(build, {}, **data)
    assert verdict.feasible is False
    assert verdict.stage == "training_step"
    assert verdict.fault is not None
    assert reason in verdict.fault.reason
    assert verdict.fault.refused_by == "train"
    where = ", on the validation data" if validation else ", on a batch of 32 samples"
    assert verdict.fault.reason.count(where) == 1
    assert verdict.fault.error


def test_table_up_to_the_fault_and_hyperparameters_that_decided() -> None:
    def build(hp: Any) -> keras.Model:
        model = keras.Sequential([keras.Input((6, 6, 1))])
        model.add(layers.Conv2D(hp.Int("filters", 2, 4), hp.Int("kernel", 3, 7)))
        model.add(layers.MaxPooling2D(hp.Int("pool", 2, 8)))
        model.add(layers.Dense(hp.Int("units", 1, 4)))
        return model

    verdict = sst.check(build, {"kernel": 3, "pool": 5})
    assert verdict.fault is not None
    # No kernel leaves a map of 5 x 5: the pool alone is to blame.
    assert verdict.fault.hyperparameters == {"pool": 5}
    both = sst.check(build, {"kernel": 5, "pool": 3}).fault
    assert both is not None
    assert both.hyperparameters == {"kernel": 5, "pool": 3}
    rows = [(row.name, row.input_shapes, row.output_shape) for row in verdict.layers]
    assert rows[0] == ("conv2d", (None, 6, 6, 1), (None, 4, 4, 2))
    assert rows[-1] == ("max_pooling2d", (None, 4, 4, 2), None)
    # A Keras that builds the rest of the model all the same has the whole table before that.
    assert len(rows) == (2 if verdict.fault.refused_by == "build" else 4)
    assert verdict.layers[0].parameters == 20
    whole = sst.check(build, {})
    assert [row.output_shape for row in whole.layers][-1] == whole.output_shape == (None, 2, 2, 1)
    assert sum(row.parameters or 0 for row in whole.layers) == whole.parameters == 23


class Mine(layers.Conv2D):
    """Changes nothing that Keras does."""


class Halved(layers.Conv2D):
    """Calls Keras on something else than it was given."""

    def call(self, inputs: Any) -> Any:
        return super().call(inputs[:, ::2])


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (
            lambda: layers.Cropping2D(4),
            "Cropping2D 'cropping2d' cuts 4 + 4 off a map of only 5 x 5.",
        ),
        (
            lambda: Mine(2, 7),
            "Mine 'mine' slides a 7 x 7 kernel over a map of only 5 x 5: "
            "floor((5 - 7) / 1) + 1 = -1.",
        ),
        (lambda: Halved(2, 6), "Halved 'halved' refuses (None, 5, 5, 1): "),
    ],
)
def test_keras_refuses_in_the_words_of_the_rule(layer: Callable[[], Any], said: str) -> None:
    """Only where the layer does what the rule is about."""
    question = Question(chain((5, 5, 1), layer), by_rules=False)
    fault = Judge(question).judge({}).verdict.fault
    assert fault is not None
    assert fault.error is not None
    assert fault.reason.startswith(said)


def test_a_backbone_below_its_smallest_input_is_named() -> None:
    def build(hp: Any) -> Any:
        return keras.applications.Xception(weights=None, include_top=False, input_shape=(16, 16, 3))

    fault = sst.check(build, {}).fault
    assert fault is not None
    assert fault.reason.startswith("Xception refuses it: Input size must be at least 71x71")


def test_the_output_whose_loss_refuses_is_named() -> None:
    def build(hp: Any) -> Any:
        x = keras.Input((6,))
        heads = [layers.Dense(4, name="left")(x), layers.Dense(3, name="right")(x)]
        model = keras.Model(x, heads)
        model.compile("sgd", ["mse", "mse"])
        return model

    y = np.zeros((8, 4))
    fault = sst.check(build, {}, x=np.zeros((8, 6)), y=[y, y]).fault
    assert fault is not None
    assert fault.reason.startswith("The loss mse of output 'right' compares targets")


@pytest.mark.parametrize("layer", [layers.Flatten, lambda: layers.LSTM(2, stateful=False)])
def test_an_input_that_is_not_that_of_the_data_is_said(layer: Any) -> None:
    def build(hp: Any) -> Any:
        model = keras.Sequential([keras.Input((5, 2)), layer(), layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    fault = sst.check(build, {}, x=np.zeros((8, 7, 3)), y=np.zeros((8, 1))).fault
    assert fault is not None
    assert fault.reason.endswith("; the model's Input says (5, 2), and the data are (7, 3).")


class Refuses(NamedTuple):
    """A layer that Keras's own constructor refuses, and its first words."""

    make: Any
    words: str


@pytest.mark.parametrize(
    "case",
    [
        Refuses(lambda: layers.Dense(4, kernal_initializer="zeros"), "Unrecognized keyword"),
        Refuses(lambda: layers.Conv2D(4, 3, depthwise_regularizer=None), "Unrecognized keyword"),
        Refuses(lambda: layers.Dense(4, kernel_regularizer="nope"), "Could not interpret regu"),
        Refuses(lambda: layers.BatchNormalization(axis="a"), "invalid literal"),
        Refuses(lambda: layers.Bidirectional(layers.Dense(3)), "<class 'keras.src"),
        Refuses(lambda: layers.TimeDistributed(3), "Please initialize"),
        Refuses(lambda: layers.LSTM(4, activation="nope"), "Could not interpret activation"),
    ],
    ids=lambda case: case.words,
)
def test_what_a_constructor_of_keras_refuses_has_no_other_cause(case: Refuses) -> None:
    def build(hp: Any) -> Any:
        inputs = keras.Input((hp.Int("steps", 8, 9), 3))
        hp.Float("lr", 0.1, 1.0)
        x = layers.Dense(hp.Int("units", 1, 9))(inputs)
        return keras.Model(inputs, case.make()(x))

    with pytest.raises((ValueError, TypeError), match=case.words):
        case.make()
    for _ in range(2):  # the second one remembers
        fault = sst.check(build, {}).fault
        assert fault is not None
        assert case.words in fault.reason
        assert fault.hyperparameters == {}
    report = sst.validate_search_space(build)
    assert (report.exact, report.feasible_fraction, report.runs < 50) == (True, 0.0, True)


def test_a_factor_of_a_penalty_does_not_decide_whether_keras_takes_a_layer() -> None:
    def build(hp: Any) -> Any:
        penalty = keras.regularizers.L2(hp.Float("factor", 1e-6, 1e-3, sampling="log"))
        inputs = keras.Input((8, 8, 3))
        return keras.Model(inputs, layers.SeparableConv2D(4, 3, kernel_regularizer=penalty)(inputs))

    report = sst.validate_search_space(build)
    assert (report.exact, report.feasible_fraction, report.irrelevant) == (True, 0.0, ("factor",))
    assert " at 0x" not in report.causes[0].reason


def test_metrics_in_the_place_of_loss_weights_are_named() -> None:
    def build(hp: Any) -> Any:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(hp.Int("units", 1, 2))])
        model.add(layers.Dense(1))
        model.compile("sgd", "mse", ["accuracy"])
        return model

    given = {"x": np.zeros((8, 4), "float32"), "y": np.zeros((8, 1), "float32")}
    with pytest.raises((ValueError, TypeError)):
        build(keras_tuner.HyperParameters()).fit(**given, verbose=0)
    assert sst.check(build, {}, **given).reason == (
        "What compile was given as loss is weighted by text, on a batch of 8 samples: the third "
        'argument of compile is loss_weights; write metrics=["accuracy"] for metrics.'
    )
