"""Mistakes: type checkers find those in the lines that say ``# wrong``, and no others."""

from __future__ import annotations

from typing import Any

import shapesafe_tuner as sst


def build_model(hp: Any) -> Any:
    return hp.Int("units", 1, 8)


sst.RandomSearch(build_model, objective="loss", max_trails=3)  # wrong
sst.RandomSearch(build_model, objective="loss", on_infeasible="resampel")  # wrong
sst.RandomSearch(build_model, objective="loss", constraints=build_model)  # wrong
sst.RandomSearch("models.py", objective="loss")  # wrong
sst.Hyperband(build_model, objective="loss", max_epochs="9")  # wrong
sst.GridSearch(build_model, objective="loss", overwite=True)  # wrong
sst.BayesianOptimization(build_model, objective="loss", bata=2.0)  # wrong
sst.RandmSearch(build_model)  # wrong
sst.check(build_model)  # wrong
sst.check(None, {})  # wrong
sst.check(build_model, ["units", 3])  # wrong
sst.check(build_model, {"units": 3}, X=1)  # wrong
sst.explain(build_model, {"units": 3}, batchsize=32)  # wrong
sst.repair(build_model, {"units": 3}, constraint=[])  # wrong
sst.validate_search_space(build_model, exakt=True)  # wrong
sst.validate_search_space(build_model, samples="many")  # wrong
print(sst.check(build_model, {}).feasable)  # wrong
print(sst.validate_search_space(build_model).feasible_share)  # wrong
