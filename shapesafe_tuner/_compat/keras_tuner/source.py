"""The one source of the ``HyperParameters`` that ``build`` gets in analytic runs.

The quick one answers in a microsecond. Where ``build`` does what it has no answer for, all
later runs get KerasTuner's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from shapesafe_tuner._compat.keras_tuner.configurations import (
    RecordedHyperParameters,
    RecordedValues,
    configuration,
    lazy_configuration,
)
from shapesafe_tuner._compat.keras_tuner.domains import is_active
from shapesafe_tuner._compat.keras_tuner.quick import Declarations, QuickHyperParameters
from shapesafe_tuner._compat.types import HyperParameter, HyperParameters, Value, Values

__all__ = ["HyperParametersSource"]


class HyperParametersSource:
    """Makes the ``HyperParameters`` of one ``build``, run after run.

    Args:
        in_advance: names whose range the user fixed before ``build``.

    Attributes:
        stock: the quick one falls short; from now on it is KerasTuner's own.
    """

    def __init__(self, in_advance: Collection[str]) -> None:
        self._in_advance = in_advance
        self._declarations: Declarations | None = None
        self.stock = False

    def declarations(self, space: HyperParameters | None) -> Declarations:
        """What is declared in a space, read again where the space has grown."""
        known = self._declarations
        if known is None or (space is not None and len(space.space) != known.size):
            known = self._declarations = Declarations(space, self._in_advance)
        return known

    def chosen(
        self, space: HyperParameters | None, values: Values
    ) -> RecordedHyperParameters | QuickHyperParameters:
        """The one for a configuration; what has no value gets its default."""
        known = self.declarations(space)
        if self.stock:
            hp = configuration(space, values, self._in_advance)
            hp.values.names_read.clear()
            return hp
        chosen = dict(values)
        for first, _ in known.first.values():
            if first.name not in chosen and is_active(first, chosen):
                chosen[first.name] = first.default
        return QuickHyperParameters(RecordedValues(chosen), known)

    def quick(
        self,
        space: HyperParameters | None,
        values: Values,
        defer: Callable[[HyperParameter], Value],
    ) -> QuickHyperParameters:
        """The quick one, where ``defer`` gives what has no value when it is read."""
        return QuickHyperParameters(RecordedValues(values), self.declarations(space), defer)

    def kerastuners(
        self,
        space: HyperParameters | None,
        values: Values,
        defer: Callable[[HyperParameter], Value],
    ) -> RecordedHyperParameters:
        """KerasTuner's own, likewise."""
        return lazy_configuration(space, values, self._in_advance, defer)
