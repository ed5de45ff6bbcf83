"""The conformance suite: KerasTuner's oracles pass it, and those that break a promise do not."""

from __future__ import annotations

from typing import Any

import keras_tuner
import pytest

import shapesafe_tuner as sst
from shapesafe_tuner.testing import NotConforming, check_oracle
from tests import toys

pytestmark = [pytest.mark.filterwarnings(text) for text in toys.IGNORED_WARNINGS]


def bayesian(**given: Any) -> Any:
    return keras_tuner.oracles.BayesianOptimizationOracle(num_initial_points=3, **given)


def hyperband(max_trials: int, **given: Any) -> Any:
    return keras_tuner.oracles.HyperbandOracle(max_epochs=3, factor=3, **given)


class Corners(keras_tuner.Oracle):  # type: ignore[misc]
    """An author's own: the corners first, then whatever ``_random_values`` gives."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        corners = [{"a": a, "b": b} for a in (0, 5) for b in (0, 5)]
        number = len(self.start_order)
        values = corners[number] if number < len(corners) else self._random_values()
        return {"status": "STOPPED" if values is None else "RUNNING", "values": values}


@pytest.mark.parametrize(
    "make",
    [
        keras_tuner.oracles.RandomSearchOracle,
        keras_tuner.oracles.GridSearchOracle,
        sst.oracles.RandomSearchOracle,
        bayesian,
        hyperband,
        Corners,
    ],
)
def test_these_conform(make: Any) -> None:
    made = []

    def kept(**settings: Any) -> Any:
        made.append(make(**settings))
        return made[-1]

    check_oracle(kept)
    assert sum(len(oracle.trials) for oracle in made) > 8


class Stubborn(sst.oracles.RandomSearchOracle):
    """Hands out what is refused."""

    def _may_run(self, values: Any) -> bool:
        super()._may_run(values)
        return True


class Counting(sst.oracles.RandomSearchOracle):
    """Takes each rejection for a trial."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        if len(self.rejections) + len(self.trials) > self.max_trials:
            return {"status": "STOPPED", "values": None}
        return super().populate_space(trial_id)


class Endless(sst.oracles.RandomSearchOracle):
    """Starts again when everything has been tried."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        found = super().populate_space(trial_id)
        return found if found["values"] else {"status": "RUNNING", "values": {"a": 0, "b": 0}}


class Forgetful(sst.oracles.RandomSearchOracle):
    """Loses its rejections."""

    def set_state(self, saved: dict[str, Any]) -> None:
        super().set_state(saved)
        self.rejections.clear()


class Different(sst.oracles.RandomSearchOracle):
    """Draws once in vain."""

    def next_feasible(self, draw: Any) -> Any:
        if isinstance(self, Plain):
            return draw()
        draw()
        return super().next_feasible(draw)


class Plain:
    pass


def different(**given: Any) -> Any:
    different.made += 1  # type: ignore[attr-defined]
    plain = different.made in (2, 8)  # type: ignore[attr-defined]
    return (keras_tuner.oracles.RandomSearchOracle if plain else Different)(**given)


different.made = 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Stubborn, "which cannot be built"),
        (Counting, "rejections were counted"),
        (Endless, "does not end"),
        (Forgetful, "rejections are lost"),
        (different, "on a feasible space it tries"),
    ],
)
def test_who_breaks_a_promise_is_told(make: Any, said: str) -> None:
    with pytest.raises(NotConforming, match=said):
        check_oracle(make)
