"""The examples run, and say what they should."""

from __future__ import annotations

import importlib.util
import pathlib
import sys
from typing import Any

import pytest

import shapesafe_tuner as sst

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CAUSES = load("dimensions_must_be_equal")


@pytest.mark.parametrize("title", CAUSES.INFEASIBLE)
def test_real_causes_are_infeasible(title: str) -> None:
    build, values, given = CAUSES.INFEASIBLE[title]
    explanation = sst.explain(build, values, **given)
    assert explanation.verdict.feasible is False
    assert explanation.conflict is not None
    assert set(explanation.conflict) <= set(values)
    assert "Reason: " in explanation.to_text()
    name = next(iter(values))
    cures = [10, 20, 16, 7, 3, 2, 1, True, "same"]
    feasible = [sst.check(build, {**values, name: cure}, **given).feasible for cure in cures]
    assert any(feasible) or "another shape" in title


@pytest.mark.parametrize("title", CAUSES.VALID)
def test_what_articles_blame_is_feasible(title: str) -> None:
    build, values, given = CAUSES.VALID[title]
    assert sst.check(build, values, **given).feasible


def test_explaining_every_cause_prints_each(capsys: pytest.CaptureFixture[str]) -> None:
    CAUSES.main()
    out = capsys.readouterr().out
    assert out.count("Infeasible: ") == len(CAUSES.INFEASIBLE)
    assert out.count("Feasible: ") == len(CAUSES.VALID)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_quickstart(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["quickstart.py"])
    load("quickstart").main()
    out = capsys.readouterr().out
    assert "Search: Running Trial #10" in out
    assert "Number of consecutive failures" not in out
    assert " rejected (" in out
    best = float(out.split("Best validation accuracy: ")[1].split()[0])
    assert best > 0.6


def test_parallel(capfd: pytest.CaptureFixture[str]) -> None:
    load("parallel").main()
    out = capfd.readouterr().out
    assert out.count(" COMPLETED, accuracy ") == 6
    assert "configurations drawn" in out
