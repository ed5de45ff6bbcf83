"""What user code can reach, in a form that is equal for states that it cannot tell apart.

One walk over locals, cells and globals in a fixed order numbers every object that has an identity,
so that equal walks are isomorphic states: contents, order and sharing. Where something is met
that cannot be compared, there is no walk.
"""

from __future__ import annotations

import collections
import types
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor
from shapesafe_tuner._compat.keras_tuner.quick import QuickHyperParameters
from shapesafe_tuner.tracing.code_reading import globals_of, names_of
from shapesafe_tuner.tracing.lazy import Proxy
from shapesafe_tuner.tracing.states import owners
from shapesafe_tuner.tracing.states.opaque import Opaque

__all__ = ["Codes", "Held", "Pin", "Uncanonical", "Walk"]

Held = Mapping[int, tuple["weakref.ref[Any]", Any]]
"""Objects of ours that user code may hold: by id, a reference and the name it goes by."""
Codes = Mapping[types.CodeType, Mapping[str, Any]]
"""The user code that ran, with its globals."""


class Pin(NamedTuple):
    """What something hidden may share with what is seen.

    Attributes:
        shared: the user's objects, by id, with their numbers.
        ours: the ids of ours.
    """

    shared: Mapping[int, tuple[Any, int]]
    ours: frozenset[int]


_ATOMS = frozenset([
    int, float, str, bytes, bool, type(None), complex, type(...), range, slice, type(NotImplemented)
])  # fmt: skip
_ITERATORS: tuple[type, ...] = (
    type(iter([])), type(iter(())), type(iter(range(0))), type(iter(range(2**70))), type(iter("")),
    type(reversed([])), reversed, enumerate, zip,
)  # fmt: skip
_LARGE = 65_536
"""Bytes of an array beyond which it is taken not to be written to."""
_MOST_ARRAYS = 64
_BUILTIN = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)


class Uncanonical(Exception):
    """Something of the user's that cannot be compared."""


class Walk:
    """One walk.

    Args:
        held: our objects.
        codes: the user code that ran.
        pinned: for each thing that is hidden, what it may share with the rest.
        ranges: by name, the declarations of hyperparameters.
        arrays: large arrays of all walks, kept so that no other gets the identity of one.
    """

    def __init__(
        self,
        held: Held,
        codes: Codes,
        pinned: Sequence[Pin],
        ranges: Mapping[str, Any],
        arrays: dict[int, Any],
    ) -> None:
        self.seen: dict[int, tuple[Any, int]] = {}
        self.ours: dict[int, int] = {}
        self._held = held
        self._codes = codes
        self._pinned = pinned
        self._ranges = ranges
        self._arrays = arrays

    def names(self, known: Mapping[str, Any]) -> Any:
        """Locals of a frame."""
        return tuple([(name, self.of(value)) for name, value in known.items()])

    def globals(self) -> Any:
        """What the user code that ran can name."""
        found = []
        done = set()
        for code, known in self._codes.items():
            names = names_of(code)
            for name in globals_of(code):
                place = (id(known), name)
                if place not in done and name in known:
                    done.add(place)
                    found.append((name, self.of(known[name], names)))
        return tuple(found)

    def pins(self) -> Any:
        """What is hidden but may be shared."""
        return tuple(tuple(self.of(obj) for obj, _ in pin.shared.values()) for pin in self._pinned)

    def pin(self) -> Pin:
        """What this walk met, for later walks."""
        users = {key: item for key, item in self.seen.items() if key not in self.ours}
        return Pin(users, frozenset(self.ours))

    def of(self, obj: Any, names: Iterable[str] = ()) -> Any:
        """One object.

        Args:
            obj: the object.
            names: what code may ask of it, where it is a module.

        Raises:
            Uncanonical: it cannot be compared.
        """
        kind = type(obj)
        if kind is int:
            return obj
        if kind in _ATOMS:
            return kind.__name__, repr(obj)
        held = self._held.get(id(obj))
        if held is not None and held[0]() is obj:
            return self._ours(obj, kind)
        if issubclass(kind, Proxy):
            return self._unchosen(obj, kind)
        if kind is tuple:
            return ("tuple", *[self.of(item) for item in obj])
        if issubclass(kind, QuickHyperParameters):
            return self._hyperparameters(obj)
        if isinstance(obj, types.ModuleType):
            return self._module(obj, names)
        if isinstance(obj, type):
            return self._class(obj)
        if isinstance(obj, _BUILTIN):
            owner = getattr(obj, "__self__", None)
            if owner is None or isinstance(owner, types.ModuleType):
                return "builtin", obj
            return "bound", obj.__name__, self.of(owner)
        if isinstance(obj, types.MethodType):
            return "bound", self.of(obj.__func__), self.of(obj.__self__)
        if isinstance(obj, types.FunctionType):
            return self._function(obj)
        return self._object(obj, kind)

    def _number(self, obj: Any) -> tuple[int, bool]:
        known = self.seen.get(id(obj))
        if known is not None:
            return known[1], True
        number = len(self.seen)
        self.seen[id(obj)] = (obj, number)
        return number, False

    def _mark(self, obj: Any) -> Any:
        """Which of the things that are pinned this is."""
        if not self._pinned:
            return ()
        return tuple(
            pin.shared[id(obj)][1] if id(obj) in pin.shared else -1 for pin in self._pinned
        )

    def _items(self, known: Mapping[str, Any]) -> list[Any]:
        return [(name, self.of(value)) for name, value in known.items()]

    def _ours(self, obj: Any, kind: type) -> Any:
        number, again = self._number(obj)
        self.ours[id(obj)] = number
        if again:
            return "again", number
        more: Any = ()
        if kind is SymbolicTensor:
            more = tuple(self._items(obj.own_attributes()))
        elif hasattr(kind, "_answers"):
            more = obj._record.layer_class
        return ("ours", number, kind.__name__, self._mark(obj), more)

    def _hyperparameters(self, obj: QuickHyperParameters) -> Any:
        scopes = getattr(obj, "scopes", None)
        if scopes is None:
            raise Uncanonical("hyperparameters of another check")
        return ("hp", scopes, *self._items(obj.own_attributes()))

    def _unchosen(self, obj: Any, kind: type) -> Any:
        if issubclass(kind, Opaque):
            raise Uncanonical("a value of another run")
        expression = obj._expression
        names = getattr(expression, "names", None) or (expression.name,)
        ranges = tuple(self._ranges.get(name) for name in names)
        return "unchosen", kind.__name__, expression.key, ranges

    def _object(self, obj: Any, kind: type) -> Any:
        number, again = self._number(obj)
        if again:
            return "again", number
        mark = self._mark(obj)
        if kind is list or kind is collections.deque:
            return (kind.__name__, number, mark, *[self.of(item) for item in obj])
        if kind in (dict, collections.OrderedDict, types.MappingProxyType):
            pairs = [(self.of(key), self.of(value)) for key, value in obj.items()]
            return (kind.__name__, number, mark, *pairs)
        if kind is collections.defaultdict:
            pairs = [(self.of(key), self.of(value)) for key, value in obj.items()]
            return ("defaultdict", number, mark, self.of(obj.default_factory), *pairs)
        if kind in (set, frozenset):
            # Its order depends on how it came to be, so only a single item is told.
            if len(obj) > 1 or not all(type(item) in _ATOMS for item in obj):
                raise Uncanonical("a set of several items")
            return (kind.__name__, number, mark, *[self.of(item) for item in obj])
        if kind in _ITERATORS:
            rest = obj.__reduce__()[1:]
            return ("iterator", kind.__name__, number, mark, *[self.of(item) for item in rest])
        if isinstance(obj, np.generic):
            return "scalar", str(obj.dtype), obj.tobytes()
        if kind is np.ndarray and obj.dtype != object:
            if obj.nbytes > _LARGE:
                return "array", number, mark, self._large(obj), obj.shape
            return "array", number, mark, str(obj.dtype), obj.shape, obj.strides, obj.tobytes()
        if isinstance(obj, property):
            return "property", id(obj)
        return self._instance(obj, kind, number, mark)

    def _large(self, obj: Any) -> int:
        """A large array goes by its identity: it is taken not to be written to."""
        if id(obj) not in self._arrays and len(self._arrays) >= _MOST_ARRAYS:
            raise Uncanonical("many large arrays")
        self._arrays[id(obj)] = obj
        return id(obj)

    def _instance(self, obj: Any, kind: type, number: int, mark: Any) -> Any:
        simple = kind is types.SimpleNamespace
        file = owners.file_of(kind)
        if not simple and (file is None or not owners.is_users(file) or owners.is_of_python(file)):
            raise Uncanonical(f"{kind.__module__}.{kind.__qualname__}")
        base = next((b for b in kind.__mro__ if not b.__flags__ & _HEAP), object)
        if base not in (object, types.SimpleNamespace):
            raise Uncanonical(f"{kind.__qualname__} derives from {base.__name__}")
        if any(hasattr(kind, name) for name in ("__next__", "__del__")):
            raise Uncanonical(f"{kind.__qualname__} is an iterator")
        slots = [name for each in kind.__mro__ for name in _slots(each)]
        inside = [(name, self.of(getattr(obj, name))) for name in slots if hasattr(obj, name)]
        inside += self._items(getattr(obj, "__dict__", {}))
        return ("object", number, mark, self._class(kind), *inside)

    def _module(self, obj: types.ModuleType, names: Iterable[str]) -> Any:
        inside: Any = ()
        file = getattr(obj, "__file__", None)
        if file and owners.is_users(file) and not owners.is_of_python(file):
            number, again = self._number(obj)
            if again:
                return "again", number
            known = vars(obj)
            inside = tuple((name, self.of(known[name])) for name in names if name in known)
            return "module", obj.__name__, inside, self._stored(obj, ())
        if obj.__name__.split(".")[0] not in owners.STATELESS:
            raise Uncanonical(f"module {obj.__name__} may keep things")
        return "module", obj.__name__, inside, self._stored(obj, names)

    def _stored(self, obj: Any, names: Iterable[str]) -> Any:
        """What user code may have left in an object of a library."""
        number, again = self._number(obj)
        if again:
            return number
        known = vars(obj)
        kept = [name for code in self._codes for name in owners.stored_names(code) if name in known]
        found = [(name, self.of(known[name])) for name in kept]
        inner = (types.ModuleType, type)
        found += [
            (name, self.of(known[name], names))
            for name in names
            if isinstance(known.get(name), inner)
        ]
        return tuple(found)

    def _class(self, cls: type) -> Any:
        file = owners.file_of(cls)
        library = file is None or not owners.is_users(file) or owners.is_of_python(file)
        if cls.__module__ == "builtins" or library:
            return "class", cls, self._stored(cls, ())
        if "<locals>" in cls.__qualname__:
            raise Uncanonical(f"class {cls.__qualname__} is made anew in each build")
        number, again = self._number(cls)
        if again:
            return "again", number
        inside = []
        for base in cls.__mro__:
            file = owners.file_of(base)
            if file is None or not owners.is_users(file) or owners.is_of_python(file):
                continue
            for name, item in vars(base).items():
                if name.startswith("__") and name.endswith("__") and name != "__init__":
                    continue
                plain = item.__func__ if isinstance(item, (staticmethod, classmethod)) else item
                if not isinstance(plain, _OF_CLASSES):
                    inside.append((name, self.of(plain)))
        return ("class", cls, *inside)

    def _function(self, obj: types.FunctionType) -> Any:
        number, again = self._number(obj)
        if again:
            return "again", number
        if not owners.is_users(obj.__code__.co_filename):
            return "function", obj if obj.__closure__ else obj.__code__
        cells: list[Any] = []
        for name, cell in zip(obj.__code__.co_freevars, obj.__closure__ or (), strict=True):
            place, known = self._number(cell)
            if known:
                cells.append(("again", place))
                continue
            try:
                inside = cell.cell_contents
            except ValueError:
                cells.append((name, place, "empty"))
                continue
            cells.append((name, place, self._mark(cell), self.of(inside)))
        own = [(k, self.of(v)) for k, v in obj.__dict__.items() if k != "__wrapped__"]
        defaults = self.of(obj.__defaults__), self.of(obj.__kwdefaults__)
        return ("function", number, obj.__code__, self._mark(obj), defaults, *cells, *own)


_HEAP = 1 << 9
"""``Py_TPFLAGS_HEAPTYPE``: the class was made by Python code."""
_OF_CLASSES = (property, types.MemberDescriptorType, types.GetSetDescriptorType)


def _slots(cls: type) -> tuple[str, ...]:
    slots = cls.__dict__.get("__slots__", ())
    if isinstance(slots, str):
        return (slots,)
    return tuple(name for name in slots if name not in ("__weakref__", "__dict__"))
