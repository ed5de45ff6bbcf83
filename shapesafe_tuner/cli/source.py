"""What the source of a target gives away before it is run: its syntax, its names, its imports."""

from __future__ import annotations

import ast
import difflib
import importlib.util
import pathlib
import sys

__all__ = ["Problem", "look_at"]


class Problem(Exception):
    """What is wrong, to be said after the name of the file."""


def look_at(path: pathlib.Path, name: str, folder: str) -> None:
    """Nothing happens if a name may be imported from this source.

    Args:
        path: of the source.
        name: what is wanted from it.
        folder: where it may import from, beside what is installed.

    Raises:
        Problem: it cannot.
    """
    try:
        source = path.read_bytes()
        tree = ast.parse(source, str(path))
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        raise Problem(f"{where}: {error.msg} (a syntax error).") from error
    except ValueError as error:
        raise Problem(f": it is not Python source ({error}).") from error
    except OSError as error:
        raise Problem(f": it cannot be read ({error.strerror}).") from error
    _look_for(name, tree)
    if b"sys" not in source and b"importlib" not in source:  # else it may change where it looks
        _look_for_imports(tree, folder)


def _look_for(name: str, tree: ast.Module) -> None:
    """Whether some statement may give the name to the module."""
    given: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            given[node.name] = None
        elif isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                given[node.id] = None
            elif node.id in ("globals", "vars", "locals", "exec", "setattr"):
                return
        elif isinstance(node, ast.alias):
            given[(node.asname or node.name).split(".")[0]] = None
        elif isinstance(node, ast.MatchAs) and node.name:
            given[node.name] = None
    if name in given or "*" in given or "__getattr__" in given:
        return
    own = [
        node.name
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
    ]
    near = difflib.get_close_matches(name, own, 1) or (own if len(own) == 1 else [])
    raise Problem(f" has no {name}" + (f"; did you mean {near[0]}?" if near else "."))


def _look_for_imports(tree: ast.Module, folder: str) -> None:
    sys.path.insert(0, folder)
    try:
        for node in tree.body:
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names = [node.module]
            for name in names:
                if not _exists(name.split(".")[0]):
                    raise Problem(f", line {node.lineno}: there is no module {name}.")
    finally:
        sys.path.remove(folder)


def _exists(package: str) -> bool:
    if package in sys.modules:
        return True
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError, AttributeError):
        return True
