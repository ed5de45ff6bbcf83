"""The full matrix of versions and backends: ``nox`` runs all of it, ``nox --list`` names it.

Every session has its own virtual environment. What goes into each is in ``KITS`` and nowhere
else; the oldest versions are the lower bounds of ``pyproject.toml``.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import shutil

import nox

PROJECT = nox.project.load_toml("pyproject.toml")["project"]
RULES = "tests/tracing tests/shapes tests/test_checker.py tests/labelled/test_labelled.py".split()
TUNERS = "tests/tuners/test_tuners.py"
SEARCHES = (TUNERS, "tests/tuners/test_dropin.py", "tests/oracles", "tests/project")


# pyenv's shims answer for a version only where it was chosen; its folders always do.
FOLDERS = sorted(map(str, pathlib.Path("~/.pyenv/versions").expanduser().glob("3.*/bin")))
os.environ["PATH"] = os.pathsep.join([*FOLDERS, os.environ["PATH"]])


def oldest_python() -> str | None:
    """The oldest Python, where this machine has it; the oldest packages run on others too."""
    minor = PROJECT["requires-python"].removeprefix(">=")
    return minor if shutil.which(f"python{minor}") else None


def oldest(*extras: str) -> tuple[str, ...]:
    """The lower bounds of what is required, pinned."""
    required = list(PROJECT["dependencies"])
    for extra in extras:
        required += PROJECT["optional-dependencies"][extra]
    return tuple(line.replace(">=", "==") for line in required)


@dataclasses.dataclass(frozen=True)
class Kit:
    """What one environment holds and what is run in it.

    Attributes:
        tests: arguments of pytest; none runs the whole suite.
        pins: requirements besides those of the package.
        backend: of Keras, and the extra that installs it.
        python: its version; None for the one that runs nox.
    """

    tests: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()
    backend: str = "tensorflow"
    python: str | None = None


def keras(minor: str, tensorflow: str) -> Kit:
    """A version of Keras with a TensorFlow that takes it."""
    pins = (f"keras=={minor}.*", f"tensorflow=={tensorflow}.*")
    return Kit((*RULES, TUNERS, "tests/oracles/test_oracles.py"), pins)


KITS = {
    **{
        f"python-{minor}": Kit(python=minor)
        for minor in re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    },
    "jax": Kit(backend="jax"),
    "torch": Kit(backend="torch", pins=("torch==2.13.0",)),
    "oldest": Kit((*RULES, *SEARCHES), oldest("tensorflow", "bayesian"), python=oldest_python()),
    "keras-3.10": keras("3.10", "2.20"),
    "keras-3.11": keras("3.11", "2.20"),
    "keras-3.12": keras("3.12", "2.21"),
    "keras-3.13": keras("3.13", "2.21"),
    "keras-3.14": keras("3.14", "2.21"),
    "keras-3.15": keras("3.15", "2.21"),
    "keras-tuner-1.4.7": Kit(SEARCHES, ("keras-tuner==1.4.7",)),
}
"""The environments by the names of their sessions."""

nox.options.sessions = ["lint", *KITS]
nox.options.error_on_missing_interpreters = True


def run(session: nox.Session, kit: Kit, *tests: str) -> None:
    """Install the package with what a kit pins, and run tests."""
    session.install("-e", f".[test,bayesian,{kit.backend}]", *kit.pins)
    environment = {"KERAS_BACKEND": kit.backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    session.run("python", "-m", "pytest", *(session.posargs or tests), env=environment)


def add(name: str, kit: Kit) -> None:
    """The sessions of a kit: ``name`` with its tests, ``smoke-name`` with the quick ones."""

    @nox.session(name=name, python=kit.python)
    def matrix(session: nox.Session) -> None:
        run(session, kit, *kit.tests)

    @nox.session(name=f"smoke-{name}", python=kit.python)
    def smoke(session: nox.Session) -> None:
        run(session, kit, "-q", "-m", "smoke")


for each, its_kit in KITS.items():
    add(each, its_kit)


@nox.session
def published(session: nox.Session) -> None:
    """Models of other people against a real build and fit: ``nox -s published -- --cases 200``."""
    session.install("-e", ".[test,tensorflow]", "keras-hub")
    given = session.posargs or ["--cases", "100"]
    session.run("python", "-m", "tests.suites", "published", *given)


@nox.session
def lint(session: nox.Session) -> None:
    """Style and types."""
    session.install("-e", ".[dev]")
    session.run("python", "-m", "ruff", "check", ".")
    session.run("python", "-m", "ruff", "format", "--check", ".")
    session.run("python", "-m", "mypy")
