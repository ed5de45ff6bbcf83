"""Private names of KerasTuner: how its oracles draw, how its tuners build.

The wheel has its modules under ``keras_tuner.src``, the repository directly under
``keras_tuner``; both are served.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras_tuner

__all__ = [
    "GridHooks",
    "OracleHooks",
    "RecordedValues",
    "TunerHooks",
    "active_defaults",
    "as_hypermodel",
    "configuration",
    "domain",
    "is_chief",
    "overrides",
]


def _module(name: str) -> Any:
    try:
        return importlib.import_module(f"keras_tuner.src.{name}")
    except ImportError:
        return importlib.import_module(f"keras_tuner.{name}")


_oracle = _module("engine.oracle")
_hypermodel = _module("engine.hypermodel")
_distribute = _module("distribute.utils")
_hp_types = _module("engine.hyperparameters.hp_types")
_utils = _module("utils")


class RecordedValues(dict[str, Any]):
    """A configuration's values that remembers which were read, in what order.

    Attributes:
        names_read: names in the order of their first reading.
        frozen: hyperparameters registered again with another range: the first range, which
            holds, and the last one asked for.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.names_read: dict[str, None] = {}
        self.frozen: dict[str, tuple[str, str]] = {}

    def __getitem__(self, name: str) -> Any:
        self.names_read[name] = None
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.names_read[str(name)] = None
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.names_read[name] = None
        return super().get(name, default)

    def items(self) -> Any:
        self.names_read.update(dict.fromkeys(self))
        return super().items()

    def values(self) -> Any:
        self.names_read.update(dict.fromkeys(self))
        return super().values()

    def read(self) -> dict[str, Any]:
        """The values that were read, in the order of their first reading."""
        return {name: dict.__getitem__(self, name) for name in self.names_read if name in self._own}

    @property
    def _own(self) -> set[str]:
        return set(self.keys())


def configuration(space: Any, values: Mapping[str, Any]) -> Any:
    """A ``HyperParameters`` as a trial gets it, whose ``values`` record what is read.

    Args:
        space: the ``HyperParameters`` known so far, or None.
        values: chosen values; active hyperparameters without one take their default.
    """
    hp = keras_tuner.HyperParameters() if space is None else space.copy()
    hp.values = dict(values)
    for known in hp.space:
        if known.name not in hp.values and hp.is_active(known):
            hp.values[known.name] = known.default
    hp.values = RecordedValues(hp.values)
    _notice_frozen_bounds(hp)
    return hp


def _notice_frozen_bounds(hp: Any) -> None:
    """Note in ``hp.values.frozen`` which later registrations KerasTuner ignores."""
    retrieve = hp._retrieve

    def noticing(asked: Any) -> Any:
        for known in hp._hps.get(asked.name, ()):
            same_place = known.conditions == asked.conditions
            if same_place and _range_of(known) != _range_of(asked):
                hp.values.frozen[asked.name] = (_range_of(known), _range_of(asked))
        return retrieve(asked)

    hp._retrieve = noticing


def _range_of(hp: Any) -> str:
    if isinstance(hp, _hp_types.Choice):
        return f"one of {list(hp.values)}"
    if isinstance(hp, (_hp_types.Fixed, _hp_types.Boolean)):
        return "fixed" if isinstance(hp, _hp_types.Fixed) else "True or False"
    step = f", step {hp.step}" if hp.step not in (None, 1) else ""
    return f"{hp.min_value} to {hp.max_value}{step}"


def active_defaults(space: Any) -> dict[str, Any]:
    """The default of every hyperparameter that is active under the defaults."""
    return dict(configuration(space, {}).values.items())


def domain(hp: Any) -> Sequence[Any] | None:
    """The values KerasTuner's random sampling can give a hyperparameter.

    Returns:
        A sequence, or None where there are infinitely many (a ``Float`` without a step).
    """
    if isinstance(hp, _hp_types.Fixed):
        return [hp.value]
    if isinstance(hp, _hp_types.Boolean):
        return [True, False]
    if isinstance(hp, _hp_types.Choice):
        return list(dict.fromkeys(hp.values))
    if hp.step is not None:
        values = (hp._get_value_by_index(index) for index in range(hp._get_n_values()))
        cast = int if isinstance(hp, _hp_types.Int) else float
        return _Stepped(hp, cast) if hp.sampling == "linear" else [cast(v) for v in values]
    if isinstance(hp, _hp_types.Int):
        return range(hp.min_value, hp.max_value + 1)
    return None


class _Stepped(Sequence[Any]):
    """The values of a linear step, computed when asked for: there may be a million."""

    def __init__(self, hp: Any, cast: Callable[[Any], Any]) -> None:
        self._hp = hp
        self._cast = cast

    def __len__(self) -> int:
        return int(self._hp._get_n_values())

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._cast(self._hp._get_value_by_index(index))


def outside_domain(hp: Any, value: Any) -> bool:
    """Whether ``value`` is none that the hyperparameter was declared to take."""
    if isinstance(hp, (_hp_types.Fixed, _hp_types.Boolean, _hp_types.Choice)):
        return value not in list(hp.values)
    if isinstance(value, (bool, str)) or not math.isfinite(value):
        return True
    return not hp.min_value <= value <= hp.max_value


def as_hypermodel(hypermodel: Any) -> Any:
    """A ``HyperModel`` for a callable, as the tuners make it."""
    return _hypermodel.get_hypermodel(hypermodel)


def overrides(instance: Any, method: str) -> bool:
    """Whether a method is the user's own rather than KerasTuner's or this package's."""
    if method in vars(instance):
        return True
    owner = next(cls for cls in type(instance).__mro__ if method in cls.__dict__)
    return owner.__module__.split(".")[0] not in ("keras_tuner", "shapesafe_tuner")


def is_chief() -> bool:
    """Whether this process holds the oracle of a parallel search."""
    return bool(_distribute.is_chief_oracle())


def is_worker() -> bool:
    """Whether this process runs trials for a chief elsewhere."""
    return bool(_distribute.has_chief_oracle()) and not is_chief()


class OracleHooks(keras_tuner.Oracle):  # type: ignore[misc]
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

    def release_lock(self) -> None:
        """Free the lock that ``synchronized`` keeps when an exception leaves it."""
        if _oracle.THREADS[self] is not None:
            _oracle.THREADS[self] = None
            _oracle.LOCKS[self].release()

    def file_beside_state(self, name: str) -> str:
        """Path of a file in the project's directory."""
        return str(self._project_dir) + "/" + name

    @property
    def has_project(self) -> bool:
        """Whether a tuner has told the oracle where its files are."""
        return getattr(self, "_project_name", None) is not None


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
        import functools

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


class TunerHooks(keras_tuner.Tuner):  # type: ignore[misc]
    """How KerasTuner's tuners build models, as calls to public methods."""

    def discover_space(self, activate: Callable[[], None]) -> None:
        """Find the hyperparameters; ``activate`` makes stock's builds."""
        raise NotImplementedError

    def _activate_all_conditions(self) -> None:
        self.discover_space(super()._activate_all_conditions)

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


def inactive_scopes(hp: Any) -> Iterator[Any]:
    """The conditional scopes that a build met and did not enter."""
    yield from hp.inactive_scopes
