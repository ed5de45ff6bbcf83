"""Which classes of the user's may run on stand-ins: those whose code can tell no difference.

In a real build ``call`` sees tensors of the backend, ``self`` is an instance of the class itself,
and each ``call`` may do what it likes to the layer. On stand-ins none of this holds, so a class is
only posed if its code, and that of every function it names, looks at nothing where the two differ.
What is not on a list here is taken for a difference.
"""

from __future__ import annotations

import builtins
import dis
import functools
import inspect
import math
import weakref
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import keras
import numpy as np

from shapesafe_tuner._compat.keras.constructors import Functional
from shapesafe_tuner.tracing.code_reading import cells_of, globals_of, is_library

__all__ = ["blame", "may_pose", "root_of"]

_OVERRIDDEN = frozenset(["__init__", "build", "call", "get_config", "from_config"])
"""What a class may have in place of Keras's own."""
_BOOKKEEPING = frozenset(
    "__module__ __doc__ __qualname__ __dict__ __weakref__ __firstlineno__ __static_attributes__ "
    "__annotations__ __annotate__ __annotate_func__ __annotations_cache__ __orig_bases__ "
    "__parameters__ _api_export_path _api_export_symbol_id".split()
)
_BUILTINS = frozenset(
    "super range len list tuple dict zip enumerate int float str bool min max sum abs round sorted "
    "reversed any all slice ValueError TypeError RuntimeError NotImplementedError AssertionError "
    "True False None".split()
)
_UNKNOWN_NAMES = frozenset(
    "_record type __class__ isinstance issubclass hasattr getattr setattr delattr vars dir globals "
    "locals exec eval compile id callable open print input __dict__ __getattribute__ __setattr__ "
    "backend random KerasTensor is_keras_tensor is_tensor convert_to_numpy convert_to_tensor "
    "custom_gradient stop_gradient cond while_loop scan map vectorized_map fori_loop switch "
    "associative_scan saved_model initializers Variable assign assign_add assign_sub value numpy "
    "add_loss add_metric save load_weights load_model clear_session set_weights get_weights "
    "utils applications callbacks datasets tree legacy export distribution device get_layer "
    "pop remove clear insert setdefault popitem reverse sort discard".split()
)
"""Names, of whatever, that code must not use: they look, leave a trace, compute, or are ours."""
_FORBIDDEN = frozenset(
    "STORE_GLOBAL DELETE_GLOBAL DELETE_ATTR DELETE_SUBSCR DELETE_DEREF IMPORT_NAME IMPORT_FROM "
    "LOAD_BUILD_CLASS YIELD_VALUE SETUP_ANNOTATIONS GET_AWAITABLE BEFORE_WITH LOAD_LOCALS".split()
)
_PLAIN = (int, float, str, bool, type(None))
_GENERATES = inspect.CO_GENERATOR


def root_of(cls: type) -> Any:
    """``keras.Model`` for a model, otherwise ``keras.layers.Layer``."""
    return keras.Model if issubclass(cls, keras.Model) else keras.layers.Layer


def may_pose(cls: type) -> bool:
    """Whether the code of a class can tell no stand-in from the real thing."""
    if keras.backend.backend() != "tensorflow":
        return False
    try:
        known = _KNOWN.get(cls)
        print_now = _fingerprint_of(cls)
    except (TypeError, ValueError):
        return False
    if known is None or known[0] != print_now:
        known = (print_now, _difference(cls) is None)
        _KNOWN[cls] = known
    return known[1]


def blame(cls: type) -> None:
    """Never pose a class again that was posed in vain, as long as its code stays the same."""
    _KNOWN[cls] = (_fingerprint_of(cls), False)


_KNOWN: weakref.WeakKeyDictionary[type, tuple[Any, bool]] = weakref.WeakKeyDictionary()


def _own_bases(cls: type) -> list[type]:
    return [base for base in cls.__mro__ if not is_library(base.__module__)]


def _functions(cls: type) -> Iterator[Any]:
    for base in _own_bases(cls):
        for value in vars(base).values():
            if isinstance(value, FunctionType):
                yield value


def _fingerprint_of(cls: type) -> Any:
    """Equal as long as the code of a class, and what it names, stay what they are."""
    return tuple(
        (name, _token(value, frozenset([cls]), 0))
        for base in _own_bases(cls)
        for name, value in vars(base).items()
        if name not in _BOOKKEEPING
    )


def _token(value: Any, within: frozenset[Any], depth: int) -> Any:
    if isinstance(value, FunctionType):
        if is_library(value.__module__ or ""):
            return value
        if value in within or depth > _DEEPEST:
            return value.__code__
        names = globals_of(value.__code__)
        known = value.__globals__
        inner = within | {value}
        return (
            value.__code__,
            tuple(_token(known.get(name), inner, depth + 1) for name in names),
            tuple(_token(cell, inner, depth + 1) for cell in cells_of(value)),
        )
    if isinstance(value, type):
        return weakref.ref(value)
    return value if isinstance(value, (ModuleType, *_PLAIN)) else value.__class__


_DEEPEST = 8


def _difference(cls: type) -> str | None:
    """Where the code of a class may see a difference; None where it cannot."""
    root = root_of(cls)
    if type(cls) is not type(root):
        return "it has a metaclass"
    if issubclass(cls, (keras.Sequential, Functional)):
        return "it is a Sequential or a functional model"
    for base in cls.__mro__:
        if is_library(base.__module__) and base not in root.__mro__:
            return f"it derives from {base.__name__}"
    seen: set[Any] = set()
    for base in _own_bases(cls):
        for name, value in vars(base).items():
            if name in _BOOKKEEPING:
                continue
            if name not in _OVERRIDDEN and hasattr(root, name):
                return f"it overrides {name}"
            if name.startswith("__") and name != "__init__":
                return f"it has {name}"
            if name in ("get_config", "from_config"):
                continue
            why = _of_value(value, seen)
            if why is not None:
                return f"{name}: {why}"
    return None


def _of_value(value: Any, seen: set[Any]) -> str | None:
    """What may differ in a value that code names."""
    if isinstance(value, FunctionType):
        if not is_library(value.__module__ or ""):
            return _of_function(value, seen)
        keras_own = value.__module__.startswith("keras.")
        return None if keras_own and value.__name__ not in _SEEING else f"it calls {value.__name__}"
    if isinstance(value, type):
        keras_own = value.__module__.startswith("keras.")
        layer = issubclass(value, (keras.layers.Layer, keras.initializers.Initializer))
        known = layer or value in (keras.layers.InputSpec,)
        own_layer = issubclass(value, keras.layers.Layer)
        return None if (keras_own and known) or own_layer else f"it names {value.__name__}"
    if isinstance(value, ModuleType):
        fine = value in (math, np) or value.__name__.split(".")[0] == "keras"
        return None if fine else f"it names the module {value.__name__}"
    if type(value) is tuple:
        return next((why for item in value if (why := _of_value(item, seen))), None)
    return None if type(value) in _PLAIN else f"it names a {type(value).__name__}"


_SEEING = frozenset(["shape", "is_tensor", "cast", "convert_to_tensor", "convert_to_numpy"])
"""Functions of ``keras.ops`` that give something else for a tensor of the backend."""


def _of_function(function: Any, seen: set[Any]) -> str | None:
    if function in seen:
        return None
    seen.add(function)
    code = function.__code__
    for inner in _nested(code):
        why = _of_code(inner)
        if why is not None:
            return why
    given = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    known = function.__globals__
    named = [known[name] for name in globals_of(code) if name in known]
    return next(
        (why for item in (*given, *cells_of(function), *named) if (why := _of_value(item, seen))),
        None,
    )


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _nested(const)


@functools.lru_cache(maxsize=4096)
def _of_code(code: CodeType) -> str | None:
    found = _UNKNOWN_NAMES.intersection(code.co_names)
    if found:
        return f"it uses {min(found)}"
    generator = bool(code.co_flags & _GENERATES)
    before: dis.Instruction | None = None
    for instruction in dis.get_instructions(code):
        name = instruction.opname
        if name == "PUSH_EXC_INFO":
            return "it handles exceptions"
        expression = generator and code.co_name == "<genexpr>"
        if name in _FORBIDDEN and not (expression and name == "YIELD_VALUE"):
            return f"it has {name}"
        if name == "STORE_DEREF" and instruction.argval in code.co_freevars:
            return "it writes into a closure"
        if name in ("LOAD_GLOBAL", "LOAD_NAME"):
            called = instruction.argval
            if hasattr(builtins, called) and called not in _BUILTINS:
                return f"it uses {called}"
        if name == "STORE_ATTR" and not _is_of_self(before, code):
            return "it sets an attribute of something else"
        if name == "IS_OP" and not (before and before.argval is None and _loads(before, "CONST")):
            return "it compares by identity"
        if instruction.argval == "shape" and _asks_keras(instruction, before):
            return "it calls shape"
        before = instruction
    return None


def _loads(instruction: dis.Instruction, what: str) -> bool:
    return instruction.opname == f"LOAD_{what}"


def _is_of_self(before: dis.Instruction | None, code: CodeType) -> bool:
    """Whether an attribute is one of the method's first argument."""
    return bool(code.co_argcount) and _loaded_last(before) == code.co_varnames[0]


def _loaded_last(before: dis.Instruction | None) -> str | None:
    """The local that an instruction leaves on top; some of Python 3.13 name two."""
    if before is None or not before.opname.endswith("LOAD_FAST"):
        return None
    return before.argval if isinstance(before.argval, str) else before.argval[-1]


def _asks_keras(instruction: dis.Instruction, before: dis.Instruction | None) -> bool:
    """Whether ``shape`` is the function of ``keras.ops``, and not the attribute of a tensor."""
    if not (_loads(instruction, "ATTR") or _loads(instruction, "METHOD")):
        return False
    if not _loads(instruction, "ATTR") or before is None:
        return True
    plain = _loaded_last(before) is not None or _loads(before, "ATTR")
    return not plain or before.argval == "ops"
