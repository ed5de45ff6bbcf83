"""Data that depends on hyperparameters: given by functions of ``hp``, or by a name.

What such a function reads is part of the search space, as what ``build`` reads is. It gets plain
values: a value that is not chosen yet is demanded the moment it is read.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from shapesafe_tuner._compat.keras_tuner.configurations import (
    RecordedHyperParameters,
    configuration,
    lazy_configuration,
    registered,
)
from shapesafe_tuner._compat.types import HyperParameter, HyperParameters, Value, Values
from shapesafe_tuner.escaping import listed
from shapesafe_tuner.memory import ConfigurationKey, configuration_key
from shapesafe_tuner.tracing.attribution import Origin, attribute
from shapesafe_tuner.tracing.data.reading import read_data
from shapesafe_tuner.tracing.data.spec import DataSpec
from shapesafe_tuner.tracing.environment import Check, check_environment
from shapesafe_tuner.tracing.lazy import Proxy
from shapesafe_tuner.tracing.signals import Undecidable
from shapesafe_tuner.tracing.symbolic import build_model

__all__ = [
    "DataSource", "Found", "GivenByValues", "MemoryOfReads", "by_name", "plain_value", "value_for",
    "varies_with_values",
]  # fmt: skip

_MOST = 4096
"""Different values read for which the data is remembered."""


@dataclasses.dataclass(frozen=True)
class Found:
    """The data of one configuration.

    Attributes:
        data: its batches; None where they are not known.
        unjudged: why they are not known.
        read: the values that decided, by name.
        whole: they are only known with the model, as the user's own code looks at it before.
    """

    data: DataSpec | None
    unjudged: str | None = None
    read: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    whole: bool = False


class MemoryOfReads:
    """What was found, by the values that were read."""

    def __init__(self) -> None:
        self._by_names: dict[tuple[str, ...], dict[ConfigurationKey, Found]] = {}

    def find(self, values: Values) -> Found | None:
        """What was found for the same values of what was read, if it was."""
        for names, known in self._by_names.items():
            if all(name in values for name in names):
                found = known.get(configuration_key(values, names))
                if found is not None:
                    return found
        return None

    def keep(self, found: Found) -> Found:
        """Remember, and return, what was found."""
        if sum(map(len, self._by_names.values())) >= _MOST:
            self._by_names.clear()
        names = tuple(found.read)
        self._by_names.setdefault(names, {})[configuration_key(found.read, names)] = found
        return found


class DataSource(Protocol):
    """What tells the data of a configuration."""

    def find(self, values: Values, space: HyperParameters | None) -> Found:
        """The data for these values."""

    def find_lazily(
        self,
        values: Values,
        space: HyperParameters | None,
        defer: Callable[[HyperParameter], Value],
    ) -> Found:
        """The same, where ``defer`` gives what is not chosen; None of it is a proxy.

        Raises:
            Demand: a value is read that must be chosen first.
        """


class GivenByValues:
    """Data whose parts are functions of ``hp``.

    Args:
        parts: by the names of ``read_data``'s arguments: data, or a function of ``hp``.
        in_advance: names that the user registered before ``build``.
    """

    def __init__(self, parts: Mapping[str, Any], in_advance: Collection[str] = ()) -> None:
        self._parts = dict(parts)
        self._in_advance = in_advance
        self._known = MemoryOfReads()

    def find(self, values: Values, space: HyperParameters | None) -> Found:
        """The data for these values; each function runs once for the values that it reads."""
        return self._known.find(values) or self._read(
            configuration(space, values, self._in_advance)
        )

    def find_lazily(
        self,
        values: Values,
        space: HyperParameters | None,
        defer: Callable[[HyperParameter], Value],
    ) -> Found:
        """As :meth:`find`; what is read and not chosen is demanded."""
        return self._known.find(values) or self._read(
            lazy_configuration(
                space, values, self._in_advance, lambda asked: plain_value(defer(asked))
            )
        )

    def _read(self, hp: RecordedHyperParameters) -> Found:
        hp.values.names_read.clear()
        data: DataSpec | None = DataSpec()
        unjudged = None
        with check_environment(Check()):
            try:
                parts = {name: value_for(part, hp) for name, part in self._parts.items()}
            except KeyboardInterrupt:
                raise
            except Undecidable as stopped:
                unjudged = str(stopped)
            except Exception as error:
                whose = attribute(error)
                words = f"{type(error).__name__}: {whose.message}"
                if whose.origin is Origin.FAULT:
                    data = DataSpec(problem=f"the data cannot be made: {words}")
                else:
                    unjudged = f"the data could not be made ({words})"
            else:
                data = read_data(**parts)
        return self._known.keep(Found(data, unjudged, hp.values.read()))


def by_name(
    name: str, build: Callable[[Any], Any], space: HyperParameters | None
) -> Callable[[Any], Any]:
    """What reads the hyperparameter of a name, wherever ``build`` registers it.

    Args:
        name: of the hyperparameter.
        build: ``hp -> keras.Model``.
        space: the ``HyperParameters`` registered in advance, or None.

    Raises:
        ValueError: there is no such hyperparameter.
    """
    known = {} if space is None else {item.name: item for item in space.space}
    if name not in known:
        check = Check()
        with check_environment(check):
            hp = configuration(space, {})
            build_model(build, hp, check)
        known = {item.name: item for item in hp.space}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else f" There are: {listed(known)}."
        raise ValueError(f"batch_size={name!r}: no hyperparameter has this name.{hint}")
    return ByName(known[name])


@dataclasses.dataclass(frozen=True)
class ByName:
    """Reads one hyperparameter, whoever registers it."""

    parameter: HyperParameter

    def __call__(self, hp: RecordedHyperParameters) -> Any:
        return registered(hp, self.parameter)


def varies_with_values(parts: Mapping[str, Any]) -> bool:
    """Whether some part of the data is a function of ``hp``."""
    return any(callable(part) and _is_function(part) for part in parts.values())


def _is_function(part: Any) -> bool:
    """A dataset, an array or a specification is none, even where it can be called."""
    if not callable(part):
        return False
    plain = inspect.isroutine(part) or isinstance(part, functools.partial)
    return plain or not any(hasattr(part, name) for name in _OF_DATA)


_OF_DATA = ("shape", "__getitem__", "__iter__", "element_spec")


def value_for(part: Any, hp: RecordedHyperParameters | None) -> Any:
    """A part of the data, for a configuration where it is a function of ``hp``."""
    return part(hp) if hp is not None and _is_function(part) else part


def plain_value(value: Value) -> Any:
    """The value itself; what it stands for is demanded where it is a proxy."""
    return value.force() if issubclass(type(value), Proxy) else value
