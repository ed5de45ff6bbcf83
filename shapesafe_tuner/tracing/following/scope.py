"""What the names in a function stand for: what it imports and makes, and which are models."""

from __future__ import annotations

import ast
import inspect
import sys
import types
from typing import Any

import keras

from shapesafe_tuner.tracing.code_reading import closure_of, is_library
from shapesafe_tuner.tracing.following.context import Context, tree_of
from shapesafe_tuner.tracing.following.ownership import (
    BUILDS,
    Made,
    assigned,
    is_of_keras,
    is_of_self,
    is_random,
    is_scaler,
    model_names,
    name_of,
    root_of,
)
from shapesafe_tuner.tracing.following.words import ENDS

__all__ = ["Scope"]


class Scope:
    """The names of one function of the user's.

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
        read = Scope(function, tree, self._owner, self._context.deeper(), frozenset())
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
