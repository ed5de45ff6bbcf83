"""How KerasTuner's tuners build, run and save, as calls to public methods."""

from __future__ import annotations

import contextlib
import copy
import functools
import json
import os
from collections.abc import Callable
from typing import Any

import keras
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

    def _configure_tensorboard_dir(self, callbacks: Any, *args: Any, **kwargs: Any) -> None:
        """As in KerasTuner, which imports tensorboard even if no callback needs it."""
        if any(type(callback).__name__ == "TensorBoard" for callback in callbacks):
            super()._configure_tensorboard_dir(callbacks, *args, **kwargs)

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

    def _rehearse(
        self,
        hp: HyperParameters,
        build: Callable[[Callable[[HyperParameters], object], HyperParameters], object],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Run a trial's own code, on copies of tuner and hypermodel, up to the first ``fit``.

        Args:
            hp: the configuration.
            build: takes the ``build`` of the hypermodel and the configuration, and gives what
                stands for a model.
            args, kwargs: of ``search``.
        """
        _rehearse_in_place_of_trials()
        hypermodel, twin = copy.copy(self.hypermodel), copy.copy(self)
        twin.__class__ = type(type(self).__name__, (type(self), _Rehearsing), {})
        twin.hypermodel = hypermodel
        if hypermodel is not None:
            hypermodel.build = functools.partial(build, hypermodel.build)
        trial = keras_tuner_module("engine.trial").Trial(hp, trial_id="rehearsal", status="RUNNING")
        twin.run_trial(trial, *args, **kwargs)

    @property
    def _own_code(self) -> list[tuple[Any, type]]:
        """The user's functions between ``search`` and ``fit``, and the classes they are of."""
        methods = [
            (getattr(self, name), type(self))
            for name in ("run_trial", "_build_and_fit_model")
            if overrides(self, name)
        ]
        if self.hypermodel is not None and overrides(self.hypermodel, "fit"):
            methods.append((self.hypermodel.fit, type(self.hypermodel)))
        return methods

    def _build_as_trial(self, hp: HyperParameters) -> Model:
        """Build as a trial does: with the tuner's strategy and compile arguments."""
        return self._build_hypermodel(hp)

    @property
    def _trains_by_itself(self) -> str | None:
        """Where user code may change the data on its way to ``fit``, by name; else None."""
        for method in ("run_trial", "_build_and_fit_model"):
            if overrides(self, method):
                return f"{type(self).__name__}.{method}"
        if self.hypermodel is not None and overrides(self.hypermodel, "fit"):
            return f"{type(self.hypermodel).__name__}.fit"
        return None


class _Rehearsing(keras_tuner.Tuner):  # type: ignore[misc]
    """What stands behind the user's own methods, before KerasTuner's, in a rehearsal."""

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        """As in KerasTuner, once and without files."""
        own = [keras.callbacks.Callback(), keras.callbacks.Callback()]
        kwargs["callbacks"] = [*(kwargs.get("callbacks") or ()), *own]
        return [self._build_and_fit_model(trial, *args, **kwargs)]

    def _try_build(self, hp: HyperParameters) -> object:
        return self._build_hypermodel(hp)

    def _override_compile_args(self, model: object) -> None:
        if isinstance(model, keras.Model):
            super()._override_compile_args(model)


@functools.cache
def _rehearse_in_place_of_trials() -> None:
    """``keras_tuner.Tuner.run_trial(self, ..)``, called by its name, leads to a rehearsal too."""
    run_trial = keras_tuner.Tuner.run_trial

    @functools.wraps(run_trial)
    def run(self: keras_tuner.Tuner, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self, _Rehearsing):
            return _Rehearsing.run_trial(self, trial, *args, **kwargs)
        return run_trial(self, trial, *args, **kwargs)

    keras_tuner.Tuner.run_trial = run


def _checked(state: object) -> dict[str, object]:
    if not isinstance(state, dict):
        raise TypeError(f"a JSON object was expected, not {type(state).__name__}")
    return state
