"""The data of many configurations at once, grouped by what decides about a verdict.

Of 100 batch sizes most come to batches that differ in nothing but their size. Where the model and
its losses treat all sizes alike, one batch stands for them; one of 1 sample, or of as many as an
output is wide, is kept apart, since a loss may broadcast it.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from shapesafe_tuner._compat.keras_tuner.domains import domain, place_of
from shapesafe_tuner._compat.types import HyperParameter, HyperParameters, Value, Values
from shapesafe_tuner.memory import ConfigurationKey, Memory, configuration_key
from shapesafe_tuner.shapes.deferred import Demand, demand, demanded, forget_demands
from shapesafe_tuner.tracing.data.spec import Batch, leaves
from shapesafe_tuner.tracing.data.varying import DataSource, Found

__all__ = ["Completions", "Group", "Reads"]

Key: TypeAlias = Hashable

_MOST = 1000
"""Completions of what is chosen that are looked at."""
_REMEMBERED = 1024


class Group(NamedTuple):
    """Data that differ in nothing but the sizes of their batches.

    Attributes:
        whole: all batches of all of them; one for those of sizes that nothing tells apart.
        each: the same of each of them, each once; none where there is one.
    """

    whole: Found
    each: tuple[Found, ...] = ()


class Completions:
    """The data of all configurations that agree on some values.

    Args:
        table: what was chosen besides, and the data; empty where there are too many choices.
        read: what is read and not chosen, in this order.

    Attributes:
        deciding: what to choose first where the data differ; None where nothing is left to choose.
    """

    def __init__(
        self, table: Sequence[tuple[Values, Found]], read: Sequence[HyperParameter]
    ) -> None:
        self._found = tuple({_all_of(found): found for _, found in table}.values())
        self._groups: dict[frozenset[int], Group | None] = {}
        self.deciding = (
            _first_that_changes(_kinds_of, table, read)
            or _first_that_changes(_all_of, table, read)
            or next(iter(read), None)
        )

    def group(self, apart: frozenset[int]) -> Group | None:
        """All of them as one; None where they differ in more than the sizes of batches.

        Args:
            apart: sizes of batches that must be told apart.
        """
        if apart not in self._groups:
            self._groups[apart] = _group_of(self._found, apart)
        return self._groups[apart]


class Reads:
    """What code that makes data reads of the hyperparameters that are not chosen yet.

    Args:
        source: runs that code.

    Attributes:
        met: every hyperparameter that it read, by its place.
    """

    def __init__(self, source: DataSource) -> None:
        self._source = source
        self._names: dict[str, None] = {}
        self._known: Memory[Key, Completions] = Memory(_REMEMBERED)
        self.met: dict[tuple[str, str], HyperParameter] = {}

    def completions(self, values: Values, space: HyperParameters | None) -> Completions:
        """The data for each choice of what is read and not chosen."""
        known = self._known.get(self._key(values))
        if known is None:
            known = self._complete(values, space)
            self._known[self._key(values)] = known
        return known

    def _key(self, values: Values) -> Key:
        """Equal for the same values of all that was ever read."""
        read = [name for name in self._names if name in values]
        return tuple(self._names), configuration_key(values, read)

    def _complete(self, values: Values, space: HyperParameters | None) -> Completions:
        table: list[tuple[Values, Found]] = []
        read: dict[str, HyperParameter] = {}
        stack: list[tuple[dict[str, Value], int]] = [({}, 1)]
        while stack:
            chosen, count = stack.pop()
            found = self._step({**values, **chosen}, space)
            if isinstance(found, Found):
                table.append((chosen, found))
                self._names.update(dict.fromkeys(found.read))
                continue
            read.setdefault(found.name, found)
            self._names[found.name] = None
            self.met.setdefault(place_of(found), found)
            among = domain(found)
            if among is None or found.name in chosen or len(among) * count > _MOST:
                return Completions((), [*read.values()])
            count *= len(among)
            stack += [({**chosen, found.name: value}, count) for value in reversed(among)]
        return Completions(table, [*read.values()])

    def _step(self, values: Values, space: HyperParameters | None) -> Found | HyperParameter:
        """The data, or what has to be chosen first."""
        asked: dict[str, HyperParameter] = {}

        def ask(parameter: HyperParameter) -> Value:
            asked.setdefault(parameter.name, parameter)
            return demand(parameter.name)

        found: Found | None = None
        with contextlib.suppress(Demand):
            found = self._source.find_lazily(values, space, ask)
        name = demanded()
        forget_demands()
        if name is not None:
            return asked[name]
        assert found is not None
        return found


def _first_that_changes(
    kind: Callable[[Found], Key],
    table: Sequence[tuple[Values, Found]],
    read: Sequence[HyperParameter],
) -> HyperParameter | None:
    """The first hyperparameter that, by itself, changes a part of what data are."""
    if len({kind(found) for _, found in table}) < 2:
        return None
    for parameter in read:
        by_rest: dict[ConfigurationKey, set[Key]] = {}
        for chosen, found in table:
            rest = configuration_key(chosen, chosen.keys() - {parameter.name})
            by_rest.setdefault(rest, set()).add(kind(found))
        if any(len(kinds) > 1 for kinds in by_rest.values()):
            return parameter
    return None


def _all_of(found: Found) -> Key:
    return found.data, found.unjudged, found.whole, found.data and found.data.seen


def _kinds_of(found: Found) -> Key:
    """The same, whatever the sizes of batches."""
    data = found.data
    if data is None:
        return found.unjudged, found.whole
    kinds = frozenset(batch.resized(None) for batch in data.batches)
    return kinds, data.problem, data.notes, data.targets_known, found.unjudged, found.whole


def _group_of(found: Sequence[Found], apart: frozenset[int]) -> Group | None:
    if len(found) == 1:
        return Group(found[0])
    data = [one.data for one in found if one.data is not None and one.unjudged is None]
    if not data or len({_kinds_of(one) for one in found}) > 1 or data[0].problem is not None:
        return None
    batches = [batch for one in data for batch in one.batches]
    if any(batch.size is None or batch.resized(batch.size) != batch for batch in batches):
        return None
    apart = apart | {1} | {size for batch in batches for size in _other_sizes(batch)}
    stands_for = frozenset(batch.size for batch in batches if batch.size is not None) - apart
    if not stands_for:
        return None
    size = min(stands_for)

    def merged(some: Iterable[Batch]) -> Found:
        kept = dict.fromkeys(
            batch.resized(size) if batch.size in stands_for else batch for batch in some
        )
        ordered = tuple(sorted(kept, key=lambda batch: batch.kind != "train"))
        return Found(
            dataclasses.replace(data[0], batches=ordered, open_batch=False, stands_for=stands_for)
        )

    each = {one.data: one for one in (merged(one.batches) for one in data)}
    return Group(merged(batches), tuple(each.values()))


def _other_sizes(batch: Batch) -> Iterator[int]:
    """The sizes of all axes but that of the batch."""
    for part in (batch.x, batch.y, batch.sample_weight):
        for spec in leaves(part):
            yield from (size for size in spec.shape[1:] if size is not None)
