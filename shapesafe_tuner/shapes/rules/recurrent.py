"""Recurrent layers and their wrappers (``keras/src/layers/rnn``)."""

from __future__ import annotations

from typing import Any

from shapesafe_tuner.shapes.activations import activate
from shapesafe_tuner.shapes.dims import check_input, known_channels, number, one, positive
from shapesafe_tuner.shapes.registry import Configured, Rule, escalate, rule
from shapesafe_tuner.shapes.sentences import AFTER_RECURRENT
from shapesafe_tuner.shapes.spec import Arguments, Call, Dim, Refused, Spec, Unknown

__all__ = ["Bidirectional", "Recurrent", "TimeDistributed"]

escalate("it runs a cell of any kind", "RNN", "StackedRNNCells")
escalate("it is called with states, inside another layer", "LSTMCell", "GRUCell", "SimpleRNNCell")

_FLAGS = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll")
_GATES = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}
_STATES = {"SimpleRNN": 1, "LSTM": 2, "GRU": 1}
_USES_ITS_MASK = ("LSTM", "GRU", "SimpleRNN", "BatchNormalization", "Softmax", "Bidirectional",
                  "GlobalAveragePooling1D", "TimeDistributed", "Masking", "Embedding")  # fmt: skip


@rule("SimpleRNN", "LSTM", "GRU")
class Recurrent(Rule):
    """``rnn.py`` with the cells of ``simple_rnn.py``, ``lstm.py`` and ``gru.py``."""

    masks = "own"

    def configure(self, a: Arguments) -> None:
        positive(a.units, "units")
        for name in _FLAGS:
            if type(getattr(a, name)) is not bool:
                raise Unknown(f"{name} is not a bool")
        for name in ("dropout", "recurrent_dropout"):
            if not 0 <= number(getattr(a, name), name) < 1:
                raise Unknown(f"{name} is not between 0 and 1")
        if a.stateful:
            raise Unknown("its states belong to batches of one size")
        if getattr(a, "use_cudnn", "auto") not in ("auto", False):
            raise Unknown("Keras may have no kernel of cuDNN for it")
        for name in ("activation", "recurrent_activation"):
            activate(getattr(a, name, None), Spec((None, a.units)))

    def build(self, a: Arguments, inputs: Any) -> int:
        spec = self._sequence(inputs)
        features, units = known_channels(spec, -1), a.units
        gates = _GATES[a.layer_type]
        biases = (2 if getattr(a, "reset_after", False) else 1) if a.use_bias else 0
        return gates * units * (features + units + biases)  # type: ignore[no-any-return]

    @staticmethod
    def _sequence(inputs: Any) -> Spec:
        spec = one(inputs)
        try:
            check_input(spec, rank=3)
        except Refused as refused:
            hint = AFTER_RECURRENT if len(spec.shape) == 2 else ""
            raise Refused(refused.why + hint) from None
        return spec

    def call(self, a: Arguments, inputs: Any, call: Call) -> Any:
        spec = self._sequence(inputs)
        batch, steps, features = spec.shape
        if call.built_on is not None and call.built_on.shape[-1] != features:
            raise Unknown("it was built for another number of features")
        if call.step:
            if a.unroll and steps is None:
                raise Refused("cannot unroll over an unknown number of steps")
            if spec.mask is not None and spec.mask != spec.shape[:2]:
                raise Unknown("the mask has another shape than the sequence")
        shape: tuple[Dim, ...] = (batch, a.units)
        mask = None
        if a.return_sequences:
            shape, mask = (batch, steps, a.units), spec.mask
        output = Spec(shape, a.compute_dtype, mask)
        if not a.return_state:
            return output
        state = Spec((batch, a.units), a.compute_dtype)
        return [output, *[state] * _STATES[a.layer_type]]


def _wrapped(a: Arguments) -> Configured:
    if not isinstance(a.layer, Configured):
        raise Unknown("it wraps a layer without a rule")
    if a.layer.arguments.compute_dtype != a.compute_dtype:
        raise Unknown("it computes in another dtype than the layer it wraps")
    return a.layer


@rule("Bidirectional")
class Bidirectional(Rule):
    """``bidirectional.py``: the layer and its mirror image, merged."""

    masks = "own"

    def configure(self, a: Arguments) -> None:
        inner = _wrapped(a)
        if not isinstance(inner.rule, Recurrent):
            raise Unknown("it wraps something else than a recurrent layer of Keras")
        if a.weights is not None or a.backward_layer is not None or inner.arguments.return_state:
            raise Unknown("it is given weights or a backward layer, or returns states")
        if a.merge_mode not in ("sum", "mul", "ave", "concat", None):
            raise Refused(f"takes no merge_mode={a.merge_mode!r}")
        if inner.arguments.go_backwards:
            raise Refused("needs a layer that goes forwards, not go_backwards=True")

    def build(self, a: Arguments, inputs: Any) -> int:
        return 2 * a.layer.build(inputs)  # type: ignore[no-any-return]

    def call(self, a: Arguments, inputs: Any, call: Call) -> Any:
        one_way = a.layer.call(inputs, call)
        if a.merge_mode is None:
            return [one_way, one_way]
        if a.merge_mode != "concat":
            return one_way
        return one_way._replace(shape=(*one_way.shape[:-1], one_way.shape[-1] * 2))


@rule("TimeDistributed")
class TimeDistributed(Rule):
    """``time_distributed.py``: the layer at every step; it is built and called without checks."""

    masks = "own"

    def configure(self, a: Arguments) -> None:
        _wrapped(a)

    @staticmethod
    def _one_step(inputs: Any) -> Spec:
        spec = one(inputs)
        if len(spec.shape) < 3:
            raise Refused(
                f"needs input of rank at least 3, but gets rank {len(spec.shape)}: {spec.shape}"
            )
        return Spec((spec.shape[0], *spec.shape[2:]), spec.dtype)

    def build(self, a: Arguments, inputs: Any) -> int:
        try:
            return a.layer.build(self._one_step(inputs))  # type: ignore[no-any-return]
        except Refused as refused:
            if not isinstance(inputs, Spec) or len(inputs.shape) < 3:
                raise
            raise Unknown(f"the layer it wraps {refused.why}") from None

    def call(self, a: Arguments, inputs: Any, call: Call) -> Spec:
        step = self._one_step(inputs)
        built_on = None if call.built_on is None else self._one_step(call.built_on)
        if call.step and (inputs.shape[1] is None or inputs.mask is not None):
            self._check_mask(a, inputs)
        try:
            output = a.layer.call(step, Call(built_on, call.step))
        except Refused as refused:
            raise Unknown(f"the layer it wraps {refused.why}") from None
        if not isinstance(output, Spec) or not output.shape:
            raise Unknown("the layer it wraps gives several tensors")
        shape = (output.shape[0], inputs.shape[1], *output.shape[1:])
        return Spec(shape, a.compute_dtype, inputs.mask)

    @staticmethod
    def _check_mask(a: Arguments, spec: Spec) -> None:
        if spec.shape[1] is None or a.layer.layer_type in _USES_ITS_MASK:
            raise Unknown("steps or masks are met one by one")
        mask = spec.mask or ()
        if len(mask) < 2 or mask[:2] != spec.shape[:2]:
            raise Refused(f"cannot use a mask of shape {mask} for {spec.shape}")
