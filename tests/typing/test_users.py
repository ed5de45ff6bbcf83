"""Scripts of users under mypy --strict, and what the signatures say to people and editors."""

from __future__ import annotations

import inspect
import os
import pathlib
import subprocess
import sys
from typing import Any

import keras_tuner
import pytest

import shapesafe_tuner as sst

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
TUNERS = ["RandomSearch", "BayesianOptimization", "Hyperband", "GridSearch"]


def checked(folder: pathlib.Path) -> list[str]:
    """The lines in which mypy finds errors, as a user runs it outside this repository."""
    given = ["--strict", "--no-incremental", "--cache-dir", os.devnull, "--follow-imports=silent"]
    given += ["--config-file=", "--no-error-summary", "--ignore-missing-imports"]
    result = subprocess.run(
        [sys.executable, "-m", "mypy", *given, str(HERE / "right.py"), str(HERE / "wrong.py")],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT)},
    )
    assert not result.stderr, result.stderr
    return [line for line in result.stdout.splitlines() if ": error:" in line]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="one version is enough")
def test_a_script_that_is_right_and_one_that_is_not(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("mypy")
    source = (HERE / "wrong.py").read_text().splitlines()
    wrong = {number for number, line in enumerate(source, 1) if line.endswith("# wrong")}
    lines = checked(tmp_path)
    assert [line for line in lines if "wrong.py" not in line] == []
    found = {int(line.split(":")[1]) for line in lines}
    assert len(wrong) > 15
    assert found == wrong


@pytest.mark.parametrize("name", TUNERS)
def test_the_parameters_of_a_tuner_are_kerastuners_then_ours(name: str) -> None:
    ours = inspect.signature(getattr(sst, name).__init__).parameters
    stock = inspect.signature(getattr(keras_tuner, name).__init__).parameters
    rest = inspect.signature(keras_tuner.Tuner.__init__).parameters
    own = ["on_infeasible", "constraints", "check_training_step"]
    wanted = {
        **{key: one for key, one in stock.items() if key != "kwargs"},
        **{key: one for key, one in rest.items() if key not in ("self", "oracle", "kwargs")},
    }
    assert list(ours) == [*wanted, *own]
    for key, parameter in wanted.items():
        assert ours[key].default == parameter.default
    assert [ours[key].default for key in own] == ["resample", (), True]


@pytest.mark.parametrize("name", ["check", "explain", "repair", "validate_search_space"])
def test_public_functions_name_their_arguments(name: str) -> None:
    signature = inspect.signature(getattr(sst, name))
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds
    assert {"x", "y", "batch_size", "constraints", "hyperparameters"} <= set(signature.parameters)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda build: sst.check(None, {}), r"check\(\): hypermodel must be a function"),  # type: ignore[arg-type]
        (lambda build: sst.explain("models.py", {}), r"explain\(\): hypermodel must be"),  # type: ignore[arg-type]
        (lambda build: sst.repair(build, 3), r"repair\(\): values must be a dict"),  # type: ignore[arg-type]
        (lambda build: sst.check(build, {3: 3}), r"check\(\): values must be a dict by name"),  # type: ignore[dict-item]
        (lambda build: sst.check(build, {}, constraints=len), r"check\(\): constraints must be a"),  # type: ignore[arg-type]
        (lambda build: sst.check(build, {}, constraints=[3]), r"constraints must be a list of"),  # type: ignore[list-item]
        (lambda build: sst.check(keras_tuner.HyperModel, {}), r"HyperModel is a class: pass an"),
        (lambda build: sst.validate_search_space(None), r"validate_search_space\(\): hypermodel"),  # type: ignore[arg-type]
        (lambda build: sst.explain(build, {}, X=1), r"explain\(\) got an unexpected keyword"),  # type: ignore[call-arg]
        (lambda build: sst.RandomSearch(build, "loss", max_trails=1), r"RandomSearch.__init__\(\)"),  # type: ignore[call-arg]
    ],
)  # fmt: skip
def test_a_wrong_argument_names_the_function(wrong: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        wrong(lambda hp: None)


def test_dir_is_the_public_interface() -> None:
    assert dir(sst) == sorted(sst.__all__)
    assert all(hasattr(sst, name) for name in dir(sst))


@pytest.mark.parametrize("name", TUNERS)
def test_tuners_show_no_hooks(name: str) -> None:
    more = set(dir(getattr(sst, name))) - set(dir(getattr(keras_tuner, name)))
    assert {one for one in more if not one.startswith("_")} == {
        "feasibility_summary", "oracle", "rejections"
    }  # fmt: skip
