"""The records: frozen, comparable, and equal after a trip through JSON."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from shapesafe_tuner.verdict import LayerShape, Rejection, ShapeFault, Verdict

FAULT = ShapeFault(
    layer="add",
    layer_type="Add",
    reason="Add 'add' cannot combine.",
    input_shapes=[(None, 10), (None, 20)],
    hyperparameters={"units": 20, "rate": 0.1, "kind": "a", "flag": True},
    error="Inputs have incompatible shapes",
    refused_by="train",
)
VERDICTS = [
    Verdict(True, "symbolic", output_shape={"p": (None, 3)}, parameters=7),
    Verdict(None, "symbolic", warnings=("Undecided: reasons.",)),
    Verdict(
        False,
        "training_step",
        FAULT,
        layers=(
            LayerShape("dense", "Dense", (None, 4), (None, 10), 50),
            LayerShape("add", "Add", [(None, 10), (None, 20)], failed=True),
        ),
    ),
]


@pytest.mark.parametrize("verdict", VERDICTS, ids=lambda verdict: str(verdict.feasible))
def test_verdict_round_trip(verdict: Verdict) -> None:
    again = Verdict.from_dict(json.loads(json.dumps(verdict.to_dict())))
    assert again == verdict
    assert hash(again) == hash(verdict)
    assert bool(verdict) is (verdict.feasible is not False)


@pytest.mark.parametrize("repaired", [None, {"units": 10}])
def test_rejection_round_trip(repaired: dict[str, Any] | None) -> None:
    rejection = Rejection({"units": 20}, VERDICTS[2], repaired, "nothing", 0.5, 12.0)
    assert Rejection.from_dict(json.loads(json.dumps(rejection.to_dict()))) == rejection


@pytest.mark.parametrize("record", [FAULT, *VERDICTS, Rejection({}, VERDICTS[0])])
def test_records_are_frozen(record: Any) -> None:
    name = dataclasses.fields(record)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, name, None)
