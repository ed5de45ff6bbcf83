"""The list of private names is complete, and the tests that it names are there."""

from __future__ import annotations

import ast
import pathlib
import re

import pytest

from shapesafe_tuner import _compat

FOLDER = pathlib.Path(_compat.__file__).parent
README = (FOLDER / "README.md").read_text(encoding="utf-8")
ROWS = {
    cells[1].strip().strip("`"): line
    for line in README.splitlines()
    if line.startswith("| `") and len(cells := line.split("|")) > 4
}
PRIVATE = re.compile(r"^(keras\.src|tensorflow\.python|jax\._src|torch\._\w+)")


def private_names(path: pathlib.Path) -> set[tuple[str, ...]]:
    """What a module imports of private modules, or looks up in KerasTuner; ways to list each."""
    found: set[tuple[str, ...]] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and PRIVATE.match(node.module):
            whole = () if node.module == "keras.src" else (node.module,)
            found.update((f"{node.module}.{alias.name}", *whole) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "keras_tuner_module":
            found.add((ast.literal_eval(node.args[0]),))
    return found


def private_attributes(path: pathlib.Path) -> set[str]:
    """The private attributes that a module reads and does not define itself."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Attribute):
            of_self = ast.unparse(node.value) == "self"
            (own if of_self and isinstance(node.ctx, ast.Store) else found).add(node.attr)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr"):
            found.update(str(part.value) for part in node.args if isinstance(part, ast.Constant))
    return {name for name in found - own if re.match(r"_[A-Za-z]", name)}


@pytest.mark.parametrize(
    "path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER))
)
def test_private_names_are_listed(path: pathlib.Path) -> None:
    needed = private_names(path) if path.name != "modules.py" else set()
    if needed:
        row = ROWS[path.relative_to(FOLDER).as_posix()]
        missing = {ways[0] for ways in needed if not any(f"`{name}`" in row for name in ways)}
        assert missing == set()


@pytest.mark.parametrize(
    "path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER))
)
def test_private_attributes_are_listed(path: pathlib.Path) -> None:
    needed = private_attributes(path)
    if needed:
        row = ROWS[path.relative_to(FOLDER).as_posix()]
        assert {name for name in needed if not re.search(rf"\b{name}\b", row)} == set()


def test_what_is_listed_is_there() -> None:
    assert len(ROWS) > 20
    for name in ROWS:
        assert (FOLDER / name).is_file(), name
    tests = set(re.findall(r"`(tests/[\w/]+\.py)`", README))
    assert {name for name in tests if not (FOLDER.parents[1] / name).is_file()} == set()
