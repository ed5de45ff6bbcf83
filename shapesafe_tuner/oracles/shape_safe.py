"""The mixin that makes an oracle hand out only configurations that can exist."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from shapesafe_tuner._compat.keras_tuner.processes import is_chief
from shapesafe_tuner._compat.types import (
    Configuration,
    HyperModel,
    HyperParameters,
    Trial,
    Values,
)
from shapesafe_tuner.checker import Checker
from shapesafe_tuner.errors import NoFeasibleConfigurationError
from shapesafe_tuner.escaping import visible
from shapesafe_tuner.memory import ConfigurationKey, configuration_key
from shapesafe_tuner.oracles.resumable import ResumableOracle
from shapesafe_tuner.project import rejection_file
from shapesafe_tuner.project.search_state import SearchState
from shapesafe_tuner.project.writing import RemoteFiles
from shapesafe_tuner.search.draws import Draws
from shapesafe_tuner.search.replacements import Proposals
from shapesafe_tuner.search.warning import warn_user
from shapesafe_tuner.tracing.question import question_of
from shapesafe_tuner.verdict import Rejection

__all__ = ["ShapeSafeOracle", "checked_option"]

MAX_DRAWS = 10_000
"""Draws from the oracle's own distribution for one candidate."""
MAX_JUDGED = 300
"""How many of these may cost a check; what known conflicts refuse is nearly free."""
MAX_KNOWN = 200
"""Draws in a row that known conflicts refuse, before feasible ones are constructed."""
MAX_LEARNED = 100
"""Rejections of an earlier process that are judged again when a search is resumed."""


class ShapeSafeOracle(ResumableOracle):
    """Mixin that refuses infeasible candidates before a trial exists.

    Put it before an oracle class of KerasTuner's or of your own:
    ``class MyOracle(ShapeSafeOracle, TheirOracle)``. Candidates that come out of
    ``_random_values`` are drawn again; any other infeasible proposal of ``populate_space`` is
    replaced by a feasible random one.

    The life of a trial:

    1. ``tuner.search`` holds the project (``sole_search``) and says what is searched, on which
       data (``judge_with``); then it asks for one trial after the other (``create_trial``).
    2. ``create_trial`` lets one thread in, decides about trials that were lost with a process
       (``ResumableOracle``) and learns again what was refused before a restart.
    3. KerasTuner calls ``populate_space``, which proposes a configuration. Where the proposal is
       drawn, ``next_feasible`` judges draw after draw; what is refused becomes a rejection.
    4. After many refusals in a row the nearest feasible configuration is taken (``repair``), or
       one is constructed from the tree of the space (``Proposals``).
    5. Any other proposal runs if it ``stands``; else ``replacement`` gives what runs instead.
    6. Only now there is a trial. Its state, and the rejections before it, are saved (``save``).
    7. The tuner trains it and reports (``update_trial``, ``end_trial``), as with KerasTuner.
    8. With nothing left, ``create_trial`` stops the search and says why; it raises where nothing
       was ever feasible.

    Args:
        on_infeasible: "resample" draws again; "repair" takes the nearest feasible configuration
            that was not tried; "warn" runs the trial and records it.
        *args, **kwargs: of the oracle class.

    Attributes:
        draws: what was drawn, refused and said so far.
    """

    draws: Draws

    def __init__(self, *args: Any, on_infeasible: str = "resample", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._start_judging(on_infeasible)

    def _start_judging(self, on_infeasible: str) -> None:
        self._on_infeasible = checked_option(on_infeasible)
        self._start_keeping()
        self._checker: Checker | None = None
        self._accepted: Configuration | None = None
        self._proposals: Proposals | None = None
        self._walked_to_the_end = False
        self._said_why_stopped = False
        self._has_learned = False
        self.draws = Draws()

    @property
    def rejections(self) -> list[Rejection]:
        """One record for each configuration that was refused, oldest first."""
        return self.draws.rejections

    @property
    def drawn(self) -> int:
        """How many candidates were judged."""
        return self.draws.number

    def bind(
        self,
        hypermodel: HyperModel,
        *,
        x: Any = None,
        y: Any = None,
        sample_weight: Any = None,
        validation_data: Any = None,
        batch_size: int | str | Callable[[Any], int] | None = None,
        max_model_size: int | None = None,
        constraints: Sequence[Callable[[HyperParameters], bool]] = (),
    ) -> None:
        """Say what is searched, for oracles used without a shape-safe tuner.

        Args: as for :func:`shapesafe_tuner.check`.
        """
        question = question_of(
            hypermodel, x, y, sample_weight, validation_data, batch_size,
            max_model_size=max_model_size, constraints=constraints,
        )  # fmt: skip
        self.judge_with(Checker(question))

    def judge_with(self, checker: Checker | None) -> None:
        """Use this checker from now on; None judges nothing, as stock does."""
        self._checker = checker
        self._proposals = None if checker is None else Proposals(checker, self.seed)
        self._walked_to_the_end = False
        self._has_learned = False

    def _learn_again(self) -> None:
        if self._proposals is not None and not self._has_learned:
            self._has_learned = True
            known = {
                _users_key(item.values): item.values for item in self.rejections[-MAX_LEARNED:]
            }
            with self.draws.timed():
                self._proposals.learn(known.values(), self.hyperparameters)

    def next_feasible(self, draw: Callable[[], Configuration | None]) -> Configuration | None:
        """The next candidate that may run, or None if there is none left."""
        if self._checker is None:
            return draw()
        assert self._proposals is not None
        judged = known_in_a_row = 0
        for _ in range(MAX_DRAWS):
            values = draw()
            if values is None:
                break
            if self._may_run(values):
                return values
            repaired = self._repaired(values)
            if repaired is not None:
                return repaired
            last = self.draws.last
            is_known = last is not None and last.verdict.stage == "conflict"
            judged += not is_known
            known_in_a_row = known_in_a_row + 1 if is_known else 0
            enough = judged >= MAX_JUDGED or known_in_a_row >= MAX_KNOWN
            if enough or self._proposals.knows_all or self._checker.always_fails is not None:
                # Where all is known, what is drawn from it has the distribution of the draws
                # that would be accepted.
                break
        return self._constructed()

    def _repaired(self, values: Values) -> Configuration | None:
        """The nearest feasible configuration that was not tried, where that is wanted."""
        if self._on_infeasible != "repair" or self._proposals is None:
            return None
        before = self.draws.seconds
        with self.draws.timed():
            repaired = self._proposals.nearest(
                _without_bookkeeping(values), self.hyperparameters, self.is_tried
            )
        if repaired is not None:
            self.draws.repaired(repaired, self.told_of_repairs, self.draws.seconds - before)
            self._accepted = repaired
        return repaired

    told_of_repairs: str | None = None
    """What the optimiser learns of a configuration that was repaired."""

    def _may_run(self, values: Values) -> bool:
        """Judge a candidate; record it when it is refused."""
        assert self._checker is not None
        plain = _without_bookkeeping(values)
        if plain == self._accepted:
            return True
        before = self.draws.seconds
        with self.draws.timed():
            verdict = self._checker.judge(plain, self.hyperparameters)
        self.draws.judged(verdict)
        if verdict:
            self._accepted = plain
            return True
        self.draws.refused(plain, verdict, self.draws.seconds - before)
        if self._on_infeasible == "warn":
            reason = verdict.fault.reason if verdict.fault is not None else "infeasible"
            warn_user(f"An infeasible configuration will run: {visible(reason)}")
            self._accepted = plain
            return True
        return False

    def _in_keras_words(self, rejection: Rejection) -> Rejection:
        if self._checker is None:
            return rejection
        verdict = self._checker.said_by_keras(
            rejection.values, rejection.verdict, self.hyperparameters
        )
        return dataclasses.replace(rejection, verdict=verdict)

    def _constructed(self) -> Configuration | None:
        assert self._proposals is not None
        with self.draws.timed():
            self._accepted = self._proposals.constructed(self.hyperparameters, self.is_tried)
        self._walked_to_the_end = self._proposals.exhausted
        return self._accepted

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """KerasTuner's proposal if it may run, else a feasible random configuration."""
        self.draws.trial_id = trial_id
        response: dict[str, Any] = super().populate_space(trial_id)
        values = response.get("values")
        judged = self._checker is not None and response["status"] == "RUNNING"
        if not judged or not values or "tuner/trial_id" in values or self.stands(values):
            return response
        replacement = self.replacement(values)
        if replacement is not None:
            kept = {name: value for name, value in values.items() if name.startswith(_OWN)}
            return {**response, "values": {**replacement, **kept}}
        return {"status": "IDLE" if self.ongoing_trials else "STOPPED", "values": None}

    def stands(self, values: Values) -> bool:
        """Whether a proposal runs as it is."""
        return self._may_run(values)

    def replacement(self, values: Values) -> Configuration | None:
        """What runs in place of a proposal that does not stand; None if nothing is left."""
        return self._repaired(values) or self.random_candidate()

    def create_trial(self, tuner_id: str) -> Trial:
        """As in KerasTuner; a refused draw makes no trial.

        Raises:
            NoFeasibleConfigurationError: nothing that was judged is feasible. A chief of a
                parallel search lets its workers end instead.
        """
        with self.locked():
            self._accepted = None
            self._learn_again()
            trial: Trial = super().create_trial(tuner_id)
            if trial.status == "STOPPED":
                self._say_why_stopped()
            self.draws.say(len(self.trials), bool(self.verbose), trial.status == "RUNNING")
            if self.has_project and not self.draws.are_saved_in(*self._file_of_draws()):
                self.save()
            return trial

    def _file_of_draws(self) -> tuple[str, RemoteFiles | None]:
        return self.file_beside_state(rejection_file.FILE), self.remote_files

    def assert_feasible(self) -> None:
        """Raise if no trial was made and something was refused.

        Raises:
            NoFeasibleConfigurationError: nothing that was judged is feasible.
        """
        if self._checker is None or self.trials or not self.rejections:
            return
        if self.has_project:
            self.save()
        refused = {_users_key(rejection.values) for rejection in self.rejections}
        judged = max(self._checker.judged, len(refused))
        raise NoFeasibleConfigurationError(
            self.rejections, judged, self._walked_to_the_end, self._in_keras_words
        )

    def _say_why_stopped(self) -> None:
        if self._checker is None or self._said_why_stopped:
            return
        if not is_chief():
            self.assert_feasible()
        full = self.max_trials and len(self.trials) >= self.max_trials
        if self._walked_to_the_end and not full and self.verbose:
            self._said_why_stopped = True
            tried = {_users_key(trial.hyperparameters.values) for trial in self.trials.values()}
            print(f"All {len(tried)} feasible configurations have been tried.")

    def keep(self, state: SearchState) -> SearchState:
        """Add the draws, and how many rejections belong to the state."""
        return self.draws.keep(super().keep(state))

    def restore(self, state: SearchState) -> None:
        """Take up what :meth:`keep` added, and read the rejections."""
        super().restore(state)
        for name, (given, kept) in self.ignored.items():
            self.draws.note(
                f"The project in {self.folder} goes on with {name}={kept!r}, as it was saved; "
                f"{name}={given!r} is ignored. Pass overwrite=True, or another project_name, to "
                "start anew."
            )
        self.draws.restore(state)
        if self.has_project:
            self.draws.read(*self._file_of_draws(), state.rejections)

    def save(self) -> None:
        """Write the rejections, then the state that counts them."""
        self.draws.save(*self._file_of_draws())
        super().save()


_OWN = "tuner/"
"""What Hyperband's own entries in a configuration begin with."""


def _without_bookkeeping(values: Values) -> Configuration:
    return {name: value for name, value in values.items() if not name.startswith(_OWN)}


def _users_key(values: Values) -> ConfigurationKey:
    """A configuration of the user's hyperparameters, to count different ones."""
    return configuration_key(_without_bookkeeping(values))


def checked_option(on_infeasible: str) -> str:
    """``on_infeasible`` if it is one that is known.

    Raises:
        ValueError: it is not.
    """
    if on_infeasible not in ("resample", "repair", "warn"):
        raise ValueError(
            f'on_infeasible must be "resample", "repair" or "warn", not {on_infeasible!r}.'
        )
    return on_infeasible
