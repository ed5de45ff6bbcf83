"""A conformance suite for oracles of the user's own, made shape-safe by ``ShapeSafeOracle``."""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import keras
import keras_tuner
from keras import layers

from shapesafe_tuner._compat.keras_tuner.oracle_hooks import put_in
from shapesafe_tuner._compat.types import Configuration, Model, Oracle, Values
from shapesafe_tuner.errors import FeasibilityWarning
from shapesafe_tuner.oracles import shape_safe_oracle

__all__ = ["NotConforming", "check_oracle"]

_SIDE = 6
_MOST = 500
"""Trials after which a search is taken not to end."""


class NotConforming(AssertionError):
    """An oracle does not do what a shape-safe one promises."""


def check_oracle(make: Callable[..., keras_tuner.Oracle], *, max_trials: int = 8) -> None:
    """Hold an oracle, made shape-safe, to what shape-safe oracles promise.

    Searches of some trials with made-up scores, on spaces of 6 x 6 configurations: all feasible,
    58 % of them, none. Nothing is trained.

    Args:
        make: called with ``objective``, ``max_trials``, ``seed`` and ``hyperparameters``; gives a
            new oracle, plain or shape-safe. The class itself, for example.
        max_trials: how many trials to ask for.

    Raises:
        NotConforming: with a sentence that says what was promised and what happened.
    """
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore", FeasibilityWarning)
        suite = _Suite(make, max_trials, folder)
        suite.runs_nothing_that_is_refused()
        suite.counts_no_rejection()
        suite.ends()
        suite.resumes()
        suite.gives_the_same_trials_where_all_is_feasible()


class _Suite:
    def __init__(self, make: Callable[..., Oracle], max_trials: int, folder: str) -> None:
        self._make = make
        self._max_trials = max_trials
        self._folder = folder
        self._made = 0

    def runs_nothing_that_is_refused(self) -> None:
        """Every trial is feasible."""
        oracle = self._new(_some)
        for values in _run(oracle):
            _hold(_fits(values), f"a trial runs {values}, which cannot be built")

    def counts_no_rejection(self) -> None:
        """``max_trials`` counts what runs."""
        oracle = self._new(_some)
        count = len(_run(oracle))
        feasible = sum(_fits({"a": a, "b": b}) for a in range(_SIDE) for b in range(_SIDE))
        wanted = min(len(_run(self._placed(self._plain(self._max_trials)))), feasible)
        _hold(count >= wanted, f"of {wanted} trials only {count} ran: rejections were counted")
        statuses = {trial.status for trial in oracle.trials.values()}
        _hold(statuses == {"COMPLETED"}, f"trials ended as {sorted(statuses)}")

    def ends(self) -> None:
        """A search ends, whatever it is asked for and even if nothing is feasible."""
        many = self._new(_some, max_trials=2 * _MOST)
        _hold(len(_run(many)) < _MOST, f"a search of {_SIDE * _SIDE} configurations does not end")
        try:
            _run(self._new(_none))
        except keras_tuner.errors.FatalError:
            return
        raise NotConforming("nothing is feasible, and no NoFeasibleConfigurationError says so")

    def resumes(self) -> None:
        """A search that is taken up again has its trials and its rejections."""
        first = self._new(_some)
        _run(first, most=max(self._max_trials - 2, 1))
        first.save()
        again = self._new(_some, project=first.project)
        again.reload()
        _hold(set(again.trials) >= set(first.trials), "trials are lost when it is resumed")
        before = [dict(item.values) for item in first.rejections]
        after = [dict(item.values) for item in again.rejections]
        _hold(before == after, "rejections are lost when it is resumed")
        for values in _run(again):
            _hold(_fits(values), f"resumed, a trial runs {values}, which cannot be built")

    def gives_the_same_trials_where_all_is_feasible(self) -> None:
        """Without anything infeasible it is the plain oracle."""
        plain = self._placed(self._plain(self._max_trials))
        ours = self._new(_all)
        expected, found = _run(plain), _run(ours)
        _hold(expected == found, f"on a feasible space it tries {found}, and plain {expected}")

    def _plain(self, max_trials: int) -> Oracle:
        space = keras_tuner.HyperParameters()
        for name in "ab":
            space.Int(name, 0, _SIDE - 1)
        objective = keras_tuner.Objective("score", "min")
        return self._make(objective=objective, max_trials=max_trials, seed=7, hyperparameters=space)

    def _new(
        self, build: Callable[[Any], Model], *, max_trials: int | None = None, project: str = ""
    ) -> Oracle:
        oracle = shape_safe_oracle(self._plain(max_trials or self._max_trials))
        oracle.bind(build)
        return self._placed(oracle, project)

    def _placed(self, oracle: Oracle, project: str = "") -> Oracle:
        self._made += 1
        oracle.project = project or f"{self._folder}/{self._made}"
        put_in(oracle, oracle.project)
        return oracle


def _hold(promise: bool, otherwise: str) -> None:
    if not promise:
        raise NotConforming(f"A shape-safe oracle must not do this: {otherwise}.")


def _run(oracle: Oracle, most: int = _MOST) -> list[Configuration]:
    """The values of the trials of a search with made-up scores."""
    for _ in range(most):
        trial = oracle.create_trial("tuner0")
        if trial.status == "STOPPED":
            break
        values = trial.hyperparameters.values
        score = math.fsum((number - 2) ** 2 for name, number in values.items() if name in "ab")
        oracle.update_trial(trial.trial_id, {"score": score})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    trials = (oracle.trials[trial_id] for trial_id in oracle.start_order)
    return [dict(trial.hyperparameters.values) for trial in trials]


def _fits(values: Values) -> bool:
    return bool(values["a"] + values["b"] < _SIDE)


def _model(cut: int) -> Model:
    return keras.Sequential([keras.Input((_SIDE, 1)), layers.Cropping1D((cut, 0))])


def _some(hp: Any) -> Model:
    return _model(hp.Int("a", 0, _SIDE - 1) + hp.Int("b", 0, _SIDE - 1))


def _all(hp: Any) -> Model:
    return _model(0 * hp.Int("a", 0, _SIDE - 1) + 0 * hp.Int("b", 0, _SIDE - 1))


def _none(hp: Any) -> Model:
    return _model(hp.Int("a", 0, _SIDE - 1) + hp.Int("b", 0, _SIDE - 1) + _SIDE)
