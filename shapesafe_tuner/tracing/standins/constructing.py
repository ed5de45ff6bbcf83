"""What constructors of Keras give while an analytic run is active."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import keras

from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner._compat.keras import constructors, global_state
from shapesafe_tuner.shapes.deferred import Deferred
from shapesafe_tuner.shapes.registry import Rule, own_rule
from shapesafe_tuner.shapes.sentences import first_sentence, with_article
from shapesafe_tuner.shapes.spec import STRING, Dim, Refused, Spec
from shapesafe_tuner.tracing.binding import replaced
from shapesafe_tuner.tracing.environment import Check
from shapesafe_tuner.tracing.lazy import LazyPenalty, expressions, proxies_in
from shapesafe_tuner.tracing.signals import NoSpec
from shapesafe_tuner.tracing.standins.answers import Answers
from shapesafe_tuner.tracing.standins.compile_arguments import CompileArgument
from shapesafe_tuner.tracing.standins.descriptions import Description, Descriptions
from shapesafe_tuner.tracing.standins.facades import (
    CompileArgumentStandIn,
    ModelStandIn,
    SequentialStandIn,
    StandIn,
    stand_in,
)
from shapesafe_tuner.tracing.standins.functional import FunctionalRecord
from shapesafe_tuner.tracing.standins.graph import (
    Args,
    FromUser,
    InputRecord,
    Kwargs,
    LayerRecord,
    Run,
)
from shapesafe_tuner.tracing.standins.inside import Inside
from shapesafe_tuner.tracing.standins.models import SequentialRecord
from shapesafe_tuner.tracing.standins.posed.classes import posed
from shapesafe_tuner.tracing.standins.posed.posable import may_pose
from shapesafe_tuner.tracing.standins.real_objects import RealObjects
from shapesafe_tuner.tracing.standins.signatures import LAYERS
from shapesafe_tuner.tracing.standins.specs import specs_of

__all__ = ["Constructing"]

_DESCRIPTIONS = Descriptions()
_PENALTIES = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)
_MODELS = (keras.Model, constructors.Functional)
_DTYPES = frozenset(
    "float16 float32 float64 bfloat16 int8 int16 int32 int64 uint8 uint16 uint32 bool".split()
)


class Constructing(Inside, Run):
    """The half of a run that makes stand-ins.

    Args:
        hooks: the check's.

    Attributes:
        answers: says what layers give, and asks the layers themselves.
        show: how sizes that are not chosen are shown to ``build``; None where all are chosen.
        changes: by the name of a layer's class, arguments to replace in constructor calls.
        poses: the user's own classes may run on stand-ins.
    """

    def __init__(self, hooks: Check) -> None:
        super().__init__()
        self.show: Callable[[Any], Any] | None = None
        self.changes: Mapping[str, Mapping[str, Any]] = {}
        self.poses = False
        self._counters = constructors.name_counters()
        self._real_objects = RealObjects()
        self.answers = Answers(hooks, self._real_objects)

    def outside(self) -> AbstractContextManager[None]:
        """Constructors give real objects inside."""
        return self.answers.outside()

    def construct(self, cls: type, args: Args, kwargs: Kwargs) -> Any:
        """What a constructor of Keras gives."""
        if self.inside_call:
            self.escalate(f"{with_article(cls.__name__)} is made in the call of a layer")
        if cls in LAYERS:
            return stand_in(self._layer(cls, args, kwargs))
        if cls is keras.layers.InputLayer:
            return StandIn(self._input(*args, **kwargs))
        if cls is keras.Sequential:
            return self._sequential(*args, **kwargs)
        if cls in _MODELS:
            return self._functional(args, kwargs)
        if issubclass(cls, keras.regularizers.Regularizer):
            # Keras makes them at once; only factors that are not chosen would stop it.
            if (
                self.show is not None
                and cls in _PENALTIES
                and next(proxies_in([args, kwargs]), None) is not None
            ):
                return LazyPenalty(cls, args, kwargs)
            return object.__new__(cls)
        if self.is_posed(cls):
            return posed(self, cls, args, kwargs)
        if issubclass(cls, keras.Model):
            self.escalate(f"{cls.__name__} is a model class of the user's own")
        if issubclass(cls, keras.layers.Layer):
            return stand_in(self._layer(cls, args, kwargs, own_rule(cls)))
        return CompileArgumentStandIn(CompileArgument(self, cls, args, kwargs))

    def is_posed(self, cls: type) -> bool:
        """Whether an object of a class of the user's runs on stand-ins."""
        return self.poses and own_rule(cls) is None and not self.changes and may_pose(cls)

    def _layer(self, cls: type, args: Args, kwargs: Kwargs, own: Rule | None = None) -> LayerRecord:
        name = kwargs.pop("name", None)
        if cls.__name__ in self.changes:
            args, kwargs = replaced(cls, args, kwargs, self.changes[cls.__name__])
        policies: Any = global_state.policies()
        if own is not None:
            policies = (policies, own)
        description = _DESCRIPTIONS.describe(cls, args, kwargs, policies)
        born = dict(self._counters) if description.configured is None else None
        record = LayerRecord(self, description, self.name_of(cls) if name is None else name)
        record.born = born
        if name is not None and (not isinstance(name, str) or "/" in name):
            self.refuse(record, None, Refused(f"needs a name without '/', not {name!r}"))
        if description.refused is not None:
            if not self.answers.accepts(record):
                self.refuse(record, None, description.refused)
            description.refused, description.constructed = None, True
        if description.configured is None and not description.constructed:
            self._make(record)
        if name is None and description.given_name is not None:
            self.named({constructors.snake_case(cls.__name__): -1})
            record.name = description.given_name
        if description.names:
            self.named(description.names)
        return record

    def _make(self, record: LayerRecord) -> None:
        """Make the layer itself; what the constructor of one of Keras's own refuses is refused."""
        description = record.description
        try:
            with self.outside():
                record.real_layer = self.answers.new_layer(record)
        except (ValueError, TypeError) as error:
            if record.layer_class not in LAYERS:
                raise
            description.refused = Refused(f"fails: {first_sentence(str(error)).rstrip('.')}")
            self.refuse(record, None, description.refused)
        description.constructed = True

    def name_of(self, cls: type) -> str:
        """As ``auto_name`` (``keras/src/utils/naming.py``)."""
        prefix = constructors.snake_case(cls.__name__)
        count = self._counters.get(prefix, 0)
        self.named({prefix: 1})
        return f"{prefix}_{count}" if count else prefix

    def named(self, kinds: Mapping[str, int]) -> None:
        """Count names that Keras gives, by kind."""
        for prefix, count in kinds.items():
            self._counters[prefix] = self._counters.get(prefix, 0) + count

    def _input(
        self,
        shape: FromUser = None,
        batch_size: FromUser = None,
        dtype: FromUser = None,
        sparse: FromUser = None,
        ragged: FromUser = None,
        batch_shape: FromUser = None,
        input_tensor: FromUser = None,
        optional: FromUser = False,
        name: FromUser = None,
        **kwargs: FromUser,
    ) -> InputRecord:
        flags = {"sparse": sparse, "ragged": ragged, "optional": optional}
        unusual = [*(flag for flag, value in flags.items() if value), *kwargs]
        if unusual or input_tensor is not None:
            self.escalate(f"an input is made with {', '.join(unusual) or 'input_tensor'}")
        if not (name is None or (isinstance(name, str) and "/" not in name)):
            self.escalate("an input is made with an unusual name")
        if batch_shape is None and shape is not None:
            batch_shape = (batch_size, *shape) if type(shape) in (tuple, list) else None
        elif shape is not None or batch_size is not None:
            self.escalate("an input is made with two shapes")
        if self.show is not None:
            batch_shape = expressions(batch_shape)
        if type(batch_shape) not in (tuple, list) or not all(
            size is None or (type(size) in (int, Deferred) and size > 0) for size in batch_shape
        ):
            self.escalate("an input is made with an unusual shape")
        dtype = keras.config.floatx() if dtype is None else dtype
        if dtype not in _DTYPES and not (dtype == STRING and backend.TAKES_STRINGS):
            self.escalate(f"an input is made with the dtype {dtype}")
        output = Spec(tuple(batch_shape), dtype)
        name = self.name_of(keras.layers.InputLayer) if name is None else name
        description = _described(keras.layers.InputLayer, batch_shape=output.shape, dtype=dtype)
        return InputRecord(self, description, name, output)

    def input_of(
        self,
        shape: FromUser,
        batch: Dim = None,
        dtype: str | None = None,
        name: str | None = None,
    ) -> InputRecord:
        """The input that a model makes for itself."""
        if type(shape) not in (tuple, list):
            self.escalate("an input is made with an unusual shape")
        return self._input(batch_shape=(batch, *shape), dtype=dtype, name=name)

    def _sequential(
        self, layers: FromUser = None, trainable: FromUser = True, name: FromUser = None
    ) -> SequentialStandIn:
        if trainable is not True or not (name is None or isinstance(name, str)):
            self.escalate("a Sequential is made with trainable, or with an unusual name")
        name = self.name_of(keras.Sequential) if name is None else name
        record = SequentialRecord(self, _described(keras.Sequential), name)
        if layers:
            record.fill(layers)
        return SequentialStandIn(record)

    def _functional(self, args: Args, kwargs: Kwargs) -> ModelStandIn:
        given = dict(zip(("inputs", "outputs", "name"), args, strict=False), **kwargs)
        name = given.pop("name", None)
        if set(given) != {"inputs", "outputs"} or not (name is None or isinstance(name, str)):
            self.escalate("a Model is made with other than inputs, outputs and a plain name")
        try:
            specs_of(list(given.values()))
        except NoSpec:
            self.escalate("a Model is made of what is not a tensor of this build")
        name = self.name_of(constructors.Functional) if name is None else name
        description = _described(constructors.Functional)
        return ModelStandIn(FunctionalRecord(self, description, name, **given))


@functools.cache
def _bare(layer_class: type) -> Description:
    return Description(layer_class, (), {}, None, look_up=False)


def _described(layer_class: type, **kwargs: Any) -> Description:
    if not kwargs:
        return _bare(layer_class)
    return Description(layer_class, (), kwargs, None, look_up=False)
