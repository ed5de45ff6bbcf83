"""Warnings of a search point at the line of the user's that began it."""

from __future__ import annotations

import pathlib
import warnings
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
from keras import layers

import shapesafe_tuner as sst
from shapesafe_tuner.search.warning import warn_user


def suspicious(hp: Any) -> Any:
    """One output for two targets: it trains, but on what nobody meant."""
    model = keras.Sequential([keras.Input((3,)), layers.Dense(hp.Int("units", 1, 2))])
    model.add(layers.Dense(1))
    model.compile("sgd", "mse")
    return model


def test_a_search_warns_at_the_line_that_calls_it(tmp_path: pathlib.Path) -> None:
    tuner = sst.RandomSearch(suspicious, "loss", max_trials=1, directory=tmp_path, overwrite=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tuner.search(np.zeros((8, 3)), np.zeros((8, 2)), verbose=0)
    (note,) = tuner.oracle.draws.notes
    shown = [one for one in caught if str(one.message) == note]
    assert [pathlib.Path(one.filename).name for one in shown] == ["test_warning.py"]


def test_frames_of_libraries_are_passed_over() -> None:
    library: dict[str, Any] = {"warn_user": warn_user}
    source = "def search():\n    warn_user('look')\n"
    exec(compile(source, keras_tuner.__file__, "exec"), library)
    with pytest.warns(UserWarning, match="look") as caught:
        library["search"]()
    assert [pathlib.Path(one.filename).name for one in caught] == ["test_warning.py"]
