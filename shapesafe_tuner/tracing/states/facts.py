"""What a tensor carries along in a followed run: its inputs, its history, its training batches.

A training step is judged as the model grows, layer by layer, so that the finished model need not
be walked again: what lies behind a tensor then does not matter any more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor
from shapesafe_tuner.shapes.spec import Refused, Spec, Step
from shapesafe_tuner.structures import leaves, map_leaves
from shapesafe_tuner.tracing.data.spec import Batch, TensorSpec
from shapesafe_tuner.tracing.signals import NoKey
from shapesafe_tuner.tracing.standins.gradients import passage
from shapesafe_tuner.tracing.standins.graph import InputRecord, Node, OperationRecord
from shapesafe_tuner.tracing.standins.models import ModelRecord
from shapesafe_tuner.tracing.standins.posed.records import PosedRecord
from shapesafe_tuner.tracing.standins.specs import hashable
from shapesafe_tuner.tracing.standins.training import alike, keeps_state

__all__ = ["Facts", "Growing", "facts_of"]


@dataclasses.dataclass(frozen=True)
class Facts:
    """What one tensor carries.

    Attributes:
        sources: the ordinals of the inputs that it comes from.
        history: a number for all that lies behind it.
        batches: for each batch its spec, or the sentence that refuses it; None where the step
            has to be judged on the whole model.
        gradient: a gradient that comes here reaches a weight.
        behind: of :data:`OWN` and :data:`FROZEN`, what lies behind it.
    """

    sources: frozenset[int] = frozenset()
    history: int = -1
    batches: tuple[Spec | str, ...] | None = None
    gradient: bool = False
    behind: frozenset[str] = frozenset()

    @property
    def key(self) -> Any:
        """What of the batches counts."""
        known = self.batches
        if known is None:
            return None
        specs = [item if type(item) is str else hashable(item) for item in known]
        return self.gradient, self.behind, *specs


OWN, FROZEN = "own code", "a frozen layer"
"""Where both lie behind a tensor the whole model is judged."""
_NOTHING = Facts()


def facts_of(tensor: Any) -> Facts:
    """What a tensor carries."""
    found = tensor.facts
    return found if isinstance(found, Facts) else _NOTHING


class Growing:
    """Works out what tensors carry.

    Args:
        run: the analytic run.
        batches: to be trained on; None where training is not judged.
        number: gives numbers for keys.
    """

    def __init__(
        self, run: Any, batches: Sequence[Batch] | None, number: Callable[[Any], int]
    ) -> None:
        self._run = run
        self._batches = batches
        self._number = number
        self._known: dict[int, tuple[Node, list[Facts]]] = {}

    def close(self) -> None:
        """The run is over."""
        self._run = None
        self._known.clear()

    def of(self, node: Node, place: int) -> Facts:
        """What the ``place``-th tensor of a call carries."""
        known = self._known.get(id(node))
        if known is None:
            known = self._known[id(node)] = (node, self._outcome(node))
        found = known[1]
        return found[place] if place < len(found) else dataclasses.replace(found[0], batches=None)

    def _outcome(self, node: Node) -> list[Facts]:
        record = node.record
        if isinstance(record, InputRecord):
            history = self._number(("input", record.ordinal, hashable(record.output)))
            return [Facts(frozenset([record.ordinal]), history, self._arriving(record))]
        parents = list(node.parents())
        for parent in parents:
            if parent.facts is None:  # the input that a stack makes for itself
                parent.facts = self.of(parent.node, parent.place)
        sources = frozenset().union(*[facts_of(parent).sources for parent in parents])
        history = self._number(("history", *self._call_key(node), *map(_history, parents)))
        behind = _kinds(record).union(*[facts_of(parent).behind for parent in parents])
        rows = None if len(behind) > 1 else self._stepped(node, parents)
        if rows is None:
            return [Facts(sources, history, behind=behind)]
        arrives, goes_on = passage(record)
        gradient = arrives or (goes_on and any(facts_of(each).gradient for each in parents))
        return [
            Facts(sources, self._number(("place", history, place)), tuple(row), gradient, behind)
            for place, row in enumerate(zip(*rows, strict=True))
        ]

    def _call_key(self, node: Node) -> tuple[Any, ...]:
        record = node.record
        if isinstance(record, PosedRecord):
            return (object(),)
        try:
            if isinstance(record, OperationRecord):
                return type(record.operation), record.name, object()
            key = record.description.key
            if key is None:
                return (object(),)
            name = record.name if record.named else None
            return key, name, hashable(record.built_on), hashable(record.built_with)
        except (NoKey, TypeError):
            return (object(),)

    def _arriving(self, record: InputRecord) -> tuple[Spec | str, ...] | None:
        """A model's input takes what plainly fits it; all else is judged on the whole model."""
        if self._batches is None:
            return None
        found: list[Spec | str] = []
        expected = record.output
        for batch in self._batches:
            item = batch.x
            plain = isinstance(item, TensorSpec) and not item.sparse
            if not plain or item.dtype in ("string", "object"):
                return None
            sizes = list(zip(item.shape[1:], expected.shape[1:], strict=False))
            fits = len(item.shape) == len(expected.shape) and all(
                type(wanted) is type(given) is int and wanted == given for given, wanted in sizes
            )
            if not fits or expected.shape[0] is not None:
                return None
            found.append(Spec(item.shape, expected.dtype))
        return tuple(found)

    def _stepped(self, node: Node, parents: list[SymbolicTensor]) -> list[list[Spec | str]] | None:
        """For each batch what the outputs are."""
        known = [facts_of(parent).batches for parent in parents]
        if self._batches is None or not parents or None in known:
            return None
        if not self._is_followed(node):
            return None
        rows: list[list[Spec | str]] = []
        for place, batch in enumerate(self._batches):
            bad = next((each[place] for each in known if each and type(each[place]) is str), None)
            row = [bad] if bad is not None else self._answered(node, place, batch)
            if row is None:
                return None
            rows.append(row)
        if isinstance(node.record, PosedRecord) and not self._is_alike(node.record, node, rows[0]):
            return None
        most = max(map(len, rows))
        return [row * most if len(row) == 1 else row for row in rows]

    def _is_followed(self, node: Node) -> bool:
        """Whether a step of a layer can be judged by itself."""
        record = node.record
        if isinstance(record, OperationRecord):
            return True
        if isinstance(record, PosedRecord):
            return not any(map(keeps_state, record.leaves()))
        return not isinstance(record, ModelRecord) and not keeps_state(record)

    @staticmethod
    def _is_alike(record: PosedRecord, node: Node, first: list[Spec | str]) -> bool:
        """Whether code of the user's gives the same where the size of a batch is not known.

        Args:
            record: of the object.
            node: the call.
            first: what it gives for the first batch, or why it refuses.
        """
        if type(first[0]) is str:
            return True
        given = _filled(node.args, 0)[0]
        opened = map_leaves(lambda spec: Spec((None, *spec.shape[1:]), spec.dtype), given)
        return alike(record.answer(opened, None, step="training").outputs, first)

    def _answered(self, node: Node, place: int, batch: Batch) -> list[Spec | str] | None:
        record, run = node.record, self._run
        args = _filled(node.args, place)
        kwargs = _filled(node.kwargs, place)
        step: Step = "training" if batch.kind == "train" else "evaluation"
        try:
            if isinstance(record, PosedRecord):
                found = record.answer(args[0], None, step=step).outputs
            elif isinstance(record, OperationRecord):
                found = run.answers.operate(record, args, kwargs, step=step)
            else:
                first, arguments = run.bound(record, args, kwargs)
                found = record.answer(first, arguments, step=step).outputs
        except Refused as refused:
            return [f"{record.layer_class.__name__} {refused.why}"]
        except Exception:  # the whole model is asked, which says whose error this is
            return None
        flat = leaves(found)
        return flat if flat and all(isinstance(spec, Spec) for spec in flat) else None


def _kinds(record: Any) -> frozenset[str]:
    """What a call puts behind its tensors."""
    if isinstance(record, (InputRecord, OperationRecord)):
        return frozenset()
    frozen = any(not leaf.trainable for leaf in record.leaves())
    return frozenset([OWN] * isinstance(record, PosedRecord) + [FROZEN] * frozen)


def _history(tensor: Any) -> int:
    return facts_of(tensor).history


def _filled(item: Any, place: int) -> Any:
    """Specs of a batch in place of tensors."""

    def spec(leaf: Any) -> Any:
        if type(leaf) is not SymbolicTensor:
            return leaf
        known = facts_of(leaf).batches
        return None if known is None else known[place]

    return map_leaves(spec, item)
