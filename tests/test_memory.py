"""Bounded memories: what is forgotten, and that none grows without end."""

from __future__ import annotations

import ast
import pathlib
from typing import Any

import keras

import shapesafe_tuner as sst
from shapesafe_tuner.memory import Memory, configuration_key


def test_the_older_half_goes_when_it_is_full() -> None:
    memory: Memory[int, str] = Memory(4)
    for number in range(6):
        memory[number] = str(number)
    assert list(memory) == [2, 3, 4, 5]
    memory[5] = "again"
    assert memory.setdefault(2, "other") == "2"
    assert len(memory) == 4
    assert memory.setdefault(9, "new") == "new"
    assert list(memory) == [4, 5, 9]


def test_one_item_is_enough() -> None:
    memory: Memory[int, int] = Memory(1)
    for number in range(3):
        memory[number] = number
    assert dict(memory) == {2: 2}


def test_no_memory_of_the_process_grows_without_end() -> None:
    """Every dict of ours that is this large has a bound, and holds to it."""

    def build(hp: Any) -> Any:
        inputs = keras.Input((4,))
        scaled = keras.ops.multiply(inputs, hp.Float("by", 0.0, 1.0))
        return keras.Model(inputs, keras.layers.Dense(2)(scaled))

    from shapesafe_tuner.tracing.standins import answers

    few = 40
    before = answers._OPERATIONS._most
    answers._OPERATIONS._most = few
    try:
        for number in range(3 * few):
            assert sst.check(build, {"by": number / 1000}).feasible
        assert 0 < len(answers._OPERATIONS) <= few
    finally:
        answers._OPERATIONS._most = before


def test_what_a_process_remembers_is_a_bounded_memory() -> None:
    """A dict that starts empty in a module is a registry of rules; all others are memories."""
    registries = {"_RULES", "ESCALATES", "_OWN", "_NO_ARGUMENTS"}
    found = {
        target.id
        for path in pathlib.Path(sst.__file__).parent.rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and not node.value.keys
    }
    assert found == registries


def test_the_key_of_a_configuration_tells_apart_what_build_can() -> None:
    values = [1, 1.0, True, "1", "True", None]
    assert len({configuration_key({"a": value}) for value in values}) == len(values)
    assert configuration_key({"a": 1, "b": 2}) == configuration_key({"b": 2, "a": 1})
    assert configuration_key({"a": 1, "b": 2}, ["a"]) == configuration_key({"a": 1})
    nan = float("nan")
    assert configuration_key({"a": nan}) == configuration_key({"a": float("nan")})
