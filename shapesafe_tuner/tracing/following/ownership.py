"""What the names in a function stand for: what was made there may be changed there."""

from __future__ import annotations

import ast
import enum
import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

__all__ = [
    "BUILDS", "Made", "assigned", "is_of_keras", "is_of_self", "is_random", "is_scaler",
    "made_by", "model_names", "name_of", "root_of",
]  # fmt: skip

BUILDS = frozenset({"build", "_try_build", "_build_hypermodel"})
"""Methods that give a model."""


class Made(enum.Enum):
    """How something was made by the code that is read."""

    ARRAY = "array"
    """With memory of its own: a part of it belongs to it."""
    OTHER = "other"
    """A number, or a container; what it contains may be anybody's."""


_ARRAYS = frozenset({
    "arange", "array", "column_stack", "concatenate", "copy", "empty", "empty_like", "full",
    "full_like", "hstack", "linspace", "ones", "ones_like", "pad", "permutation", "repeat",
    "stack", "tile", "vstack", "zeros", "zeros_like",
})  # fmt: skip
_OTHERS = frozenset({
    "Boolean", "Choice", "Fixed", "Float", "Int", "abs", "bool", "dict", "float", "int", "len",
    "list", "perf_counter", "range", "round", "set", "sorted", "str", "time", "tuple",
})  # fmt: skip
_DISPLAYS = (
    ast.Constant, ast.Dict, ast.DictComp, ast.JoinedStr, ast.Lambda, ast.List, ast.ListComp,
    ast.Set, ast.SetComp, ast.Tuple,
)  # fmt: skip
_CALLBACKS = "callbacks"
"""The list of them is a copy in every run."""


def made_by(value: ast.expr | None, known: Mapping[str, Made]) -> Made | None:
    """How an expression made what it gives; None if that may have been there before.

    Args:
        value: the expression.
        known: the names that stand for what was made.
    """
    if isinstance(value, _DISPLAYS):
        return Made.OTHER
    if isinstance(value, (ast.BinOp, ast.UnaryOp, ast.Compare)):
        return Made.OTHER
    if isinstance(value, ast.Name):
        return known.get(value.id)
    if isinstance(value, (ast.BoolOp, ast.IfExp)):
        parts = value.values if isinstance(value, ast.BoolOp) else [value.body, value.orelse]
        kinds = {made_by(part, known) for part in parts}
        return kinds.pop() if len(kinds) == 1 else None
    if isinstance(value, ast.Subscript):
        return Made.OTHER if _is_callbacks(value.slice) else None
    if isinstance(value, ast.Call):
        name = name_of(value.func)
        if name in ("get", "pop") and value.args and _is_callbacks(value.args[0]):
            return Made.OTHER
        if name in _ARRAYS:
            return Made.ARRAY
        if name in _OTHERS:
            return Made.OTHER
    return None


def _is_callbacks(key: ast.expr) -> bool:
    return isinstance(key, ast.Constant) and key.value == _CALLBACKS


def model_names(tree: ast.FunctionDef, given: Iterable[str], makes: frozenset[str]) -> set[str]:
    """The local names that only ever stand for models made in this run, or for parts of them.

    Args:
        tree: of the function.
        given: parameters that stand for such models.
        makes: the calls, as they are written, that make one.
    """
    values: dict[str, list[ast.expr | None]] = {name: [] for name in given}
    for node in ast.walk(tree):
        for target, value in assigned(node):
            if isinstance(target, ast.Name):
                values.setdefault(target.id, []).append(value)
    parameters = {part.arg for part in ast.walk(tree.args) if isinstance(part, ast.arg)}
    names = {name for name in values if name in given or name not in parameters}
    while True:
        odd = {
            name
            for name in names
            if not all(_is_model(value, names, makes) for value in values[name])
        }
        if not odd:
            return names
        names -= odd


def _is_model(value: ast.expr | None, names: set[str], makes: frozenset[str]) -> bool:
    if value is None:
        return False
    if isinstance(value, ast.Call):
        if name_of(value.func) in BUILDS or ast.unparse(value.func) in makes:
            return True
        if isinstance(value.func, ast.Call):
            return _is_model(value.func, names, makes)
    root = root_of(value)
    return root in names


def root_of(value: ast.expr) -> str | None:
    """The name that an attribute, a part or a call begins with."""
    while isinstance(value, (ast.Attribute, ast.Subscript, ast.Call)):
        value = value.func if isinstance(value, ast.Call) else value.value
    return value.id if isinstance(value, ast.Name) else None


def assigned(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    """What a statement assigns to, and what; None where that is not written there."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _pairs(target, node.value)
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)):
        yield node.target, node.value
    elif isinstance(node, ast.For):
        part = node.iter
        is_of_layers = isinstance(part, (ast.Attribute, ast.Name, ast.Subscript))
        yield node.target, part if is_of_layers else None


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    if isinstance(target, (ast.Tuple, ast.List)):
        parts: list[ast.expr | None] = [None] * len(target.elts)
        if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
            parts = list(value.elts)
        yield from zip(target.elts, parts, strict=True)
    else:
        yield target, value


def name_of(called: ast.expr) -> str | None:
    """The last part of the name that is called."""
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else None


_OF_KERAS = (
    keras.Operation, keras.callbacks.Callback, keras.losses.Loss, keras.metrics.Metric,
    keras.optimizers.Optimizer,
)  # fmt: skip


def is_of_keras(found: Any) -> bool:
    """Whether it is a layer, a model, an optimizer ..., also of the user's, or makes a model."""
    if inspect.isclass(found):
        return issubclass(found, _OF_KERAS) or found.__module__.startswith("keras.")
    module = str(getattr(found, "__module__", ""))
    return module.startswith("keras.") and str(getattr(found, "__name__", ""))[:1].isupper()


def is_scaler(found: Any) -> bool:
    """Whether it is a class of scikit-learn's that transforms."""
    own = inspect.isclass(found) and found.__module__.startswith("sklearn.")
    return own and hasattr(found, "transform")


def is_random(found: Any) -> bool:
    """Whether it makes a random generator of NumPy's."""
    return found in (np.random.default_rng, np.random.RandomState)


def is_of_self(called: ast.expr) -> bool:
    """Whether it is an attribute of ``self``."""
    return isinstance(called, ast.Attribute) and (
        isinstance(called.value, ast.Name) and called.value.id == "self"
    )
