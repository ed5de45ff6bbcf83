"""Each backend's module has what the protocol asks, and one place chooses among them."""

from __future__ import annotations

import ast
import inspect
import pathlib
import re

import keras
import pytest

from shapesafe_tuner._compat import backends
from shapesafe_tuner._compat.backends import Backend, backend

FOLDER = pathlib.Path(backends.__file__).parent
COMMON = ast.parse((FOLDER / "common.py").read_text()).body


def names_of(body: list[ast.stmt]) -> dict[str, str]:
    """Functions with their arguments, and constants, of a module or class."""
    found = {}
    for node in body:
        if isinstance(node, ast.FunctionDef):
            given = [name.arg for name in (*node.args.args, *node.args.kwonlyargs)]
            found[node.name] = ", ".join(name for name in given if name != "self")
        elif isinstance(node, ast.ClassDef):
            found[node.name] = ""
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute):
            assert ast.unparse(node.value.value) == "common", "where what is shared stands"
            found[ast.unparse(node.targets[0])] = names_of(COMMON)[node.value.attr]
        elif isinstance(node, ast.Assign):
            found.update((target.id, "") for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = ""
    return found


@pytest.mark.parametrize("name", ["tensorflow", "jax", "torch"])
def test_a_backend_has_what_the_protocol_asks(name: str) -> None:
    asked = names_of(ast.parse(inspect.getsource(Backend)).body[0].body)  # type: ignore[attr-defined]
    found = names_of(ast.parse((FOLDER / f"{name}.py").read_text()).body)
    assert len(asked) > 20
    assert {key: found.get(key) for key in asked} == asked


def test_the_backend_is_that_of_keras() -> None:
    assert backend.__name__.rsplit(".", 1)[-1] == keras.config.backend()  # type: ignore[attr-defined]


def test_one_place_chooses() -> None:
    ladder = re.compile(r"""(BACKEND|backend\(\)|backend) (==|!=|not in|in) ["'(]""")
    for path in sorted(FOLDER.parent.rglob("*.py")):
        assert not ladder.search(path.read_text()), path


def test_a_backend_that_cannot_train_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.config, "backend", lambda: "numpy")
    with pytest.raises(ImportError, match=r"Keras runs on numpy.*Set KERAS_BACKEND"):
        backends._chosen()
