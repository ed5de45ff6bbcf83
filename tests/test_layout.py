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
    ("plain", "escaping", "memory", "structures", "arguments"),
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
INSIDE = {
    "_compat": (("types",), ("active", "keras_tuner"), ("backends",), ("keras",)),
    "tracing": (
        ("quiet", "lazy", "shape_table", "code_reading", "layer_call"),
        ("signals", "code_memory", "binding", "learning_rates"),
        ("environment", "attribution"),
        ("data", "repeating", "symbolic"),
        ("following",),
        ("question", "limits", "training"),
        ("remembering",),
        ("standins",),
        ("states",),
        ("analytic", "reasons"),
        ("verdicts",),
        ("judge",),
    ),
}
"""The same inside two folders. Modules of one floor may import each other, without a circle."""
MOST_MODULES_AT_THE_TOP, MOST_IN_A_FOLDER = 12, 20
MOST_UNTYPED = {"": 0.15, "tracing": 0.20}
"""Share of annotations that are a bare ``Any``, in all and in the folder that runs user code."""


def ranks(layers: tuple[tuple[str, ...], ...]) -> dict[str, int]:
    return {name: rank for rank, names in enumerate(layers) for name in names}


def modules() -> Iterator[tuple[str, pathlib.Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield str(path.relative_to(PACKAGE)), path


def imported(path: pathlib.Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_inside(folder: str) -> Iterator[tuple[str, str, str]]:
    """A module or folder of a folder, what it imports of its neighbours, and the file that does."""
    prefix = ["shapesafe_tuner", *filter(None, folder.split("/"))]
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        own = path.relative_to(PACKAGE / folder).parts[0].removesuffix(".py")
        for target in imported(path):
            parts = target.split(".")
            if parts[: len(prefix)] == prefix and len(parts) > len(prefix):
                other = parts[len(prefix)]
                known = (PACKAGE / folder / other).is_dir()
                if own not in ("__init__", other) and (
                    known or (PACKAGE / folder / f"{other}.py").is_file()
                ):
                    yield own, other, str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("folder", ["", *INSIDE])
def test_imports_go_one_way(folder: str) -> None:
    rank = ranks(INSIDE[folder] if folder else LAYERS)
    for own, other, file in imports_inside(folder):
        for name in (own, other):
            assert name in rank, f"{folder}/{name} has no place in the order of this test"
        assert rank[other] <= rank[own], f"{file} imports {other}"


FOLDERS = sorted({str(path.parent.relative_to(PACKAGE)) for _, path in modules()})


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_imports_go_in_a_circle(folder: str) -> None:
    above: dict[str, set[str]] = {}
    for own, other, _ in imports_inside("" if folder == "." else folder):
        above.setdefault(own, set()).add(other)
        above.setdefault(other, set())
    while above:
        free = {name for name, others in above.items() if not others & above.keys()}
        assert free, f"{folder}: {sorted(above)} import each other in a circle"
        above = {name: others for name, others in above.items() if name not in free}


def test_a_folder_can_be_taken_in_at_a_glance() -> None:
    sizes = {folder: len(list((PACKAGE / folder).glob("*.py"))) for folder in FOLDERS}
    assert sizes["."] <= MOST_MODULES_AT_THE_TOP
    assert max(sizes.values()) <= MOST_IN_A_FOLDER


def all_annotations(folder: str) -> Iterator[ast.expr]:
    for name, path in modules():
        if not name.startswith(folder):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.FunctionDef(args=given):
                    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs]
                    for argument in (*arguments, given.vararg, given.kwarg):
                        if argument is not None and argument.annotation is not None:
                            yield argument.annotation
                    if node.returns is not None:
                        yield node.returns
                case ast.AnnAssign(annotation=annotation):
                    yield annotation


@pytest.mark.parametrize("folder", MOST_UNTYPED)
def test_few_annotations_say_nothing(folder: str) -> None:
    found = [isinstance(item, ast.Name) and item.id == "Any" for item in all_annotations(folder)]
    assert len(found) > 1_000
    assert sum(found) / len(found) <= MOST_UNTYPED[folder]


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
