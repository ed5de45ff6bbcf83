"""Rules of operations against ``keras.ops``: its symbolic rules, and a trace of the backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis
import keras
import pytest
from hypothesis import strategies as st
from keras import layers, ops

import shapesafe_tuner as sst
from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner._compat.keras.symbolic_tensor import spec_of
from shapesafe_tuner.shapes.deferred import Deferred
from shapesafe_tuner.shapes.operations import BINARY, ELEMENTWISE, result
from shapesafe_tuner.shapes.spec import Refused, Spec, walk
from shapesafe_tuner.tracing.standins.answers import tensors_for
from tests import toys

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]
FLOATS = ["float32", "float16", "bfloat16"]
SIZES = st.sampled_from([1, 2, 3, 4, 6])
AXES = st.integers(-4, 4)


def named(name: str) -> Any:
    """The class of an operation."""
    for module in ("numpy", "nn", "math", "core"):
        found = getattr(getattr(keras.src.ops, module), name, None)
        if found is not None:
            return found
    raise LookupError(name)


@st.composite
def tensors(draw: Any, rank: int | None = None) -> Spec:
    rank = draw(st.integers(1, 4)) if rank is None else rank
    first = draw(st.sampled_from([None, 2, 5]))
    sizes = [draw(SIZES) for _ in range(rank - 1)]
    return Spec((first, *sizes), draw(st.sampled_from(FLOATS)))


def alike(draw: Any, spec: Spec) -> Spec:
    """A tensor that often goes with another one."""
    sizes = [draw(st.sampled_from([size, size, size, 1, 3])) for size in spec.shape[1:]]
    return Spec((spec.shape[0], *sizes), spec.dtype)


@st.composite
def calls(draw: Any, name: str) -> tuple[str, dict[str, Any], list[Any]]:
    """An operation, what it is made with, and what it is called on."""
    x = draw(tensors())
    if name in ELEMENTWISE:
        return name, {}, [x]
    if name in BINARY or name == "Power":
        other = draw(st.sampled_from([alike(draw, x), 2, 0.5])) if name != "Power" else 2
        return name, {}, [x, other] if draw(st.booleans()) or name == "Power" else [other, x]
    axis = draw(AXES)
    if name == "Reshape":
        wanted = draw(st.lists(st.sampled_from([-1, 1, 2, 3, 4, 6, 12]), min_size=1, max_size=3))
        return name, {"newshape": tuple(wanted)}, [x]
    if name == "Transpose":
        order = draw(st.permutations(range(len(x.shape))))
        return name, {"axes": draw(st.sampled_from([None, tuple(order)]))}, [x]
    if name == "Squeeze" and draw(st.booleans()):
        return name, {"axis": draw(st.sampled_from([-1, 1]))}, [Spec((x.shape[0], 1), x.dtype)]
    if name in ("ExpandDims", "Squeeze", "Softmax", "LogSoftmax"):
        return name, {"axis": axis}, [x]
    if name in ("Concatenate", "Stack"):
        several = [x, *[alike(draw, x) for _ in range(draw(st.integers(0, 2)))]]
        return name, {"axis": axis}, [several]
    if name in ("Mean", "Sum", "Max", "Min", "Var", "Std"):
        several_axes = draw(st.sampled_from([None, axis, (axis, draw(AXES))]))
        return name, {"axis": several_axes, "keepdims": draw(st.booleans())}, [x]
    if name == "Matmul":
        return name, {}, [x, draw(tensors())]
    bound = st.sampled_from([None, None, -2, -1, 0, 1, 2, 3])
    part = st.one_of(
        st.integers(-3, 3),
        st.builds(slice, bound, bound, st.sampled_from([None, 1, 2, -1])),
        st.just(None),
        st.just(Ellipsis),
    )
    parts = draw(st.lists(part, max_size=4))
    if sum(each is Ellipsis for each in parts) > 1:
        parts = [each for each in parts if each is not Ellipsis]
    return name, {}, [x, tuple(parts)]


NAMES = [
    *sorted(ELEMENTWISE), *sorted(BINARY), "Power", "Reshape", "Transpose", "ExpandDims", "Squeeze",
    "Concatenate", "Stack", "Mean", "Sum", "Max", "Min", "Var", "Std", "Softmax", "LogSoftmax",
    "GetItem", "Matmul",
]  # fmt: skip


def of_keras(name: str, made: dict[str, Any], args: list[Any]) -> tuple[Any, Any]:
    """What Keras's symbolic rule gives, and what a trace gives; None where one raises."""
    given = tensors_for(args)
    key = () if name != "GetItem" else (given.pop(),)
    ways: list[Callable[[Any], Any]] = [
        lambda operation: operation.compute_output_spec(*given, *key),
        lambda operation: backend.trace(lambda *given: operation.call(*given, *key), *given),
    ]
    found = []
    for way in ways:
        try:
            found.append(spec_of(way(named(name)(**made))))
        except Exception:  # whatever Keras or its backend raises: it refuses
            found.append(None)
    return found[0], found[1]


def held_against_keras(call: tuple[str, dict[str, Any], list[Any]]) -> bool:
    """Whether a rule answered; then Keras has said the same."""
    name, made, args = call
    # What it keeps is what the rule is given, as Keras has set it.
    state = {"axis": None} if "axis" in made else {}
    state = {**state, **made}
    try:
        said = result(name, state, args)
    except Refused:
        assert None in of_keras(name, made, args), call
        return True
    if said is None:
        return False
    symbolic, traced = of_keras(name, made, args)
    assert symbolic == said, call
    if not backend.TRACES_OPEN_BATCHES and any(None in spec.shape for spec in walk(args)):
        return True
    assert traced is not None, call
    known = zip(said.shape, traced.shape, strict=True)
    assert all(None in pair or pair[0] == pair[1] for pair in known), call
    assert traced.dtype == said.dtype, call
    return True


@pytest.mark.parametrize("name", NAMES)
def test_as_in_keras(name: str) -> None:
    answered = []

    @hypothesis.settings(max_examples=40, deadline=None, derandomize=True)
    @hypothesis.given(calls(name))
    def hold(call: tuple[str, dict[str, Any], list[Any]]) -> None:
        answered.append(held_against_keras(call))

    hold()
    assert any(answered)


@pytest.mark.parametrize(
    ("name", "state", "args"),
    [
        ("Add", {}, [Spec((None, 2), "int64"), Spec((None, 2), "int64")]),
        ("Add", {}, [Spec((None, 2), "float16"), Spec((None, 2), "float32")]),
        ("Add", {}, [Spec((None, 2)), True]),
        ("Power", {}, [2, Spec((None, 2))]),
        ("Power", {}, [Spec((None, 2)), Spec((None, 2))]),
        ("Reshape", {"newshape": (None, 2)}, [Spec((None, 2))]),
        ("Reshape", {"newshape": (-1, 2), "new": 1}, [Spec((None, 2))]),
        ("Mean", {"axis": (1, -1), "keepdims": False}, [Spec((None, 2))]),
        ("Max", {"axis": 1, "keepdims": False, "initial": 0.0}, [Spec((None, 2))]),
        ("Squeeze", {"axis": 1}, [Spec((None, 2))]),
        ("GetItem", {}, [Spec((None, 2)), (0,)]),
        ("GetItem", {}, [Spec((None, 2)), (slice(None), slice(2, 2))]),
        ("GetItem", {}, [Spec((None, 2)), (slice(None), slice(None, None, 0))]),
        ("GetItem", {}, [Spec((None, 2)), (slice(None), True)]),
        ("Concatenate", {"axis": 1}, [[Spec((None, 2)), 3.0]]),
        ("Matmul", {}, [Spec((None, 2)), Spec((2,))]),
        ("Softmax", {"axis": (0, 1)}, [Spec((None, 2))]),
        ("Sign", {}, [Spec((None, 2))]),
        ("Log", {}, [Spec((None, 2), "float64")]),
        ("Relu", {}, [Spec((None, 0))]),
    ],
)
def test_what_is_left_to_keras(name: str, state: dict[str, Any], args: list[Any]) -> None:
    assert result(name, state, args) is None


def test_sizes_may_stay_open() -> None:
    size = Deferred("units", 1, 9, ("units",), True)
    x = Spec((None, 4, size))
    joined = result("Concatenate", {"axis": -1}, [[x, x]])
    assert joined is not None
    assert isinstance(joined.shape[2], Deferred)
    assert result("Mean", {"axis": [1], "keepdims": False}, [x]) == Spec((None, size))
    assert result("Reshape", {"newshape": (-1, 8)}, [x]) is None


def test_a_reason_says_what_does_not_fill_a_shape() -> None:
    with pytest.raises(Refused, match=r"cannot reshape \(4, 6\) to \(4, 5\): 24 numbers do not"):
        result("Reshape", {"newshape": (4, 5)}, [Spec((4, 6))])


def attended(hp: Any) -> Any:
    """Attention and a gate written with operations; widths that nothing decides about."""
    inputs = keras.Input((6, 4))
    units = hp.Int("units", 4, 400)
    query, key = layers.Dense(units)(inputs), layers.Dense(units)(inputs)
    weights = ops.softmax(ops.matmul(query, ops.transpose(key, (0, 2, 1))), axis=-1)
    x = ops.matmul(weights, layers.Dense(hp.Int("values", 4, 400))(inputs))
    gate = ops.sigmoid(layers.Dense(hp.Choice("gates", [8, 16]))(inputs))
    x = ops.concatenate([ops.relu(x), ops.square(gate), gate * 2 + 1], axis=-1)
    x = ops.mean(x, axis=1) + layers.Dense(hp.Choice("skip", [1, 3]))(inputs[:, 0])
    model = keras.Model(inputs, layers.Dense(1)(x))
    model.compile("sgd", "mse")
    return model


def test_a_space_of_operations_is_exact() -> None:
    report = sst.validate_search_space(attended, exact=True)
    # A sum of one column fits any width; one of three fits none, for no width is 3.
    assert report.feasible_fraction == 0.5
    assert report.runs < 30
    assert not report.irrelevant or "skip" not in report.irrelevant
