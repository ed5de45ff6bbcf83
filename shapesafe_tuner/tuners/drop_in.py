"""The four tuners of KerasTuner, searching only what can be built and trained.

Their parameters are KerasTuner's, by name, then those of :class:`ShapeSafeTuner`.
"""

from __future__ import annotations

import os
from typing import Any, Literal

import keras_tuner

from shapesafe_tuner._compat.types import Loss, Objective, Optimizer
from shapesafe_tuner.arguments import Constraints, Hypermodel, OnInfeasible
from shapesafe_tuner.tuners.mixin import ShapeSafeTuner

__all__ = ["BayesianOptimization", "GridSearch", "Hyperband", "RandomSearch"]


class RandomSearch(keras_tuner.RandomSearch, ShapeSafeTuner):  # type: ignore[misc]
    """``keras_tuner.RandomSearch`` that never runs a model which cannot exist.

    Args:
        on_infeasible, constraints, check_training_step: as for :class:`ShapeSafeTuner`. All
            others are those of ``keras_tuner.RandomSearch``.
    """

    def __init__(
        self,
        hypermodel: Hypermodel | None = None,
        objective: Objective = None,
        max_trials: int = 10,
        seed: int | None = None,
        hyperparameters: Any = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int = 3,
        *,
        max_model_size: int | None = None,
        optimizer: Optimizer = None,
        loss: Loss = None,
        metrics: Any = None,
        distribution_strategy: Any = None,
        directory: str | os.PathLike[str] | None = None,
        project_name: str | None = None,
        logger: Any = None,
        tuner_id: str | None = None,
        overwrite: bool = False,
        executions_per_trial: int = 1,
        on_infeasible: OnInfeasible = "resample",
        constraints: Constraints = (),
        check_training_step: bool | Literal["follow"] = True,
    ) -> None:
        super().__init__(  # type: ignore[call-arg]
            hypermodel=hypermodel,
            objective=objective,
            max_trials=max_trials,
            seed=seed,
            hyperparameters=hyperparameters,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
            max_model_size=max_model_size,
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            distribution_strategy=distribution_strategy,
            directory=directory,
            project_name=project_name,
            logger=logger,
            tuner_id=tuner_id,
            overwrite=overwrite,
            executions_per_trial=executions_per_trial,
            on_infeasible=on_infeasible,
            constraints=constraints,
            check_training_step=check_training_step,
        )


class BayesianOptimization(keras_tuner.BayesianOptimization, ShapeSafeTuner):  # type: ignore[misc]
    """``keras_tuner.BayesianOptimization`` that never runs a model which cannot exist.

    Args:
        on_infeasible, constraints, check_training_step: as for :class:`ShapeSafeTuner`. All
            others are those of ``keras_tuner.BayesianOptimization``.
    """

    def __init__(
        self,
        hypermodel: Hypermodel | None = None,
        objective: Objective = None,
        max_trials: int = 10,
        num_initial_points: int | None = None,
        alpha: float = 0.0001,
        beta: float = 2.6,
        seed: int | None = None,
        hyperparameters: Any = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int = 3,
        *,
        max_model_size: int | None = None,
        optimizer: Optimizer = None,
        loss: Loss = None,
        metrics: Any = None,
        distribution_strategy: Any = None,
        directory: str | os.PathLike[str] | None = None,
        project_name: str | None = None,
        logger: Any = None,
        tuner_id: str | None = None,
        overwrite: bool = False,
        executions_per_trial: int = 1,
        on_infeasible: OnInfeasible = "resample",
        constraints: Constraints = (),
        check_training_step: bool | Literal["follow"] = True,
    ) -> None:
        super().__init__(  # type: ignore[call-arg]
            hypermodel=hypermodel,
            objective=objective,
            max_trials=max_trials,
            num_initial_points=num_initial_points,
            alpha=alpha,
            beta=beta,
            seed=seed,
            hyperparameters=hyperparameters,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
            max_model_size=max_model_size,
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            distribution_strategy=distribution_strategy,
            directory=directory,
            project_name=project_name,
            logger=logger,
            tuner_id=tuner_id,
            overwrite=overwrite,
            executions_per_trial=executions_per_trial,
            on_infeasible=on_infeasible,
            constraints=constraints,
            check_training_step=check_training_step,
        )


class Hyperband(keras_tuner.Hyperband, ShapeSafeTuner):  # type: ignore[misc]
    """``keras_tuner.Hyperband`` that never runs a model which cannot exist.

    Args:
        on_infeasible, constraints, check_training_step: as for :class:`ShapeSafeTuner`. All
            others are those of ``keras_tuner.Hyperband``.
    """

    def __init__(
        self,
        hypermodel: Hypermodel | None = None,
        objective: Objective = None,
        max_epochs: int = 100,
        factor: int = 3,
        hyperband_iterations: int = 1,
        seed: int | None = None,
        hyperparameters: Any = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int = 3,
        *,
        max_model_size: int | None = None,
        optimizer: Optimizer = None,
        loss: Loss = None,
        metrics: Any = None,
        distribution_strategy: Any = None,
        directory: str | os.PathLike[str] | None = None,
        project_name: str | None = None,
        logger: Any = None,
        tuner_id: str | None = None,
        overwrite: bool = False,
        executions_per_trial: int = 1,
        on_infeasible: OnInfeasible = "resample",
        constraints: Constraints = (),
        check_training_step: bool | Literal["follow"] = True,
    ) -> None:
        super().__init__(  # type: ignore[call-arg]
            hypermodel=hypermodel,
            objective=objective,
            max_epochs=max_epochs,
            factor=factor,
            hyperband_iterations=hyperband_iterations,
            seed=seed,
            hyperparameters=hyperparameters,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
            max_model_size=max_model_size,
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            distribution_strategy=distribution_strategy,
            directory=directory,
            project_name=project_name,
            logger=logger,
            tuner_id=tuner_id,
            overwrite=overwrite,
            executions_per_trial=executions_per_trial,
            on_infeasible=on_infeasible,
            constraints=constraints,
            check_training_step=check_training_step,
        )


class GridSearch(keras_tuner.GridSearch, ShapeSafeTuner):  # type: ignore[misc]
    """``keras_tuner.GridSearch`` that never runs a model which cannot exist.

    Args:
        on_infeasible, constraints, check_training_step: as for :class:`ShapeSafeTuner`. All
            others are those of ``keras_tuner.GridSearch``.
    """

    def __init__(
        self,
        hypermodel: Hypermodel | None = None,
        objective: Objective = None,
        max_trials: int | None = None,
        seed: int | None = None,
        hyperparameters: Any = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int = 3,
        *,
        max_model_size: int | None = None,
        optimizer: Optimizer = None,
        loss: Loss = None,
        metrics: Any = None,
        distribution_strategy: Any = None,
        directory: str | os.PathLike[str] | None = None,
        project_name: str | None = None,
        logger: Any = None,
        tuner_id: str | None = None,
        overwrite: bool = False,
        executions_per_trial: int = 1,
        on_infeasible: OnInfeasible = "resample",
        constraints: Constraints = (),
        check_training_step: bool | Literal["follow"] = True,
    ) -> None:
        super().__init__(  # type: ignore[call-arg]
            hypermodel=hypermodel,
            objective=objective,
            max_trials=max_trials,
            seed=seed,
            hyperparameters=hyperparameters,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
            max_model_size=max_model_size,
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            distribution_strategy=distribution_strategy,
            directory=directory,
            project_name=project_name,
            logger=logger,
            tuner_id=tuner_id,
            overwrite=overwrite,
            executions_per_trial=executions_per_trial,
            on_infeasible=on_infeasible,
            constraints=constraints,
            check_training_step=check_training_step,
        )
