"""Private names of KerasTuner: how its oracles draw, how its tuners build."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras_tuner
import numpy as np

from shapesafe_tuner._compat.keras_tuner.modules import keras_tuner_module
from shapesafe_tuner._compat.keras_tuner.saved_oracle import SavedOracle
from shapesafe_tuner.project.writing import is_local, stopping_at_a_full_disk, write_whole

__all__ = [
    "BayesianHooks",
    "GridHooks",
    "OracleHooks",
    "TunerHooks",
    "as_hypermodel",
    "is_chief",
    "is_worker",
    "overrides",
    "put_in",
]

_hypermodel = keras_tuner_module("engine.hypermodel")
_distribute = keras_tuner_module("distribute.utils")
_hp_types = keras_tuner_module("engine.hyperparameters.hp_types")


def as_hypermodel(hypermodel: Any) -> Any:
    """A ``HyperModel`` for a callable, as the tuners make it."""
    return _hypermodel.get_hypermodel(hypermodel)


def overrides(instance: Any, method: str) -> bool:
    """Whether a method is the user's own rather than KerasTuner's or this package's."""
    if method in vars(instance):
        return True
    owner = next(cls for cls in type(instance).__mro__ if method in cls.__dict__)
    return owner.__module__.split(".")[0] not in ("keras_tuner", "shapesafe_tuner")


def put_in(oracle: Any, folder: str) -> None:
    """Give an oracle a project, as a tuner does, and silence it."""
    oracle._set_project_dir(folder, "project")
    oracle.verbose = 0


def is_chief() -> bool:
    """Whether this process holds the oracle of a parallel search."""
    return bool(_distribute.is_chief_oracle())


def is_worker() -> bool:
    """Whether this process runs trials for a chief elsewhere."""
    return bool(_distribute.has_chief_oracle()) and not is_chief()


class OracleHooks(SavedOracle):
    """Where candidates are born in KerasTuner's oracles, as calls to public methods.

    ``populate_space`` cannot be repeated, since it moves brackets and queues; the generators of
    candidates can.
    """

    def next_feasible(self, draw: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
        """The next candidate that may run; ``draw`` gives one more of the oracle's own."""
        raise NotImplementedError

    def _random_values(self) -> dict[str, Any] | None:
        return self.next_feasible(super()._random_values)

    def random_candidate(self) -> dict[str, Any] | None:
        """A feasible random configuration that was not tried."""
        return self._random_values()

    def is_tried(self, values: Mapping[str, Any]) -> bool:
        """Whether a trial has these values."""
        return bool(self._duplicate(dict(values)))


class GridHooks(OracleHooks):
    """The same for grid search: one order, in which infeasible combinations are passed over."""

    def _get_next_combination(self, values: dict[str, Any]) -> dict[str, Any] | None:
        def following(after: dict[str, Any]) -> dict[str, Any] | None:
            combination = super(GridHooks, self)._get_next_combination(after)
            return None if combination is None else self._integers(combination)

        return self.next_in_order(values, following)

    def next_in_order(
        self, values: dict[str, Any], following: Callable[[dict[str, Any]], dict[str, Any] | None]
    ) -> dict[str, Any] | None:
        """The first feasible combination after ``values``."""
        raise NotImplementedError

    def next_combination(self, values: dict[str, Any]) -> dict[str, Any] | None:
        """The first feasible combination after ``values``."""
        return self._get_next_combination(values)

    def _integers(self, combination: dict[str, Any]) -> dict[str, Any]:
        """Stock gives floats for an ``Int`` with a logarithmic step, which no layer takes."""
        whole = {hp.name for hp in self.hyperparameters.space if isinstance(hp, _hp_types.Int)}
        return {
            name: int(value) if name in whole and isinstance(value, float) else value
            for name, value in combination.items()
        }

    def restore_order(self) -> None:
        """Rebuild the order of the tried combinations, which stock does not save."""
        known = [trial_id for trial_id in self.start_order if trial_id in self.trials]
        known.sort(
            key=functools.cmp_to_key(
                lambda a, b: self._compare(
                    self.trials[a].hyperparameters.values, self.trials[b].hyperparameters.values
                )
            )
        )
        previous = None
        for trial_id in known:
            self._ordered_ids.insert(trial_id, previous)
            previous = trial_id
        self._populate_next = list(known)


class BayesianHooks(OracleHooks):
    """The acquisition function of Bayesian optimisation, and the random state of its search."""

    def acquisition(self, configurations: Sequence[Mapping[str, Any]]) -> list[float]:
        """The lower confidence bound that stock minimises, by the process it fitted last.

        Args:
            configurations: values of what is active.
        """
        space = self._nonfixed_space()
        vectors = [
            [hp.value_to_prob(values.get(hp.name, hp.default)) for hp in space]
            for values in configurations
        ]
        mean, deviation = self.gpr.predict(np.array(vectors, dtype="float64"), return_std=True)
        return [float(value) for value in np.ravel(mean) - self.beta * np.ravel(deviation)]

    def state_of_search(self) -> list[Any]:
        """The random state of the acquisition's optimiser, for JSON."""
        name, keys, position, has_gauss, cached = self._random_state.get_state()
        return [name, [int(key) for key in keys], int(position), int(has_gauss), float(cached)]

    def restore_search(self, state: list[Any]) -> None:
        """Go on from what :meth:`state_of_search` gave."""
        self._random_state.set_state(tuple(state))


class TunerHooks(keras_tuner.Tuner):  # type: ignore[misc]
    """How KerasTuner's tuners build models, as calls to public methods."""

    def discover_space(self, activate: Callable[[], None]) -> None:
        """Find the hyperparameters; ``activate`` makes stock's builds."""
        raise NotImplementedError

    def _activate_all_conditions(self) -> None:
        self.discover_space(super()._activate_all_conditions)

    def around_trial(self, trial: Any) -> contextlib.AbstractContextManager[None]:
        """What a trial runs in."""
        raise NotImplementedError

    def _try_run_and_update_trial(self, trial: Any, *args: Any, **kwargs: Any) -> None:
        with self.around_trial(trial):
            super()._try_run_and_update_trial(trial, *args, **kwargs)

    def _run_and_update_trial(self, trial: Any, *args: Any, **kwargs: Any) -> None:
        with stopping_at_a_full_disk(f"Trial {trial.trial_id}"):
            super()._run_and_update_trial(trial, *args, **kwargs)

    def save(self) -> None:
        """Write the tuner's state, and its oracle's where that is not elsewhere, whole."""
        if not is_worker():
            self.oracle.save()
        path = self._get_tuner_fname()
        if is_local(path):
            write_whole(path, json.dumps(self.get_state()))
        else:
            keras_tuner_module("engine.stateful").Stateful.save(self, path)

    def build_as_trial(self, hp: Any) -> Any:
        """Build as a trial does: with the tuner's strategy and compile arguments."""
        return self._build_hypermodel(hp)

    @property
    def trains_by_itself(self) -> str | None:
        """Where user code may change the data on its way to ``fit``, by name; else None."""
        for method in ("run_trial", "_build_and_fit_model"):
            if overrides(self, method):
                return f"{type(self).__name__}.{method}"
        if overrides(self.hypermodel, "fit"):
            return f"{type(self.hypermodel).__name__}.fit"
        return None
