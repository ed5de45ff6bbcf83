"""What the expressions of a function do: its calls, its loops over data, the models it makes."""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
import types
from collections.abc import Iterator
from typing import Any

import keras

from shapesafe_tuner.tracing.code_reading import closure_of, is_library
from shapesafe_tuner.tracing.following.context import Context, Objection, tree_of
from shapesafe_tuner.tracing.following.ownership import (
    BUILDS,
    Made,
    assigned,
    is_of_keras,
    is_of_self,
    is_random,
    is_scaler,
    made_by,
    model_names,
    name_of,
    root_of,
)
from shapesafe_tuner.tracing.following.words import (
    CHANGE_A_CONTAINER,
    DRAW,
    ENDS,
    FUNCTIONS,
    IMPURE,
    LIBRARIES,
    METHODS,
    OF_MODELS,
)

__all__ = ["Expressions"]


class Expressions:
    """The expressions of one function, read.

    Args:
        function: of the user's.
        tree: its syntax tree.
        owner: the class whose methods ``self`` has in it.
        context: shared by all functions that are read.
        models: the parameters that stand for a model made in the same run.
    """

    def __init__(
        self,
        function: Any,
        tree: ast.FunctionDef,
        owner: type | None,
        context: Context,
        models: frozenset[str],
    ) -> None:
        self._tree, self._owner, self._context = tree, owner, context
        self._code = function.__code__
        self._is_generator = context.depth > 0 and inspect.isgeneratorfunction(function)
        self._file = inspect.getsourcefile(function) or "?"
        self._first = function.__code__.co_firstlineno
        self._names = {**function.__globals__, **closure_of(function)}
        self._imported: dict[str, Any] = {}
        parameters = [part.arg for part in ast.walk(tree) if isinstance(part, ast.arg)]
        stored = {
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        self._locals = {*parameters, *stored}
        inner = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)][1:]
        self._inner = {function.name for function in inner}
        self._yields = {id(node) for function in inner for node in ast.walk(function)}
        given = tree.args.kwarg
        self._made = {} if given is None else {given.arg: Made.OTHER}
        if "callbacks" in parameters:
            self._made["callbacks"] = Made.OTHER
        self._import()
        self._makes = frozenset(
            ast.unparse(node.func)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and self._gives_model(node.func)
        )
        self._models = model_names(tree, models, self._makes)

    def _import(self) -> None:
        """What the function imports itself is looked up in what is imported already."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.ImportFrom) and node.module in sys.modules:
                for alias in node.names:
                    found = getattr(sys.modules[node.module], alias.name, None)
                    self._imported[alias.asname or alias.name] = found
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name if alias.asname else alias.name.split(".")[0]
                    self._imported[alias.asname or top] = sys.modules.get(top)

    def _gives_model(self, called: ast.expr) -> bool:
        """Whether a call makes an object of Keras's, what transforms, or random numbers."""
        found = self._resolved(called)
        if found is None and is_of_self(called) and self._owner is not None:
            found = inspect.getattr_static(self._owner, name_of(called) or "", None)
        if inspect.isfunction(found) and not is_library(found.__module__):
            return self._returns_model(found)
        return is_of_keras(found) or is_scaler(found) or is_random(found)

    def _returns_model(self, function: Any) -> bool:
        """Whether all that a function of the user's returns is a model that it made."""
        if self._context.is_deep or function.__code__ is self._code:
            return False
        tree = tree_of(function)
        if tree is None:
            return False
        read = Expressions(function, tree, self._owner, self._context.deeper(), frozenset())
        results = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return)]
        return bool(results) and all(value and read._is_model(value) for value in results)

    def _is_end(self, call: ast.Call) -> bool:
        """Whether it is the ``fit`` of a model, and not that of a scaler."""
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in ENDS:
            return False
        holder = call.func.value
        if isinstance(holder, ast.Call):
            name = name_of(holder.func)
            return name == "super" or name in BUILDS or self._is_model(holder)
        if isinstance(holder, ast.Name) and holder.id in self._locals:
            return holder.id in self._models and not self._is_scaler(holder.id)
        if isinstance(holder, ast.Attribute) and holder.attr == "hypermodel":
            return True
        return str(getattr(self._resolved(holder), "__module__", "")).startswith("keras_tuner")

    def _is_scaler(self, name: str) -> bool:
        """Whether a name stands for what learns from data, and is no model of Keras's."""
        values = [
            value
            for node in ast.walk(self._tree)
            for target, value in assigned(node)
            if isinstance(target, ast.Name) and target.id == name
        ]
        made = [self._resolved(value.func) for value in values if isinstance(value, ast.Call)]
        return any(inspect.isclass(found) and not issubclass(found, keras.Model) for found in made)

    def _is_model(self, node: ast.expr) -> bool:
        """Whether it is a model made here, or a part of one."""
        if isinstance(node, ast.Call) and ast.unparse(node.func) in self._makes:
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Call):
            return self._is_model(node.func)
        return root_of(node) in self._models

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

    def _models_given(
        self, function: Any, node: ast.Call, *, of_self: bool = False
    ) -> frozenset[str]:
        """The parameters of a function that get a model made here."""
        try:
            signature = inspect.signature(function)
            given = signature.bind_partial(
                *([None] * of_self),
                *node.args,
                **{word.arg or "": word.value for word in node.keywords},
            ).arguments
        except (TypeError, ValueError):
            return frozenset()
        return frozenset(
            name
            for name, value in given.items()
            if isinstance(value, ast.expr) and self._is_model(value)
        )

    def _is_being_made(self, part: ast.expr) -> bool:
        """Whether it is an attribute of the object whose constructor runs."""
        return self._context.makes_self and is_of_self(part)

    def _resolved(self, node: ast.expr) -> Any:
        """What a name, or the attribute of a module or class, stands for; None for a local one."""
        if isinstance(node, ast.Name):
            if node.id in self._imported:
                return self._imported[node.id]
            return None if node.id in self._locals else self._names.get(node.id)
        if isinstance(node, ast.Attribute):
            holder = self._resolved(node.value)
            if isinstance(holder, (types.ModuleType, type)):
                return getattr(holder, node.attr, None)
        return None

    def _say(self, node: ast.AST, what: str) -> Objection:
        line = self._first + getattr(node, "lineno", 1) - 1
        return Objection(f"{self._tree.name} {what} ({self._file}:{line})")


_OF_DATASETS = {
    "__init__": Context.constructing, "__len__": Context.using, "__getitem__": Context.using,
    "num_batches": Context.using,
}  # fmt: skip
"""What a check runs of a dataset."""
