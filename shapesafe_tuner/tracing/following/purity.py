"""Whether code may run in a check: it does nothing, before it calls ``fit``, that outlives it.

Read off the syntax tree, with what is known to be harmless rather than what is known to be not: a
statement, a call or a loop that is not on these lists is an objection. What comes after the first
call of ``fit`` is not looked at, since it is not run.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections.abc import Callable, Iterator
from typing import Any

from shapesafe_tuner.tracing.code_reading import is_library

__all__ = ["Objection", "objections"]

_ENDS = frozenset({"fit", "run_trial", "_build_and_fit_model"})
"""Calls at which following ends, or goes on in code that is looked at by itself."""
_BUILDS = frozenset({"build", "_try_build", "_build_hypermodel"})
_FUNCTIONS = frozenset({
    "abs", "bool", "dict", "float", "int", "isinstance", "len", "range", "round", "slice", "str",
    "super",
})  # fmt: skip
_METHODS = frozenset({
    "Boolean", "Choice", "Fixed", "Float", "Int", "astype", "batch",
    "build", "cache", "copy", "count", "drop", "endswith", "filter", "format", "from_tensor_slices",
    "get", "get_n_splits", "head", "index", "is_active", "items", "join", "keys", "map", "max",
    "mean", "min", "padded_batch", "prefetch", "ravel", "repeat", "reshape", "shuffle", "skip",
    "split", "squeeze", "startswith", "std", "sum", "swapaxes", "tail", "take", "to_numpy",
    "transpose", "upper", "lower", "values", "window", "with_options",
})  # fmt: skip
_CHANGE_A_CONTAINER = frozenset({"append", "extend", "insert", "pop", "setdefault", "update"})
_LIBRARIES = ("numpy", "tensorflow", "keras", "pandas", "sklearn.model_selection", "math")
_IMPURE = frozenset({
    "adapt", "clear_session", "copyto", "fill", "fromfile", "load", "load_weights", "memmap",
    "numpy_function", "open", "place", "print", "put", "py_function", "put_along_axis", "putmask",
    "random", "read_csv", "save", "save_weights", "savetxt", "savez", "seed", "set_floatx",
    "set_random_seed", "set_seed", "sort", "to_csv", "tofile",
})  # fmt: skip
_STATEMENTS = (
    ast.Assign, ast.AnnAssign, ast.Assert, ast.Expr, ast.For, ast.If, ast.Import, ast.ImportFrom,
    ast.Pass, ast.Raise, ast.Return, ast.With,
)  # fmt: skip
_SCOPES = frozenset({"conditional_scope", "name_scope"})
_DEEPEST = 5


class Objection(str):
    """Why code is not run in a check, with its line."""

    __slots__ = ()


def objections(function: Callable[..., Any], owner: type | None = None) -> list[Objection]:
    """What the code does, up to ``fit``, that may outlive it, or that is not known not to.

    Args:
        function: of the user's.
        owner: the class whose methods ``self`` has in it.
    """
    return list(_objections(function, owner, set(), 0))


def _objections(
    function: Any, owner: type | None, seen: set[Any], depth: int
) -> Iterator[Objection]:
    function = inspect.unwrap(getattr(function, "__func__", function))
    if function in seen:
        return
    seen.add(function)
    code = getattr(function, "__code__", None)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        yield Objection("its source is not at hand")
        return
    if not isinstance(tree, ast.FunctionDef) or code is None or depth > _DEEPEST:
        yield Objection(f"{getattr(function, '__name__', 'it')} is no plain function")
        return
    yield from _Reading(function, tree, owner, seen, depth).objections()


class _Reading:
    """One function, read."""

    def __init__(
        self, function: Any, tree: ast.FunctionDef, owner: type | None, seen: set[Any], depth: int
    ) -> None:
        self._tree, self._owner, self._seen, self._depth = tree, owner, seen, depth
        self._file = inspect.getsourcefile(function) or "?"
        self._first = function.__code__.co_firstlineno
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
        filled = {name: cell.cell_contents for name, cell in cells.items() if _is_filled(cell)}
        self._names = {**function.__globals__, **filled}
        self._parameters = set(inspect.signature(function).parameters)
        self._own = self._containers()
        self._models = {*self._parameters, *self._built()}

    def _containers(self) -> set[str]:
        """Local names that only ever stand for a container made here."""
        given = self._tree.args.kwarg
        fresh: dict[str, bool] = {} if given is None else {given.arg: True}
        for node in ast.walk(self._tree):
            for target, value in _assigned(node):
                if isinstance(target, ast.Name):
                    new = isinstance(value, (ast.Dict, ast.List, ast.DictComp, ast.ListComp)) or (
                        isinstance(value, ast.Call)
                        and isinstance(value.func, ast.Name)
                        and value.func.id == "dict"
                    )
                    fresh[target.id] = fresh.get(target.id, True) and new
        return {name for name, new in fresh.items() if new}

    def _built(self) -> Iterator[str]:
        """Local names that stand for what the hypermodel builds."""
        for node in ast.walk(self._tree):
            for target, value in _assigned(node):
                built = isinstance(value, ast.Call) and _name_of(value.func) in _BUILDS
                if built and isinstance(target, ast.Name):
                    yield target.id

    def objections(self) -> Iterator[Objection]:
        if self._tree.decorator_list:
            yield self._say(self._tree, "is decorated")
        yield from self._block(self._tree.body)

    def _block(self, statements: list[ast.stmt]) -> Iterator[Objection]:
        for statement in statements:
            if not isinstance(statement, _STATEMENTS):
                yield self._say(statement, f"{type(statement).__name__.lower()} statement")
                return
            yield from self._header(statement)
            inner = [getattr(statement, part, []) for part in ("body", "orelse")]
            if isinstance(statement, (ast.For, ast.If, ast.With)):
                for block in inner:
                    yield from self._block(block)
            if isinstance(statement, (ast.Return, ast.Raise)) or self._ends(statement):
                return

    def _ends(self, statement: ast.stmt) -> bool:
        """Whether a call of ``fit`` is reached in it for sure."""
        if isinstance(statement, ast.For):
            folds = isinstance(statement.iter, ast.Call) and "split" in ast.unparse(statement.iter)
            return folds and any(map(self._ends, statement.body))
        if isinstance(statement, ast.If):
            return False
        calls = (node for node in ast.walk(statement) if isinstance(node, ast.Call))
        return any(map(self._is_end, calls))

    def _is_end(self, call: ast.Call) -> bool:
        """Whether it is the ``fit`` of a model, and not that of a scaler."""
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in _ENDS:
            return False
        holder = call.func.value
        if isinstance(holder, ast.Call):
            return _name_of(holder.func) in ("super", *_BUILDS)
        if isinstance(holder, ast.Name):
            return holder.id in self._models
        return isinstance(holder, ast.Attribute) and holder.attr == "hypermodel"

    def _header(self, statement: ast.stmt) -> Iterator[Objection]:
        """What a statement does itself, without the statements inside it."""
        inside = (*getattr(statement, "body", ()), *getattr(statement, "orelse", ()))
        nested = {id(node) for part in inside for node in ast.walk(part)}
        for target, _ in _assigned(statement):
            yield from self._target(target)
        if isinstance(statement, ast.For):
            yield from self._target(statement.target)
            if not self._is_harmless_to_iterate(statement.iter):
                yield self._say(statement, "loops over what may be data")
        if isinstance(statement, ast.With):
            for item in statement.items:
                call = item.context_expr
                name = _name_of(call.func) if isinstance(call, ast.Call) else None
                if name not in _SCOPES:
                    yield self._say(statement, "with statement")
        for node in ast.walk(statement):
            if id(node) not in nested:
                yield from self._expression(node)

    def _target(self, target: ast.expr) -> Iterator[Objection]:
        if isinstance(target, (ast.Tuple, ast.List)):
            for part in target.elts:
                yield from self._target(part)
        elif isinstance(target, ast.Starred):
            yield from self._target(target.value)
        elif isinstance(target, ast.Subscript):
            if not (isinstance(target.value, ast.Name) and target.value.id in self._own):
                yield self._say(target, f"writes to {ast.unparse(target)}")
        elif not isinstance(target, ast.Name):
            yield self._say(target, f"sets {ast.unparse(target)}")

    def _expression(self, node: ast.AST) -> Iterator[Objection]:
        if isinstance(node, (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)):
            yield self._say(node, f"{type(node).__name__.lower()} expression")
        elif isinstance(node, ast.comprehension):
            if not self._is_harmless_to_iterate(node.iter):
                yield self._say(node.iter, "loops over what may be data")
        elif isinstance(node, ast.Call):
            yield from self._call(node)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            named = self._names.get(node.id)
            if inspect.isfunction(named) and not is_library(named.__module__):
                yield from _objections(named, None, self._seen, self._depth + 1)

    def _is_harmless_to_iterate(self, iterated: ast.expr) -> bool:
        """A range, a literal, folds, the items of a dict; not data, of which elements are drawn."""
        if isinstance(iterated, (ast.List, ast.Tuple)):
            return True
        if not isinstance(iterated, ast.Call):
            return False
        name = _name_of(iterated.func)
        if name in ("enumerate", "zip"):
            return all(map(self._is_harmless_to_iterate, iterated.args))
        return name in ("range", "split", "items", "keys", "values")

    def _call(self, node: ast.Call) -> Iterator[Objection]:
        named = {word.arg for word in node.keywords}
        if named & {"out", "inplace", "in_place"}:
            yield self._say(node, f"{ast.unparse(node.func)} may change its arguments")
            return
        name = _name_of(node.func)
        found = self._resolved(node.func)
        if name is None or name in _IMPURE:
            yield self._say(node, f"calls {ast.unparse(node.func)}")
        elif isinstance(node.func, ast.Name):
            yield from self._plain_call(node, name, found)
        elif self._is_end(node) or (name in _BUILDS and _is_self(node.func)):
            return
        elif found is not None:
            yield from self._known_call(node, found)
        elif _is_self(node.func) and self._owner is not None:
            method = inspect.getattr_static(self._owner, name, None)
            if inspect.isfunction(method) and not is_library(method.__module__):
                yield from _objections(method, self._owner, self._seen, self._depth + 1)
            else:
                yield self._say(node, f"calls {ast.unparse(node.func)}")
        elif name in _CHANGE_A_CONTAINER:
            holder = node.func.value  # type: ignore[attr-defined]
            if not (isinstance(holder, ast.Name) and holder.id in self._own):
                yield self._say(node, f"changes {ast.unparse(holder)}")
        elif name not in _METHODS:
            yield self._say(node, f"calls {ast.unparse(node.func)}")

    def _plain_call(self, node: ast.Call, name: str, found: Any) -> Iterator[Objection]:
        if found is not None:
            yield from self._known_call(node, found)
        elif name == "next" and len(node.args) == 1 and isinstance(node.args[0], ast.Call):
            if _name_of(node.args[0].func) != "split":
                yield self._say(node, "draws from what may be data")
        elif name in ("min", "max"):
            if len(node.args) < 2:
                yield self._say(node, "loops over what may be data")
        elif name not in _FUNCTIONS:
            yield self._say(node, f"calls {name}")

    def _known_call(self, node: ast.Call, found: Any) -> Iterator[Objection]:
        module = str(getattr(found, "__module__", None) or type(found).__module__)
        if inspect.isfunction(found) and not is_library(module):
            yield from _objections(found, None, self._seen, self._depth + 1)
        elif not module.startswith(_LIBRARIES) or ".random" in module:
            yield self._say(node, f"calls {ast.unparse(node.func)}")

    def _resolved(self, node: ast.expr) -> Any:
        """What a name, or the attribute of a module or class, stands for; None for a local one."""
        if isinstance(node, ast.Name):
            return None if node.id in self._parameters else self._names.get(node.id)
        if isinstance(node, ast.Attribute):
            holder = self._resolved(node.value)
            if isinstance(holder, (types.ModuleType, type)):
                return getattr(holder, node.attr, None)
        return None

    def _say(self, node: ast.AST, what: str) -> Objection:
        line = self._first + getattr(node, "lineno", 1) - 1
        return Objection(f"{self._tree.name} {what} ({self._file}:{line})")


def _assigned(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    if isinstance(node, ast.Assign):
        yield from ((target, node.value) for target in node.targets)
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
        yield node.target, node.value if isinstance(node, ast.AnnAssign) else None
    elif isinstance(node, ast.For):
        yield node.target, None


def _name_of(called: ast.expr) -> str | None:
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else None


def _is_self(called: ast.expr) -> bool:
    return isinstance(called, ast.Attribute) and (
        isinstance(called.value, ast.Name) and called.value.id == "self"
    )


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
