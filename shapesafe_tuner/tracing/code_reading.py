"""Whether code may see the difference between a value and its proxy.

``type(x) is int`` and ``x is "relu"`` read what no proxy can pretend; where the user's code does
such things, nothing is deferred. Identity with None, True or False is harmless, since no proxy
stands for these, and so is ``x.__class__ is int``, which a proxy answers as its value would.

What is read is bytecode: that of ``build``, of the functions and classes of the user's that it
names, and of the closures and comprehensions inside them. ``layer = partial(block, 3)`` is found by
the name ``block``. A false alarm only costs time.
"""

from __future__ import annotations

import dis
import functools
import inspect
import sys
from collections.abc import Iterator, Mapping
from types import CellType, CodeType
from typing import Any

from shapesafe_tuner._compat.types import Function

__all__ = [
    "cells_of", "closure_of", "globals_of", "is_library", "keeps_values", "methods_of",
    "names_chance", "names_of", "nested_codes", "reads_chance", "sees_types", "starts_of",
    "unwrapped",
]  # fmt: skip

_LOOKS = ("type", "issubclass")
"""Unlike ``isinstance``, which a proxy answers as its value would."""
_CHANCE = frozenset([
    "random", "default_rng", "RandomState", "SystemRandom", "urandom", "secrets", "uuid1", "uuid4",
    "time", "time_ns", "perf_counter", "monotonic", "now", "shuffle", "getpid",
])  # fmt: skip
_LIBRARIES = (
    "keras", "keras_tuner", "tensorflow", "numpy", "jax", "torch", "sklearn", "scipy", "pandas",
    "shapesafe_tuner", "builtins",
)  # fmt: skip


def sees_types(build: Function) -> bool:
    """Whether ``build``, or a function of the user's that it names, looks at types or identity.

    Args:
        build: a function or a bound method.
    """
    return any(_looks(code) for code in _all_codes(build))


def names_chance(build: Function) -> bool:
    """Whether ``build``, or a function of the user's that it names, names what differs every time.

    Args:
        build: a function or a bound method.
    """
    return any(reads_chance(function) for function in functions_of(build))


def reads_chance(function: Function) -> bool:
    """Whether a function itself names what differs every time.

    Random numbers of Keras do not: a check gives it its seeds. Nor do a backend's in a method that
    runs in traces, where nobody sees them.
    """
    code = function.__code__
    modules = (*_SEEDED, *_BACKENDS) if code.co_name in _TRACED else _SEEDED
    return any(
        not _CHANCE.isdisjoint(inner.co_names) and not _all_of(inner, function.__globals__, modules)
        for inner in nested_codes(code)
    )


def _all_of(code: CodeType, known: Mapping[str, Any], modules: tuple[str, ...]) -> bool:
    """Whether all that a code names of chance is the ``random`` of one of these modules."""
    before: Any = None
    for instruction in dis.get_instructions(code):
        if instruction.argval in _CHANCE and instruction.opname in _NAMING:
            source = before if instruction.opname in ("LOAD_ATTR", "LOAD_METHOD") else instruction
            module = known.get(source.argval) if source.opname in _NAMED else None
            top = module.__name__.split(".")[0] if inspect.ismodule(module) else ""
            if instruction.argval != "random" or top not in modules:
                return False
        before = instruction
    return True


_SEEDED, _BACKENDS = ("keras",), ("tensorflow", "jax", "torch")
_TRACED = frozenset(["call", "train_step", "test_step", "predict_step", "compute_loss"])
_NAMED = ("LOAD_GLOBAL", "LOAD_NAME")
_NAMING = (
    *_NAMED, "LOAD_ATTR", "LOAD_METHOD", "LOAD_FAST", "LOAD_DEREF", "IMPORT_NAME", "IMPORT_FROM",
)  # fmt: skip


def keeps_values(build: Function) -> bool:
    """Whether ``build``, or a function of the user's that it names, stores what outlives its call.

    Args:
        build: a function or a bound method.
    """
    own = getattr(getattr(build, "__func__", build), "__code__", None)
    return any(_stores(code, of_self=code is own) for code in _all_codes(build))


def _all_codes(build: Function) -> Iterator[Any]:
    for function in functions_of(build):
        yield from nested_codes(function.__code__)


def functions_of(build: Function) -> Iterator[Any]:
    """``build`` and the user's functions that it names, methods of the user's classes included."""
    seen: set[int] = set()
    for function in starts_of(build):
        yield from _functions(function, seen)


def _stores(code: CodeType, *, of_self: bool) -> bool:
    """Layers of the user's own store attributes, of themselves; only the build's own count."""
    if "next" in code.co_names:
        return True
    for instruction in dis.get_instructions(code):
        name = instruction.opname
        if name in ("STORE_GLOBAL", "STORE_SUBSCR") or (name == "STORE_ATTR" and of_self):
            return True
        if name == "STORE_DEREF" and instruction.argval in code.co_freevars:
            return True
    return False


def starts_of(build: Function) -> Iterator[Any]:
    """Where reading begins: the function itself.

    Of a method it is all methods beside it, and what its object builds with.
    """
    owner = getattr(build, "__self__", None)
    if owner is None:
        yield build
        return
    yield from methods_of(type(owner))
    for value in vars(owner).values() if hasattr(owner, "__dict__") else ():
        if inspect.isfunction(value):
            yield value
        elif inspect.isroutine(getattr(value, "build", None)) and hasattr(type(value), "fit"):
            # A tuner builds with its hypermodel.
            yield from starts_of(value.build)


def unwrapped(function: Function) -> Any:
    """What a decorator wrapped, as ``inspect.unwrap`` finds it."""
    return inspect.unwrap(function) if hasattr(function, "__wrapped__") else function


def methods_of(cls: type) -> list[Any]:
    """The functions in a class and its bases, the libraries' left out."""
    own = [base for base in cls.__mro__ if not is_library(base.__module__)]
    items = [item for base in own for item in vars(base).values() if inspect.isfunction(item)]
    return [item for item in items if not is_library(item.__module__)]


@functools.cache
def is_library(module: str) -> bool:
    """Whether a module is Python's, Keras's or one of those around it, and not the user's."""
    top = module.split(".", maxsplit=1)[0]
    return top in _LIBRARIES or (top in sys.stdlib_module_names and top != "__main__")


def _functions(function: Function, seen: set[int]) -> Iterator[Any]:
    """It, and the user's functions and classes that it names."""
    function = unwrapped(getattr(function, "__func__", None) or function)
    code = getattr(function, "__code__", None)
    if code is None or id(code) in seen:
        return
    seen.add(id(code))
    yield function
    for item in (*cells_of(function), *named_by(function)):
        if inspect.isfunction(item) and not is_library(item.__module__):
            yield from _functions(item, seen)
        elif inspect.isclass(item) and not is_library(item.__module__):
            for method in methods_of(item):
                yield from _functions(method, seen)


def named_by(function: Function) -> list[Any]:
    """What the globals that a function names stand for, in its module and in the user's others."""
    names, known = names_of(function.__code__), function.__globals__
    named = [known[name] for name in globals_of(function.__code__) if name in known]
    modules = [item for item in named if inspect.ismodule(item) and not is_library(item.__name__)]
    return named + [vars(module)[n] for module in modules for n in names if n in vars(module)]


def cells_of(function: Function) -> list[Any]:
    """What the closure of a function holds."""
    return [cell.cell_contents for cell in function.__closure__ or () if _filled(cell)]


def closure_of(function: Function) -> dict[str, Any]:
    """The same, by name."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
    return {name: cell.cell_contents for name, cell in cells if _filled(cell)}


def _filled(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def nested_codes(code: CodeType) -> Iterator[CodeType]:
    """A code object and those inside it."""
    yield code
    for const in code.co_consts:
        if inspect.iscode(const):
            yield from nested_codes(const)


@functools.lru_cache(maxsize=4096)
def names_of(code: CodeType) -> tuple[str, ...]:
    """The names that a code and those inside it use, of whatever: attributes too."""
    return tuple(dict.fromkeys(name for inner in nested_codes(code) for name in inner.co_names))


@functools.lru_cache(maxsize=4096)
def globals_of(code: CodeType) -> tuple[str, ...]:
    """The names that a code and those inside it use of their module.

    ``self.x`` does not read a global ``x``, which a script may well have.
    """
    return tuple(
        dict.fromkeys(
            instruction.argval
            for inner in nested_codes(code)
            for instruction in dis.get_instructions(inner)
            if "GLOBAL" in instruction.opname or instruction.opname == "LOAD_NAME"
        )
    )


def _looks(code: CodeType) -> bool:
    if (code.co_name, code.co_filename) == ("__eq__", "<string>"):
        return False  # of a dataclass, which looks at itself alone
    before: Any = None
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME") and instruction.argval in _LOOKS:
            return True
        if instruction.opname == "IS_OP" and not _is_harmless(before):
            return True
        before = instruction
    return False


def _is_harmless(right: Any) -> bool:
    """Whether identity with what an instruction gives is the same for a value and its proxy."""
    if right is None:
        return False
    if right.opname == "LOAD_CONST":
        return right.argval is None or type(right.argval) is bool
    return bool(right.opname == "LOAD_ATTR" and right.argval == "__class__")
