"""How KerasTuner's oracles are locked, saved and read back, as calls to public methods."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import threading
import weakref
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import keras_tuner

from shapesafe_tuner._compat.keras_tuner.modules import keras_tuner_module
from shapesafe_tuner._compat.types import Oracle, Trial
from shapesafe_tuner.errors import ProjectError
from shapesafe_tuner.project.search_state import KEY, SearchState
from shapesafe_tuner.project.writing import RemoteFiles, is_local, making, write_whole

__all__ = ["SavedOracle"]

_oracle = keras_tuner_module("engine.oracle")
_trial = keras_tuner_module("engine.trial")
_io = keras_tuner_module("backend.io")
_metrics = keras_tuner_module("engine.metrics_tracking")

_ENTRANCES: weakref.WeakKeyDictionary[Oracle, threading.RLock] = weakref.WeakKeyDictionary()
_MAKING = threading.Lock()
_DAMAGED = (ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError)


class SavedOracle(keras_tuner.Oracle):  # type: ignore[misc]
    """An oracle whose files are written whole, and whose lock no exception keeps."""

    trials: dict[str, Trial]
    ongoing_trials: dict[str, Trial]
    end_order: list[str]
    _retry_queue: list[str]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Let one thread at a time into the oracle, and free KerasTuner's lock whatever happens.

        ``synchronized`` keeps its lock when an exception leaves it, and takes two threads of the
        same name for one.
        """
        with _MAKING:
            entrance = _ENTRANCES.setdefault(self, threading.RLock())
        with entrance:
            held = _oracle.THREADS[self] == threading.current_thread().name
            try:
                yield
            finally:
                if not held and _oracle.THREADS[self] == threading.current_thread().name:
                    _oracle.THREADS[self] = None
                    _oracle.LOCKS[self].release()

    @property
    def has_project(self) -> bool:
        """Whether a tuner has told the oracle where its files are."""
        return getattr(self, "_project_name", None) is not None

    @property
    def _project_dir(self) -> str:
        with making(os.path.join(str(self._directory), self._project_name)):
            return str(super()._project_dir)

    @property
    def folder(self) -> str:
        """The project's directory; it is there."""
        return str(self._project_dir)

    def folder_of(self, trial_id: str) -> str:
        """The directory of a trial; it is there."""
        return str(self._get_trial_dir(trial_id))

    def file_beside_state(self, name: str) -> str:
        """Path of a file in the project's directory."""
        return self.folder + "/" + name

    @property
    def remote_files(self) -> RemoteFiles | None:
        """What reads and writes where the project is not on this machine's file system."""
        return None if is_local(self.folder) else _io

    @property
    def has_state(self) -> bool:
        """Whether a search was saved in the project."""
        return bool(_io.exists(self._get_oracle_fname()))

    def fingerprint(self) -> tuple[int, ...] | None:
        """Tells one saved state from another, for files of this machine."""
        path = self._get_oracle_fname()
        if not is_local(path) or not os.path.exists(path):
            return None
        known = os.stat(path)
        return known.st_mtime_ns, known.st_size, known.st_ino

    def save(self) -> None:
        """Write the state whole.

        Raises:
            ProjectError: it cannot be written; what was saved before is untouched.
        """
        path = self._get_oracle_fname()
        if is_local(path):
            write_whole(path, json.dumps(self.get_state()))
        else:
            super().save()

    def _save_trial(self, trial: Trial) -> None:
        path = os.path.join(self.folder_of(trial.trial_id), "trial.json")
        if is_local(path):
            write_whole(path, json.dumps(trial.get_state()))
        else:
            super()._save_trial(trial)

    def reload(self) -> None:
        """Read the project. What a process left that died between two files is put right.

        A trial whose file was written, but not the state that counts it, is forgotten: the state
        gives it again. A trial that ended while the state still had it running is not run again.

        Raises:
            ProjectError: a file is damaged; nothing was changed.
        """
        if not self.has_state:
            raise self._damage(KeyError("oracle.json"))
        try:
            super().reload()
        except ProjectError:
            raise
        except _DAMAGED as error:
            raise self._damage(error.__cause__ or error) from error
        known, ended = set(self.start_order), set(self.end_order)
        self.trials = {name: trial for name, trial in self.trials.items() if name in known}
        for name in (*self.start_order, *self.end_order):
            if name not in self.trials:
                raise self._damage(KeyError(f"trial_{name}/trial.json"))
        queue = dict.fromkeys(self._retry_queue)
        self._retry_queue = [name for name in queue if name not in ended]

    def get_state(self) -> dict[str, Any]:
        """KerasTuner's state, and ours under a key of its own."""
        return {**super().get_state(), KEY: self.keep(SearchState()).to_dict()}

    def keep(self, state: SearchState) -> SearchState:
        """Add to a state what this class saves; who overrides it adds to what ``super()`` gives."""
        return state

    def restore(self, state: SearchState) -> None:
        """Take up what :meth:`keep` added. KerasTuner's own state is there already."""

    def set_state(self, saved: dict[str, Any]) -> None:
        """Take up a state of ours or of stock KerasTuner's, and what ran when it was saved."""
        given = self._settings(saved)
        super().set_state(saved)
        kept = self._settings(saved)
        self.ignored = {
            name: (value, kept[name])
            for name, value in given.items()
            if value is not None and value != kept[name]
        }
        over = {*saved["end_order"], *saved["retry_queue"]}
        running = saved["ongoing_trials"].items()
        self.interrupted = {worker: name for worker, name in running if name not in over}
        self.restore(SearchState.of(saved))

    ignored: Mapping[str, tuple[Any, Any]] = MappingProxyType({})
    """Settings that a saved project overrules: what was given, and what holds."""

    def _settings(self, saved: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of constructors that KerasTuner saves and takes up again.

        The seed is not among them: without one, KerasTuner draws another each time.
        """
        parameters = {
            name
            for cls in type(self).__mro__
            if "__init__" in vars(cls)
            for name in inspect.signature(vars(cls)["__init__"]).parameters
        }
        names = sorted(parameters & set(saved) - {"hyperparameters", "seed"})
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    interrupted: Mapping[str, str] = MappingProxyType({})
    """Trials that ran when the project was saved last, by the tuners that ran them."""

    def _damage(self, error: BaseException) -> ProjectError:
        """Which file of the project cannot be read, and what to do."""
        paths = sorted(_io.glob(os.path.join(self.folder, "trial_*", "trial.json")))
        damages = ((path, _damage_of(path)) for path in paths)
        first = ((path, damage) for path, damage in damages if damage is not None)
        where, found = next(first, (self._get_oracle_fname(), error))
        said = f"{found.args[0]} is missing" if isinstance(found, KeyError) else str(found)
        return ProjectError(
            f"{where} cannot be read as the state of a search ({said}). It was left as it is: "
            "restore it, give another `project_name`, or pass `overwrite=True` to start anew."
        )

    def keep_running(self, tuner_id: str, trial_id: str) -> None:
        """Take a trial back from the queue of those to run again: its worker may still be there."""
        self._retry_queue.remove(trial_id)
        self.ongoing_trials[tuner_id] = self.trials[trial_id]

    def run_again(self, trial_id: str) -> None:
        """Put a trial that was lost in the queue, without what it had reported."""
        for tuner_id, trial in list(self.ongoing_trials.items()):
            if trial.trial_id == trial_id:
                del self.ongoing_trials[tuner_id]
        trial = self.trials[trial_id]
        trial.metrics, trial.score, trial.message = _metrics.MetricsTracker(), None, None
        if trial_id not in self._retry_queue:
            self._retry_queue.append(trial_id)

    def give_up(self, trial_id: str, why: str) -> None:
        """End a trial as FAILED; it is not run again."""
        trial = self.trials[trial_id]
        self._retry_queue = [name for name in self._retry_queue if name != trial_id]
        trial.status, trial.message = "FAILED", why
        try:
            self.end_trial(trial)
        except BaseException:
            self.run_again(trial_id)
            raise

    def end_trial(self, trial: Trial, *args: object, **kwargs: object) -> None:
        """As in KerasTuner; a trial that could not be ended is not counted as ended."""
        trial_id = getattr(trial, "trial_id", trial)
        runs = self._run_times[trial_id]
        try:
            super().end_trial(trial, *args, **kwargs)
        except BaseException:
            self._run_times[trial_id] = runs
            self.end_order = [name for name in self.end_order if name != trial_id]
            raise

    @property
    def has_work(self) -> bool:
        """Whether a trial runs, or waits to be run again."""
        return bool(self.ongoing_trials or self._retry_queue)

    def nothing_more(self) -> Trial:
        """What a tuner gets that is to stop."""
        trial: Trial = _trial.Trial(hyperparameters=self.get_space(), status="STOPPED")
        return trial


def _damage_of(path: str) -> Exception | None:
    """What keeps the file of a trial from being read."""
    try:
        _trial.Trial.load(path)
    except _DAMAGED as damage:
        return damage
    return None
