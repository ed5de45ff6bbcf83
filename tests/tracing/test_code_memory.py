"""What is remembered of a build's code: found again for the same code, read anew for any other."""

from __future__ import annotations

import builtins
import functools
import gc
import types
import weakref
from typing import Any

import keras
import keras_tuner
import pytest

from shapesafe_tuner.memory import Memory
from shapesafe_tuner.tracing import code_memory
from shapesafe_tuner.tracing.code_memory import facts_of

SOURCE = """
import helpers
LIMIT = 3
def helper(value):
    return value
def build(hp):
    return helper(hp) if LIMIT else helpers.other(hp)
"""


def module(source: str = SOURCE, other: str = "def other(value): return value") -> Any:
    """A module of a user's, with another one that it names."""
    helpers = types.ModuleType("helpers")
    exec(compile(other, "helpers.py", "exec"), vars(helpers))
    made = types.ModuleType("users_own")
    vars(made)["__builtins__"] = {**vars(builtins), "__import__": lambda *_: helpers}
    exec(compile(source, "users_own.py", "exec"), vars(made))
    return made


def renewed(made: Any, name: str, source: str) -> None:
    """Give a module another function of this name."""
    exec(compile(source, "users_own.py", "exec"), vars(made))
    assert name in vars(made)


def test_the_same_code_is_read_once() -> None:
    made = module()
    assert facts_of(made.build) is facts_of(made.build)
    assert not facts_of(made.build).sees_types


def test_a_closure_made_anew_has_the_same_code() -> None:
    def make(units: int, helper: Any) -> Any:
        def build(hp: Any) -> Any:
            return helper(hp, units)

        return build

    def helper(hp: Any, units: int) -> Any:
        return hp, units

    first = facts_of(make(8, helper))
    assert facts_of(make(16, helper)) is first
    assert facts_of(make(16, lambda hp, units: type(hp))).sees_types


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("helper", "def helper(value): return type(value)"),
        ("build", "def build(hp): return type(hp)"),
        ("LIMIT", "class LIMIT:\n    def method(self): return type(self)"),
        ("LIMIT", "LIMIT = lambda value: type(value)"),
    ],
    ids=["a helper", "the build", "a class for a number", "a function for a number"],
)
def test_what_was_edited_is_read_again(name: str, source: str) -> None:
    made = module()
    assert not facts_of(made.build).sees_types
    renewed(made, name, source)
    assert facts_of(made.build).sees_types


def test_a_name_that_was_missing_is_looked_up_again() -> None:
    made = module("def build(hp): return later(hp)")
    assert not facts_of(made.build).sees_types
    renewed(made, "later", "def later(hp): return type(hp)")
    assert facts_of(made.build).sees_types


def test_code_put_into_a_function_is_read_again() -> None:
    made = module()
    assert not facts_of(made.build).sees_types
    made.helper.__code__ = (lambda value: type(value)).__code__
    assert facts_of(made.build).sees_types


def test_a_function_of_another_module_of_the_users_is_read_again() -> None:
    made = module()
    assert not facts_of(made.build).sees_types
    made.helpers.other = lambda value: type(value)
    assert facts_of(made.build).sees_types


def test_a_method_and_what_the_class_inherits_are_read_again() -> None:
    class Base:
        def part(self, hp: Any) -> Any:
            return hp

    class Mine(Base, keras_tuner.HyperModel):  # type: ignore[misc]
        def build(self, hp: Any) -> Any:
            return self.part(hp)

    first = facts_of(Mine().build)
    assert facts_of(Mine().build) is first
    assert not first.sees_types
    Base.part = lambda self, hp: type(hp)  # type: ignore[method-assign]
    assert facts_of(Mine().build).sees_types


def test_a_decorated_build_is_read_behind_its_decorator() -> None:
    def decorated(function: Any) -> Any:
        @functools.wraps(function)
        def around(hp: Any) -> Any:
            return function(hp)

        return around

    plain = decorated(lambda hp: hp)
    looking = decorated(lambda hp: type(hp))
    assert not facts_of(plain).sees_types
    assert facts_of(looking).sees_types


def test_functions_that_name_each_other() -> None:
    made = module("def build(hp): return other(hp)\ndef other(hp): return build(hp)")
    assert facts_of(made.build) is facts_of(made.build)


def test_a_callable_without_code_is_read_each_time() -> None:
    class Builder:
        def __call__(self, hp: Any) -> Any:
            return keras.Sequential()

    assert not facts_of(Builder()).sees_types
    assert not facts_of(functools.partial(lambda hp: hp)).sees_types


def test_the_memory_keeps_nothing_of_what_a_build_holds() -> None:
    class Data:
        pass

    def make(data: Any) -> Any:
        return lambda hp: (hp, data)

    data = Data()
    facts_of(make(data))
    gone = weakref.ref(data)
    del data
    gc.collect()
    assert gone() is None


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_memory, "_KNOWN", Memory(5))
    for number in range(20):
        facts_of(module(f"def build(hp): return {number}").build)
        assert len(code_memory._KNOWN) <= 5
