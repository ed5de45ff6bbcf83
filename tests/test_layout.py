"""How the package is put together: who imports whom, and what an import starts."""

from __future__ import annotations

import ast
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

import shapesafe_tuner as sst

PACKAGE = pathlib.Path(sst.__file__).parent
LAYERS = (
    ("plain", "escaping", "memory", "structures"),
    ("verdict", "shapes"),
    ("findings",),
    ("errors",),
    ("project",),
    ("_compat",),
    ("tracing",),
    ("space",),
    ("checker",),
    ("report",),
    ("validation", "search"),
    ("repairing",),
    ("explanation",),
    ("oracles",),
    ("tuners", "testing"),
    ("cli",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def modules() -> Iterator[tuple[str, pathlib.Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield str(path.relative_to(PACKAGE)), path


def imported(path: pathlib.Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=str)
def test_imports_go_one_way(name: str, path: pathlib.Path) -> None:
    own = name.split(os.sep, maxsplit=1)[0].removesuffix(".py")
    if own == "__init__":
        return
    for target in imported(path):
        parts = target.split(".")
        if parts[0] != "shapesafe_tuner" or len(parts) < 2:
            continue
        assert RANK[parts[1]] <= RANK[own], f"{name} imports {target}"


@pytest.mark.parametrize(
    "pure",
    [
        "verdict.py",
        "plain.py",
        *sorted(f"findings/{path.name}" for path in (PACKAGE / "findings").glob("*.py")),
        "project/rejection_file.py",
        "escaping.py",
        *sorted(f"report/{path.name}" for path in (PACKAGE / "report").glob("*.py")),
    ],
)
def test_records_and_renderers_know_no_backend(pure: str) -> None:
    heavy = {"keras", "keras_tuner", "tensorflow", "jax", "torch", "numpy"}
    assert not heavy.intersection(target.split(".")[0] for target in imported(PACKAGE / pure))


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=str)
def test_private_names_stay_in_compat(name: str, path: pathlib.Path) -> None:
    if name.startswith("_compat"):
        return
    private = re.compile(r"\b(keras|keras_tuner|tensorflow|jax|torch)\.(src|_src|python)\b")
    assert not private.search(path.read_text())


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_import_starts_no_backend() -> None:
    code = (
        "import sys, shapesafe_tuner as sst; sst.Verdict; dir(sst);"
        "heavy = {'keras', 'keras_tuner', 'tensorflow', 'jax', 'torch', 'numpy'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert run(code).stdout.strip() == "[]"


def test_legacy_keras_gets_one_clear_error() -> None:
    result = run("import shapesafe_tuner as sst; sst.check", TF_USE_LEGACY_KERAS="1")
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: TF_USE_LEGACY_KERAS is set")
    assert "Unset it" in last


def test_every_public_name_is_there() -> None:
    for name in sst.__all__:
        assert getattr(sst, name) is not None
    assert set(sst.__all__) <= set(dir(sst))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        sst.nothing  # noqa: B018
