"""Numbers that are none, and spaces that are very large."""

from __future__ import annotations

import json
import math
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import pytest
from click.testing import CliRunner

import shapesafe_tuner as sst
from shapesafe_tuner.cli import main
from shapesafe_tuner.plain import plain, restored, to_json
from shapesafe_tuner.project import rejection_file
from shapesafe_tuner.verdict import Rejection
from tests import toys

pytestmark = [pytest.mark.filterwarnings(each) for each in toys.IGNORED_WARNINGS]

NAN, INF = math.nan, math.inf


def strict(text: str) -> Any:
    """JSON as other languages read it: no NaN, no Infinity."""

    def refuse(constant: str) -> Any:
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


def dropping(hp: Any) -> keras.Model:
    """One of four rates is one."""
    inputs = keras.Input((toys.LENGTH, 1))
    return toys.finish(
        keras.layers.Dropout(hp.Choice("rate", [0.5, NAN, INF, -INF]))(inputs), inputs
    )


def compared(hp: Any) -> keras.Model:
    """Nothing is smaller than nan or larger: only 1.0 and -inf fit."""
    return toys.crop(0 if hp.Choice("rate", [1.0, NAN, INF, -INF]) <= 5 else 8, 0)


def endless(hp: Any) -> keras.Model:
    """Bounds that are infinite; only negative numbers fit."""
    return toys.crop(0 if hp.Float("rate", -INF, 3.0, default=-1.0) < 0 else 8, 0)


def huge(hp: Any) -> keras.Model:
    """More integers than a sequence of Python's can hold; 5 of them fit."""
    return toys.crop(0 if hp.Int("many", 0, 10**30) < 5 else 8, 0)


def test_json_is_strict_and_reads_back_the_same() -> None:
    values = {"a": NAN, "b": [INF, -INF, 1.5], "c": {"d": INF}, "e": "nan", "f": 10**30, "g": True}
    text = to_json(values)
    again = restored(strict(text))
    assert repr(again) == repr(values)
    assert plain(NAN) == {"__float__": "nan"}
    named_so = {"__float__": "1.5"}
    assert restored(strict(to_json(named_so))) == named_so


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_values_that_are_no_numbers(value: float) -> None:
    verdict = sst.check(dropping, {"rate": value})
    assert verdict.feasible is False
    explained = sst.explain(dropping, {"rate": value})
    assert explained.nearest == {"rate": 0.5}
    content = restored(strict(explained.to_json()))
    assert repr(content["values"]) == repr({"rate": value})
    assert f"rate={value!r}" in explained.to_text()
    assert repr(type(verdict).from_dict(strict(to_json(verdict.to_dict())))) == repr(verdict)


@pytest.mark.parametrize(
    ("build", "share"), [(dropping, 0.25), (compared, 0.5)], ids=["dropping", "compared"]
)
def test_shares_of_values_that_are_no_numbers(build: Any, share: float) -> None:
    report = sst.validate_search_space(build)
    assert (report.feasible_fraction, report.exact, report.total) == (share, True, 4)
    assert math.fsum(conflict.fraction for conflict in report.conflicts) == 1 - share
    again = sst.SearchSpaceReport.from_json(report.to_json())
    strict(report.to_json())
    assert repr(again.conflicts) == repr(report.conflicts)
    assert again.to_text() == report.to_text()
    drawn = {repr(values["rate"]) for values in report.sample(20)}
    assert drawn == ({"0.5"} if build is dropping else {"1.0", "-inf"})


@pytest.mark.parametrize("value", [NAN, INF, -INF, 1.0])
def test_verdicts_are_those_of_a_real_build(value: float) -> None:
    for build in (dropping, compared):
        hp = keras_tuner.HyperParameters()
        hp.values["rate"] = value
        try:
            build(hp)
        except ValueError:
            built = False
        else:
            built = True
        assert sst.check(build, {"rate": value}).feasible is built


def test_bounds_without_end() -> None:
    assert [sst.check(endless, {"rate": rate}).feasible for rate in (-2.0, 0.0, NAN)] == [
        True,
        False,
        False,
    ]
    report = sst.validate_search_space(endless, samples=50)
    assert (report.exact, report.total) == (False, INF)
    strict(report.to_json())
    assert sst.check(huge, {"many": 4}).feasible
    assert sst.check(huge, {"many": 10**29}).feasible is False
    report = sst.validate_search_space(huge, samples=50)
    assert (report.exact, report.total) == (False, INF)
    assert "many may affect shapes and has too many values" in report.to_text()


def test_rejections_of_such_values_survive_a_restart(tmp_path: Path) -> None:
    def tuner() -> Any:
        return toys.make("RandomSearch", toys.Scored(dropping), tmp_path, trials=3)

    first = tuner()
    first.search(verbose=0)
    assert [values["rate"] for values in toys.values_of(first)] == [0.5]
    assert {repr(values["rate"]) for values in toys.rejected(first)} == {"nan", "inf", "-inf"}
    file = tmp_path / "untitled_project" / rejection_file.FILE
    lines = file.read_text().splitlines()
    assert [repr(Rejection.from_dict(strict(line))) for line in lines] == [
        repr(rejection) for rejection in first.rejections
    ]
    assert [repr(each) for each in tuner().rejections] == [repr(each) for each in first.rejections]


def test_the_command_takes_and_gives_such_values(tmp_path: Path) -> None:
    file = tmp_path / "space_of_numbers.py"
    file.write_text("from tests.hostile.test_numbers import dropping\n")
    target = f"{file}:dropping"
    result = CliRunner().invoke(main, ["check", target, "--set", "rate=NaN", "--json"])
    assert result.exit_code == 1
    assert repr(restored(strict(result.output))["fault"]["hyperparameters"]) == "{'rate': nan}"
    result = CliRunner().invoke(main, ["validate", target, "--json"])
    assert strict(result.output)["feasible_fraction"] == 0.25


MANY = 2_000


def of_many(hp: Any) -> keras.Model:
    """2,000 hyperparameters that cannot matter and one that does."""
    for number in range(MANY):
        hp.Float(f"rate_{number}", 0.0, 1.0)
    return toys.crop(hp.Int("a", 0, 9), 0)


def of_many_that_decide(hp: Any) -> keras.Model:
    """Each of 2,000 hyperparameters is looked at."""
    high = sum(hp.Int(f"n_{number}", 0, 3) > 2 for number in range(MANY))
    return toys.crop(hp.Int("a", 0, 9) if high >= 0 else 0, 0)


MILLION = list(range(1_000_000))


def of_a_million(hp: Any) -> keras.Model:
    return toys.crop(hp.Choice("a", MILLION), 0)


def seconds(run: Callable[[], Any]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


@pytest.mark.parametrize("build", [of_many, of_many_that_decide, of_a_million])
def test_very_large_spaces_take_seconds_and_little_memory(build: Any, tmp_path: Path) -> None:
    sst.check(toys.few, {}, x=toys.X, y=toys.Y)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    data = {"x": toys.X, "y": toys.Y}
    spent = seconds(lambda: sst.check(build, {"a": 1}, **data))
    spent += seconds(lambda: sst.check(build, {"a": 9}, **data))
    assert sst.check(build, {"a": 7}, **data).feasible
    assert sst.check(build, {"a": 8}, **data).feasible is False
    if build is not of_many_that_decide:
        report = sst.validate_search_space(build, samples=20, **data)
        low, high = report.confidence_interval
        assert low <= (0.8 if build is of_many else 8 / len(MILLION)) <= high
        strict(report.to_json())
        assert len(report.to_text()) < 20_000
    assert spent < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 600 * 2**10


@pytest.mark.parametrize("build", [of_many, of_many_that_decide, of_a_million])
def test_a_constructor_costs_what_stocks_does(build: Any, tmp_path: Path) -> None:
    def best(stock: bool) -> float:
        return min(
            seconds(
                lambda: toys.make(
                    "RandomSearch",
                    toys.Scored(build),
                    tmp_path / f"{stock}{number}",
                    stock=stock,
                )
            )
            for number in range(3)
        )

    assert best(False) < 1.5 * best(True) + 0.1
