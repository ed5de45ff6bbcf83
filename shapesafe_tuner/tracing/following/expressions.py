"""What the expressions of a function do: its calls, its loops over data, the models it makes."""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Iterator
from typing import Any

import keras

from shapesafe_tuner.tracing.code_reading import is_library
from shapesafe_tuner.tracing.following.context import Context, Objection
from shapesafe_tuner.tracing.following.ownership import (
    BUILDS,
    is_of_keras,
    is_of_self,
    made_by,
    name_of,
    root_of,
)
from shapesafe_tuner.tracing.following.scope import Scope
from shapesafe_tuner.tracing.following.words import (
    CHANGE_A_CONTAINER,
    DRAW,
    FUNCTIONS,
    IMPURE,
    LIBRARIES,
    METHODS,
    OF_MODELS,
)

__all__ = ["Expressions"]


class Expressions(Scope):
    """The expressions of one function, read; made as a :class:`Scope`."""

    def _expression(self, node: ast.AST) -> Iterator[Objection]:
        if isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom)):
            if id(node) in self._yields or self._is_generator:
                return  # one made here, which nobody has asked yet; one that a helper gives
            yield self._say(node, f"{type(node).__name__.lower()} expression")
        elif isinstance(node, ast.comprehension):
            if not self._may_be_iterated(node.iter):
                yield self._say(node.iter, "loops over what may be data")
        elif isinstance(node, ast.Call):
            yield from self._call(node)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            named = None if node.id in self._locals else self._names.get(node.id)
            if inspect.isfunction(named) and not is_library(named.__module__):
                yield from self._context.read(named, None, self._context.deeper(), frozenset())

    def _may_be_iterated(self, iterated: ast.expr) -> bool:
        """A range, a literal, folds, the items of a dict; not data, of which elements are drawn."""
        if isinstance(iterated, (ast.List, ast.Tuple, ast.Constant)) or self._is_model(iterated):
            return True
        if isinstance(iterated, ast.Name) and iterated.id in self._made:
            return True
        if isinstance(iterated, ast.BoolOp):
            return all(map(self._may_be_iterated, iterated.values))
        if isinstance(iterated, ast.Call):
            name = name_of(iterated.func)
            if name in ("enumerate", "zip", "reversed", "list", "sorted"):
                return all(map(self._may_be_iterated, iterated.args))
            if name in ("range", "split", "items", "keys", "values"):
                return True
        root = root_of(iterated)
        return self._context.reading.holds_arrays and root in self._locals and root != "self"

    def _call(self, node: ast.Call) -> Iterator[Objection]:
        named = {word.arg for word in node.keywords}
        if named & {"out", "inplace", "in_place"}:
            yield self._say(node, f"{ast.unparse(node.func)} may change its arguments")
            return
        name = name_of(node.func)
        found = self._resolved(node.func)
        if self._is_end(node) or (name in BUILDS and is_of_self(node.func)):
            return
        if isinstance(node.func, ast.Call) and self._is_model(node.func):
            return  # a layer that was just made is called
        if name is None or name in IMPURE:
            yield self._say(node, f"calls {ast.unparse(node.func)}")
        elif isinstance(node.func, ast.Name):
            yield from self._plain_call(node, name, found)
        elif found is not None:
            yield from self._known_call(node, found)
        elif is_of_self(node.func) and self._owner is not None:
            method = inspect.getattr_static(self._owner, name, None)
            if inspect.isfunction(method) and not is_library(method.__module__):
                models = self._models_given(method, node, of_self=True)
                yield from self._context.read(method, self._owner, self._context.deeper(), models)
            else:
                yield self._say(node, f"calls {ast.unparse(node.func)}")
        else:
            yield from self._method_call(node, name)

    def _method_call(self, node: ast.Call, name: str) -> Iterator[Objection]:
        """Of something whose kind is not known."""
        assert isinstance(node.func, ast.Attribute)
        holder = node.func.value
        if name == "__init__" and self._context.makes_self and ast.unparse(holder) == "super()":
            yield from self._constructor_of_base()
            return
        if self._is_model(holder):
            learns = isinstance(holder, ast.Name) and self._is_scaler(holder.id)
            own = name == "shuffle" and all(made_by(part, self._made) for part in node.args)
            if name not in OF_MODELS and not own and not (name == "fit" and learns):
                yield self._say(node, f"calls {ast.unparse(node.func)}")
        elif name in CHANGE_A_CONTAINER:
            of_callbacks = isinstance(holder, ast.Subscript) and made_by(holder, {}) is not None
            if not of_callbacks and not (isinstance(holder, ast.Name) and holder.id in self._made):
                yield self._say(node, f"changes {ast.unparse(holder)}")
        elif name not in METHODS:
            yield self._say(node, f"calls {ast.unparse(node.func)}")

    def _plain_call(self, node: ast.Call, name: str, found: Any) -> Iterator[Objection]:
        if name in self._models or name in self._inner:
            return  # a function made here is read where it stands
        if found is not None and found is not getattr(builtins, name, None):
            yield from self._known_call(node, found)
        elif name in ("min", "max"):
            if len(node.args) < 2 and not all(map(self._may_be_iterated, node.args)):
                yield self._say(node, "loops over what may be data")
        elif name in DRAW:
            taken = node.args[1:] if name in ("map", "filter") else node.args
            if not all(map(self._may_be_iterated, taken)):
                yield self._say(node, "loops over what may be data")
        elif name not in FUNCTIONS:
            yield self._say(node, f"calls {name}")

    def _known_call(self, node: ast.Call, found: Any) -> Iterator[Objection]:
        module = str(getattr(found, "__module__", None) or type(found).__module__)
        name = name_of(node.func)
        if inspect.isfunction(found) and not is_library(module):
            models = self._models_given(found, node)
            yield from self._context.read(found, None, self._context.deeper(), models)
        elif inspect.isclass(found) and issubclass(found, keras.utils.PyDataset):
            yield from self._dataset(found)
        elif not module.startswith(LIBRARIES) and not is_of_keras(found):
            yield self._say(node, f"calls {ast.unparse(node.func)}")
        elif name in ("shuffle", "sort") and "sklearn" not in module:
            yield from (
                self._say(node, f"changes {ast.unparse(part)}")
                for part in node.args
                if made_by(part, self._made) is None and not self._is_being_made(part)
            )

    def _dataset(self, made: type) -> Iterator[Objection]:
        """A dataset of the user's class is made, and its batches are read."""
        for name, context in _OF_DATASETS.items():
            method = inspect.getattr_static(made, name)
            method = getattr(method, "fget", method)
            if inspect.isfunction(method) and not is_library(method.__module__):
                yield from self._context.read(method, made, context(self._context), frozenset())

    def _constructor_of_base(self) -> Iterator[Objection]:
        """``super().__init__``, in a constructor."""
        bases = self._owner.__mro__[1:] if self._owner is not None else ()
        base = next(cls for cls in bases if "__init__" in vars(cls))
        if not is_library(base.__module__):
            yield from self._context.read(
                vars(base)["__init__"], base, self._context.constructing(), frozenset()
            )

    def _is_being_made(self, part: ast.expr) -> bool:
        """Whether it is an attribute of the object whose constructor runs."""
        return self._context.makes_self and is_of_self(part)

    def _say(self, node: ast.AST, what: str) -> Objection:
        line = self._first + getattr(node, "lineno", 1) - 1
        return Objection(f"{self._tree.name} {what} ({self._file}:{line})")


_OF_DATASETS = {
    "__init__": Context.constructing, "__len__": Context.using, "__getitem__": Context.using,
    "num_batches": Context.using,
}  # fmt: skip
"""What a check runs of a dataset."""
