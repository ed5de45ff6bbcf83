"""What makes a tuner of KerasTuner search only what can be built and trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Literal

from shapesafe_tuner._compat.interruption import interruptible
from shapesafe_tuner._compat.keras_tuner.processes import is_chief, is_worker
from shapesafe_tuner._compat.keras_tuner.tuner_hooks import TunerHooks
from shapesafe_tuner._compat.types import HyperModel, HyperParameters, Model, Oracle, Trial
from shapesafe_tuner.arguments import Constraints, OnInfeasible, checked_constraints
from shapesafe_tuner.checker import Checker
from shapesafe_tuner.findings.rejections import Rejections
from shapesafe_tuner.oracles import ShapeSafeOracle, shape_safe_oracle
from shapesafe_tuner.project.crash_notes import crash_noted
from shapesafe_tuner.report.failures import reason_of
from shapesafe_tuner.report.text import FailedTrial, feasibility_summary
from shapesafe_tuner.search.arguments import FitArguments
from shapesafe_tuner.search.discovery import complete_space
from shapesafe_tuner.search.preview import assert_reported, assert_saved, preview
from shapesafe_tuner.search.rehearsal import Rehearsal, register_what_fit_reads, rehearsal_of
from shapesafe_tuner.search.tensorboard import ShowsRejections
from shapesafe_tuner.tracing.attribution import Origin, attribute
from shapesafe_tuner.tracing.data.iterables import give_back
from shapesafe_tuner.tracing.data.spec import DataSpec
from shapesafe_tuner.tracing.environment import discovery_environment
from shapesafe_tuner.tracing.following.given import GivenData
from shapesafe_tuner.tracing.question import Question
from shapesafe_tuner.tracing.signals import Undecidable
from shapesafe_tuner.verdict import Rejection

__all__ = ["ShapeSafeTuner"]


class ShapeSafeTuner(ShowsRejections, TunerHooks):
    """What makes a ``keras_tuner.Tuner`` shape-safe; put it last among the bases.

    Args:
        oracle, hypermodel, *args, **kwargs: as for ``keras_tuner.Tuner``.
        on_infeasible: "resample" draws again; "repair" takes the nearest feasible configuration
            that was not tried (a grid goes on to the next one); "warn" runs the trial and records
            it.
        constraints: callables ``hp -> bool``; a configuration for which one is False is refused.
        check_training_step: False judges the build alone, whatever data ``search`` gets. True
            follows a ``HyperModel.fit``, ``run_trial`` or ``_build_and_fit_model`` of your own
            where it is known to have no side effect before its first ``fit``; "follow" follows
            any, guarded: on copies and read-only data, up to the first write of a file.
    """

    _judging_oracle: Oracle = None
    _on_infeasible: OnInfeasible = "resample"
    _constraints: tuple[Callable[[Any], bool], ...] = ()
    _check_training_step: bool | Literal["follow"] = True
    _in_advance: list[str] | None = None
    _is_ready = False

    def __init__(
        self,
        oracle: Oracle,
        hypermodel: HyperModel = None,
        *args: Any,
        on_infeasible: OnInfeasible = "resample",
        constraints: Constraints = (),
        check_training_step: bool | Literal["follow"] = True,
        **kwargs: Any,
    ) -> None:
        self._set_up(on_infeasible, constraints, check_training_step)
        super().__init__(oracle, hypermodel, *args, **kwargs)
        self._get_ready()

    def _set_up(
        self,
        on_infeasible: OnInfeasible = "resample",
        constraints: Constraints = (),
        check_training_step: bool | Literal["follow"] = True,
    ) -> None:
        """Take the settings, once: before the constructor of any class that may be among them."""
        if "_on_infeasible" not in vars(self):
            self._on_infeasible = on_infeasible
            self._constraints = tuple(checked_constraints(type(self).__name__, constraints))
            self._check_training_step = check_training_step

    @property
    def oracle(self) -> Oracle:
        """As in KerasTuner. An oracle becomes shape-safe when the tuner gets it."""
        return self._own_oracle

    @oracle.setter
    def oracle(self, oracle: Oracle) -> None:
        if self._judging_oracle is None:
            oracle = self._judging_oracle = shape_safe_oracle(oracle, self._on_infeasible)
        self._own_oracle = oracle

    def _get_ready(self) -> None:
        """What follows KerasTuner's constructor, once."""
        if self._is_ready:
            return
        self._is_ready = True
        if is_worker():
            from shapesafe_tuner._compat.keras_tuner.rpc import Client

            self.oracle = Client(self.oracle)
        elif isinstance(self._judging_oracle, ShapeSafeOracle):
            self._judging_oracle.take_up()
        self._judge_on(None)

    def _discover_space(self, activate: Callable[[], None]) -> None:
        """Find the hyperparameters with stock's builds, weightless.

        Where stock's constructor would crash on a configuration that cannot exist, the space is
        completed from others that can. Any other error surfaces as it would in stock.
        """
        self._in_advance = [item.name for item in self._judging_oracle.hyperparameters.space]
        with discovery_environment():
            try:
                activate()
                return
            except KeyboardInterrupt:
                raise
            except (Exception, Undecidable) as error:
                attribution = attribute(error)
        infeasible = attribution.origin in (Origin.FAULT, Origin.DECLARED)
        found = infeasible and complete_space(self.hypermodel.build, self._judging_oracle)
        if not infeasible or (attribution.by_keras_tuner and not found):
            activate()

    def _judge_on(
        self,
        data: DataSpec | None,
        rehearsal: Rehearsal | None = None,
        given: GivenData | None = None,
    ) -> None:
        if not isinstance(self._judging_oracle, ShapeSafeOracle):
            return
        rehearsal = rehearsal or Rehearsal(builds_alone=self.hypermodel is not None)
        if not rehearsal.builds_alone and rehearsal.source is None:
            self._judging_oracle.judge_with(None)
            return
        known = [item.name for item in self._judging_oracle.hyperparameters.space]
        self._judging_oracle.judge_with(
            Checker(
                Question(
                    _builds_nothing if self.hypermodel is None else self._build_as_trial,
                    data=data,
                    unjudged=rehearsal.unjudged,
                    given=given,
                    source=rehearsal.source,
                    in_advance=frozenset(known if self._in_advance is None else self._in_advance),
                    max_model_size=self.max_model_size,
                    constraints=tuple(self._constraints),
                    saves=self._trains_by_itself is None,
                )
            )
        )

    @interruptible
    def search(self, *fit_args: Any, **fit_kwargs: Any) -> Any:
        """As ``keras_tuner.Tuner.search``; the shapes of the data are read from its arguments.

        Raises:
            NoFeasibleConfigurationError: no configuration of the space can be built and trained.
        """
        self._get_ready()
        if is_worker():
            try:
                return super().search(*fit_args, **fit_kwargs)
            finally:
                self.oracle.leave()
        everything = self._check_training_step == "follow"
        given = GivenData(fit_args, fit_kwargs, everything=everything)
        with given, self._judging_oracle.sole_search():
            data = rehearsal = None
            if self.hypermodel is not None or self._check_training_step:
                if self._trains_by_itself is not None:
                    rehearsal = self._rehearsal(given)
                elif self._check_training_step:
                    data = self._look_at(FitArguments(fit_args, fit_kwargs))
                self._judge_on(data, rehearsal, given)
                fit_args = tuple(give_back(argument) for argument in fit_args)
                fit_kwargs = {name: give_back(value) for name, value in fit_kwargs.items()}
            self.save()  # a search killed in its first trial resumes too
            verbose = bool(fit_kwargs.get("verbose", 1))
            self._say_what_is_not_judged(rehearsal, verbose)
            if not is_chief():
                results = super().search(*fit_args, **fit_kwargs)
                if verbose:  # KerasTuner has cleared the cell of a notebook
                    self.feasibility_summary()
                return results
            if "verbose" in fit_kwargs:
                self.oracle.verbose = fit_kwargs["verbose"]
            from shapesafe_tuner.search.chief import serve

            with self._showing_rejections(fit_kwargs.get("callbacks")):
                return serve(self._judging_oracle)

    def _say_what_is_not_judged(self, rehearsal: Rehearsal | None, verbose: bool) -> None:
        """Once, before the first trial; the summary says it again."""
        why = None
        if self.hypermodel is None:
            if rehearsal is not None and rehearsal.unjudged:
                self._judging_oracle.draws.unjudged = (
                    f"the build and the training step, because {rehearsal.unjudged}"
                )
                if verbose:
                    print(f"Nothing is judged, because {rehearsal.unjudged}.\n")
        elif not self._check_training_step:
            why = "check_training_step is False"
        elif rehearsal is not None:
            why = rehearsal.unjudged
        if why is not None and isinstance(self._judging_oracle, ShapeSafeOracle):
            self._judging_oracle.draws.unjudged = f"the training step, because {why}"
            if verbose:
                print(f"The build alone is judged, not the training step, because {why}.\n")

    def _rehearsal(self, given: GivenData) -> Rehearsal:
        """How the user's own code between ``search`` and ``fit`` is followed, or why it is not."""
        oracle, follow = self._judging_oracle, self._check_training_step
        known = self._in_advance or ()
        rehearsal = rehearsal_of(self, given, known)
        if not follow:
            return dataclasses.replace(rehearsal, source=None, unjudged=None)
        if rehearsal.source is not None:
            unjudged = register_what_fit_reads(oracle, rehearsal.source)
            if unjudged is not None:
                rehearsal = dataclasses.replace(rehearsal, source=None, unjudged=unjudged)
        return rehearsal

    def _look_at(self, given: FitArguments) -> DataSpec | None:
        """The batches that ``model.fit`` will make of the arguments of ``search``.

        Raises:
            FatalValueError, FatalTypeError: every trial would fail with them.
        """
        space = self._judging_oracle.hyperparameters
        shown = preview(self._build_as_trial, space, given.data)
        if shown is not None and shown.fit is not None:
            given.assert_bound_by(shown.fit)
            return given.data
        given.assert_taken()
        if shown is not None:
            assert_saved(shown)
            assert_reported(self._judging_oracle.objective, shown, given)
        return given.data

    def on_trial_end(self, trial: Trial) -> None:
        """As in KerasTuner; a chief in another process is sent why a trial failed."""
        if is_worker() and trial.message:
            trial.message = reason_of(trial.message)
        super().on_trial_end(trial)

    def _around_trial(self, trial: Trial) -> AbstractContextManager[None]:
        """A crash in native code leaves a note in the trial's folder."""
        return crash_noted(self.get_trial_dir(trial.trial_id))

    @property
    def rejections(self) -> list[Rejection]:
        """One record for each configuration that was refused, oldest first; shown as a table."""
        return Rejections(getattr(self._judging_oracle, "rejections", ()))

    def feasibility_summary(self) -> None:
        """Print what was rejected, why, and the time it cost."""
        oracle = self._judging_oracle
        failed = [
            FailedTrial(trial.hyperparameters.values, reason_of(trial.message, trial.score))
            for trial in oracle.trials.values()
            if trial.status in ("FAILED", "INVALID")
        ]
        print(feasibility_summary(oracle.draws, failed))


def _builds_nothing(hp: HyperParameters) -> Model:
    """Stands for the hypermodel of a tuner that has none."""
    raise Undecidable("run_trial builds the model itself")
