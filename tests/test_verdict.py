"""The records: frozen, comparable, and equal after a trip through JSON."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
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


def _late(found: list[str]) -> ShapeFault:
    def find() -> dict[str, Any]:
        found.append("found")
        return dict(FAULT.hyperparameters)

    return FAULT.with_cause(find)


def test_a_cause_is_found_when_it_is_read_and_once() -> None:
    found: list[str] = []
    fault = _late(found)
    verdict = Verdict(False, "analytic", fault)
    assert (fault.reason, bool(verdict), hash(verdict)) == (FAULT.reason, False, hash(verdict))
    assert not found
    assert fault.hyperparameters == FAULT.hyperparameters
    assert fault.hyperparameters is fault.hyperparameters
    assert found == ["found"]


@pytest.mark.parametrize(
    "use",
    [
        repr,
        lambda fault: fault == FAULT,
        copy.copy,
        copy.deepcopy,
        lambda fault: pickle.loads(pickle.dumps(fault)),
        dataclasses.asdict,
        lambda fault: dataclasses.replace(fault, reason="Other."),
        lambda fault: Verdict(False, "analytic", fault).to_dict(),
    ],
    ids=[
        "printed",
        "compared",
        "copied",
        "deeply copied",
        "pickled",
        "a dict",
        "replaced",
        "saved",
    ],
)
def test_nothing_tells_a_late_cause_from_an_early_one(use: Any) -> None:
    found: list[str] = []
    late = use(_late(found))
    assert found == ["found"]
    assert late == use(FAULT)


def test_a_cause_that_is_interrupted_is_looked_for_again() -> None:
    answers = iter([KeyboardInterrupt(), {"units": 20}])

    def find() -> Any:
        answer = next(answers)
        if isinstance(answer, KeyboardInterrupt):
            raise answer
        return answer

    fault = FAULT.with_cause(find)
    with pytest.raises(KeyboardInterrupt):
        _ = fault.hyperparameters
    assert fault.hyperparameters == {"units": 20}


def test_a_late_fault_is_frozen_and_has_no_other_attributes() -> None:
    fault = _late([])
    with pytest.raises(dataclasses.FrozenInstanceError):
        fault.hyperparameters = {}  # type: ignore[misc]
    with pytest.raises(AttributeError, match="no attribute 'hyperparameter'"):
        _ = fault.hyperparameter  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("verdict", "sentence", "short"),
    [
        (Verdict(True, "analytic"), "Feasible.", "<Verdict feasible>"),
        (
            Verdict(False, "analytic", FAULT),
            f"Infeasible: {FAULT.reason}",
            f"<Verdict infeasible: {FAULT.reason}>",
        ),
        (
            Verdict(None, "symbolic", warnings=("A note.", "Undecided: NameError: x.")),
            "Undecided: NameError: x.",
            "<Verdict undecided: NameError: x.>",
        ),
    ],
)
def test_records_show_themselves(verdict: Verdict, sentence: str, short: str) -> None:
    assert str(verdict) == sentence
    assert repr(verdict) == short
    page = verdict._repr_html_()
    assert page.startswith("<table>")
    assert verdict.outcome.capitalize() in page
    rejection = Rejection({"units": 20}, verdict)
    assert repr(rejection).startswith("<Rejection units=20: ")
    assert "units=20" in rejection._repr_html_()
    if verdict.fault is not None:
        assert str(verdict.fault) == FAULT.reason
        assert len(repr(verdict.fault)) < 300
        assert FAULT.reason.split("'")[0] in verdict.fault._repr_html_()


def test_what_is_shown_in_a_notebook_cannot_be_markup() -> None:
    evil = "</td><script>alert(1)</script>"
    page = Verdict(False, "analytic", ShapeFault(evil, evil, evil))._repr_html_()
    assert "<script>" not in page
