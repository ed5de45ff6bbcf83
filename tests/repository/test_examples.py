"""The examples run as a user runs them, and say what they should."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import re
import runpy
import subprocess
import sys
from typing import Any

import pytest

import shapesafe_tuner as sst
from shapesafe_tuner.shapes import registry
from tests.repository.running import ROOT, run_script

EXAMPLES = ROOT / "examples"
CAUSES = runpy.run_path(str(EXAMPLES / "dimensions_must_be_equal.py"))
INFEASIBLE, VALID = CAUSES["INFEASIBLE"], CAUSES["VALID"]

pytestmark = [
    pytest.mark.xdist_group("pages"),  # the README shows what the quickstart prints
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.mark.parametrize("title", INFEASIBLE)
def test_real_causes_are_infeasible(title: str) -> None:
    build, values, given = INFEASIBLE[title]
    explanation = sst.explain(build, values, **given)
    assert explanation.verdict.feasible is False
    assert explanation.conflict is not None
    assert set(explanation.conflict) <= set(values)
    assert "Reason: " in explanation.to_text()
    name = next(iter(values))
    cures = [10, 20, 16, 7, 3, 2, 1, True, "same"]
    feasible = [sst.check(build, {**values, name: cure}, **given).feasible for cure in cures]
    assert any(feasible) or "another shape" in title


@pytest.mark.parametrize("title", VALID)
def test_what_articles_blame_is_feasible(title: str) -> None:
    build, values, given = VALID[title]
    assert sst.check(build, values, **given).feasible


def test_explaining_every_cause_prints_each() -> None:
    status, out = run_script("examples/dimensions_must_be_equal.py")
    assert status == 0
    assert out.count("Infeasible: ") == len(INFEASIBLE)
    assert out.count("Feasible: ") == len(VALID)


def test_quickstart() -> None:
    status, out = run_script("examples/quickstart.py")
    assert status == 0
    assert "Search: Running Trial #10" in out
    assert "Number of consecutive failures" not in out
    assert " rejected (" in out
    best = float(out.split("Best validation accuracy: ")[1].split()[0])
    assert best > 0.6


def test_parallel(capfd: pytest.CaptureFixture[str]) -> None:
    status, _ = run_script("examples/parallel.py")
    assert status == 0
    out = capfd.readouterr().out  # of its processes
    assert out.count(" COMPLETED, accuracy ") == 6
    assert "configurations drawn" in out


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("unet", 0, [
            r"Concatenate 'concatenate' joins \(None, 2, 2, 8\) and \(None, 3, 3, 8\)",
            r"16 configurations, 50.00% feasible \(exact\)",
            r"(validation loss 0\.\d+ with .*\n){3}",
        ]),
        ("recurrent", 0, [
            r"192 configurations, 29.17% feasible \(exact\)",
            r"a recurrent layer before it needs return_sequences=True",
            r"\n  became \{'layers'",
        ]),
        ("transformer", 0, [
            r"Infeasible: it cannot be built.",
            r"48 configurations, 83.33% feasible \(exact\)",
            r"Searching with this one: leave 3 out of heads.",
            r"2 configurations drawn, 0 rejected",
        ]),
        ("multi_input", 0, [
            r"Infeasible: it cannot be trained.",
            r"64 configurations, 18.75% feasible \(exact\)",
            r"keep filters == units: removes 50.00% of the space",
        ]),
        ("subclassed", 0, [
            r"Feasible: it can be built and trained.",
            r"keep pairings <= 3: removes 33.33% of the space",
            r"symbolic, .* ms: PairRows 'pair_rows_3' refuses",
            r"analytic, .* ms: PairRows 'pair_rows_3' cannot pair 1 rows",
        ]),
        ("ci_check", 1, [
            r"64 pixels: 16.7% of 126,672,012 configurations cannot exist",
            r"24 pixels: more than 25%. Conv2D .conv2d_3. slides a 3 x 3 kernel",
            r"would help: ",
        ]),
    ],
)  # fmt: skip
def test_an_example(
    name: str, status: int, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_OWN", dict(registry._OWN))
    found, out = run_script(f"examples/{name}.py")
    assert found == status, out
    for pattern in said:
        assert re.search(pattern, out), f"{pattern}\n{out}"


@pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed: pip install jax"
)
def test_jax() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    script = [sys.executable, str(EXAMPLES / "jax_backend.py")]
    done = subprocess.run(script, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert " on jax\n" in done.stdout
    assert "300 configurations, 33.33% feasible (exact)" in done.stdout
    assert "Feasibility summary" in done.stdout


def headlines(notebook: Any) -> list[str]:
    """Those of the pages that the cells of a notebook show, and of the table of rejections."""
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", ())]
    assert not any(one.output_type == "error" for one in outputs)
    pages = [one.data["text/html"] for one in outputs if "text/html" in one.get("data", {})]
    return re.findall("<(?:h1|caption)[^>]*>(.*?)</(?:h1|caption)>", "".join(pages))


def test_notebook(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs from top to bottom, in a kernel of its own, and shows what is stored in it."""
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("nbclient")
    from tests.repository.notebook import NOTEBOOK, executed

    stored = nbformat.read(NOTEBOOK, as_version=4)
    counts = [cell.execution_count for cell in stored.cells if cell.cell_type == "code"]
    assert counts == [*range(1, len(counts) + 1)]
    shown = headlines(stored)
    assert "Infeasible: it cannot be built." in shown
    assert "0 rejections" not in shown
    assert headlines(executed(tmp_path)) == shown


def test_every_example_is_run() -> None:
    here = pathlib.Path(__file__).read_text()
    examples = [path for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb")]
    assert len(examples) > 10
    assert [path.name for path in examples if path.stem not in here] == []
