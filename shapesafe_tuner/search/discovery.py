"""Find the hyperparameters of a space whose default configuration cannot be built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shapesafe_tuner._compat.keras_tuner.configurations import configuration
from shapesafe_tuner._compat.types import HyperParameters, Model, Oracle, Values
from shapesafe_tuner.space.enumeration import sample
from shapesafe_tuner.tracing.environment import Check, check_environment
from shapesafe_tuner.tracing.symbolic import build_model

__all__ = ["complete_space"]

MAX_BUILDS = 300
TRIES_PER_SCOPE = 20


def complete_space(build: Callable[[HyperParameters], Model], oracle: Oracle) -> bool:
    """Register what is read after the layer that fails under the defaults.

    Random configurations are built without weights until one succeeds, and until each
    conditional scope that was met has been entered, as KerasTuner does from the defaults.

    Args:
        build: ``hp -> keras.Model``.
        oracle: whose search space is extended.

    Returns:
        Whether a configuration was found that builds.
    """
    scopes = _Scopes()
    found = False
    for attempt in range(MAX_BUILDS):
        wanted = scopes.next_to_enter() if found else {}
        if found and wanted is None:
            break
        space = oracle.get_space()
        hp = configuration(space, sample(space, attempt, wanted))
        check = Check()
        with check_environment(check):
            built = build_model(build, hp, check)
        oracle.update_space(hp)
        scopes.saw(hp, whole=built.model is not None)
        found = found or built.model is not None
        if built.model is None and not hp.values.read():
            break  # it fails before it reads anything: no value can help
    return found


class _Scopes:
    """The conditional scopes that builds met, and which of them were entered."""

    def __init__(self) -> None:
        self._entered: list[Any] = []
        self._waiting: list[tuple[Any, int]] = []

    def saw(self, hp: HyperParameters, *, whole: bool) -> None:
        """Take in one build; a scope counts as entered when the build was ``whole``."""
        if whole:
            self._entered += [scope for scope in hp.active_scopes if scope not in self._entered]
        for scope in (*hp.inactive_scopes, *hp.active_scopes):
            if all(scope != waiting for waiting, _ in self._waiting):
                self._waiting.append((scope, 0))
        self._waiting = [(scope, n) for scope, n in self._waiting if scope not in self._entered]

    def next_to_enter(self) -> Values | None:
        """Values that enter a scope not seen from inside; None when there is none left."""
        self._waiting = [(scope, n) for scope, n in self._waiting if n < TRIES_PER_SCOPE]
        if not self._waiting:
            return None
        scope, tries = self._waiting.pop(0)
        self._waiting.append((scope, tries + 1))
        return {condition.name: condition.values[0] for condition in scope}
