"""Names that no path of ``build`` reads: refused with the nearest one; every other is accepted."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner
import pytest
from keras import layers

import shapesafe_tuner as sst


def blocks(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((32, 32, 1))])
    for number in range(hp.Int("blocks", 1, 4)):
        kernel = hp.Choice(f"kernel_{number}", [3, 5, 7])
        model.add(layers.Conv2D(hp.Int(f"filters_{number}", 2, 64), kernel))
    model.add(layers.Flatten())
    model.add(layers.Dense(hp.Int("units", 2, 9)))
    return model


class Net(keras.Model):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = layers.Dense(width)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)


def subclassed(hp: Any) -> Any:
    if hp.Boolean("wide"):
        hp.Int("extra", 1, 3)
    return Net(hp.Choice("width", [16, 32]))


def reads_without_registering(hp: Any) -> Any:
    return keras.Sequential([keras.Input((4,)), layers.Dense(hp.values.get("width", 3))])


SPACE = {"alpha": (1, 3), "beta": (1, 4)}


def from_a_table(hp: Any) -> Any:
    values = {name: hp.Int(name, *bounds) for name, bounds in SPACE.items()}
    return keras.Sequential([keras.Input((4,)), layers.Dense(values["alpha"])])


def fails_before_it_reads(hp: Any) -> Any:
    raise RuntimeError("boom")


@pytest.mark.parametrize(
    ("build", "values"),
    [
        (blocks, {"blocks": 1, "kernel_3": 5}),
        (blocks, {"blocks": 4, "kernel_3": 5, "filters_2": 8}),
        (blocks, {"tuner/epochs": 3, "tuner/bracket": 1}),
        (subclassed, {"wide": False, "extra": 2}),
        (reads_without_registering, {"width": 5}),
        (from_a_table, {"beta": 2}),
        (fails_before_it_reads, {"units": 3}),
    ],
)
def test_a_name_of_some_path_is_accepted(build: Any, values: dict[str, Any]) -> None:
    assert sst.check(build, values).feasible is not False


@pytest.mark.parametrize(
    ("build", "name", "nearest"),
    [
        (blocks, "blokcs", "blocks"),
        (blocks, "filtres_0", "filters_0"),
        (subclassed, "widht", "width"),
        (reads_without_registering, "widht", "width"),
        (from_a_table, "betta", "beta"),
    ],
)
def test_a_name_of_no_path_is_refused(build: Any, name: str, nearest: str) -> None:
    for function in (sst.check, sst.explain, sst.repair):
        said = rf"^{function.__name__}\(\): build reads no hyperparameter {name}; did you mean"
        with pytest.raises(sst.UnknownHyperparameterError, match=f"{said} {nearest}"):
            function(build, {name: 3})


def refused_by_keras(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((9, 1)), layers.Conv1D(2, 1)])
    len(model.layers[0].kernel.shape)  # rules have no weights to show
    model.add(layers.Conv1D(2, hp.Int("first", 1, 20)))
    model.add(layers.Conv1D(2, hp.Int("second", 1, 3)))
    return model


def test_names_behind_a_refusal_by_keras() -> None:
    assert sst.check(refused_by_keras, {"first": 20, "second": 2}).stage == "symbolic"
    with pytest.raises(sst.UnknownHyperparameterError, match="did you mean second"):
        sst.check(refused_by_keras, {"first": 20, "secnod": 2})


def test_names_in_advance_and_of_hyperparameters_are_known() -> None:
    known = keras_tuner.HyperParameters()
    known.Int("of_another_program", 1, 3)
    assert sst.check(blocks, known)
    assert sst.check(blocks, {"of_another_program": 2}, hyperparameters=known)
    with pytest.raises(ValueError, match="it reads none"):
        sst.check(lambda hp: keras.Sequential([keras.Input((4,)), layers.Dense(1)]), {"units": 3})


def test_other_names_are_looked_for_once() -> None:
    runs = 0

    def counting(hp: Any) -> Any:
        nonlocal runs
        runs += 1
        return blocks(hp)

    sst.check(counting, {"blocks": 1, "kernel_3": 5})
    first = runs
    sst.check(counting, {"blocks": 1, "kernel_3": 7})
    assert runs - first < 5
