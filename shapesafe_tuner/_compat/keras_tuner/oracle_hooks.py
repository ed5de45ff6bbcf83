"""Where candidates are born in KerasTuner's oracles, as calls to public methods."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from shapesafe_tuner._compat.keras_tuner.domains import hp_types
from shapesafe_tuner._compat.keras_tuner.saved_oracle import SavedOracle
from shapesafe_tuner._compat.types import Configuration, Oracle, Values

__all__ = ["BayesianHooks", "GridHooks", "OracleHooks", "put_in"]


def put_in(oracle: Oracle, folder: str) -> None:
    """Give an oracle a project, as a tuner does, and silence it."""
    oracle._set_project_dir(folder, "project")
    oracle.verbose = 0


class OracleHooks(SavedOracle):
    """Where candidates are born in KerasTuner's oracles, as calls to public methods.

    ``populate_space`` cannot be repeated, since it moves brackets and queues; the generators of
    candidates can.
    """

    def next_feasible(self, draw: Callable[[], Configuration | None]) -> Configuration | None:
        """The next candidate that may run; ``draw`` gives one more of the oracle's own."""
        raise NotImplementedError

    def _random_values(self) -> Configuration | None:
        return self.next_feasible(super()._random_values)

    def random_candidate(self) -> Configuration | None:
        """A feasible random configuration that was not tried."""
        return self._random_values()

    def is_tried(self, values: Values) -> bool:
        """Whether a trial has these values."""
        return bool(self._duplicate(dict(values)))


class GridHooks(OracleHooks):
    """Where the combinations of a grid are born: in one order, without what is infeasible."""

    def _get_next_combination(self, values: Configuration) -> Configuration | None:
        def following(after: Configuration) -> Configuration | None:
            combination = super(GridHooks, self)._get_next_combination(after)
            return None if combination is None else self._integers(combination)

        return self.next_in_order(values, following)

    def next_in_order(
        self,
        values: Configuration,
        following: Callable[[Configuration], Configuration | None],
    ) -> Configuration | None:
        """The first feasible combination after ``values``."""
        raise NotImplementedError

    def next_combination(self, values: Configuration) -> Configuration | None:
        """The first feasible combination after ``values``."""
        return self._get_next_combination(values)

    def _integers(self, combination: Configuration) -> Configuration:
        """Stock gives floats for an ``Int`` with a logarithmic step, which no layer takes."""
        whole = {
            parameter.name
            for parameter in self.hyperparameters.space
            if isinstance(parameter, hp_types.Int)
        }
        return {
            name: int(value) if name in whole and isinstance(value, float) else value
            for name, value in combination.items()
        }

    def restore_order(self) -> None:
        """Rebuild the order of the tried combinations, which stock does not save."""
        known = [trial_id for trial_id in self.start_order if trial_id in self.trials]

        def compared(one: str, other: str) -> int:
            first, second = self.trials[one], self.trials[other]
            return int(self._compare(first.hyperparameters.values, second.hyperparameters.values))

        known.sort(key=functools.cmp_to_key(compared))
        previous = None
        for trial_id in known:
            self._ordered_ids.insert(trial_id, previous)
            previous = trial_id
        self._populate_next = list(known)


class BayesianHooks(OracleHooks):
    """The acquisition function of Bayesian optimisation, and the random state of its search."""

    def acquisition(self, configurations: Sequence[Values]) -> list[float]:
        """The lower confidence bound that stock minimises, by the process it fitted last.

        Args:
            configurations: values of what is active.
        """
        space = self._nonfixed_space()
        vectors = [
            [
                parameter.value_to_prob(values.get(parameter.name, parameter.default))
                for parameter in space
            ]
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
