"""The training-step pass: loss, metrics, weights and targets against the model, as in ``fit``.

Each distinct batch goes through the model's own call, ``compute_loss`` and metrics in a trace of
the backend, with the batch size it will have. A ``train_step`` of the user's is traced whole, on
variables that have a handle and no storage. What a trace cannot follow stays undecided.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras

from shapesafe_tuner._compat.backends import StrayTensor, backend
from shapesafe_tuner._compat.keras import custom_steps, steps, trainer
from shapesafe_tuner._compat.keras.flow import reached_by_loss
from shapesafe_tuner._compat.types import Model, Nested
from shapesafe_tuner.tracing.attribution import Attribution, Origin, attribute
from shapesafe_tuner.tracing.data.noticing import declared_by, differing
from shapesafe_tuner.tracing.data.spec import Batch, DataSpec, TensorSpec
from shapesafe_tuner.tracing.environment import Check
from shapesafe_tuner.tracing.signals import SizesMatter, Undecidable
from shapesafe_tuner.tracing.training.broadcasting import suspicious
from shapesafe_tuner.tracing.training.twice import KEEPS_TENSOR, FailsAgain, traced_twice
from shapesafe_tuner.verdict import Note

__all__ = [
    "NOT_SAVED",
    "StepOutcome",
    "trace_forward",
    "trace_training",
]

NOT_SAVED = Note(
    "KerasTuner saves the weights after each epoch, and Keras refuses to save this model: training "
    "never builds it, because its train_step does not call the model itself. Call self(...) in "
    "train_step, or self.build(...) at the end of build, or set self.built = True there if all of "
    "its parts are built.",
    "not saved",
)


@dataclasses.dataclass(frozen=True)
class StepOutcome:
    """What tracing the batches showed.

    Attributes:
        attribution: whose error stopped it; None when every batch passed.
        error: that error.
        batch: the batch it stopped at.
        undecided: why the training could not be judged.
        outputs: the model's outputs for the first batch, ``keras.KerasTensor`` leaves.
        without_gradient: places of outputs that no gradient of the loss arrives at.
        warnings: what to tell the user besides.
    """

    attribution: Attribution | None = None
    error: BaseException | None = None
    batch: Batch | None = None
    undecided: str | None = None
    outputs: Nested = None
    without_gradient: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


def trace_training(
    model: Model,
    data: DataSpec,
    check: Check,
    *,
    outputs_of: Callable[[Batch], Any] | None = None,
    loss: bool = True,
) -> StepOutcome:
    """Trace one step on each distinct batch of ``data``; stop at the first that is refused.

    Args:
        model: compiled.
        data: the batches.
        check: the active check.
        outputs_of: gives the model's outputs for a batch, where they are known already; the
            model is not called then.
        loss: False to judge the forward pass alone.
    """
    first: tuple[Batch, Nested] | None = None
    warnings: list[str] = []
    alone = model.compiled and not trainer.needs_targets(model)
    judge_loss = loss and (data.targets_known or alone)
    if data.stands_for and outputs_of is None:
        _assert_sizes_do_not_matter(model, data)
    eager = backend.runs_eagerly(model)
    if not judge_loss:
        warnings.append("Without targets (y) only the forward pass was judged, not the loss.")
    for batch in data.batches if outputs_of is not None else _as_traced(model, data):
        known = None if outputs_of is None else outputs_of(batch)
        if known is not None and not judge_loss:
            first = first or (batch, known)
            continue
        step = _step(model, batch, first, known, judge_loss=judge_loss)
        try:
            traced = traced_twice(functools.partial(step, check), check, eager=eager)
        except FailsAgain as again:
            return _failed_again(again, batch, warnings)
        except StrayTensor:
            failed = FailsAgain(check.recorder.last_called or model, KEEPS_TENSOR)
            return _failed_again(failed, batch, warnings)
        except KeyboardInterrupt:
            raise
        except Undecidable as stopped:
            return StepOutcome(undecided=str(stopped), warnings=tuple(warnings))
        except BaseException as error:
            return _refused(error, model, batch, warnings)
        finally:
            check.recorder.tracing_training = False
        if first is None and traced is not None:
            first = (batch, traced)
    warnings += suspicious(check.comparisons)
    warnings += _not_saved(model, trained=outputs_of is None and loss)
    refused = _second_step(model, data, warnings)
    if refused is not None:
        return refused
    outputs = None if first is None else first[1]
    known = outputs if judge_loss and outputs_of is not None else None
    unreached = _without_gradient(model, data.batches[0], known)
    return StepOutcome(outputs=outputs, without_gradient=unreached, warnings=tuple(warnings))


def _without_gradient(model: Model, batch: Batch, outputs: Nested) -> tuple[int, ...]:
    """Places of outputs, known before, that no gradient of the loss arrives at."""
    if outputs is None or not backend.NEEDS_GRADIENT or trainer.loss_has_gradient(model):
        return ()
    x, y, weight = (_tensors(part) for part in (batch.x, batch.y, batch.sample_weight))
    reached = reached_by_loss(model, x, y, weight, outputs)
    return tuple(place for place, arrives in enumerate(reached) if not arrives)


def _not_saved(model: Model, *, trained: bool) -> list[Note]:
    return [NOT_SAVED] if trained and not trainer.can_be_saved(model) else []


def _assert_sizes_do_not_matter(model: Model, data: DataSpec) -> None:
    """Hold a model against the sizes of batches that these stand for.

    Raises:
        SizesMatter: some may come to something else.
    """
    if not (trainer.treats_samples_alike(model) and trainer.compares_alike(model)):
        raise SizesMatter
    data.assert_stands_for_all(size for one in model.outputs for size in one.shape[1:])


def _failed_again(error: FailsAgain, batch: Batch, warnings: list[str]) -> StepOutcome:
    said = Attribution(Origin.FAULT, error.layer, f"it {error.why}", by_user_code=False)
    return StepOutcome(said, error, batch, warnings=tuple(warnings))


def trace_forward(model: Model, check: Check) -> StepOutcome:
    """Trace a model on its own inputs in training, where no data says what else it would meet.

    Args:
        model: what build made; nothing is traced where it does not know its inputs.
        check: the active check.
    """
    inputs = tuple(
        TensorSpec(tuple(tensor.shape), str(tensor.dtype), bool(tensor.sparse))
        for tensor in getattr(model, "inputs", None) or ()
    )
    if not inputs:
        return StepOutcome()
    batch = Batch(inputs[0] if len(inputs) == 1 else inputs)
    step = trace_training(model, DataSpec((batch,)), check, loss=False)
    return dataclasses.replace(step, warnings=(), outputs=None)


def _second_step(model: Model, data: DataSpec, warnings: list[str]) -> StepOutcome | None:
    """What stops training although a first step passes."""
    operation = backend.trained_once(model)
    if operation is None:
        return None
    why = (
        "it takes a tensor that build computed from weights, and PyTorch goes back through that "
        "in the first training step only; compute it in the call of a layer"
    )
    trained = [batch for batch in data.batches if batch.kind == "train"]
    if len(trained) < 2:  # there may be one step
        return StepOutcome(undecided=f"{operation.name}: {why}", warnings=tuple(warnings))
    said = Attribution(Origin.FAULT, operation, why, by_user_code=False)
    return StepOutcome(said, RuntimeError(why), trained[1], warnings=tuple(warnings))


def _as_traced(model: Model, data: DataSpec) -> list[Batch]:
    """The batches, and before them one of unknown size where ``fit`` would trace that.

    User code may need a size it does not get then; Keras's own layers do not.
    """
    batches = list(data.batches)
    traces_open = backend.TRACES_OPEN_BATCHES and data.open_batch
    if traces_open and not trainer.treats_samples_alike(model):
        batches.insert(0, batches[0].resized(None))
    return batches


def _refused(error: BaseException, model: Model, batch: Batch, warnings: list[str]) -> StepOutcome:
    attribution = attribute(error)
    message = f"{type(error).__name__}: {attribution.message}"
    if attribution.origin is Origin.UNKNOWN or _only_while_tracing(error, model):
        return StepOutcome(undecided=message, batch=batch, warnings=tuple(warnings))
    hint = differing(batch.x, declared_by(model))
    attribution = dataclasses.replace(attribution, hint=hint)
    return StepOutcome(attribution, error, batch, warnings=tuple(warnings))


def _only_while_tracing(error: BaseException, model: Model) -> bool:
    """Whether ``fit`` may well do what this trace could not.

    An eager model runs Python on real values and sizes; a custom step may use what only a
    trainer has.
    """
    if backend.is_about_unknown_sizes(error):
        return True
    lenient = backend.runs_eagerly(model) or trainer.has_custom_step(model)
    return lenient and not backend.is_about_shapes(error)


def _step(
    model: Model,
    batch: Batch,
    first: tuple[Batch, Nested] | None,
    known: Nested,
    *,
    judge_loss: bool,
) -> Callable[[Check], Any]:
    """What tracing ``batch`` takes.

    ``first`` is the batch that passed and its outputs; ``known`` the outputs of this one.
    """
    training = batch.kind == "train"
    custom = trainer.overrides(model, "train_step" if training else "test_step")

    def run(check: Check) -> Nested:
        x, y, weight = (_tensors(part) for part in (batch.x, batch.y, batch.sample_weight))
        check.recorder.tracing_training = True
        begins = first is None
        if begins and known is None and not custom and _built_by_own_code(model):
            backend.trace(steps.forward(model, training=False), x)
        if not judge_loss:
            call = steps.forward(model, training, first=begins)
            return backend.trace(call, x)
        if custom:
            if backend.trained_once(model) is not None:
                check.give_up("a custom train_step goes back to weights read in build")
            custom_steps.trace_custom_step(model, (x, y, weight), training, check)
            return None
        trainer.assert_compiled(model)
        outputs = known if known is not None else _outputs_like_first(model, batch, first)
        if outputs is not None:
            return steps.trace_comparison(model, training, x, y, weight, outputs)
        if training and backend.NEEDS_GRADIENT and not trainer.has_sure_gradient(model):
            return steps.trace_step_with_gradient(model, x, y, weight, check)
        outputs = steps.trace_standard_step(model, training, x, y, weight, first=begins)
        if training and _may_change_state(model):
            custom_steps.trace_gradients(model, (x, y, weight), check)
        return outputs

    return run


def _may_change_state(model: Model) -> bool:
    """Whether the whole step is traced; not through a tensor that ``build`` computed, for good."""
    return (
        backend.STATE_IS_DIFFERENTIATED
        and not trainer.treats_samples_alike(model)
        and backend.trained_once(model) is None
    )


def _built_by_own_code(model: Model) -> bool:
    """Whether ``fit`` builds it first, and it may not do out of training what it does in it."""
    own = not trainer.treats_samples_alike(model)
    return own and trainer.built_by_fit(model)


def _outputs_like_first(model: Model, batch: Batch, first: tuple[Batch, Nested] | None) -> Any:
    """The outputs for a batch that differs from the first in its size only, where that is sure."""
    if first is None or batch.size is None or first[0].size is None:
        return None
    before, outputs = first
    if batch.x != before.resized(batch.size).x or not trainer.treats_samples_alike(model):
        return None
    tensors = keras.tree.flatten(outputs)
    if not tensors or any(tensor.shape[:1] != (before.size,) for tensor in tensors):
        return None
    return keras.tree.map_structure(
        lambda tensor: keras.KerasTensor((batch.size, *tensor.shape[1:]), tensor.dtype), outputs
    )


def _tensors(structure: Nested) -> Nested:
    if isinstance(structure, dict):
        return {key: _tensors(item) for key, item in structure.items()}
    if isinstance(structure, tuple):
        return tuple(_tensors(item) for item in structure)
    if isinstance(structure, TensorSpec):
        return keras.KerasTensor(structure.shape, structure.dtype, sparse=structure.sparse)
    return structure
