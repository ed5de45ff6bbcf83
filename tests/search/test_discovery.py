"""How the constructor finds the hyperparameters of a space whose default cannot be built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_tuner
import pytest

import shapesafe_tuner as sst
from shapesafe_tuner.search import discovery
from shapesafe_tuner.search.discovery import complete_space
from tests import toys
from tests.toys import Scored

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]


def oracle() -> Any:
    return keras_tuner.oracles.RandomSearchOracle(toys.SCORE, seed=1)


def names(source: Any) -> list[str]:
    return [hp.name for hp in source.get_space().space]


def needle(hp: Any) -> Any:
    """One value of ten can be built, and what follows is read there only."""
    model = toys.crop(hp.Int("a", 7, 16, default=16), 0)
    hp.Choice("after", ["x", "y"])
    return model


def two_faults(hp: Any) -> Any:
    """Each of two layers hides what follows it."""
    toys.crop(hp.Int("first", 0, 9, default=9), 0)
    hp.Int("between", 0, 3)
    model = toys.crop(hp.Int("second", 0, 9, default=9), 0)
    hp.Int("last", 0, 3)
    return model


def nested_scopes(hp: Any) -> Any:
    """Scopes in scopes, behind a layer that fails by default."""
    model = toys.crop(hp.Int("a", 0, 9, default=9), 0)
    kind = hp.Choice("kind", ["plain", "deep"])
    with hp.conditional_scope("kind", ["deep"]):
        if kind == "deep":
            count = hp.Int("count", 1, 30)
            with hp.conditional_scope("count", [30]):
                if count == 30:
                    hp.Float("rate", 0.0, 1.0)
    with hp.conditional_scope("kind", ["plain"]):
        if kind == "plain":
            hp.Boolean("bias")
    return model


def scope_with_faults(hp: Any) -> Any:
    """The scope's own first value cannot be built."""
    base = hp.Int("a", 0, 9, default=9)
    toys.crop(base, 0)
    pool = hp.Boolean("pool")
    with hp.conditional_scope("pool", [True]):
        if pool:
            toys.crop(base, hp.Int("more", 0, 9, default=9))
            hp.Int("inside", 1, 2)
    return toys.crop(0, 0)


def refuses_itself(hp: Any) -> Any:
    """The build declares its default infeasible."""
    if hp.Int("a", 0, 9, default=9) > 7:
        raise keras_tuner.errors.FailedTrialError("too large")
    hp.Int("after", 0, 3)
    return toys.crop(0, 0)


def arithmetic_on_a_shape(hp: Any) -> Any:
    """The user's own arithmetic on sizes refuses the default."""
    steps = toys.LENGTH - hp.Int("a", 0, 9, default=8)
    hp.Int("b", 0, (toys.LENGTH // steps) and 3)
    return toys.crop(0, 0)


FOUND = {
    needle: ["a", "after"],
    two_faults: ["first", "between", "second", "last"],
    nested_scopes: ["a", "kind", "count", "rate", "bias"],
    scope_with_faults: ["a", "pool", "more", "inside"],
    refuses_itself: ["a", "after"],
    arithmetic_on_a_shape: ["a", "b"],
    toys.bad_default: ["left", "deep", "hidden", "rate"],
}


@pytest.mark.parametrize("build", FOUND, ids=lambda build: build.__name__)
def test_what_is_read_after_the_failing_layer_is_found(build: toys.Build, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"."):
        toys.make("RandomSearch", Scored(build), tmp_path / "stock", stock=True)
    tuner = toys.make("RandomSearch", Scored(build), tmp_path)
    assert sorted(names(tuner.oracle)) == sorted(FOUND[build])


@pytest.mark.parametrize("build", FOUND, ids=lambda build: build.__name__)
def test_a_space_is_completed_without_the_constructor(build: toys.Build) -> None:
    source = oracle()
    assert complete_space(build, source) is True
    assert sorted(names(source)) == sorted(FOUND[build])


def test_conditions_are_registered_as_stock_registers_them(tmp_path: Path) -> None:
    def good_default(hp: Any) -> Any:
        hp.Int("a", 0, 9, default=0)
        return nested_scopes(hp)

    stock = toys.make("RandomSearch", Scored(good_default), tmp_path / "stock", stock=True)
    ours = toys.make("RandomSearch", Scored(good_default), tmp_path / "ours")
    completed = toys.make("RandomSearch", Scored(nested_scopes), tmp_path / "completed")
    assert ours.oracle.get_space().get_config() == stock.oracle.get_space().get_config()

    def conditions(tuner: Any) -> dict[str, Any]:
        space = tuner.oracle.get_space().space
        return {hp.name: [item.get_config() for item in hp.conditions] for hp in space}

    assert conditions(completed) == conditions(stock)


def test_a_space_in_which_nothing_can_be_built_keeps_what_was_read() -> None:
    builds = []

    def build(hp: Any) -> Any:
        builds.append(dict(hp.values))
        toys.never(hp)
        return hp.Int("unreachable", 0, 1)

    source = oracle()
    assert complete_space(build, source) is False
    assert names(source) == ["a"]
    assert 4 <= len(builds) <= discovery.MAX_BUILDS
    assert {values["a"] for values in builds if values} == {8, 9, 10, 11}


def test_the_constructor_builds_as_often_as_stock(tmp_path: Path) -> None:
    def counted(stock: bool) -> list[dict[str, Any]]:
        builds: list[dict[str, Any]] = []

        def build(hp: Any) -> Any:
            model = toys.feasible(hp)
            builds.append(dict(hp.values))
            return model

        toys.make("RandomSearch", build, tmp_path / str(stock), stock=stock)
        return builds

    stock = counted(True)
    assert len(stock) == 2
    assert counted(False) == stock


def test_the_constructor_prints_what_the_build_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(hp: Any) -> Any:
        model = toys.square(hp)
        print("built", model.count_params())
        return model

    toys.make("RandomSearch", build, tmp_path / "stock", stock=True)
    stock = capsys.readouterr().out
    assert "built 9" in stock
    toys.make("RandomSearch", build, tmp_path / "ours")
    assert capsys.readouterr().out == stock


def test_the_constructor_allocates_no_weights(tmp_path: Path) -> None:
    def build(hp: Any) -> Any:
        inputs = keras.Input((hp.Int("size", 1_000_000, 2_000_000),))
        model = keras.Model(inputs, keras.layers.Dense(1_000_000)(inputs))
        model.compile("sgd", "mse")
        return model

    tuner = toys.make("RandomSearch", build, tmp_path)  # 4 TB of weights
    assert names(tuner.oracle) == ["size"]


def test_discovery_is_not_a_rejection(tmp_path: Path) -> None:
    tuner = toys.make("RandomSearch", Scored(toys.bad_default), tmp_path)
    assert tuner.rejections == []
    assert tuner.oracle.drawn == 0


def test_a_reloaded_project_is_not_explored_again(tmp_path: Path) -> None:
    tuner = toys.make("RandomSearch", Scored(toys.bad_default), tmp_path, trials=1)
    tuner.search(verbose=0)

    def unexpected(hp: Any) -> Any:
        raise AssertionError("built in the constructor of a reloaded project")

    again = toys.make("RandomSearch", Scored(unexpected), tmp_path, trials=1)
    assert again.oracle.get_space().get_config() == tuner.oracle.get_space().get_config()


def test_an_interrupt_leaves_the_constructor(tmp_path: Path) -> None:
    def build(hp: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sst.RandomSearch(build, "loss", directory=str(tmp_path))
