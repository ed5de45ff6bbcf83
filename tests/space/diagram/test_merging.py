"""States that are merged: against the tree, on builds that invite a wrong merge and random ones."""

from __future__ import annotations

import gc
import itertools
import random
from fractions import Fraction
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner._compat.keras_tuner.domains import weighted_domain
from shapesafe_tuner.space.data.varying import judge_of
from shapesafe_tuner.space.diagram.diagram import Diagram
from shapesafe_tuner.space.diagram.merging import Merging
from shapesafe_tuner.space.diagram.walk import Unmergeable
from shapesafe_tuner.space.explorer import Explorer
from shapesafe_tuner.tracing.question import question_of
from tests.backends import only_on
from tests.space.diagram.traps import B as TRAPS

LEFT_TO_THE_TREE = {
    "active_scopes_read", "own_layer_named_by_the_user", "own_layer_with_an_attribute_that_is_read",
    "same_layer_names", "auto_name_collision", "hp_values", "hp_get",
    "kept_by_a_lambda", "kept_by_a_partial_function_in_a_layer", "kept_by_an_object_in_a_layer",
    "swallowed", "two_inputs_connected",
}  # fmt: skip
"""Builds whose states are not followed, or that rules do not decide."""


def merged(build: Any, **data: Any) -> tuple[Diagram, Merging]:
    merging = Merging(judge_of(question_of(build, **data)), None)
    return Diagram.of_vertices(merging.explore()), merging


def is_as_the_tree(build: Any, **data: Any) -> Merging:
    """The share is equal as a fraction, and every leaf of the tree ends alike."""
    leaves = list(Explorer(judge_of(question_of(build, **data)), None).leaves())
    diagram, merging = merged(build, **data)
    share = sum((leaf.share for leaf in leaves if leaf.feasible is not False), Fraction(0))
    assert 1 - diagram.shares(lambda end: end.feasible is False)[0] == share
    generator = random.Random(0)
    for leaf in leaves:
        place = 0
        while diagram.ends[place] is None:
            edges = diagram.edges[place]
            known = [e for e in edges if leaf.values.get(diagram.names[place] or "") == e.value]
            place = (known[0] if known else generator.choice(edges)).child
        end = diagram.ends[place]
        assert end is not None
        assert end.feasible is leaf.feasible
    return merging


@pytest.mark.parametrize("name", sorted(set(TRAPS) - LEFT_TO_THE_TREE))
def test_what_invites_a_wrong_merge(name: str) -> None:
    is_as_the_tree(TRAPS[name])


@pytest.mark.parametrize("name", sorted(LEFT_TO_THE_TREE))
def test_what_cannot_be_followed_is_left_to_the_tree(name: str) -> None:
    with pytest.raises(Unmergeable):
        merged(TRAPS[name])


OWN_LAYERS = sorted(name for name in set(TRAPS) - LEFT_TO_THE_TREE if name.startswith("own_layer"))


@pytest.mark.parametrize("name", OWN_LAYERS)
def test_layers_of_the_users_with_data(name: str) -> None:
    def build(hp: Any) -> Any:
        model = TRAPS[name](hp)
        model.compile("sgd", "mse")
        return model

    data = {"x": np.zeros((10, 9, 9, 1)), "y": np.zeros((10, 2)), "batch_size": 4}
    if "frozen" in name:
        with pytest.raises(Unmergeable):  # rules leave what is frozen beside code of the user's
            merged(build, **data)
    else:
        is_as_the_tree(build, **data)


class Program:
    """A random build: branches, loops, lists, dicts, closures, helpers, aliases, sizes read."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, hp: Any) -> Any:
        plan = random.Random(self.seed)
        memory: dict[str, Any] = {"n": 0, "sizes": [1], "order": {}, "kept": []}
        alias = memory["sizes"] if plan.random() < 0.5 else list(memory["sizes"])
        count = 0

        def bump(by: int) -> None:
            nonlocal count
            count += by

        x = inputs = keras.Input((plan.choice([7, 9, 11]),) * 2 + (1,))
        for step in range(plan.randrange(2, 5)):
            x = self.step(hp, plan, step, x, memory, alias, bump)
            if plan.random() < 0.5:
                memory["kept"].append(x)
        for _ in range(min(count, 2)):
            x = layers.Conv2D(1, plan.choice([1, 2]))(x)
        x = self.read_again(hp, plan, x, memory["kept"])
        last = plan.randrange(4)
        if last == 0 and len(memory["sizes"]) > 2:
            x = layers.Conv2D(1, 3)(x)
        elif last == 1 and alias is memory["sizes"] and memory["n"] > 1:
            x = layers.MaxPooling2D(2)(x)
        elif last == 2 and list(memory["order"])[:1] == ["b"]:
            x = layers.Conv2D(1, 2)(x)
        return keras.Model(inputs, layers.Dense(1)(layers.Flatten()(x)))

    @staticmethod
    def read_again(hp: Any, plan: random.Random, x: Any, kept: list[Any]) -> Any:
        """Something of a tensor that was made long ago."""
        kind = plan.randrange(6)
        old = plan.choice(kept) if kept else x
        if kind == 0 and hp.Boolean("skips"):
            pooled = [layers.GlobalAveragePooling2D()(each) for each in (old, x)]
            layers.Add()(pooled)
        elif kind == 1:
            cropped = layers.Conv2D(1, hp.Choice("k_old", [1, 2, 3]))(old)
            if hp.Boolean("old"):
                x = cropped
        elif kind == 2 and old.shape[1] > 5:
            x = layers.Conv2D(1, 2)(x)
        elif kind == 3:
            while len(kept) > 1:
                old = kept.pop()
            x = layers.Conv2D(1, 2)(old)
        return x

    @staticmethod
    def step(
        hp: Any, plan: random.Random, step: int, x: Any, memory: Any, alias: Any, bump: Any
    ) -> Any:
        kind = plan.randrange(7)
        if kind == 0:
            filters = hp.Choice(f"f{step}", [1, 2]) if plan.random() < 0.3 else plan.choice([1, 2])
            x = layers.Conv2D(filters, hp.Choice(f"k{step}", [1, 2, 3]))(x)
        elif kind == 1:
            if hp.Boolean(f"flag{step}"):
                memory["n"] += 1
                alias.append(step)
            x = layers.Conv2D(1, hp.Choice(f"k{step}", [1, 3]))(x)
        elif kind == 2:
            if hp.Boolean(f"pool{step}"):
                x = layers.MaxPooling2D(2)(x)
            else:
                bump(1)
        elif kind == 3:
            for n in range(hp.Int(f"times{step}", 1, 2)):
                x = layers.Conv2D(1, hp.Choice(f"k{step}{n}", [1, 2]))(x)
        elif kind == 4:
            memory["order"][hp.Choice(f"key{step}", ["a", "b"])] = step
            x = layers.Conv2D(1, hp.Choice(f"k{step}", [1, 2]), padding="same")(x)
        elif kind == 5:
            size = x.shape[1]
            if size > hp.Choice(f"bound{step}", [4, 6]):
                x = layers.Conv2D(1, 3)(x)
            memory["sizes"].append(size)
        else:
            kernel = hp.Choice(f"k{step}", [1, 2])
            x = layers.Conv2D(1, kernel)(x)
            x = layers.Conv2D(1, kernel + plan.choice([0, 1]))(x)
        return x


class ScopedProgram(Program):
    """One that opens scopes: of names, and of values that were chosen now or long ago."""

    @staticmethod
    def step(
        hp: Any, plan: random.Random, step: int, x: Any, memory: Any, alias: Any, bump: Any
    ) -> Any:
        gates = memory.setdefault("gates", [])
        kind = plan.randrange(5)
        if kind == 0:
            with hp.name_scope(f"scope{plan.randrange(2)}"):
                return Program.step(hp, plan, step, x, memory, alias, bump)
        if kind == 1:
            gates.append((f"gate{step}", hp.Choice(f"gate{step}", [0, 1, 2])))
        if kind < 4 and gates:
            name, value = plan.choice(gates)
            wanted = plan.sample([0, 1, 2], plan.choice([1, 2]))
            with hp.conditional_scope(name, wanted):
                kernel = hp.Choice(f"gated{step}", [1, 2, 4])
                if plan.random() < 0.5 and value in wanted:
                    x = layers.Conv2D(1, kernel)(x)
            if plan.random() < 0.5 and kernel is not None:
                x = layers.Conv2D(1, kernel)(x)
            return x
        return Program.step(hp, plan, step, x, memory, alias, bump)


@pytest.mark.parametrize("seed", range(40))
def test_random_programs(seed: int) -> None:
    is_as_the_tree(Program(seed))


@pytest.mark.parametrize("seed", range(30))
def test_random_programs_with_scopes(seed: int) -> None:
    is_as_the_tree(ScopedProgram(seed))


def share_by_keras(build: Any) -> Fraction:
    """Every configuration, built by Keras with KerasTuner's hyperparameters."""
    share, waiting = Fraction(0), [(Fraction(1), {})]
    while waiting:
        weight, values = waiting.pop()
        hp = keras_tuner.HyperParameters()
        hp.values = dict(values)
        try:
            build(hp)
            feasible = True
        except (ValueError, TypeError):
            feasible = False
        active = [item for item in hp.space if hp.is_active(item)]
        new = next((item for item in active if item.name not in values), None)
        if new is None:
            share += weight * feasible
            continue
        pairs = weighted_domain(new)
        assert pairs is not None
        waiting += [(weight * each, {**values, new.name: value}) for value, each in pairs]
    return share


def is_as_keras_says(build: Any) -> None:
    diagram, _ = merged(build)
    assert 1 - diagram.shares(lambda end: end.feasible is False)[0] == share_by_keras(build)
    keras.backend.clear_session()


@pytest.mark.parametrize("seed", [501, 505, 506])
def test_random_programs_are_as_keras_says(seed: int) -> None:
    is_as_keras_says(Program(seed))
    is_as_keras_says(ScopedProgram(seed))


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(6_000, 6_500))
def test_hundreds_of_random_programs_are_as_keras_says(seed: int) -> None:
    is_as_keras_says(Program(seed))
    is_as_keras_says(ScopedProgram(seed))


@pytest.mark.deep
@pytest.mark.parametrize("start", range(1_000, 5_000, 100))
def test_thousands_of_random_programs(start: int) -> None:
    for seed in range(start, start + 100):
        is_as_the_tree(Program(seed))
        is_as_the_tree(ScopedProgram(seed))


def blocks(depth: int) -> Any:
    def build(hp: Any) -> Any:
        x = inputs = keras.Input((64, 64, 1))
        for block in range(depth):
            x = layers.Conv2D(hp.Int(f"f{block}", 8, 64), hp.Choice(f"k{block}", [3, 5, 7]))(x)
            if hp.Boolean(f"p{block}"):
                x = layers.MaxPooling2D(2)(x)
        model = keras.Model(inputs, layers.Dense(10)(layers.Flatten()(x)))
        model.compile(hp.Choice("optimizer", ["sgd", "adam"]), "sparse_categorical_crossentropy")
        return model

    return build


def feasible_blocks(depth: int) -> Fraction:
    """By arithmetic: one size at a time."""
    sizes = {64: Fraction(1)}
    for _ in range(depth):
        after: dict[int, Fraction] = {}
        for size, share in sizes.items():
            for kernel in (3, 5, 7):
                for pool in (False, True):
                    left = size - kernel + 1
                    left = left // 2 if pool else left
                    if left > 0:
                        after[left] = after.get(left, Fraction(0)) + share / 6
        sizes = after
    return sum(sizes.values(), Fraction(0))


def up_to(most: int) -> Any:
    def build(hp: Any) -> Any:
        return blocks(hp.Int("blocks", 1, most))(hp)

    return build


def settings_first(depth: int) -> Any:
    """The same, with everything read before the first layer."""

    def build(hp: Any) -> Any:
        settings = [
            {"kernel": hp.Choice(f"k{n}", [3, 5, 7]), "pool": hp.Choice(f"p{n}", ["max", "none"])}
            for n in range(depth)
        ]
        model = keras.Sequential([keras.Input((64, 64, 1))])
        for each in settings:
            model.add(layers.Conv2D(1, each["kernel"]))
            if each["pool"] == "max":
                model.add(layers.MaxPooling2D(2))
        model.add(layers.Flatten())
        model.add(layers.Dense(10))
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    return build


def scoped(depth: int) -> Any:
    """The same, in scopes: of names, and of what is asked only where a block pools."""

    def build(hp: Any) -> Any:
        x = inputs = keras.Input((64, 64, 1))
        for block in range(depth):
            with hp.name_scope(f"block_{block}"):
                x = layers.Conv2D(hp.Int("filters", 8, 64), hp.Choice("kernel", [3, 5, 7]))(x)
                pools = hp.Boolean("pools")
                with hp.conditional_scope("pools", [True]):
                    kind = hp.Choice("kind", ["max", "average"])
                    if pools:
                        pool = layers.MaxPooling2D if kind == "max" else layers.AveragePooling2D
                        x = pool(2)(x)
        return keras.Model(inputs, layers.Dense(10)(layers.Flatten()(x)))

    return build


class OwnBlock(layers.Layer):
    """A block of the user's own."""

    def __init__(self, filters: int, kernel: int, pools: bool) -> None:
        super().__init__()
        self.conv = layers.Conv2D(filters, kernel)
        self.norm = layers.BatchNormalization()
        self.pool = layers.MaxPooling2D(2) if pools else None

    def call(self, x: Any) -> Any:
        x = keras.ops.relu(self.norm(self.conv(x)))
        return x if self.pool is None else self.pool(x)


def own_blocks(depth: int) -> Any:
    """The same, of layers of the user's own."""

    def build(hp: Any) -> Any:
        x = inputs = keras.Input((64, 64, 1))
        for n in range(depth):
            kernel, pools = hp.Choice(f"k{n}", [3, 5, 7]), hp.Boolean(f"p{n}")
            x = OwnBlock(hp.Int(f"f{n}", 8, 64), kernel, pools)(x)
        return keras.Model(inputs, layers.Dense(10)(layers.Flatten()(x)))

    return build


def convolutions(count: int, side: int) -> Any:
    def build(hp: Any) -> Any:
        x = inputs = keras.Input((side, side, 1))
        for number in range(count):
            x = layers.Conv2D(1, hp.Choice(f"k{number}", [3, 5, 7]))(x)
        return keras.Model(inputs, x)

    return build


def feasible_convolutions(count: int, side: int) -> Fraction:
    """By arithmetic: what is taken away in steps of 2."""
    taken = {0: Fraction(1)}
    for _ in range(count):
        after: dict[int, Fraction] = {}
        for less, share in taken.items():
            for kernel in (3, 5, 7):
                if less + kernel - 1 < side:
                    more = less + kernel - 1
                    after[more] = after.get(more, Fraction(0)) + share / 3
        taken = after
    return sum(taken.values(), Fraction(0))


def branches(count: int) -> Any:
    def build(hp: Any) -> Any:
        inputs, ends = keras.Input((10, 10, 1)), []
        for number in range(count):
            x = layers.Conv2D(1, hp.Choice(f"first{number}", [3, 5, 7]))(inputs)
            if hp.Boolean(f"p{number}"):
                x = layers.MaxPooling2D(2)(x)
            x = layers.Conv2D(1, hp.Choice(f"second{number}", [1, 3, 5]))(x)
            ends.append(layers.GlobalAveragePooling2D()(x))
        return keras.Model(inputs, layers.Concatenate()(ends))

    return build


def feasible_branches(count: int) -> Fraction:
    fits = [
        (10 - first + 1) // (2 if pools else 1) >= second
        for first in (3, 5, 7) for pools in (False, True) for second in (1, 3, 5)
    ]  # fmt: skip
    return Fraction(sum(fits), len(fits)) ** count


def residual(count: int, *, keeps: bool) -> Any:
    def build(hp: Any) -> Any:
        x = inputs = keras.Input((8, 8, 1))
        kept = []
        for number in range(count):
            x = layers.Conv2D(hp.Choice(f"width{number}", [16, 32]), 3, padding="same")(x)
            inner = layers.Conv2D(hp.Choice(f"inner{number}", [16, 32]), 3, padding="same")(x)
            x = layers.Add()([x, inner])
            if keeps:
                kept.append(x)
        return keras.Model(inputs, x)

    return build


def flags(count: int) -> Any:
    def build(hp: Any) -> Any:
        x = inputs = keras.Input((4, 4, 1))
        for number in range(count):
            if hp.Boolean(f"normal{number}"):
                x = layers.BatchNormalization()(x)
        return keras.Model(inputs, layers.Conv2D(1, hp.Choice("kernel", [3, 5]))(x))

    return build


SLOW = pytest.mark.deep


@pytest.mark.parametrize(
    ("build", "feasible", "most"),
    [
        pytest.param(blocks(8), feasible_blocks(8), 1_500, id="8 blocks"),
        pytest.param(settings_first(8), feasible_blocks(8), 1_500, id="settings first"),
        pytest.param(scoped(8), feasible_blocks(8), 1_500, id="in scopes"),
        pytest.param(own_blocks(8), feasible_blocks(8), 2_000, id="own layers"),
        pytest.param(blocks(20), feasible_blocks(20), 3_000, id="20 blocks", marks=SLOW),
        pytest.param(
            up_to(20), sum(map(feasible_blocks, range(1, 21))) / 20, 20_000,
            id="1 to 20 blocks", marks=SLOW,
        ),
        pytest.param(
            convolutions(50, 224), feasible_convolutions(50, 224), 8_000,
            id="50 convolutions", marks=SLOW,
        ),
        pytest.param(branches(6), feasible_branches(6), 500, id="6 branches"),
        pytest.param(residual(12, keeps=False), Fraction(1, 2**12), 500, id="residual"),
        pytest.param(residual(12, keeps=True), Fraction(1, 2**12), 500, id="residual, kept"),
        pytest.param(flags(18), Fraction(1, 2), 200, id="flags"),
    ],
)  # fmt: skip
def test_depth_costs_little(build: Any, feasible: Fraction, most: int) -> None:
    diagram, merging = merged(build)
    assert 1 - diagram.shares(lambda end: end.feasible is False)[0] == feasible
    assert merging.runs < most


def test_a_space_takes_the_same_runs_each_time() -> None:
    """A tensor that died leaves nothing behind that one in its place would be taken for."""
    assert len({merged(branches(6))[1].runs for _ in range(5)}) == 1


def test_what_the_garbage_collector_calls_is_no_code_of_the_build() -> None:
    """As Dask and Hypothesis have it, between any two lines of ``build``."""
    calls = itertools.count()

    def noted(phase: str, info: Any) -> int:
        return within(phase)

    def within(phase: str) -> int:
        return next(calls)

    runs = merged(branches(6))[1].runs
    before = gc.get_threshold()
    gc.callbacks.append(noted)
    gc.set_threshold(40, 2, 1_000)
    try:
        assert {merged(branches(6))[1].runs for _ in range(3)} == {runs}
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(noted)
    assert next(calls) > 100


@pytest.mark.deep
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("name", "most"), [("HyperResNet", 1_000), ("HyperXception", 4_000)])
def test_hypermodels_of_keras_tuner(name: str, most: int) -> None:
    hypermodel = getattr(keras_tuner.applications, name)(input_shape=(64, 64, 3), classes=10)
    report = sst.validate_search_space(hypermodel)
    assert report.exact
    assert report.feasible_fraction == 1
    assert report.runs < most


@only_on("tensorflow", "others walk the finished model once more")
@pytest.mark.parametrize("build", [blocks(8), settings_first(8)], ids=["graph", "stack"])
def test_a_training_step_is_judged_as_the_model_grows(build: Any) -> None:
    data = {
        "x": keras.KerasTensor((None, 64, 64, 1)),
        "y": keras.KerasTensor((None,), "int32"),
    }
    diagram, merging = merged(build, **data)
    assert 1 - diagram.shares(lambda end: end.feasible is False)[0] == feasible_blocks(8)
    assert merging.runs < 3_000
    assert "models" not in merging.memory.relevant


add = (item for item in [])  # type: ignore[var-annotated]
"""A name as a script has it, which every Sequential has too; nobody can look into a generator."""


def test_a_global_that_shares_a_name_with_a_method_does_not_matter() -> None:
    def build(hp: Any) -> Any:
        model = keras.Sequential([keras.Input((64, 64, 1))])
        for number in range(6):
            model.add(keras.layers.Conv2D(4, hp.Choice(f"k{number}", [1, 3])))
            if hp.Boolean(f"p{number}"):
                model.add(keras.layers.MaxPooling2D(2))
        return model

    _, merging = merged(build)
    assert merging.runs < 500


def test_arrays_of_layers_are_followed() -> None:
    def build(hp: Any) -> Any:
        x = inputs = keras.Input((hp.Choice("steps", [4, 6]), 8))
        for number in range(3):
            if hp.Boolean(f"positions_{number}"):
                count = hp.Choice(f"count_{number}", [1, 4, 6])
                x = x + layers.Embedding(6, 8)(keras.ops.arange(count))
        return keras.Model(inputs, x)

    is_as_the_tree(build)


def test_a_small_tree_is_left_to_itself_where_the_finished_model_counts() -> None:
    def build(hp: Any) -> Any:
        """Its input is known only in ``fit``, so that nothing is judged as it grows."""
        model = keras.Sequential()
        for number in range(3):
            model.add(layers.Conv1D(2, hp.Choice(f"k{number}", [3, 5, 7])))
        model.add(layers.Flatten())
        model.add(layers.Dense(1))
        model.compile("sgd", "mse")
        return model

    data = {"x": np.zeros((6, 16, 2)), "y": np.zeros((6, 1))}
    judge = judge_of(question_of(build, **data))
    with pytest.raises(Unmergeable, match="the tree is small"):
        Merging(judge, None, tree=100).explore()
    share = Diagram.of_vertices(Merging(judge, None).explore()).shares(
        lambda e: e.feasible is False
    )
    report = sst.validate_search_space(build, progress=False, **data)
    assert float(share[0]) == pytest.approx(1 - report.feasible_fraction)
