"""Values of the data that do not go with the model are noted, with what decides; others not."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner.tracing.data import looking as looked
from shapesafe_tuner.verdict import kind_of
from tests import toys
from tests.backends import only_on

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]

X = np.zeros((8, 4), "float32")
Y = np.zeros((8, 1), "float32")
LABELS = np.arange(8) % 3
IDS = np.arange(40).reshape(8, 5) % 10


def compiled(model: Any, loss: Any = "mse") -> Any:
    model.compile("sgd", loss)
    return model


def stack(hp: Any) -> Any:
    head = layers.Dense(hp.Choice("classes", [2, 3]), "softmax")
    return compiled(
        keras.Sequential([keras.Input((4,)), layers.Dense(hp.Int("units", 1, 9)), head]),
        "sparse_categorical_crossentropy",
    )


def graph(hp: Any) -> Any:
    inputs = keras.Input((4,))
    outputs = layers.Dense(hp.Choice("classes", [2, 3]))(inputs)
    return compiled(
        keras.Model(inputs, outputs), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )


class Whole(keras.Model):  # type: ignore[misc]
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.dense = layers.Dense(classes, "softmax")

    def call(self, x: Any) -> Any:
        return self.dense(x)


def subclassed(hp: Any) -> Any:
    return compiled(Whole(hp.Choice("classes", [2, 3])), "sparse_categorical_crossentropy")


def two_heads(hp: Any) -> Any:
    inputs = keras.Input((4,))
    a = layers.Dense(3, "softmax", name="a")(inputs)
    b = layers.Dense(hp.Choice("classes", [2, 3]), "softmax", name="b")(inputs)
    return compiled(
        keras.Model(inputs, {"a": a, "b": b}),
        {"a": "sparse_categorical_crossentropy", "b": "sparse_categorical_crossentropy"},
    )


def ids(hp: Any) -> Any:
    table = layers.Embedding(hp.Choice("size", [5, 20]), 2)
    return compiled(keras.Sequential([keras.Input((5,)), table, layers.Flatten(), layers.Dense(1)]))


class WithPlaces(layers.Layer):  # type: ignore[misc]
    """Tokens and places, of which there are fewer."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.tokens, self.places = layers.Embedding(size, 2), layers.Embedding(5, 2)

    def call(self, x: Any) -> Any:
        return self.tokens(x) + self.places(keras.ops.arange(5))


class Text(keras.Model):  # type: ignore[misc]
    def __init__(self, size: int) -> None:
        super().__init__()
        self.embed, self.flat, self.head = WithPlaces(size), layers.Flatten(), layers.Dense(1)

    def call(self, x: Any) -> Any:
        return self.head(self.flat(self.embed(x)))


def text(hp: Any) -> Any:
    return compiled(Text(hp.Choice("size", [5, 20])))


def users(hp: Any) -> Any:
    user, item = keras.Input((1,), name="user"), keras.Input((1,), name="item")
    sides = [
        layers.Flatten()(layers.Embedding(size, 2)(side))
        for side, size in ((user, 10), (item, hp.Choice("size", [5, 20])))
    ]
    return compiled(keras.Model([user, item], layers.Dot(1)(sides)))


def length(hp: Any) -> Any:
    body = [layers.Conv1D(2, 3), layers.GlobalMaxPooling1D(), layers.Dense(1)]
    return compiled(keras.Sequential([keras.Input((hp.Choice("length", [6, 10]), 2)), *body]))


class Places(layers.Layer):  # type: ignore[misc]
    """Adds a vector for each place, of which it may have fewer than there are."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.places = layers.Embedding(size, 2)

    def call(self, x: Any) -> Any:
        return x + self.places(keras.ops.arange(x.shape[1]))


class OwnPlaces(layers.Layer):  # type: ignore[misc]
    """The same with a table of its own."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape=(self.size, 2))

    def call(self, x: Any) -> Any:
        places = keras.ops.expand_dims(keras.ops.arange(keras.ops.shape(x)[1]), 0)
        return x + keras.ops.take(self.table, places, axis=0)


class Placed(keras.Model):  # type: ignore[misc]
    def __init__(self, size: int) -> None:
        super().__init__()
        self.tokens, self.places = layers.Embedding(10, 2), layers.Embedding(size, 2)
        self.flat, self.head = layers.Flatten(), layers.Dense(1)

    def call(self, x: Any) -> Any:
        return self.head(self.flat(self.tokens(x) + self.places(keras.ops.arange(x.shape[1]))))


def with_body(*body: Any) -> Any:
    parts = [keras.Input((5,)), layers.Embedding(10, 2), *body, layers.Flatten(), layers.Dense(1)]
    return compiled(keras.Sequential(parts))


def places(hp: Any) -> Any:
    return with_body(layers.Dense(hp.Int("units", 2, 2)), Places(hp.Choice("size", [4, 5])))


def own_places(hp: Any) -> Any:
    return with_body(OwnPlaces(hp.Choice("size", [4, 5])))


def placed(hp: Any) -> Any:
    return compiled(Placed(hp.Choice("size", [4, 5])))


def inner_places(hp: Any) -> Any:
    inner = keras.Sequential([layers.Dense(2), Places(hp.Choice("size", [4, 5]))])
    return with_body(inner)


def last_taken(hp: Any) -> Any:
    inputs = keras.Input((5,))
    x = layers.Dense(hp.Choice("size", [4, 5]))(inputs)
    return compiled(keras.Model(inputs, layers.Dense(1)(keras.ops.take(x, [0, 4], axis=1))))


STRAYS = [places, own_places, placed, inner_places, last_taken]

MISSING = np.where(np.arange(8)[:, None] == 3, np.nan, Y)
SERIES = np.zeros((8, 10, 2), "float32")
SUSPICIOUS: list[tuple[Any, Any, Any, str, list[int] | None]] = [
    (stack, X, LABELS, "classes", [2, 3]),
    (graph, X, LABELS, "classes", [2, 3]),
    (graph, X, LABELS.astype("float32"), "classes", [2, 3]),
    (subclassed, X, LABELS, "classes", [2, 3]),
    (two_heads, X, {"a": LABELS, "b": LABELS}, "classes", [2, 3]),
    (ids, IDS, Y, "size", [5, 20]),
    (text, IDS, Y, "size", [5, 20]),
    (users, {"user": IDS[:, :1], "item": IDS[:, 1:2]}, Y, "size", [5, 20]),
    (length, SERIES, Y, "length", [6, 10]),
]


def _suspicious(verdict: Any) -> list[str]:
    return [note for note in verdict.warnings if kind_of(note) == "suspicious"]


@pytest.mark.parametrize(("build", "x", "y", "name", "sizes"), SUSPICIOUS)
def test_noted_with_the_hyperparameter_that_decides(
    build: Any, x: Any, y: Any, name: str, sizes: list[int]
) -> None:
    few, enough = sizes
    odd = sst.check(build, {name: few}, x=x, y=y)
    assert odd.feasible is True
    assert len(_suspicious(odd)) == 1
    assert f"This depends on {name}." in _suspicious(odd)[0]
    assert _suspicious(sst.check(build, {name: enough}, x=x, y=y)) == []
    report = sst.validate_search_space(build, x=x, y=y, progress=False)
    assert report.exact
    assert report.feasible_fraction == 1
    assert any(f"This depends on {name}." in note for note in report.notes)


@only_on("tensorflow", "other backends give NaN or the last row, or are not looked into")
@pytest.mark.parametrize("build", STRAYS)
def test_a_table_that_is_shorter_than_what_the_trace_looks_up(build: Any) -> None:
    """On a CPU the step fails; on a GPU it trains on zeros."""
    for size in (4, 5, 4, 5):  # a remembered answer says the same
        verdict = sst.check(build, {"size": size}, x=IDS, y=Y)
        assert verdict.feasible is True
        assert len(_suspicious(verdict)) == (size == 4)
        assert all("This depends on size." in note for note in _suspicious(verdict))
    report = sst.validate_search_space(build, x=IDS, y=Y, progress=False)
    assert report.exact
    assert report.feasible_fraction == 1
    assert len([note for note in report.notes if "This depends on size." in note]) == 1
    for size in (4, 5):
        hp = keras_tuner.HyperParameters()
        hp.Fixed("size", size)
        fails = pytest.raises(Exception, match="is not in") if size == 4 else nullcontext()
        with fails:
            build(hp).fit(IDS, Y, verbose=0)


@only_on("tensorflow", "other backends are not looked into")
def test_what_is_looked_up_is_said() -> None:
    (note,) = _suspicious(sst.check(places, {"size": 4}, x=IDS, y=Y))
    said = "'places' looks up rows 0 to 4 of a table that has 4 (0 to 3)."
    assert note == f"Suspicious: Places {said} This depends on size."
    (note,) = _suspicious(sst.check(placed, {"size": 4}, x=IDS, y=Y))
    assert "Embedding 'embedding_1' looks up rows 0 to 4 of a table that has 4 (0 to 3)." in note


def many_places(hp: Any) -> Any:
    inputs = keras.Input((5,))
    x = layers.Embedding(10, 2)(inputs)
    for block in range(hp.Int("blocks", 1, 4)):
        if hp.Boolean(f"placed_{block}"):
            x = Places(hp.Choice(f"size_{block}", [4, 5]))(x)
        x = layers.Conv1D(2, hp.Choice(f"kernel_{block}", [3, 5]), padding="same")(x)
    return compiled(keras.Model(inputs, layers.Dense(1)(layers.Flatten()(x))))


@only_on("tensorflow", "other backends are not looked into")
def test_a_deep_space_with_lookups_is_explored_by_rules() -> None:
    report = sst.validate_search_space(many_places, x=IDS, y=Y, progress=False)
    assert report.exact
    assert report.feasible_fraction == 1
    assert "looks up rows 0 to 4" in str(report.notes)
    alone = sst.check(many_places, {"placed_0": True, "size_0": 4}, x=IDS, y=Y)
    assert alone.stage == "analytic"
    assert alone.slow_because is None


class Clipped(layers.Layer):  # type: ignore[misc]
    """Looks up what its input says, and the last row by -1."""

    def __init__(self) -> None:
        super().__init__()
        self.places = layers.Embedding(4, 2)

    def call(self, x: Any) -> Any:
        steps = keras.ops.cast(keras.ops.sum(x, axis=-1), "int32")
        last = keras.ops.take(x, -1, axis=1)
        few = self.places(keras.ops.minimum(keras.ops.arange(x.shape[1]), 3))
        return x + self.places(steps) + keras.ops.expand_dims(last, 1) + few


def clipped(hp: Any) -> Any:
    return with_body(Clipped())


def in_functions(hp: Any) -> Any:
    import tensorflow as tf

    class Functions(layers.Layer):  # type: ignore[misc]
        def build(self, shape: Any) -> None:
            self.table = self.add_weight(shape=(4, 2))
            self.steps = tf.function(lambda: tf.range(5))

        def call(self, x: Any) -> Any:
            many = tf.reduce_sum(tf.gather(self.table, tf.range(2**20) % 4), axis=0)
            return x + tf.gather(self.table, self.steps() % 4) + many

    return with_body(Functions())


@only_on("tensorflow", "functions of TensorFlow")
def test_what_cannot_be_worked_out_is_not_noted() -> None:
    verdict = sst.check(in_functions, {}, x=IDS, y=Y)
    assert verdict.feasible is True
    assert _suspicious(verdict) == []


def test_missing_targets() -> None:
    one = sst.check(length, {"length": 10}, x=SERIES, y=MISSING)
    assert "y holds NaN" in str(_suspicious(one))
    assert "Here" not in str(_suspicious(one))


def ignoring(hp: Any) -> Any:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=2)
    return compiled(keras.Sequential([keras.Input((4,)), layers.Dense(2)]), loss)


def looked_up(hp: Any) -> Any:
    inputs = keras.Input((5,), dtype="int64")
    x = layers.IntegerLookup(vocabulary=[1, 2, 3])(inputs)
    outputs = layers.Dense(1)(layers.Flatten()(layers.Embedding(4, 2)(x)))
    return compiled(keras.Model(inputs, outputs))


def folded(hp: Any) -> Any:
    inputs = keras.Input((5,), dtype="int64")
    outputs = layers.Dense(1)(layers.Flatten()(layers.Embedding(4, 2)(inputs % 4)))
    return compiled(keras.Model(inputs, outputs))


@pytest.mark.parametrize(
    ("build", "x", "y"),
    [
        (ignoring, X, LABELS), (folded, IDS, Y), (stack, X, LABELS % 2), (clipped, IDS, Y),
        pytest.param(
            looked_up, IDS, Y, marks=only_on("tensorflow", "look-ups of TensorFlow")
        ),
    ],
)  # fmt: skip
def test_what_is_right_is_not_noted(build: Any, x: Any, y: Any) -> None:
    assert _suspicious(sst.check(build, {}, x=x, y=y)) == []


def test_a_search_says_so_once(tmp_path: Path) -> None:
    tuner = sst.RandomSearch(stack, "loss", max_trials=1, directory=str(tmp_path))
    tuner._judge_on(sst.tracing.data.reading.read_data(X, LABELS, as_fit=True))
    with pytest.warns(UserWarning, match="This depends on classes"):
        tuner._judging_oracle.draws.judged(tuner._judging_oracle._checker.judge({"classes": 2}))


def test_a_bounded_part_of_an_array_is_read() -> None:
    array = np.broadcast_to(np.int32(7), (50_000, 2_000))  # 400 MB, if somebody copied it
    reads = []

    class Rows(np.ndarray):  # type: ignore[type-arg]
        def __getitem__(self, key: Any) -> Any:
            found = super().__getitem__(key)
            reads.append(getattr(found, "size", 1))
            return found

    seen = looked.look_at(array.view(Rows), floats=False)
    assert seen == looked.Values(7.0, 7.0, whole=True)
    assert 0 < sum(reads) <= 2 * looked.MOST


def test_what_is_infeasible_is_not_suspicious_too() -> None:
    def build(hp: Any) -> Any:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(hp.Choice("out", [1, 3]))])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    for units in (1, 3):
        verdict = sst.check(build, {"out": units}, x=np.zeros((64, 4)), y=np.eye(3)[[0, 1] * 32])
        assert verdict.feasible is False
        assert verdict.warnings == ()
