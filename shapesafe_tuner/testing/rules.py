"""Conformance checks that authors of rules can run against real Keras."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Any, Literal

from shapesafe_tuner._compat.keras.symbolic_tensor import plain_tensor, spec_of
from shapesafe_tuner._compat.keras.versions import RULES_ARE_NEWER
from shapesafe_tuner.shapes.registry import Configured
from shapesafe_tuner.shapes.spec import Call, Refused, Spec, Unknown, walk
from shapesafe_tuner.testing.layer_step import trace_layer
from shapesafe_tuner.tracing.binding import bind
from shapesafe_tuner.tracing.layer_call import apply

__all__ = ["Answer", "Nested", "ask_keras", "ask_rule", "check_rule"]


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a layer, or the rule for it, says of one call.

    Attributes:
        says: "feasible", "refused" or, rules only, "unknown".
        outputs: ``Spec`` of the outputs, nested as they are; None unless feasible.
        parameters: number of weights; None unless feasible.
        why: the reason of a refusal, or what is not known.
    """

    says: Literal["feasible", "refused", "unknown"]
    outputs: Any = None
    parameters: int | None = None
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Nested:
    """A layer among the arguments of another: a real one for Keras, its rule for the rule."""

    layer_class: type
    arguments: Mapping[str, Any]

    @property
    def configured(self) -> Configured:
        """Its rule with its arguments."""
        return bind(self.layer_class, (), dict(self.arguments))

    def real(self) -> Any:
        """The layer."""
        return self.layer_class(**self.arguments)


def check_rule(
    layer_class: type,
    arguments: Mapping[str, Any] | None = None,
    inputs: Any = None,
    *,
    call_arguments: Mapping[str, Any] | None = None,
    step: bool = False,
) -> Answer:
    """Hold the rule for a layer class against a fresh layer of that class.

    Args:
        layer_class: a Keras layer class with a rule, or one given to ``register_rule``.
        arguments: of the constructor, by name.
        inputs: what the layer is called on: a shape with the batch axis, a ``Spec`` (shape,
            dtype, shape of the mask), or a list or dict of these.
        call_arguments: further arguments of the call, by name.
        step: compare with tracing a training step, as ``fit`` does, not with the layer's call on
            a ``KerasTensor``; sizes must then be known.

    Returns:
        The rule's answer; "unknown" agrees with everything.

    Raises:
        AssertionError: the rule says feasible where Keras refuses, or the reverse, or shapes,
            dtypes, masks or numbers of weights differ.
    """
    given = _specs(inputs)
    ours = ask_rule(layer_class, arguments, given, call_arguments=call_arguments, step=step)
    if ours.says == "unknown":
        return ours
    real = ask_keras(layer_class, arguments, given, call_arguments=call_arguments, step=step)
    if RULES_ARE_NEWER and (ours.says, real.says) == ("refused", "feasible"):
        return Answer("unknown", why=f"later versions of Keras refuse it: {ours.why}")
    if ours.says != real.says or not _agree(ours, real, step):
        raise AssertionError(
            f"{layer_class.__name__}({_listed(arguments)}) on {given}"
            f"{' in a training step' if step else ''}:\n  rule  {ours}\n  Keras {real}"
        )
    return ours


def ask_rule(
    layer_class: type,
    arguments: Mapping[str, Any] | None,
    inputs: Any,
    *,
    call_arguments: Mapping[str, Any] | None = None,
    step: bool = False,
) -> Answer:
    """What the rule says."""
    try:
        configured: Configured = bind(layer_class, (), dict(arguments or {}))
        further = {name: _specs(value) for name, value in (call_arguments or {}).items()}
        if not step:
            parameters, outputs = apply(configured, inputs, Call(arguments=further))
        else:
            opened = _nested(inputs, _open)
            parameters, _ = apply(configured, opened, Call(arguments=_nested(further, _open)))
            again = Call(built_on=opened, step="training", arguments=further)
            _, outputs = apply(configured, inputs, again)
    except Refused as refused:
        return Answer("refused", why=refused.why)
    except Unknown as unknown:
        return Answer("unknown", why=unknown.why)
    return Answer("feasible", outputs, parameters)


def ask_keras(
    layer_class: type,
    arguments: Mapping[str, Any] | None,
    inputs: Any,
    *,
    call_arguments: Mapping[str, Any] | None = None,
    step: bool = False,
) -> Answer:
    """What a fresh layer says, called on ``KerasTensor`` or, with ``step``, traced in training."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _ask(layer_class, arguments, inputs, call_arguments, step)
    except Exception as error:  # whatever Keras raises is its answer
        return Answer("refused", why=f"{type(error).__name__}: {error}")


def _ask(
    layer_class: type,
    arguments: Mapping[str, Any] | None,
    inputs: Any,
    call_arguments: Mapping[str, Any] | None,
    step: bool,
) -> Answer:
    given = {
        name: value.real() if isinstance(value, Nested) else value
        for name, value in (arguments or {}).items()
    }
    layer = layer_class(**given)
    further = {name: _specs(value) for name, value in (call_arguments or {}).items()}
    shown, more = (inputs, further) if not step else _nested((inputs, further), _open)
    outputs = layer(_nested(shown, _keras_tensor), **_nested(more, _keras_tensor))
    if step:
        outputs = trace_layer(
            layer, _nested(inputs, _keras_tensor), _nested(further, _keras_tensor)
        )
    return Answer("feasible", _nested(outputs, spec_of), layer.count_params())


def _specs(inputs: Any) -> Any:
    """Shapes become specs."""
    if isinstance(inputs, Spec):
        return inputs
    if isinstance(inputs, tuple) and all(size is None or type(size) is int for size in inputs):
        return Spec(inputs)
    if isinstance(inputs, dict):
        return {key: _specs(item) for key, item in inputs.items()}
    return [_specs(item) for item in inputs] if isinstance(inputs, (list, tuple)) else inputs


def _nested(structure: Any, convert: Any) -> Any:
    """``convert`` every leaf; tuples become lists, as there are only lists of inputs."""
    if isinstance(structure, dict):
        return {key: _nested(item, convert) for key, item in structure.items()}
    if isinstance(structure, (list, tuple)) and not isinstance(structure, Spec):
        return [_nested(item, convert) for item in structure]
    return convert(structure)


def _open(spec: Any) -> Any:
    """With an unknown batch size, as a model is built."""
    if not isinstance(spec, Spec):
        return spec
    mask = spec.mask and (None, *spec.mask[1:])
    return Spec((None, *spec.shape[1:]), spec.dtype, mask)


def _agree(ours: Answer, real: Answer, step: bool) -> bool:
    if ours.parameters != real.parameters:
        return False
    if not step:
        return bool(ours.outputs == real.outputs)
    mine, theirs = list(walk(ours.outputs)), list(walk(real.outputs))
    return len(mine) == len(theirs) and all(
        len(one.shape) == len(other.shape)
        and all(a == b or None in (a, b) for a, b in zip(one.shape, other.shape, strict=True))
        for one, other in zip(mine, theirs, strict=True)
    )


def _keras_tensor(spec: Any) -> Any:
    return plain_tensor(spec) if isinstance(spec, Spec) else spec


def _listed(arguments: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in (arguments or {}).items())
