"""What a user writes; type checkers find nothing in it."""

from __future__ import annotations

from typing import Any

import shapesafe_tuner as sst


def build_model(hp: Any) -> Any:
    return hp.Int("units", 1, 8)


def small(hp: Any) -> bool:
    return bool(hp.get("units") < 8)


def search(x: Any, y: Any) -> list[sst.Rejection]:
    tuner = sst.RandomSearch(
        hypermodel=build_model,
        objective="val_accuracy",
        max_trials=3,
        directory="searches",
        project_name="first",
        overwrite=True,
        executions_per_trial=2,
        on_infeasible="repair",
        constraints=[small],
        check_training_step=False,
    )
    tuner.search(x, y, epochs=2, validation_split=0.2)
    tuner.feasibility_summary()
    sst.BayesianOptimization(build_model, "loss", max_trials=3, beta=2.0, seed=1)
    sst.Hyperband(build_model, objective="loss", max_epochs=9, factor=3)
    sst.GridSearch(build_model, objective="loss", max_trials=None, on_infeasible="warn")
    return tuner.rejections


def judge(x: Any, y: Any) -> str:
    verdict = sst.check(build_model, {"units": 3}, x=x, y=y, batch_size=32)
    explanation = sst.explain(build_model, {"units": 3}, x=x, y=y)
    repaired: dict[str, Any] = sst.repair(build_model, {"units": 30}, constraints=(small,))
    fault: sst.ShapeFault | None = verdict.fault
    reason: str = "" if fault is None else fault.reason
    feasible: bool | None = explanation.verdict.feasible
    return f"{reason} {feasible} {repaired}"


def validate(x: Any) -> float:
    report = sst.validate_search_space(build_model, x=x, exact=None, samples=100, progress=False)
    report.raise_if_infeasible(0.3, max_undecided=0.1)
    for suggestion in report.suggestions:
        report.apply(suggestion)
    return report.feasible_fraction + report.infeasible_fraction + report.undecided_fraction


def caught(x: Any) -> None:
    try:
        judge(x, x)
    except sst.UnknownHyperparameterError as error:
        raise SystemExit(str(error)) from None
