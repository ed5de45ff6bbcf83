"""What a rule does not read of a constructor is never asked for, where it is not chosen yet."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

import keras
import pytest
from keras import layers

from shapesafe_tuner.shapes import Rule, Spec, register_rule, registry, rules
from shapesafe_tuner.shapes.deferred import Deferred, Demand, demanded, forget_demands
from shapesafe_tuner.shapes.spec import Arguments, Call
from shapesafe_tuner.tracing.binding import bind, layer_classes
from shapesafe_tuner.tracing.layer_call import apply
from shapesafe_tuner.tracing.lazy import lazy_value

IMAGE, SEQUENCE, VECTOR = (None, 8, 8, 4), (None, 6, 4), (None, 4)
SHAPES = {
    "1D": SEQUENCE, "2D": IMAGE, "3D": (None, 8, 8, 8, 4), "RNN": SEQUENCE, "LSTM": SEQUENCE,
    "GRU": SEQUENCE, "Random": IMAGE, "Crop": IMAGE, "Resizing": IMAGE, "Masking": SEQUENCE,
    "Repeat": VECTOR, "Embedding": VECTOR, "Head": SEQUENCE,
}  # fmt: skip
LSTM_SHAPES = {"1D": SEQUENCE, "2D": IMAGE, "3D": (None, 8, 8, 8, 4)}
NEEDED = {
    "units": 4, "filters": 4, "kernel_size": 3, "input_dim": 9, "output_dim": 4, "n": 3,
    "rate": 0.5, "pool_size": 2, "stddev": 0.5, "dims": (1,), "target_shape": (4,),
    "num_heads": 2, "key_dim": 4, "axes": -1,
    "activation": "relu", "factor": 0.2, "height_factor": 0.2, "width_factor": 0.2, "scale": 0.5,
    "height": 4, "width": 4, "output_size": 2,
}  # fmt: skip
MERGES = "Add Average Maximum Minimum Multiply Subtract Concatenate Dot".split()
WRAPPERS = ("Bidirectional", "TimeDistributed")


def inputs_of(name: str) -> Any:
    if name.startswith("ConvLSTM"):
        shape = LSTM_SHAPES[name[-2:]]
        return Spec((None, 3, *shape[1:]))
    if name in ("Attention", "AdditiveAttention"):
        return [Spec(SEQUENCE), Spec(SEQUENCE)]
    if name in (
        "Add",
        "Average",
        "Maximum",
        "Minimum",
        "Multiply",
        "Subtract",
        "Concatenate",
        "Dot",
    ):
        return [Spec(VECTOR), Spec(VECTOR)]
    found = next((shape for part, shape in SHAPES.items() if part in name), VECTOR)
    if name == "Permute":
        found = VECTOR
    return Spec(found)


def call_of(name: str) -> Call:
    return Call(arguments={"value": Spec(SEQUENCE)} if name == "MultiHeadAttention" else {})


def needed(layer_class: type) -> dict[str, Any]:
    parameters = list(inspect.signature(layer_class.__init__).parameters.values())[1:]  # type: ignore[misc]
    plain = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty]
    groups = {"groups": 2} if layer_class is layers.GroupNormalization else {}
    return {**{parameter.name: NEEDED[parameter.name] for parameter in plain}, **groups}


class Watched(Arguments):
    """Notes what a rule reads."""

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_"):
            object.__getattribute__(self, "__dict__").setdefault("_read", set()).add(name)
        return super().__getattribute__(name)


def classes() -> list[type]:
    return sorted(
        (
            layer_class
            for layer_class, name in layer_classes().items()
            if rules.lookup(name) is not None and name not in WRAPPERS
        ),
        key=lambda layer_class: layer_class.__name__,
    )


def unread(layer_class: type, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments that the rule reads neither in a build nor in a step."""
    name = layer_class.__name__
    with monkeypatch.context() as patch:
        patch.setattr("shapesafe_tuner.tracing.binding.Arguments", Watched)
        configured = bind(layer_class, (), needed(layer_class))
        apply(configured, inputs_of(name), call_of(name))
    parameters = inspect.signature(layer_class.__init__).parameters  # type: ignore[misc]
    read = configured.arguments.__dict__["_read"]
    numbers = [
        parameter.name
        for parameter in parameters.values()
        if type(parameter.default) in (int, float) or parameter.name == "seed"
    ]
    return [number for number in numbers if number not in read]


def number(whole: bool) -> Any:
    return lazy_value(
        "h", None, 1 if whole else 0.25, 9 if whole else 0.75, int if whole else float
    )


@pytest.mark.parametrize("layer_class", classes(), ids=lambda layer_class: layer_class.__name__)
def test_what_a_rule_never_reads_is_never_demanded(
    layer_class: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = layer_class.__name__
    for argument in unread(layer_class, monkeypatch):
        for whole in (True, False):
            forget_demands()
            configured = bind(layer_class, (), {**needed(layer_class), argument: number(whole)})
            apply(configured, inputs_of(name), call_of(name))
            assert demanded() is None, argument


def test_there_is_something_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {cls.__name__: unread(cls, monkeypatch) for cls in classes()}
    assert "epsilon" in found["LayerNormalization"]
    assert "seed" in found["Dropout"]
    assert sum(map(len, found.values())) > 25


@pytest.mark.parametrize(
    ("layer", "arguments"),
    [
        (layers.ActivityRegularization, {"l1": (0.0, 0.5)}),
        (layers.LayerNormalization, {"epsilon": (1e-6, 1e-3)}),
        (layers.GroupNormalization, {"groups": 2, "epsilon": (1e-6, 1e-3)}),
        (layers.Dropout, {"rate": 0.5, "seed": (0, 5000)}),
        (layers.Dropout, {"rate": (0.0, 0.9), "seed": (0, 5000)}),
        (layers.Attention, {"dropout": (0.0, 0.5)}),
        (layers.Masking, {"mask_value": (-1.0, 1.0)}),
        (layers.ConvLSTM1D, {"filters": (2, 9), "kernel_size": 3, "dropout": (0.0, 0.5)}),
        (layers.Conv1D, {"filters": (1, 64), "kernel_size": (1, 25), "padding": "same"}),
        (layers.Conv1D, {"filters": (1, 64), "kernel_size": (1, 6)}),
        (layers.Conv2D, {"filters": 4, "kernel_size": 3, "strides": (1, 4)}),
        (layers.SeparableConv1D, {"filters": 4, "kernel_size": (1, 4), "depth_multiplier": (1, 3)}),
        (layers.DepthwiseConv2D, {"kernel_size": (1, 5)}),
        (layers.Conv1DTranspose, {"filters": 4, "kernel_size": (1, 9), "padding": "same"}),
        (layers.MaxPooling2D, {"pool_size": (2, 4), "strides": (1, 3)}),
        (layers.ZeroPadding2D, {"padding": (0, 3)}),
        (layers.Cropping1D, {"cropping": (0, 2)}),
        (layers.UpSampling2D, {"size": (1, 3)}),
        (layers.Resizing, {"height": (4, 64), "width": (4, 64)}),
        (layers.GaussianNoise, {"stddev": (0.1, 0.9)}),
        (layers.RandomFlip, {"seed": (0, 99)}),
        # Older versions of Keras do not have it.
        *(
            (getattr(layers, name), {"output_size": (1, 6)})
            for name in ["AdaptiveAveragePooling1D"]
            if hasattr(layers, name)
        ),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_what_refuses_no_value_is_not_demanded(layer: type, arguments: dict[str, Any]) -> None:
    """What each of these values gives, the layer itself says for the ends."""
    name = layer.__name__

    def at(place: int) -> dict[str, Any]:
        return {
            key: value[place] if isinstance(value, tuple) else value
            for key, value in arguments.items()
        }

    lazily = {
        key: lazy_value(key, None, *value, type(value[1])) if isinstance(value, tuple) else value
        for key, value in arguments.items()
    }
    forget_demands()
    parameters, outputs = apply(bind(layer, (), lazily), inputs_of(name), call_of(name))
    assert demanded() is None
    for place in (0, 1):
        made = layer(**at(place))
        given = inputs_of(name)
        tensors = [
            keras.KerasTensor(spec.shape) for spec in (given if type(given) is list else [given])
        ]
        real = made(tensors if len(tensors) > 1 else tensors[0])
        count = made.count_params()
        assert all(map(lies_within, real.shape, outputs.shape)), (real.shape, outputs.shape)
        assert lies_within(count, parameters), (count, parameters)


def lies_within(real: Any, deferred: Any) -> bool:
    if isinstance(deferred, Deferred):
        return bool(deferred.low <= real <= deferred.high)
    return bool(real == deferred)


def test_what_may_refuse_is_demanded() -> None:
    for layer, arguments in (
        (layers.Conv1D, {"filters": 4, "kernel_size": number(True)}),
        (layers.Conv1D, {"filters": 6, "kernel_size": 3, "groups": number(True)}),
        (layers.GroupNormalization, {"groups": number(True)}),
        (layers.Cropping1D, {"cropping": number(True)}),
    ):
        forget_demands()
        with pytest.raises(Demand):
            apply(bind(layer, (), arguments), Spec(SEQUENCE), Call())
        assert demanded() == "h"
    forget_demands()


class Twice(layers.Layer):
    """A layer of a user's, of which only one argument counts."""

    def __init__(self, times: int, note: Any = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.times = times
        self.note = note

    def call(self, inputs: Any) -> Any:
        return keras.ops.concatenate([inputs] * self.times)


class TwiceRule(Rule):
    """Looks at its argument as no number that is not chosen would let it."""

    def call(self, a: Any, inputs: Any, call: Any) -> Spec:
        assert type(a.times) is int
        return Spec((*inputs.shape[:-1], inputs.shape[-1] * a.times), a.compute_dtype)


def test_a_rule_of_the_users_gets_numbers_and_demands_what_it_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "_OWN", {})
    register_rule(Twice, TwiceRule())
    forget_demands()
    configured = bind(Twice, (), {"times": 2, "note": number(True)})
    assert configured.call(Spec(VECTOR), Call()).shape == (None, 8)
    assert demanded() is None
    configured = bind(Twice, (), {"times": number(True)})
    with pytest.raises(Demand):
        configured.call(Spec(VECTOR), Call())
    assert demanded() == "h"
    forget_demands()


def test_expressions_are_written_for_people() -> None:
    width = Deferred(("hp", "f", 8, 64, None), 8, 64, ("f",), True)
    other = Deferred(("hp", "g", 1, 3, None), 1, 3, ("g",), True)
    assert str(width) == "f"
    assert str(width * 144) == "144 x f"
    assert str(width + other) == "f + g"
    assert str((28 - other) // 2 + 1) == "((28 - g) // 2) + 1"
    assert str((width * 144 + other * 3) // 2 + 1) == "578 to 4613"


def given_by(cls: type) -> Iterator[str]:
    """Keywords of ``Layer`` that a constructor gives it beside its own ``**kwargs``."""
    base = set(inspect.signature(keras.Layer.__init__).parameters) - {"self", "kwargs"}
    for owner in cls.__mro__[: cls.__mro__.index(keras.Layer)]:
        if "__init__" not in vars(owner):
            continue
        code = ast.parse(textwrap.dedent(inspect.getsource(owner.__init__)))  # type: ignore[misc]
        calls = (item for item in ast.walk(code) if isinstance(item, ast.Call))
        for call in calls:
            words = [keyword.arg for keyword in call.keywords]
            if ast.unparse(call.func) == "super().__init__" and None in words:
                own = inspect.signature(owner.__init__).parameters  # type: ignore[misc]
                yield from (word for word in words if word in base and word not in own)


def test_rules_name_arguments_that_exist() -> None:
    for layer_class in classes():
        rule = rules.lookup(layer_class.__name__)
        assert rule is not None
        calls = inspect.signature(layer_class.call).parameters  # type: ignore[attr-defined]
        assert set(rule.accepts) <= set(calls), layer_class
    for name in rules.rule_names():
        rule = rules.lookup(name)
        assert rule is not None
        stands_for = [cls for cls in layer_classes() if rules.lookup(cls.__name__) is rule]
        assert set(rule.gives) == {word for cls in stands_for for word in given_by(cls)}, name
        for keyword in rule.ignores:
            sources = [
                inspect.getsource(base.__init__)  # type: ignore[misc]
                for cls in stands_for
                for base in cls.__mro__
                if "__init__" in vars(base) and base.__module__.startswith("keras.")
            ]
            assert any(keyword in source for source in sources), (name, keyword)
