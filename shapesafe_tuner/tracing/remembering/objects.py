"""Keys of objects: equal for objects that a training step cannot tell apart.

What Keras builds is a graph of objects: a model, its layers, their weights, functions, and what
these read. One walk numbers every object that has an identity, so that equal keys mean isomorphic
graphs: classes, attributes, order and sharing. Of a function of the user's the key holds the code,
what it closes over, and what the globals that it reads stand for *now*; of a class of the user's
all that is in it. Weights count by shape and dtype: no trace sees a value. What cannot be compared,
or may answer otherwise the next time, has no key.
"""

from __future__ import annotations

import dis
import enum
import functools
import hashlib
import inspect
import marshal
import sys
import types
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeAlias, cast

import keras
import numpy as np

from shapesafe_tuner._compat.active import BORN
from shapesafe_tuner.tracing.code_reading import (
    closure_of,
    globals_of,
    is_library,
    names_of,
    nested_codes,
    reads_chance,
)
from shapesafe_tuner.tracing.remembering.writing import only_written
from shapesafe_tuner.tracing.signals import NoKey

__all__ = ["Key", "digest", "object_key"]

Key: TypeAlias = Hashable
"""Equal for equal objects, in the same process."""


def object_key(value: object, *, exact: bool = True) -> Key:
    """The key of an object and of everything that it holds.

    Args:
        value: the object.
        exact: False where one float will do for another among what Keras's own objects hold: no
            shape of what they do depends on it. Whether it is zero counts.

    Raises:
        NoKey: there is no such thing for it.
    """
    try:
        return _Walk(exact=exact).of(value)
    except RecursionError:
        raise NoKey("what is nested very deep has no key") from None


def digest(key: Key) -> bytes:
    """A key in 32 bytes: that of a large model takes a megabyte.

    Raises:
        NoKey: it holds what has no bytes.
    """
    try:
        return hashlib.blake2b(marshal.dumps(cast(Any, key), 2), digest_size=32).digest()
    except ValueError as error:
        raise NoKey(str(error)) from None


_PLAIN = frozenset([int, str, bool, type(None), complex, bytes])
_BUILTIN = (
    types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType,
    types.MethodWrapperType, types.GetSetDescriptorType, types.MemberDescriptorType, np.ufunc,
)  # fmt: skip
_STATELESS = frozenset(
    "math functools itertools operator collections typing dataclasses enum abc types warnings "
    "logging numbers __future__ builtins".split()
)
"""Modules of Python's that a function may use: it finds the same there the next time."""
_OPEN = frozenset("globals locals vars exec eval open input compile __import__".split())
"""Functions by which code reaches what no walk sees."""
_MOST_BYTES = 65_536
_MOST_OBJECTS = 200_000


class _Walk:
    """One walk; an object that it has met is a number from then on."""

    def __init__(self, *, exact: bool) -> None:
        self._exact = exact
        self._seen: dict[int, tuple[int, object]] = {}

    def of(self, value: Any) -> Key:
        """One object."""
        kind = type(value)
        if kind in _PLAIN:
            return kind.__name__, value
        if kind is float:
            return "float", repr(value)
        if kind is tuple:
            return "tuple", *[self.of(item) for item in value]
        known = self._seen.get(id(value))
        if known is not None:
            return known[0]
        if len(self._seen) > _MOST_OBJECTS:
            raise NoKey("very many objects have no key")
        self._seen[id(value)] = (len(self._seen), value)
        return self._met(value, kind)

    def _met(self, value: Any, kind: type) -> Key:
        """An object that is met for the first time."""
        if hasattr(kind, "own_key") and kind.__module__.startswith("shapesafe_tuner."):
            return kind.own_key(value)  # type: ignore[no-any-return]
        for kinds, key in _KINDS:
            if isinstance(value, kinds):
                return key(self, value)
        if isinstance(value, np.generic) or keras.ops.is_tensor(value):
            return self._array(value)
        if isinstance(value, np.dtype) or kind.__name__ == "DType":
            return "dtype", str(value)
        if kind.__module__.startswith("tensorflow.") and hasattr(value, "lookup"):
            return (
                "table",
                _named(kind),
                str(value.key_dtype),
                str(value.value_dtype),
                int(value.size()),
            )
        return self._instance(value, kind)

    def _container(self, value: Any) -> Key:
        kind = type(value)
        if not is_library(kind.__module__):
            raise NoKey(f"{kind.__name__} is a container of the user's own")
        if isinstance(value, dict):
            return "dict", *[(self.of(key), self.of(item)) for key, item in value.items()]
        if isinstance(value, (list, tuple)):
            return "list", *[self.of(item) for item in value]
        if not all(type(item) in (str, int) for item in value):
            raise NoKey("a set of objects")
        return "set", *sorted(map(repr, value))

    def _array(self, value: Any) -> Key:
        try:
            array = np.asarray(value)
        except Exception:  # whatever a tensor of a trace raises: it has no value
            raise NoKey("a tensor of a trace") from None
        if array.nbytes > _MOST_BYTES:
            raise NoKey("a large array has no key")
        if array.dtype == object:
            return "objects", array.shape, *[self.of(item) for item in array.flat]
        return "array", _named(type(value)), str(array.dtype), array.shape, array.tobytes()

    def _variable(self, value: Any) -> Key:
        own = [(name, self.of(vars(value).get(name))) for name in _OF_VARIABLES]
        shape = tuple(map(int, value.shape))
        return "variable", _named(type(value)), shape, str(value.dtype), value.trainable, *own

    def _tensor(self, value: Any) -> Key:
        given = vars(value)
        history = given.get("_keras_history")
        made = None if history is None else self.of(tuple(history))
        mask = self.of(given.get("_keras_mask"))
        return "tensor", tuple(value.shape), str(value.dtype), bool(value.sparse), made, mask

    def _method(self, value: Any) -> Key:
        return "method", self.of(value.__func__), self.of(value.__self__)

    def _partial(self, value: Any) -> Key:
        return "partial", self.of(value.func), self.of(value.args), self.of(value.keywords)

    def _property(self, value: Any) -> Key:
        return "property", self.of(value.fget), self.of(value.fset), self.of(value.fdel)

    def _wrapped(self, value: Any) -> Key:
        return type(value).__name__, self.of(value.__func__)

    def _builtin(self, value: Any) -> Key:
        owner = getattr(value, "__self__", None)
        if owner is not None and not isinstance(owner, (types.ModuleType, type)):
            return "builtin", value.__name__, self.of(owner)
        return "builtin", getattr(value, "__qualname__", value.__name__), id(value)

    def _instance(self, value: Any, kind: type) -> Key:
        kerass = kind.__module__.startswith("keras.")
        rough = kerass and not self._exact
        known = kerass or isinstance(value, (keras.Operation, types.SimpleNamespace))
        if is_library(kind.__module__) and not known:
            raise NoKey(f"{kind.__name__} has no plain value")
        if not kerass and any("__slots__" in vars(each) for each in kind.__mro__):
            raise NoKey(f"{kind.__name__} has slots")
        held: Mapping[str, Any] = getattr(value, "__dict__", {})
        names = [*(name for name in _FIRST if name in held), *held]
        return (
            "object",
            self.of(kind),
            *[
                (
                    name,
                    ("float", bool(held[name]))
                    if rough and type(held[name]) is float
                    else self.of(held[name]),
                )
                for name in names
                if name not in _SKIPPED
                and not name.startswith("_self_")
                and not (name in _WRAPPED and _is_kerass(held[name]))
            ],
        )

    def _class(self, value: type) -> Key:
        if is_library(value.__module__):
            return _named(value)
        own = [base for base in value.__mro__ if not is_library(base.__module__)]
        libraries = tuple(_named(base) for base in value.__mro__ if is_library(base.__module__))
        items = [(base, *item) for base in own for item in vars(base).items()]
        written = only_written(*[item.__code__ for *_, item in items if inspect.isfunction(item)])
        inside = [
            (base.__name__, name, self.of(item))
            for base, name, item in items
            if name not in _BOOKKEEPING and not (name in written and type(item) in (int, list))
        ]
        return "class", value.__module__, value.__qualname__, libraries, *inside

    def _function(self, value: types.FunctionType) -> Key:
        code, known = value.__code__, value.__globals__
        written = only_written(code)

        def of(name: str, item: Any) -> Key:
            kept = type(item).__name__ if name in written else self._global(item, code)
            return name, kept

        given = [self.of(item) for item in (value.__defaults__, value.__kwdefaults__)]
        held = [of(*item) for item in (*closure_of(value).items(), *vars(value).items())]
        if is_library(str(known.get("__name__"))):
            return "function", code, *given, *held
        loaded = globals_of(code)
        opens = any(name not in known and name in _OPEN for name in loaded)
        if opens or _imports_others(code):
            raise NoKey(f"{value.__name__} imports something, or looks where no one can tell")
        if reads_chance(value):
            raise NoKey(f"{value.__name__} may give something else each time")
        read = [of(name, known[name]) for name in loaded if name in known]
        return "function", code, *given, *held, *read

    def _global(self, value: Any, code: types.CodeType) -> Key:
        """What a name of a function stands for; of a module of the user's what is read of it."""
        if not isinstance(value, types.ModuleType) or is_library(value.__name__):
            return self.of(value)
        known = vars(value)
        named = [name for name in names_of(code) if name in known]
        return "module", value.__name__, *[(n, self._global(known[n], code)) for n in named]

    def _module(self, value: types.ModuleType) -> Key:
        if not _is_stateless(value.__name__):
            raise NoKey(f"the module {value.__name__} may answer otherwise the next time")
        return "module", value.__name__


_KINDS: tuple[tuple[Any, Callable[[_Walk, Any], Key]], ...] = (
    (keras.Variable, _Walk._variable),
    (keras.KerasTensor, _Walk._tensor),
    (types.FunctionType, _Walk._function),
    (types.MethodType, _Walk._method),
    (_BUILTIN, _Walk._builtin),
    (type, _Walk._class),
    (types.ModuleType, _Walk._module),
    (enum.Enum, lambda walk, value: ("enum", type(value).__qualname__, value.name)),
    (functools.partial, _Walk._partial),
    (property, _Walk._property),
    ((staticmethod, classmethod), _Walk._wrapped),
    ((list, dict, set, frozenset, tuple), _Walk._container),
    (np.ndarray, _Walk._array),
)
_OF_VARIABLES = ("_name", "_path", "_autocast", "_aggregation", "_regularizer", "_constraint")
_FIRST = ("_operations", "_layers")
"""A graph is walked from its inputs on, so that no walk gets deep."""
_SKIPPED = frozenset([
    BORN, "_tracker", "_lock", "_auto_config", "_compile_config", "_compiled_trainable_state",
    "_saved_model_inputs_spec", "_saved_model_arg_spec", "_tracked",
    "_call_signature", "call_signature_parameters", "_call_context_args", "_outbound_nodes",
    "_call_has_context_arg", "_distribution_strategy", "_distribute_strategy", "_functional",
    "_nodes", "_nodes_by_depth", "_operations_by_depth", "_flat_arguments", "keras_tensors",
    "parent_nodes", "_single_positional_tensor", "_loss_ids", "_trainable_variables_indices",
])  # fmt: skip
"""What Keras keeps for itself, and what follows from the rest."""
_WRAPPED = ("build", "quantize")
"""Methods that Keras wraps anew for each layer."""
_BOOKKEEPING = frozenset(
    "__module__ __qualname__ __doc__ __dict__ __weakref__ __annotations__ __abstractmethods__ "
    "_abc_impl __parameters__ __orig_bases__ __dataclass_fields__ __dataclass_params__ "
    "__match_args__ __firstlineno__ __static_attributes__ _api_export_path _api_export_symbol_id "
    "__hash__".split()
)


def _named(cls: type) -> Key:
    """A class of a library, which never changes."""
    return cls.__module__, cls.__qualname__, id(cls)


def _is_kerass(value: object) -> bool:
    return inspect.isfunction(value) and is_library(str(value.__globals__.get("__name__")))


@functools.lru_cache(maxsize=4096)
def _imports_others(code: types.CodeType) -> bool:
    """Whether a function, or one inside it, imports what may be something else the next time."""
    return any(
        instruction.opname == "IMPORT_NAME" and not _is_stateless(instruction.argval)
        for inner in nested_codes(code)
        for instruction in dis.get_instructions(inner)
    )


def _is_stateless(module: str) -> bool:
    """Whether a function finds the same in a library the next time."""
    top = module.split(".", maxsplit=1)[0]
    return is_library(top) and (top not in sys.stdlib_module_names or top in _STATELESS)
