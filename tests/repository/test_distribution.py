"""What is built to be installed is complete, has right metadata, and works where installed."""

from __future__ import annotations

import email
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from email.message import Message

import pytest

import shapesafe_tuner as sst
from tests.repository.running import ROOT

PACKAGE = pathlib.Path(sst.__file__).parent

pytestmark = pytest.mark.xdist_group("distribution")  # built once


def run(*command: str | pathlib.Path, folder: pathlib.Path = ROOT) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder with the source distribution, and the wheel that was built from it."""
    for tool in ("build", "twine"):
        pytest.importorskip(tool, reason='this needs python -m pip install -e ".[dev]"')
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: pathlib.Path) -> pathlib.Path:
    (path,) = built.glob("*.whl")
    return path


def test_the_metadata_is_valid(built: pathlib.Path) -> None:
    run(sys.executable, "-m", "twine", "check", "--strict", *built.iterdir())


def test_the_wheel_has_every_file_of_the_package(wheel: pathlib.Path) -> None:
    kept = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    wanted = {str(path.relative_to(PACKAGE.parent)) for path in kept}
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert "shapesafe_tuner/py.typed" in found
    assert found == wanted


def test_the_source_distribution_can_be_tested(built: pathlib.Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for top in ("LICENSE", "CHANGELOG.md", "mkdocs.yml", "tests/conftest.py", "docs/index.md"):
        assert top in names
    labels = (ROOT / "tests" / "labelled" / "labels").glob("*.json")
    assert {f"tests/labelled/labels/{label.name}" for label in labels} <= names


def test_the_version_comes_from_one_place(wheel: pathlib.Path) -> None:
    assert f'__version__ = "{sst.__version__}"' in (PACKAGE / "__init__.py").read_text()
    assert sst.__version__ not in (ROOT / "pyproject.toml").read_text()
    assert metadata(wheel)["Version"] == sst.__version__


def metadata(wheel: pathlib.Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


@pytest.fixture(scope="module")
def python(wheel: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """That of a fresh environment that borrows the dependencies of this one, not the checkout."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    found = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(sys.executable, "-m", "pip", "--python", found, "install", "--no-deps", "--quiet", wheel)
    own = run(found, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    (pathlib.Path(own) / "borrowed.pth").write_text("\n".join(borrowed))
    where = run(found, "-c", "import shapesafe_tuner as s; print(s.__file__)", folder=folder)
    assert where.startswith(own)
    return found


def test_it_works_where_it_is_installed(python: pathlib.Path, tmp_path: pathlib.Path) -> None:
    command = python.parent / "shapesafe"
    assert sst.__version__ in run(command, "--version", folder=tmp_path)
    (tmp_path / "models.py").write_text((ROOT / "examples" / "quickstart.py").read_text())
    said = run(
        *(command, "validate", "models.py:build_model", "--max-infeasible", "0.7"),
        folder=tmp_path,
    )
    assert said.startswith("Search space: 87,480 configurations, 40.12% feasible (exact)")


TYPING = ROOT / "tests" / "typing"


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_type_checkers_read_the_installed_package(
    checker: str, python: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """A user's script, in the user's folder: right.py passes, each mistake of wrong.py is found."""
    for script in ("right.py", "wrong.py"):
        shutil.copy(TYPING / script, tmp_path)
    if checker == "mypy":
        given = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-incremental",
                 "--follow-imports=silent"]  # fmt: skip
        given += ["--python-executable", str(python), "--no-error-summary", "right.py", "wrong.py"]
    else:  # from npm or PyPI; it needs Node.js
        if shutil.which("pyright") is None:
            pytest.skip("pyright is not installed")
        given = ["pyright", "--pythonpath", str(python), "--level", "error", "."]
    done = subprocess.run(given, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = re.findall(r"(\w+\.py):(\d+)(?::\d+)?(?: -|:) error", done.stdout)
    lines = (TYPING / "wrong.py").read_text().splitlines()
    wanted = [str(number) for number, line in enumerate(lines, 1) if line.endswith("# wrong")]
    assert sorted(set(found)) == sorted(("wrong.py", number) for number in wanted), done.stdout
