"""How KerasTuner's tuners build, run and save, as calls to public methods."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable

import keras_tuner

from shapesafe_tuner._compat.keras_tuner.hypermodels import overrides
from shapesafe_tuner._compat.keras_tuner.modules import keras_tuner_module
from shapesafe_tuner._compat.keras_tuner.processes import is_worker
from shapesafe_tuner._compat.types import HyperParameters, Model, Trial
from shapesafe_tuner.project.writing import (
    is_local,
    making,
    reading,
    stopping_at_a_full_disk,
    write_whole,
)

__all__ = ["TunerHooks"]


class TunerHooks(keras_tuner.Tuner):  # type: ignore[misc]
    """How KerasTuner's tuners build models, as calls to public methods."""

    def _discover_space(self, activate: Callable[[], None]) -> None:
        """Find the hyperparameters; ``activate`` makes stock's builds."""
        raise NotImplementedError

    def _activate_all_conditions(self) -> None:
        self._discover_space(super()._activate_all_conditions)

    def _around_trial(self, trial: Trial) -> contextlib.AbstractContextManager[None]:
        """What a trial runs in."""
        raise NotImplementedError

    def _try_run_and_update_trial(self, trial: Trial, *args: object, **kwargs: object) -> None:
        with self._around_trial(trial):
            super()._try_run_and_update_trial(trial, *args, **kwargs)

    def _run_and_update_trial(self, trial: Trial, *args: object, **kwargs: object) -> None:
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

    @property
    def project_dir(self) -> str:
        """As in KerasTuner; one error where it cannot be made."""
        with making(os.path.join(str(self.directory), self.project_name)):
            return str(super().project_dir)

    def reload(self) -> None:
        """Read the project; nothing is changed where a file is damaged.

        Raises:
            ProjectError: a file is damaged.
        """
        if not is_worker():
            self.oracle.reload()
        path = self._get_tuner_fname()
        with reading(path, "the state of a tuner"):
            state = _checked(keras_tuner_module("utils").load_json(path))
        self.set_state(state)

    def _build_as_trial(self, hp: HyperParameters) -> Model:
        """Build as a trial does: with the tuner's strategy and compile arguments."""
        return self._build_hypermodel(hp)

    @property
    def _trains_by_itself(self) -> str | None:
        """Where user code may change the data on its way to ``fit``, by name; else None."""
        for method in ("run_trial", "_build_and_fit_model"):
            if overrides(self, method):
                return f"{type(self).__name__}.{method}"
        if overrides(self.hypermodel, "fit"):
            return f"{type(self.hypermodel).__name__}.fit"
        return None


def _checked(state: object) -> dict[str, object]:
    if not isinstance(state, dict):
        raise TypeError(f"a JSON object was expected, not {type(state).__name__}")
    return state
