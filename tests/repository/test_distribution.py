"""What is built to be installed is complete, has right metadata, and works where installed."""

from __future__ import annotations

import email
import os
import pathlib
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


def test_it_works_where_it_is_installed(wheel: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """In a fresh environment that borrows the dependencies of this one, and not the checkout."""
    venv.create(tmp_path / "venv", with_pip=False)
    scripts = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--quiet", wheel)
    own = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    (pathlib.Path(own) / "borrowed.pth").write_text("\n".join(borrowed))
    where = run(python, "-c", "import shapesafe_tuner as s; print(s.__file__)", folder=tmp_path)
    assert where.startswith(own)
    assert sst.__version__ in run(scripts / "shapesafe", "--version", folder=tmp_path)
    (tmp_path / "models.py").write_text((ROOT / "examples" / "quickstart.py").read_text())
    said = run(
        *(scripts / "shapesafe", "validate", "models.py:build_model", "--max-infeasible", "0.7"),
        folder=tmp_path,
    )
    assert said.startswith("Search space: 87,480 configurations, 40.12% feasible (exact)")
