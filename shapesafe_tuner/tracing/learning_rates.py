"""Hyperparameters that are the learning rate of one of Keras's optimizers, and nothing else.

Where rules cannot decide, Keras itself gets numbers, and whatever was read may have decided. A
learning rate cannot: ``Adam(hp.Float("lr", 1e-4, 1e-2))`` changes no shape. So the source of
``build`` is read: the value of such a hyperparameter is handed to an optimizer, or given a name
that is used for nothing else, and no other code names the hyperparameter, takes all of their
values, or asks an optimizer for its learning rate.
"""

from __future__ import annotations

import ast
import collections
import dis
import inspect
import textwrap
from collections.abc import Iterator
from types import CodeType, ModuleType
from typing import Any

import keras

from shapesafe_tuner._compat.types import Function
from shapesafe_tuner.tracing.code_reading import closure_of, functions_of, is_library, nested_codes

__all__ = ["learning_rates_of"]

_KINDS = ("Float", "Choice")
_ARGUMENT = "learning_rate"
_LOOKS = frozenset([_ARGUMENT, "values", "get_config", "space"])
"""Attributes by which code comes to know one."""


def learning_rates_of(build: Function) -> frozenset[str]:
    """Their names.

    Args:
        build: a function or a bound method.
    """
    functions = list(functions_of(build))
    codes = [code for function in functions for code in nested_codes(function.__code__)]
    if any(not _LOOKS.isdisjoint(code.co_names) for code in codes):
        return frozenset()
    named = collections.Counter(text for code in codes for text in _texts(code))
    found = {name for function in functions for name in _in_function(function)}
    return frozenset(name for name in found if named[name] == 1)


def _texts(code: CodeType) -> Iterator[str]:
    """The strings that a code loads, each as often as it does."""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "LOAD_CONST":
            value = instruction.argval
            parts = value if isinstance(value, (tuple, frozenset)) else (value,)
            yield from (part for part in parts if type(part) is str)


def _in_function(function: Any) -> Iterator[str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):  # typed in, or made by a program
        return
    known = {**function.__globals__, **closure_of(function)}
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    names = collections.defaultdict(list)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            names[node.id].append(node)
    for node in ast.walk(tree):
        name = _read(node)
        if name is None:
            continue
        parent = parents[node]
        uses = [node]
        if isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name):
            target = parent.targets[0]
            uses = [use for use in names[target.id] if use is not target]
            if len(parent.targets) > 1:
                continue
        if uses and all(_is_learning_rate(use, parents, known) for use in uses):
            yield name


def _read(node: ast.AST) -> str | None:
    """The name of the hyperparameter that an expression reads, as ``hp.Float("lr", ...)``."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    given = [*node.args[:1], *(each.value for each in node.keywords if each.arg == "name")]
    if node.func.attr not in _KINDS or len(given) != 1 or not isinstance(given[0], ast.Constant):
        return None
    name = given[0].value
    return name if type(name) is str else None


def _is_learning_rate(use: ast.AST, parents: dict[ast.AST, ast.AST], known: Any) -> bool:
    """Whether an expression is the first argument of an optimizer of Keras's."""
    if isinstance(use, ast.Name) and not isinstance(use.ctx, ast.Load):
        return False
    parent = parents[use]
    if isinstance(parent, ast.keyword):
        by_name, parent = parent.arg == _ARGUMENT, parents[parent]
        return by_name and isinstance(parent, ast.Call) and _makes_optimizer(parent.func, known)
    return (
        isinstance(parent, ast.Call)
        and parent.args[:1] == [use]
        and _makes_optimizer(parent.func, known)
    )


def _makes_optimizer(node: ast.expr, known: Any) -> bool:
    """Whether an expression is one of Keras's optimizers, whichever is chosen among some."""
    if isinstance(node, ast.IfExp):
        return _makes_optimizer(node.body, known) and _makes_optimizer(node.orelse, known)
    if isinstance(node, ast.Subscript) and isinstance(node.value, (ast.Dict, ast.List, ast.Tuple)):
        among = node.value.values if isinstance(node.value, ast.Dict) else node.value.elts
        return bool(among) and all(_makes_optimizer(each, known) for each in among)
    if isinstance(node, ast.Call):
        of = node.args[0] if node.args else None
        is_getattr = isinstance(node.func, ast.Name) and node.func.id == "getattr"
        is_builtin = is_getattr and "getattr" not in known and len(node.args) == 2
        return is_builtin and of is not None and _value(of, known) is keras.optimizers
    value = _value(node, known)
    return (
        isinstance(value, type)
        and issubclass(value, keras.optimizers.Optimizer)
        and is_library(value.__module__)
    )


def _value(node: ast.expr, known: Any) -> Any:
    """What a name, or an attribute of a module, stands for."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _value(node.value, known)
        return getattr(owner, node.attr, None) if isinstance(owner, ModuleType) else None
    return None
