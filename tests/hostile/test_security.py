"""Nothing that is read is run: no unpickling, no evaluation; the command imports one file."""

from __future__ import annotations

import ast
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

import shapesafe_tuner as sst
from shapesafe_tuner.cli import main
from tests import toys

pytestmark = [pytest.mark.filterwarnings(each) for each in toys.IGNORED_WARNINGS]

PACKAGE = pathlib.Path(sst.__file__).parent
RUNS_CODE = {
    "eval", "exec", "__import__", "os.system", "os.popen", "os.execv", "os.spawnv",
    "marshal.load", "marshal.loads", "pickle.load", "pickle.loads", "pickle.Unpickler",
    "yaml.load", "yaml.unsafe_load", "shelve.open", "runpy.run_path", "runpy.run_module",
    "keras.saving.enable_unsafe_deserialization", "numpy.load", "np.load", "ast.literal_eval",
}  # fmt: skip
FORBIDDEN_MODULES = {"subprocess", "yaml", "shelve", "dill", "joblib", "runpy", "code", "pty"}
EXCUSED = {
    # What a process of the user's executor unpickles is the task its parent gave it, not a file.
    ("space/work.py", "pickle.loads"),
}
IMPORTS_BY_NAME = {
    # Names in the package's own code, of Keras's backend, or the target of a command line.
    "__init__.py", "_compat/backends/__init__.py", "_compat/keras/versions.py",
    "_compat/keras_tuner/modules.py", "shapes/rules/__init__.py", "space/work.py",
    "cli/target.py", "report/plot.py",
}  # fmt: skip


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def called(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize(
    ("name", "tree"), [pytest.param(name, tree, id=name) for name, tree in modules()]
)
def test_nothing_is_unpickled_evaluated_or_given_to_a_shell(name: str, tree: ast.Module) -> None:
    for function, call in called(tree):
        assert function not in RUNS_CODE or (name, function) in EXCUSED, f"{name}: {function}"
        assert function != "compile", name
        assert "shell" not in {keyword.arg for keyword in call.keywords}, name
        if function.endswith("import_module"):
            assert name in IMPORTS_BY_NAME, name
    for node in ast.walk(tree):
        names = [alias.name for alias in getattr(node, "names", ()) if hasattr(alias, "name")]
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            assert not FORBIDDEN_MODULES & {each.split(".")[0] for each in names}, name


def test_the_test_above_sees_what_it_looks_for() -> None:
    for source in ("eval(x)", "pickle.loads(x)", "os.system(x)", "__import__(x)"):
        functions = [function for function, _ in called(ast.parse(source))]
        assert RUNS_CODE.intersection(functions)


def test_state_is_json(tmp_path: pathlib.Path) -> None:
    tuner = toys.make("BayesianOptimization", toys.Scored(toys.square), tmp_path, trials=8)
    tuner.search(verbose=0)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    ours = [path for path in files if path.suffix in (".json", ".jsonl")]
    assert any(path.name == "shapesafe_rejections.jsonl" for path in ours)
    for path in ours:
        for text in (
            path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        ):
            assert isinstance(json.loads(text), dict)
    # Models are weights in HDF5, as KerasTuner writes them; a lock is an empty file.
    assert {path.suffix for path in files} <= {".json", ".jsonl", ".h5", ".lock"}


@pytest.mark.parametrize(
    "line",
    [
        "__import__('os').system('touch broken')",
        "cos\nsystem\n(S'touch broken'\ntR.",
        '{"values": {}, "verdict": {"feasible": false, "stage": "x", "evil": 1}}',
        "[]",
        "null",
    ],
)
def test_a_saved_rejection_is_only_read(line: str, tmp_path: pathlib.Path) -> None:
    from shapesafe_tuner.project import rejection_file

    file = tmp_path / rejection_file.FILE
    file.write_text(line + "\n")
    with pytest.raises(RuntimeError, match="rejection"):
        rejection_file.RejectionFile(str(file)).read(1)
    assert file.read_text() == line + "\n"
    assert not (tmp_path / "broken").exists()


TARGET = """
import json
import os
import sys
from pathlib import Path

import helper_of_target

LOG = Path(__file__).parent / "log.json"
LOG.write_text(json.dumps({
    "name": __name__,
    "environment": {name: os.environ.get(name) for name in (
        "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "JAX_PLATFORMS", "KERAS_TORCH_DEVICE")},
    "modules": sorted(name for name, module in sys.modules.items()
                      if str(getattr(module, "__file__", "")).startswith(str(LOG.parent))),
}))

if __name__ == "__main__":
    (Path(__file__).parent / "main_ran").touch()

def build_model(hp):
    import keras
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(hp.Int("units", 1, 3))])
"""


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    for name in ("target.py", "json.py", "keras.py", "__main__.py", "numpy.py"):
        (tmp_path / name).write_text(TARGET)
    (tmp_path / "helper_of_target.py").write_text("")
    for name in ("conftest.py", "sitecustomize.py", "setup.py", "rich.py", "keras_tuner.py"):
        (tmp_path / name).write_text("raise AssertionError('nobody asked for this file')")
    for name in ("shapesafe.toml", "pyproject.toml", "setup.cfg", ".env"):
        (tmp_path / name).write_text("this is no valid file [")
    return tmp_path


@pytest.mark.parametrize("name", ["target.py", "json.py", "keras.py", "__main__.py", "numpy.py"])
def test_the_command_imports_the_file_it_is_told_to(name: str, folder: pathlib.Path) -> None:
    path, modules, first = list(sys.path), dict(sys.modules), sys.modules["keras"]
    result = CliRunner().invoke(main, ["check", f"{folder / name}:build_model"])
    assert (result.exit_code, result.output) == (0, "feasible\n")
    log = json.loads((folder / "log.json").read_text())
    assert log["name"] != "__main__"
    assert not (folder / "main_ran").exists()
    assert set(log["modules"]) <= {log["name"], "helper_of_target"}
    assert sys.path == path
    assert sys.modules["keras"] is first
    new = set(sys.modules) - set(modules)
    assert not {each for each in new if str(folder) in str(sys.modules[each])} - {
        "helper_of_target"
    }
    sys.modules.pop("helper_of_target", None)


def test_the_command_hides_accelerators_and_reads_no_settings(folder: pathlib.Path) -> None:
    """In a process of its own, started where the files lie."""
    asked = {"CUDA_VISIBLE_DEVICES": "0", "JAX_PLATFORMS": "tpu", "KERAS_TORCH_DEVICE": "cuda"}
    result = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "shapesafe"), "check",
         "target.py:build_model", "--json"],
        cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, **asked, "PYTHONPATH": str(PACKAGE.parent)},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["feasible"] is True
    log = json.loads((folder / "log.json").read_text())
    assert log["environment"] == {
        "CUDA_VISIBLE_DEVICES": "-1",
        "HIP_VISIBLE_DEVICES": "-1",
        "JAX_PLATFORMS": "cpu",
        "KERAS_TORCH_DEVICE": "cpu",
    }
