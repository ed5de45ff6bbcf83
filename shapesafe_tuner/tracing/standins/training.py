"""The training step of a stand-in model: rules forward, the real loss and metrics behind."""

from __future__ import annotations

import contextlib
import dataclasses
import marshal
from collections.abc import Iterator, Sequence

import keras

from shapesafe_tuner._compat.backends import backend
from shapesafe_tuner._compat.keras.global_state import policies
from shapesafe_tuner._compat.keras.symbolic_tensor import SymbolicTensor, plain_tensor
from shapesafe_tuner._compat.types import Model, Nested, Tensor
from shapesafe_tuner.memory import Memory
from shapesafe_tuner.shapes.spec import STRING, Refused, Spec, Specs, Step, walk
from shapesafe_tuner.structures import Structure, leaves, map_leaves
from shapesafe_tuner.tracing.attribution import Origin
from shapesafe_tuner.tracing.data.noticing import differing, noticed
from shapesafe_tuner.tracing.data.spec import Batch, DataSpec, TensorSpec
from shapesafe_tuner.tracing.environment import Check
from shapesafe_tuner.tracing.remembering.keys import Key, key_of
from shapesafe_tuner.tracing.signals import NoKey, RefusalInBuild, SizesMatter, without_frames
from shapesafe_tuner.tracing.standins.answers import demand_sizes, tensors_for
from shapesafe_tuner.tracing.standins.descriptions import Description
from shapesafe_tuner.tracing.standins.facades import CompileArgumentStandIn, StandIn
from shapesafe_tuner.tracing.standins.facts import facts_of, treats_sizes_alike
from shapesafe_tuner.tracing.standins.functional import FunctionalRecord
from shapesafe_tuner.tracing.standins.graph import LayerRecord
from shapesafe_tuner.tracing.standins.models import ModelRecord, SequentialRecord
from shapesafe_tuner.tracing.standins.posed.records import PosedRecord
from shapesafe_tuner.tracing.standins.run import AnalyticRun
from shapesafe_tuner.tracing.standins.specs import hashable, specs_of
from shapesafe_tuner.tracing.training.step import StepOutcome, trace_training

__all__ = ["Training", "alike", "keeps_state"]

_FLOATS = ("float16", "float32", "float64", "bfloat16")
_COMPILED: Memory[Key, None] = Memory(4096)
_STEPS: Memory[Key, StepOutcome] = Memory(4096)
"""What the losses and metrics of a model said to its outputs, for all checks of the process."""


class Training:
    """Judges one training step for each distinct batch of one set of data.

    Args:
        data: the batches.
    """

    def __init__(self, data: DataSpec) -> None:
        self._data = data

    @property
    def batches(self) -> Sequence[Batch]:
        """What is trained on."""
        return self._data.batches

    def judge(  # noqa: PLR0912
        self, record: ModelRecord, run: AnalyticRun, check: Check
    ) -> StepOutcome:
        """What ``fit`` would meet.

        Raises:
            RefusalInBuild: a rule proves that a layer refuses the step.
            Escalation: something about the step is not known here.
        """
        if record.compiled is None:
            record.leave("is not compiled")
        if self._data.stands_for and (run.facades or not treats_sizes_alike(record)):
            raise SizesMatter
        keeps = filter(keeps_state, record.leaves() if backend.STATE_IS_DIFFERENTIATED else ())
        for layer in keeps:
            run.walks(record)
            run.escalate(f"gradients go through the state that {layer.title} keeps")
        is_known = run.step_of(record, 0) is not None
        opened = self._given_to_own_code(record, run) if run.facades and not is_known else None
        outputs: dict[Batch, Specs] = {}
        for place, batch in enumerate(self._data.batches):
            specs = self._arriving(record, batch)
            if backend.BUILDS_OUT_OF_TRAINING and not outputs:
                self._forward(record, run, batch, specs, "evaluation")
            step: Step = "training" if batch.kind == "train" else "evaluation"
            given = run.step_of(record, place)
            if given is None:
                given = self._forward(record, run, batch, specs, step)
            demand_sizes(given)
            if opened is not None and not alike(opened, given):
                record.leave("gives something else where the size of a batch is known")
            if not _are_known(given):
                record.leave("has outputs of unknown size")
            outputs[batch] = given
            self._data.assert_stands_for_all(
                size for spec in walk(given) for size in spec.shape[1:]
            )
            if step == "training" and backend.NEEDS_GRADIENT and not run.gradient_arrives(record):
                record.leave("may have no weight that a gradient reaches")
        key: Key = None
        with contextlib.suppress(NoKey):
            key = (
                self._data,
                policies(),
                _compile_key(record),
                hashable(list(outputs.values())),
                tuple(_output_names(record)),
                hashable(_structure(record)),
            )
        known = None if key is None else _STEPS.get(key)
        if known is None:
            known = self._trace(record, run, check, outputs)
            if known.attribution is not None:
                # What one float passes all pass; a refusal is looked at for each. An optimizer
                # of Keras's comes after loss and metrics, which do not know it.
                for leaf in leaves(list(record.compiled or ())):
                    if type(leaf) is CompileArgumentStandIn and not leaf._record.is_optimizer:
                        leaf._record.demand()
            if known.attribution is not None and known.attribution.origin is Origin.BUG:
                record.leave("has a loss or a metric that fails")
            if known.undecided is not None:
                record.leave(f"has a loss or a metric that is not judged: {known.undecided}")
            if known.error is not None:
                without_frames(known.error)
            if key is not None:
                _STEPS[key] = known
        if known.without_gradient and not run.gradient_arrives(record, known.without_gradient):
            record.leave("may have no weight that a gradient reaches")
        if known.attribution is not None:
            return known
        first = self._data.batches[0]
        facts = facts_of(record, first, outputs[first], run.rows, run.answers.strays)
        notes = noticed(self._data, facts)
        return dataclasses.replace(known, warnings=(*known.warnings, *notes)) if notes else known

    def _given_to_own_code(self, record: ModelRecord, run: AnalyticRun) -> Specs:
        """What a batch of open size gives, which code of the user's may see first."""
        for leaf in record.leaves():
            if not leaf.trainable:
                run.escalate(f"{leaf.title} is frozen beside code of the user's own")
        if not self._data.open_batch:
            return None
        first = self._data.batches[0]
        opened = self._arriving(record, first.resized(None))
        return self._forward(record, run, first, opened, "training")

    def _arriving(self, record: ModelRecord, batch: Batch) -> Specs:
        """The specs a model's first layers see for a batch."""
        if isinstance(record, FunctionalRecord):
            return _named_as(record.given, batch.x, record)
        if not isinstance(batch.x, TensorSpec):
            return record.leave("is trained on several arrays")
        return _spec(batch.x, record)

    def _forward(
        self, record: ModelRecord, run: AnalyticRun, batch: Batch, specs: Specs, step: Step
    ) -> Specs:
        run.walks(record)
        try:
            return record.answer(specs, None, step=step).outputs
        except RefusalInBuild as refusal:
            first = batch is self._data.batches[0]
            if step == "evaluation" or not (first or backend.LOOKS_AT_EVERY_BATCH):
                # Rules speak of training; what a layer does in evaluation Keras says.
                run.refusal = None
                record.leave("may do otherwise in evaluation or with a later batch")
            source = record.source if isinstance(record, SequentialRecord) else None
            hint = differing(batch.x, None if source is None else source.output.shape)
            if hint is not None:
                refusal.refused = Refused(f"{refusal.refused.why.rstrip('.')}; {hint}")
            raise

    def _trace(
        self, record: ModelRecord, run: AnalyticRun, check: Check, outputs: dict[Batch, Specs]
    ) -> StepOutcome:
        with run.outside():
            model = _surrogate(record)
            args, kwargs = run.realised(record.compiled)
            model.compile(*args, **kwargs)
            return trace_training(
                model, self._data, check, outputs_of=lambda batch: tensors_for(outputs[batch])
            )

    @staticmethod
    def forward_alone(record: ModelRecord, run: AnalyticRun) -> None:
        """Call a model on its own inputs as in training, where there is no data.

        Raises:
            RefusalInBuild: a layer refuses what it was built with.
        """
        run.walks(record)
        if isinstance(record, FunctionalRecord):
            record.answer(specs_of(record.given), None, step="training")
        elif isinstance(record, SequentialRecord) and record.source is not None:
            record.answer(record.source.output, None, step="training")

    @staticmethod
    def accepted_by_compile(record: ModelRecord, run: AnalyticRun, check: Check) -> None:
        """Ask Keras whether ``compile`` takes its arguments, each once.

        Raises:
            Exception: it does not.
        """
        if record.compiled is None:
            return
        try:
            key = _compile_key(record)
            if key in _COMPILED:
                return
        except (NoKey, TypeError):
            key = None
        with run.outside():
            args, kwargs = run.realised(record.compiled)
            keras.Sequential().compile(*args, **kwargs)
        if key is not None:
            _COMPILED[key] = None


def keeps_state(layer: LayerRecord) -> bool:
    """Whether a layer, or one among its arguments, is stateful."""
    return any(part.kwargs.get("stateful") for part in _parts(layer.description))


def _parts(description: Description) -> Iterator[Description]:
    """A layer's description, and those of the layers among its arguments."""
    yield description
    for value in (*description.args, *description.kwargs.values()):
        for item in value if isinstance(value, (list, tuple)) else [value]:
            if issubclass(type(item), StandIn):
                yield from _parts(item._record.description)


class _Emit(keras.layers.Layer):  # type: ignore[misc]
    """Stands for a layer that gives outputs, and for all that leads to them.

    Attributes:
        emits: the specification of what its next call gives, in a list that Keras does not track.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name=name, dtype="float32", autocast=False)
        self.__dict__["emits"] = []

    def call(self, inputs: Tensor) -> Tensor:
        raise NotImplementedError("it is never run")

    def compute_output_spec(self, inputs: Tensor) -> Tensor:
        return plain_tensor(self.emits[-1])


class _Subclassed(keras.Model):  # type: ignore[misc]
    """Stands for a model of a class of the user's; its outputs are known already."""

    def call(self, inputs: Tensor) -> Tensor:
        raise NotImplementedError("it is never run")


def _surrogate(record: ModelRecord) -> Model:
    """A real model with the inputs and outputs of the stand-in one, and nothing between."""
    if isinstance(record, SequentialRecord):
        return keras.Sequential(name=record.name)
    if isinstance(record, PosedRecord):
        return _Subclassed(name=record.name)
    assert isinstance(record, FunctionalRecord)
    inputs: dict[int, Tensor] = {}
    for tensor, source in zip(record.input_tensors(), record.sources, strict=True):
        inputs[id(source)] = keras.Input(
            batch_shape=source.output.shape, dtype=tensor.dtype, name=source.name
        )
    first = next(iter(inputs.values()))
    names = iter(_output_names(record))
    emitters: dict[str, _Emit] = {}

    def emitted(tensor: SymbolicTensor) -> Tensor:
        name = next(names)
        layer = emitters[name] = emitters.get(name) or _Emit(name)
        layer.emits.append(tensor.spec)
        return layer(first)

    sources = map_leaves(lambda tensor: inputs[id(tensor.node.record)], record.given)
    outputs = map_leaves(emitted, record.wanted)
    return keras.Model(sources, outputs, name=record.name)


def _output_names(record: ModelRecord) -> list[str]:
    if isinstance(record, (SequentialRecord, PosedRecord)):
        return []
    names = [tensor.node.record.name for tensor in record.output_tensors()]
    inputs = [tensor.node.record.name for tensor in record.input_tensors()]
    if set(names) & set(inputs):
        record.leave("has an output with the name of an input")
    return names


def _structure(record: ModelRecord) -> Structure:
    """What ``fit`` sees of the model besides its outputs."""
    if isinstance(record, FunctionalRecord):
        return map_leaves(lambda _: "tensor", (record.given, record.wanted))
    return type(record).__name__


def _compile_key(record: ModelRecord) -> Key:
    try:
        return marshal.dumps(record.compiled, 2)
    except ValueError:
        return key_of(record.compiled)


def _named_as(given: Nested, x: Nested, record: ModelRecord) -> Specs:
    """The specs of a batch in the structure of a model's inputs, where they match plainly."""
    if isinstance(given, dict):
        if not isinstance(x, dict) or set(x) != set(given):
            record.leave("is trained on another structure than that of its inputs")
        return {name: _spec(x[name], record) for name in given}
    if isinstance(x, dict):
        names = [tensor.node.record.name for tensor in record.input_tensors()]
        if set(x) != set(names) or not isinstance(given, (list, tuple)):
            record.leave("is trained on another structure than that of its inputs")
        return [_spec(x[name], record) for name in names]
    if isinstance(given, (list, tuple)):
        if not isinstance(x, tuple) or len(x) != len(given):
            if len(given) == 1 and isinstance(x, TensorSpec):
                return [_spec(x, record)]
            record.leave("is trained on another structure than that of its inputs")
        return [_spec(item, record) for item in x]
    return _spec(x, record)


def _are_known(outputs: Specs) -> bool:
    """Whether a step has these sizes; a layer that cuts text into words hides that of a batch."""
    first = 1 if backend.TRACES_OPEN_BATCHES else 0
    return all(None not in spec.shape[first:] for spec in walk(outputs))


def _spec(item: object, record: ModelRecord) -> Spec:
    if not isinstance(item, TensorSpec) or item.sparse:
        record.leave("is trained on objects or on sparse data")
    if item.dtype == STRING and not backend.TAKES_STRINGS:
        record.leave("is trained on text")
    return Spec(item.shape, item.dtype)


def alike(opened: Specs, given: Specs) -> bool:
    """Whether outputs differ in their batch axis only."""
    before, now = leaves(opened), leaves(given)
    same = all(one.shape[1:] == other.shape[1:] for one, other in zip(before, now, strict=False))
    return same and len(before) == len(now)
