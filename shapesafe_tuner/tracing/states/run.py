"""An analytic run that is followed: what enters and leaves it is written down."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import keras

from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor, unowned
from shapesafe_tuner.shapes.deferred import Deferred, demand
from shapesafe_tuner.structures import leaves, map_leaves
from shapesafe_tuner.tracing.data.spec import Batch
from shapesafe_tuner.tracing.lazy import Proxy, proxy_of
from shapesafe_tuner.tracing.standins.facades import Facade, Posed
from shapesafe_tuner.tracing.standins.graph import Args, InputRecord, Kwargs, LayerRecord
from shapesafe_tuner.tracing.standins.models import ModelRecord
from shapesafe_tuner.tracing.standins.posed.classes import twin
from shapesafe_tuner.tracing.standins.posed.records import PosedRecord
from shapesafe_tuner.tracing.standins.run import AnalyticRun
from shapesafe_tuner.tracing.standins.specs import hashable, specs_of
from shapesafe_tuner.tracing.states.early import stem
from shapesafe_tuner.tracing.states.facts import Growing, facts_of
from shapesafe_tuner.tracing.states.follower import Follower
from shapesafe_tuner.tracing.states.live import sizes_not_chosen
from shapesafe_tuner.tracing.states.opaque import crossed, revealed

__all__ = ["FollowedRun"]

_LAMBDA = keras.layers.Lambda
_SEEN = frozenset(["name", "trainable", "built"])
"""Attributes of a layer that say nothing of what lies behind."""


class FollowedRun(AnalyticRun):
    """One run.

    Args:
        hooks: the check's.
        follower: of the run.
        batches: to be trained on; None where training is not judged.
    """

    may_cut = False

    def __init__(self, hooks: Any, follower: Follower, batches: Sequence[Batch] | None) -> None:
        super().__init__(hooks)
        self._follower = follower
        self._growing = Growing(self, batches, follower.memory.number)
        self._inputs = 0
        self._handles: list[weakref.ref[Any]] = []
        self.show = self._show

    def close(self) -> None:
        """End the run."""
        super().close()
        # These refer to the run, which nothing may keep alive.
        self.show = None
        self._handles.clear()
        self._growing.close()

    # What leaves.

    def _show(self, shape: Any) -> Any:
        if self._follower.in_user_code:
            sizes = [("open", s.key) if type(s) is Deferred else s for s in shape]
            self._follower.cross(("shape", *sizes))
        return tuple([proxy_of(size) if type(size) is Deferred else size for size in shape])

    def read(self, tensor: SymbolicTensor) -> None:
        """Something of a tensor is read."""
        self._follower.ages.read([tensor])

    def shown_dtype(self, tensor: SymbolicTensor) -> str:
        """The dtype of a tensor is read."""
        self.read(tensor)
        dtype = super().shown_dtype(tensor)
        if self._follower.in_user_code:
            self._follower.cross(("dtype", dtype))
        return dtype

    def answered(self, record: Any, name: str, answer: Callable[[Any], Any]) -> Any:
        """An attribute of a stand-in is read."""
        follower = self._follower
        if not follower.in_user_code:
            return answer(record)
        plain = isinstance(record, InputRecord) and name != "name"
        if name in _SEEN and isinstance(record, LayerRecord):
            found = answer(record)
            follower.cross((name, repr(found)))
            if name == "name" and not record.named:
                follower.uses("counters")
            return found
        if not plain:
            follower.uses("models" if isinstance(record, ModelRecord) else "layers")
        return self._adopted(answer(record))

    def _adopted(self, structure: Any) -> Any:
        """What ``build`` is given from now on belongs to it."""
        for leaf in () if self.inside_call else leaves(structure):
            if type(leaf) is SymbolicTensor:
                leaf.facts = self._growing.of(leaf.node, leaf.place)
            if type(leaf) is SymbolicTensor or issubclass(type(leaf), Facade):
                self._follower.born(leaf)
        return structure

    def _grown(self, structure: Any) -> Any:
        """What a call gives ``build``; what its sizes depend on is chosen now if ever."""
        early = self._follower.memory.early.at_sizes
        for leaf in leaves(self._adopted(structure)) if early else ():
            if type(leaf) is SymbolicTensor:
                for size in sizes_not_chosen(leaf.spec):
                    for name in size.names:
                        if stem(name) in early:
                            demand(name)
        return structure

    # What enters.

    def kept(self, value: Any) -> Any:
        """What a record of ours keeps: what ``build`` holds of it dies when ``build`` drops it."""
        if "models" in self._follower.memory.relevant:
            return value
        if issubclass(type(value), Facade):
            return type(value)(value._record)
        return twin(value) if isinstance(value, Posed) else unowned(value)

    def revealed(self, value: Any) -> Any:
        """What rules are given."""
        self._follower.serves(*leaves(value))
        return revealed(value)

    def construct(self, cls: type, args: Args, kwargs: Kwargs) -> Any:
        """What a constructor of Keras gives."""
        follower = self._follower
        if self.is_posed(cls):
            follower.note(_methods(cls))
            follower.has_own_code = True
            found = super().construct(cls, args, kwargs)
            follower.born(found)
            self._handles.append(weakref.ref(found, self._dropped(found._record)))
            return found
        with follower.library_call("construct", args, kwargs):
            if not cls.__module__.startswith("keras."):
                args, kwargs = crossed(args), crossed(kwargs)
                follower.note(_methods(cls))
                follower.escaped()
            elif not all(map(_is_plain, leaves((args, kwargs)))):
                follower.escaped()
            args, kwargs = self.kept_in(revealed(args)), self.kept_in(revealed(kwargs))
            name = kwargs.get("name")
            if isinstance(name, str):
                follower.named.append(name)
            found = super().construct(cls, args, kwargs)
            record = getattr(found, "_record", None) if issubclass(type(found), Facade) else None
            if isinstance(record, LayerRecord):
                record.named = isinstance(name, str)
            if issubclass(type(found), Facade) or hasattr(type(found), "own_key"):
                follower.born(found)
            return found

    def _dropped(self, record: PosedRecord) -> Callable[[Any], None]:
        def dropped(_: Any) -> None:
            if not self.closed:
                record.detach(self._detached)

        return dropped

    def _detached(self, leaf: Any) -> Any:
        if isinstance(leaf, Posed):
            return leaf._record.facade
        return self.kept(leaf) if issubclass(type(leaf), Facade) else revealed(leaf)

    def is_posed(self, cls: type) -> bool:
        """Layers are; what a model shares among its layers would be one state after another."""
        return not issubclass(cls, keras.Model) and super().is_posed(cls)

    def own_code(self, args: Args, kwargs: Kwargs) -> AbstractContextManager[None]:
        """The constructor of a posed object runs inside."""
        return self._follower.library_call("construct", args, kwargs)

    def named_by_user(self, name: str) -> None:
        """A posed object gives itself a name."""
        self._follower.named.append(name)

    def shows(self, what: tuple[str, str]) -> None:
        """User code is shown something of what a layer has learned."""
        self._follower.cross(what)

    def kept_in(self, structure: Any) -> Any:
        """Tensors among the arguments of a constructor as the model keeps them."""
        return map_leaves(
            lambda leaf: self.kept(leaf) if type(leaf) is SymbolicTensor else leaf, structure
        )

    def _input(self, *args: Any, **kwargs: Any) -> InputRecord:
        record = super()._input(*args, **kwargs)
        self._inputs += 1
        record.ordinal = self._inputs
        return record

    def named(self, kinds: Mapping[str, int]) -> None:
        """Count names, for the states too."""
        super().named(kinds)
        known = self._follower.counted
        for prefix, count in kinds.items():
            known[prefix] = known.get(prefix, 0) + count

    def call(self, record: LayerRecord, tensor: SymbolicTensor) -> Any:
        """A layer called on one tensor."""
        with self._follower.library_call("call", record, tensor):
            self._notice(record, tensor)
            return self._grown(super().call(record, self.kept(tensor)))

    def call_with(self, record: LayerRecord, args: Args, kwargs: Kwargs) -> Any:
        """A layer called on anything else."""
        with self._follower.library_call("call", record, args, kwargs):
            self._notice(record, args)
            args, kwargs = self.kept_in(revealed(args)), self.kept_in(revealed(kwargs))
            return self._grown(super().call_with(record, args, kwargs))

    def call_own(self, record: PosedRecord, given: Any) -> Any:
        """A posed object called on tensors."""
        with self._follower.library_call("call", record, given):
            return self._grown(super().call_own(record, self.kept_in(given)))

    def operation(self, operation: Any, args: Args, kwargs: Kwargs) -> Any:
        """One of ``keras.ops`` called on tensors of this run."""
        with self._follower.library_call("operation", args, kwargs):
            args, kwargs = self.kept_in(revealed(args)), self.kept_in(revealed(kwargs))
            return self._grown(super().operation(operation, args, kwargs))

    def _notice(self, record: Any, given: Any) -> None:
        if self.inside_call and not isinstance(record, ModelRecord):
            return  # it belongs to the object whose call runs
        if not record.layer_class.__module__.startswith("keras.") or record.layer_class is _LAMBDA:
            # Code of the user's own sees what it is called on.
            self._follower.cross(("called", hashable(specs_of(given))))
        if isinstance(record, ModelRecord):
            self._follower.uses("models")
        elif record.built_on is not None:
            self._follower.uses("layers")
        else:
            made_of = record.description.args, record.description.kwargs
            self._follower.serves(*leaves(made_of))

    def walks(self, model: ModelRecord) -> None:
        """The finished model is walked."""
        self._follower.uses("models")

    def is_changed(self, record: Any) -> None:
        """What lies behind a tensor is then not what it was."""
        self._follower.uses("changes")

    def gradient_arrives(self, model: ModelRecord, without: Collection[int] = ()) -> bool:
        """Whether a gradient reaches a weight, as the tensors say."""
        outputs = model.grown_outputs()
        if not without and type(outputs) is SymbolicTensor and facts_of(outputs).gradient:
            return True
        self.walks(model)
        return super().gradient_arrives(model, without)

    def step_of(self, model: ModelRecord, place: int) -> Any:
        """The outputs of a model in the step of a batch, if its tensors carry them."""
        outputs = model.grown_outputs()
        if type(outputs) is not SymbolicTensor or _names_outputs(model.compiled):
            return None
        facts = outputs.facts
        if facts is None or facts.batches is None or len(facts.sources) != 1:
            return None
        known = facts.batches[place]
        return None if type(known) is str else known


_PLAIN = (int, float, str, bytes, bool, type(None), type)


def _is_plain(leaf: Any) -> bool:
    """Whether an argument holds nothing of the user's."""
    kind = type(leaf)
    return kind in _PLAIN or kind is SymbolicTensor or issubclass(kind, (Proxy, Facade))


def _names_outputs(compiled: Any) -> bool:
    """Whether ``compile`` was given losses or metrics by the names of outputs."""
    if compiled is None:
        return False
    args, kwargs = compiled
    return any(map(_has_dict, (*args, *kwargs.values())))


def _has_dict(value: Any) -> bool:
    return type(value) is dict or (type(value) in (list, tuple) and any(map(_has_dict, value)))


def _methods(cls: type) -> Collection[Any]:
    own = [base for base in cls.__mro__ if not base.__module__.startswith("keras.")]
    return [item for base in own for item in vars(base).values() if inspect.isfunction(item)]
