"""Every hypermodel of ``models.py`` and its kin: a check says what build and fit do."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from typing import Any

import keras
import keras_tuner
import pytest

import shapesafe_tuner as sst
from tests.tracing import loss_models, ordinary_models, step_models
from tests.tracing.models import CASES, MARKS, dataset

pytestmark = pytest.mark.filterwarnings("ignore")


assert step_models  # its cases, and those of the others, are among those of models.py
assert ordinary_models
assert loss_models


def trains(build: Any, fit: dict[str, Any]) -> bool:
    """Whether Keras itself builds the model and fits it on this data."""
    keras.utils.clear_session(free_memory=False)
    try:
        model = build(keras_tuner.HyperParameters())
        model.fit(**fit, verbose=0)
    except Exception:
        return False
    finally:
        keras.utils.clear_session(free_memory=False)
    return True


@pytest.mark.parametrize("name", [pytest.param(name, marks=MARKS.get(name, ())) for name in CASES])
def test_check_agrees_with_fit(name: str) -> None:
    build, fit = CASES[name]
    fit = fit if isinstance(fit["x"], type(dataset())) else {"batch_size": 4, **fit}
    given = {key: value for key, value in fit.items() if key != "class_weight"}
    verdict = sst.check(build, {}, **given)
    with redirect_stdout(io.StringIO()):
        real = trains(build, fit)
    assert verdict.feasible is real, verdict
    assert (verdict.fault is None) is real
    if not real:
        assert verdict.fault is not None
        assert verdict.fault.reason
        assert (verdict.fault.error is None) == (verdict.stage == "analytic")
